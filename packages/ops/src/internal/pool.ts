/**
 * Worker threads that own sessions: drained, released once, closed; never terminated, as terminating a thread inside a
 * native run aborts the process (so does the `NodeWorker` of @effect/platform-node, five seconds after its close).
 */
import * as Semaphore from "effect/Semaphore"
import { Worker } from "node:worker_threads"
import { type Backend, Crashed, type Place, type Session } from "./backend.ts"
import { CodedError } from "./coded.ts"
import type { Bytes, Reply, Request, SessionInfo, SessionOptions } from "./protocol.ts"
import { Carrier, shareBytes } from "./transfer.ts"

// tsc rewrites the extension of imports, not of URLs
const file = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url)

interface Pending {
  readonly resolve: (value: any) => void
  readonly reject: (error: Error) => void
}

export class Thread implements Place {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly exited: Promise<void>
  readonly gate: Semaphore.Semaphore
  sessions = 0
  runs = 0
  #nextCall = 0
  #nextSession = 0
  #alive = true
  #closing = false

  constructor(gate: Semaphore.Semaphore) {
    this.gate = gate
    this.#worker = new Worker(file, { name: "onnxruntime", execArgv: [] })
    this.#worker.unref() // an idle worker keeps no process alive; a pending call does
    let detail = "it exited"
    this.#worker.on("error", (error: any) => {
      detail = String(error?.message ?? error)
    })
    this.exited = new Promise((resolve) =>
      this.#worker.on("exit", (code) => {
        this.#alive = false
        for (const pending of this.#pending.values()) pending.reject(new Crashed(`${detail} (code ${code})`))
        this.#pending.clear()
        resolve()
      })
    )
    this.#worker.on("message", (reply: Reply) => {
      const pending = this.#pending.get(reply.id)!
      this.#pending.delete(reply.id)
      // a worker that is closing stays referenced, or Node would leave with its exit still awaited
      if (this.#pending.size === 0 && !this.#closing) this.#worker.unref()
      if (reply.ok) pending.resolve(reply.value)
      else pending.reject(new CodedError(reply.error.code ?? "", reply.error.message))
    })
  }

  alive = (): boolean => this.#alive

  call(request: Request): Promise<any> {
    if (!this.#alive) return Promise.reject(new Crashed("it had exited before"))
    return new Promise((resolve, reject) => {
      const id = this.#nextCall++
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- this is Node, not a browser
      this.#worker.postMessage({ id, request })
      this.#pending.set(id, { resolve, reject })
      this.#worker.ref()
    })
  }

  open = async (source: string | Bytes, options: SessionOptions): Promise<Session> => {
    const session = this.#nextSession++
    const info: SessionInfo = await this.call({
      _tag: "load",
      session,
      source: typeof source === "string" ? source : await shareBytes(source),
      options
    })
    const carrier = new Carrier()
    return {
      inputs: info.inputs,
      outputs: info.outputs,
      run: async (feeds, outputs) => {
        try {
          const wires = carrier.load(feeds)
          return await this.call({
            _tag: "run",
            session,
            feeds: wires instanceof Promise ? await wires : wires,
            outputs
          })
        } finally {
          carrier.unload()
        }
      },
      release: () => (this.#alive ? this.call({ _tag: "release", session }) : Promise.resolve())
    }
  }

  async close(): Promise<void> {
    if (!this.#alive) return
    this.#closing = true
    this.call({ _tag: "close" }).catch(() => {})
    await this.exited
  }
}

export interface PoolOptions {
  readonly provider: string
  readonly size: number
  /** the gate of the i-th thread; by default one of its own */
  readonly gate?: (index: number) => Semaphore.Semaphore
}

export interface ThreadPool extends Backend {
  /** the threads that were started, dead ones included */
  readonly threads: () => ReadonlyArray<Thread>
}

/** Threads start when they are first needed; a dead one is replaced at the next `pick`. */
export const makePool = (options: PoolOptions): ThreadPool => {
  const threads: Array<Thread | undefined> = Array.from({ length: options.size })
  const started = () => threads.filter((thread) => thread !== undefined)
  return {
    provider: options.provider,
    workers: options.size,
    pick: () => {
      let best: Thread | undefined
      for (let i = 0; i < threads.length; i++) {
        const thread = threads[i]?.alive()
          ? threads[i]!
          : (threads[i] = new Thread(options.gate?.(i) ?? Semaphore.makeUnsafe(1)))
        if (best === undefined || thread.sessions < best.sessions) best = thread
        if (best.sessions === 0) break
      }
      return best!
    },
    close: async () => {
      await Promise.all(started().map((thread) => thread.close()))
    },
    threads: started
  }
}
