/**
 * Whether memory grows: with the number of iterations of one run, and with the number of runs of one process.
 *
 *   node packages/loop/benchmark/memory.ts
 *
 * The heap is measured after a collection, the resident set as the system sees it. The process starts itself again with the flags
 * that this needs: to collect when asked, and with a young generation of a fixed size, since V8 otherwise enlarges it by 24 MiB
 * at some moment, which is no leak.
 */
import * as Block from "@effect-blocks/core/Block"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Progress from "@effect-blocks/loop/Progress"
import { Cause, Effect, Exit, Layer, Schema, Stream } from "effect"
import { KeyValueStore } from "effect/persistence"
import { spawnSync } from "node:child_process"
import { print } from "./harness.ts"
import type { Row } from "./harness.ts"

const collect = globalThis.gc
if (collect === undefined) {
  const { status } = spawnSync(
    process.execPath,
    ["--expose-gc", "--min-semi-space-size=16", ...process.argv.slice(1)],
    { stdio: "inherit" }
  )
  process.exit(status ?? 1)
}
const megabytes = (bytes: number): number => bytes / 2 ** 20
const heap = (): number => {
  collect()
  collect()
  return megabytes(process.memoryUsage().heapUsed)
}

const fields = { x: Schema.Number }
const inc = Block.pure("inc", { inputs: fields, outputs: fields, run: ({ x }) => ({ x: x + 1 }) })
const later = Block.make("later", {
  inputs: fields,
  outputs: fields,
  run: ({ x }) => Effect.sync(() => ({ x: x + 1 }))
})

/** The most that the heap grew while a million iterations ran, looked at from within, and how far they came. */
const million = 1_000_000
const grows = async (
  make: (look: (x: number) => void) => Effect.Effect<unknown, unknown>
): Promise<Row["measured"] | number> => {
  let most = 0
  let last = 0
  const before = heap()
  const look = (x: number) => {
    last = x
    if (x % 200_000 === 0) most = Math.max(most, heap() - before)
  }
  const exit = await Effect.runPromiseExit(make(look))
  if (Exit.isFailure(exit)) return Cause.pretty(exit.cause).split("\n")[0]!
  return last === million ? most : `stopped at ${last}`
}
const looking = (look: (x: number) => void) =>
  Block.pure("look", {
    inputs: fields,
    outputs: {},
    run: ({ x }) => {
      look(x)
      return {}
    }
  })
const loopOf = (look: (x: number) => void, block: typeof inc | typeof later) =>
  Loop.fromBlocks(Loop.count("loop", { times: "n" }), [Block.rename(block, "step"), looking(look)])
const inputs = { n: million, x: 0 }
const longRuns: ReadonlyArray<readonly [string, (look: (x: number) => void) => Effect.Effect<unknown, unknown>]> = [
  ["blocks that are exits", (look) => loopOf(look, inc).run(inputs)],
  ["blocks of Effect.sync", (look) => loopOf(look, later).run(inputs)],
  [
    "stepping, a snapshot every 100 iterations",
    (look) => {
      const loop = loopOf(look, inc)
      return Snapshot.run(loop, inputs, { on: "iteration", every: 100, onBoundary: () => Effect.void })
    }
  ],
  ["streamed", (look) => Stream.runDrain(Loop.stream(loopOf(look, inc), inputs))],
  [
    "Loop.iterate",
    (look) =>
      Loop.iterate(0 as number, {
        while: (x) => x < million,
        body: (x) => {
          look(x + 1)
          return Effect.succeed(x + 1)
        }
      })
  ]
]
const long: Array<Row> = []
for (const [what, make] of longRuns) {
  const measured = await grows(make)
  long.push({
    what,
    measured: typeof measured === "string" ? measured : `${measured.toFixed(2)} MiB more heap at most`,
    target: "< 1 MiB",
    passed: typeof measured === "number" && measured < 1
  })
}
let passed = print("10^6 iterations in one run", long)

// a run of every kind: it succeeds, fails, is left, is streamed in part, is checkpointed
const fails = Block.make("fails", {
  inputs: { i: Schema.Int },
  outputs: {},
  run: ({ i }) => (i === 3 ? Effect.fail("no") : Effect.succeed({}))
})
const good = Loop.fromBlocks(Loop.count("good", { times: "n" }), [Block.sequential("body", [inc, later])])
const bad = Loop.fromBlocks(Loop.count("bad", { times: "n" }), [fails])
const endless = Loop.fromBlocks(Loop.count("endless", { times: 1e12 }), [inc])
const all = Effect.gen(function* () {
  yield* good.run({ n: 10, x: 0 })
  yield* Effect.exit(bad.run({ n: 10 }))
  yield* Progress.listen(good.run({ n: 10, x: 0 }), () => Effect.void)
  const left = yield* Snapshot.run(good, { n: 10, x: 0 }, { until: ({ count }) => count === 5 })
  if (left._tag === "Left") yield* Snapshot.fromBytes(good, yield* Snapshot.toBytes(good, left.snapshot))
  yield* Stream.runDrain(Stream.take(Loop.stream(good, { n: 10, x: 0 }), 3))
  yield* Effect.exit(Checkpoint.run(bad, { n: 10 }, { key: "bad" }))
  yield* Checkpoint.remove("bad")
  yield* Checkpoint.run(good, { n: 10, x: 0 }, { key: "good" })
  yield* Effect.raceFirst(endless.run({ x: 0 }), Effect.yieldNow)
  // made anew each time: nothing may remember a block that is gone
  const same = Block.pure("same", { inputs: fields, outputs: fields, run: ({ x }) => ({ x }) })
  yield* Loop.fromBlocks(Loop.count("new", { times: "n" }), [same]).run({ n: 10, x: 0 })
})
const context = await Effect.runPromise(Effect.scoped(Layer.build(KeyValueStore.layerMemory)))
const run = Effect.runPromiseWith(context)
const after: Array<{ readonly runs: number; readonly heap: number; readonly resident: number }> = []
for (let runs = 1; runs <= 1_000; runs++) {
  await run(all)
  if (runs % 100 === 0) after.push({ runs, heap: heap(), resident: megabytes(process.memoryUsage().rss) })
}
const first = after[0]!
const last = after.at(-1)!
const growth = (what: string, mib: number, limit: number): Row => ({
  what,
  measured: `${mib.toFixed(2)} MiB`,
  target: `< ${limit} MiB`,
  passed: mib < limit
})
passed =
  print("1,000 runs of each kind in one process, from the 100th to the 1,000th", [
    growth("more heap", last.heap - first.heap, 1),
    growth("more resident memory", last.resident - first.resident, 10)
  ]) && passed
process.exitCode = passed ? 0 : 1
