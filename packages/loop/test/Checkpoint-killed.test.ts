import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { inputs, iterations, make, options, storeIn } from "./support/killed.ts"

const script = join(import.meta.dirname, "support/killed.ts")
/** Starts the process and kills it (SIGKILL: nothing of it runs any more) when it has said `lines` lines. */
const killedAfter = async (folder: string, lines: number): Promise<number> => {
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] })
  let said = 0
  for await (const _ of createInterface({ input: child.stdout })) {
    if (++said === lines) child.kill("SIGKILL")
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  assert.strictEqual(child.signalCode, "SIGKILL")
  return said
}

describe("a process that is killed", () => {
  it.effect("again and again: the run goes on each time, and ends bit-identical", () =>
    Effect.gen(function* () {
      const whole = yield* make(() => Effect.void).run(inputs)
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "effect-blocks-killed-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
      )
      for (const lines of [1, 17, 30]) yield* Effect.promise(() => killedAfter(folder, lines))
      let ran = 0
      const rest = Checkpoint.run(
        make(() => Effect.sync(() => ran++)),
        inputs,
        options
      )
      const out = yield* Effect.provide(rest, storeIn(folder))
      assert.deepStrictEqual(out.latents, whole.latents)
      // it did go on: three times begun, each time at most two of the steps were repeated
      assert.isBelow(ran, 2 * iterations - (17 + 30 - 3 * 2))
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(folder)), [])
    })
  )
})
