/** Processes that are stopped while models run: nothing aborts, nothing hangs. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("./support/longRun.ts", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly lines: ReadonlyArray<string>
  readonly stderr: string
}

/** Starts it, sends the signal once it is in the middle, and waits for its end. */
const stopped = (layer: "cpu" | "workers", mode: "run" | "load" | "once", signal?: NodeJS.Signals) =>
  Effect.promise(async (): Promise<Ended> => {
    const child = spawn(process.execPath, [script, layer, mode], { stdio: ["ignore", "pipe", "pipe"] })
    const lines: Array<string> = []
    let stderr = ""
    child.stderr.on("data", (data) => {
      stderr += data
    })
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line)
      if (line === "ready" && signal !== undefined) child.kill(signal)
    })
    const [code, killed] = await once(child, "close")
    return { code, signal: killed, lines, stderr }
  })

describe("a process", () => {
  for (const layer of ["workers", "cpu"] as const) {
    it.effect(`that is done ends by itself (${layer})`, () =>
      Effect.gen(function* () {
        assert.deepInclude(yield* stopped(layer, "once"), { code: 0, lines: ["ready", "closing", "closed"] })
      })
    )

    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      it.effect(`drains its runs on ${signal} (${layer})`, () =>
        Effect.gen(function* () {
          const ended = yield* stopped(layer, "run", signal)
          assert.deepInclude(ended, { code: 130, signal: null, lines: ["ready", "closing", "closed"] }, ended.stderr)
        })
      )
    }

    it.effect(`releases what it loads on SIGINT (${layer})`, () =>
      Effect.gen(function* () {
        const ended = yield* stopped(layer, "load", "SIGINT")
        assert.deepInclude(ended, { code: 130, signal: null, lines: ["ready", "closing", "closed"] }, ended.stderr)
      })
    )
  }

  it.effect("can be killed in the middle of a run", () =>
    Effect.gen(function* () {
      const ended = yield* stopped("workers", "run", "SIGKILL")
      assert.deepInclude(ended, { code: null, signal: "SIGKILL", lines: ["ready"], stderr: "" })
    })
  )
})
