/** A child process of doc-examples.ts: imports one example after the other and puts the globals back in between. */
import { format } from "node:util"

export interface Job {
  readonly path: string
}
export interface Outcome {
  /** nothing: it passed */
  readonly error?: string
}

const keys = new Set(Reflect.ownKeys(globalThis))
const environment = { ...process.env }
const methods = { ...console }
const listening = () => new Map(process.eventNames().map((name) => [name, process.listeners(name as "exit")]))

const restore = (listeners: ReturnType<typeof listening>) => {
  for (const key of Reflect.ownKeys(globalThis)) if (!keys.has(key)) Reflect.deleteProperty(globalThis, key)
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name]
  Object.assign(process.env, environment)
  Object.assign(console, methods)
  for (const name of process.eventNames()) {
    for (const listener of process.listeners(name as "exit")) {
      if (!(listeners.get(name) ?? []).includes(listener)) process.off(name, listener)
    }
  }
}

let stray: unknown
const onStray = (reason: unknown) => {
  stray ??= reason ?? new Error("rejected with nothing")
}

process.on("message", ({ path }: Job) => {
  void (async () => {
    const listeners = listening()
    stray = undefined
    process.on("unhandledRejection", onStray).on("uncaughtException", onStray)
    let outcome: Outcome = {}
    try {
      await import(path)
      // a rejection that nobody handles is reported after the microtasks
      await new Promise((resolve) => setImmediate(resolve))
      if (stray !== undefined) throw stray
      if (process.exitCode !== undefined && process.exitCode !== 0) throw new Error(`set exit code ${process.exitCode}`)
    } catch (error) {
      outcome = { error: format(error) }
    }
    process.exitCode = 0
    restore(listeners)
    process.send!(outcome)
  })()
})
