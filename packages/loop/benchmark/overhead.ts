/**
 * What blocks and loops cost, each as a ratio to what one would write by hand, measured in the same run.
 *
 *   npm run benchmark
 */
import * as Block from "@effect-blocks/core/Block"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Progress from "@effect-blocks/loop/Progress"
import type * as LangGraph from "@langchain/langgraph"
import { Context, Effect, Exit, Fiber, Schema } from "effect"
import { atMost, measure, print } from "./harness.ts"
import type { Case, Row } from "./harness.ts"

const iterations = Number(process.env["N"] ?? 20_000)
const blocks = 4 * iterations

class Service extends Context.Service<Service, { readonly inc: (x: number) => Effect.Effect<number> }>()("Service") {}
const context = Context.make(Service, { inc: (x) => Effect.succeed(x + 1) })

type State = { readonly x: number }
const steps = {
  exit: ({ x }: State) => Exit.succeed({ x: x + 1 }),
  sync: ({ x }: State) => Effect.sync(() => ({ x: x + 1 })),
  service: Effect.fnUntraced(function* ({ x }: State) {
    const service = yield* Service
    return { x: yield* service.inc(x) }
  })
}
type Kind = keyof typeof steps

/** By hand: a generator, a loop, four functions, an immutable state. */
const byHand = (kind: Kind) =>
  Effect.gen(function* () {
    const run: (state: State) => Effect.Effect<State, never, Service> = steps[kind]
    let state = { x: 0, i: 0, n: iterations }
    for (let i = 0; i < state.n; i++) {
      // what is measured: one copy of the state a block
      // oxlint-disable-next-line oxc/no-accumulating-spread
      for (let k = 0; k < 4; k++) state = { ...state, i, ...(yield* run(state)) }
    }
    return state
  })
const fields = { x: Schema.Number }
const block = <const Name extends string>(name: Name, kind: Kind) => {
  const run: (state: State) => Effect.Effect<State, never, Service> = steps[kind]
  return Block.make(name, { inputs: fields, outputs: fields, run })
}
const four = (kind: Kind) => [block("a", kind), block("b", kind), block("c", kind), block("d", kind)] as const
const loopOf = (kind: Kind) => Loop.fromBlocks(Loop.count("loop", { times: "n" }), four(kind))
const loops = { exit: loopOf("exit"), sync: loopOf("sync"), service: loopOf("service") }
const sequence = Block.sequential("sequence", four("exit"))
const halves = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [
  Block.sequential("first", [block("a", "exit"), block("b", "exit")]),
  Block.sequential("second", [block("c", "exit"), block("d", "exit")])
])

const inputs = { n: iterations, x: 0 }
const timed = (effect: Effect.Effect<State, unknown, Service>, expected: number): Case => ({
  units: blocks,
  run: () => {
    const { x } = Effect.runSyncWith(context)(effect)
    if (x !== expected) throw new Error(`expected ${expected}, got ${x}`)
  }
})
const plain = (): number => {
  let state = { x: 0, i: 0 }
  // oxlint-disable-next-line oxc/no-accumulating-spread
  for (let i = 0; i < iterations; i++) for (let k = 0; k < 4; k++) state = { ...state, i, x: state.x + 1 }
  return state.x
}

const cases = {
  plain: { units: blocks, run: plain },
  exitByHand: timed(byHand("exit"), blocks),
  exit: timed(loops.exit.run(inputs), blocks),
  syncByHand: timed(byHand("sync"), blocks),
  sync: timed(loops.sync.run(inputs), blocks),
  serviceByHand: timed(byHand("service"), blocks),
  service: timed(loops.service.run(inputs), blocks),
  nested: timed(halves.run(inputs), blocks),
  every10: timed(
    Snapshot.run(loops.exit, inputs, { on: "iteration", every: 10, onBoundary: () => Effect.void }),
    blocks
  ),
  every1: timed(Snapshot.run(loops.exit, inputs, { on: "iteration", onBoundary: () => Effect.void }), blocks),
  json10: timed(
    Snapshot.run(loops.exit, inputs, {
      on: "iteration",
      every: 10,
      onBoundary: (snapshot) => Effect.map(Snapshot.encode(loops.exit, snapshot), (json) => JSON.stringify(json))
    }),
    blocks
  ),
  listener: timed(
    Progress.listen(loops.exit.run(inputs), () => Effect.void),
    blocks
  )
}

const runSync = Effect.runSyncWith(context)
const runs = {
  run: {
    units: iterations,
    run: () => {
      for (let i = 0; i < iterations; i++) runSync(sequence.run({ x: i }))
    }
  },
  empty: {
    units: iterations,
    run: () => {
      for (let i = 0; i < iterations; i++) runSync(Effect.sync(() => i))
    }
  }
}

/** How long a loop of 10^12 iterations goes on after somebody wanted to interrupt it, in milliseconds. */
const interruption = async (effect: Effect.Effect<unknown, never, Service>): Promise<ReadonlyArray<number>> => {
  const waits: Array<number> = []
  for (let i = 0; i < 11; i++) {
    const fiber = Effect.runForkWith(context)(effect)
    // counted from when the timer was due: a loop that never lets go would let it wait
    const due = performance.now() + 10
    await new Promise((resolve) => setTimeout(resolve, 10))
    await Effect.runPromise(Fiber.interrupt(fiber))
    waits.push(performance.now() - due)
  }
  return waits.toSorted((a, b) => a - b)
}
const endless = { n: 1e12, x: 0 }
const slow = Block.pure("slow", {
  inputs: fields,
  outputs: fields,
  run: ({ x }) => {
    const end = performance.now() + 1
    while (performance.now() < end);
    return { x }
  }
})

/** LangGraph.js with the same four functions in the same loop. */
const langGraph = async (iterations: number): Promise<Case | undefined> => {
  const name = "@langchain/langgraph"
  const library: typeof LangGraph | undefined = await import(name).catch(() => undefined)
  if (library === undefined) return undefined
  const { Annotation, END, START, StateGraph } = library
  const inc = (state: { readonly x: number }) => ({ x: state.x + 1 })
  const graph = new StateGraph(Annotation.Root({ x: Annotation<number>(), i: Annotation<number>() }))
    .addNode("a", inc)
    .addNode("b", inc)
    .addNode("c", inc)
    .addNode("d", (state) => ({ x: state.x + 1, i: state.i + 1 }))
    .addEdge(START, "a")
    .addEdge("a", "b")
    .addEdge("b", "c")
    .addEdge("c", "d")
    .addConditionalEdges("d", (state) => (state.i < iterations ? "a" : END))
    .compile()
  const run = async () => {
    const { x } = await graph.invoke({ x: 0, i: 0 }, { recursionLimit: 5 * iterations })
    if (x !== 4 * iterations) throw new Error(`expected ${4 * iterations}, got ${x}`)
  }
  return { units: 4 * iterations, run }
}

const ns = (value: number): string => `${value < 100 ? value.toFixed(1) : value.toFixed(0)} ns`
const short = await measure(runs, { rounds: 21, warmUp: 5 })
const times = await measure(cases, { rounds: 21, warmUp: 5 })
const ratio = (what: string, a: keyof typeof cases, b: keyof typeof cases, limit: number): Row =>
  atMost(what, times.ratio(a, b), limit, `${ns(times.time(a))} and ${ns(times.time(b))} a block`)
const info = (what: string, key: keyof typeof cases): Row => ({
  what,
  measured: `${ns(times.time(key))} a block`,
  target: "",
  passed: undefined
})

let passed = print(`Blocks in a loop: four blocks, ${iterations} iterations, processor time, medians of 21 rounds`, [
  ratio("blocks that are exits, to a generator loop by hand", "exit", "exitByHand", 0.8),
  ratio("blocks of Effect.sync, to a generator loop by hand", "sync", "syncByHand", 1),
  ratio("generator blocks with a service, to one by hand", "service", "serviceByHand", 1),
  ratio("a snapshot in memory every 10 iterations, to none", "every10", "exit", 2),
  info("two sequences of two blocks", "nested"),
  info("a snapshot in memory every iteration", "every1"),
  info("a snapshot as JSON text every 10 iterations", "json10"),
  info("a Progress listener that does nothing", "listener"),
  info("plain JavaScript, a copy of the state a block", "plain")
])

passed =
  print(`Whole runs: ${iterations} runs, processor time, medians of 21 rounds`, [
    {
      what: "a run of four blocks, start-up included",
      measured: ns(short.time("run")),
      target: "<= 1000 ns",
      passed: short.time("run") <= 1000
    },
    {
      what: "an empty Effect.runSync, which is part of it",
      measured: ns(short.time("empty")),
      target: "",
      passed: undefined
    }
  ]) && passed

const stops: ReadonlyArray<readonly [string, Effect.Effect<unknown, never, Service>]> = [
  ["Loop.count, blocks that do nothing", loops.exit.run(endless)],
  [
    "Loop.count, a block of 1 ms that never waits",
    Loop.fromBlocks(Loop.count("l", { times: "n" }), [slow]).run(endless)
  ],
  ["Loop.count, stepping", Snapshot.run(loops.exit, endless, { until: () => false })],
  ["Loop.iterate", Loop.iterate(0, { while: (i) => i < 1e12, body: (i) => Effect.succeed(i + 1) })]
]
const rows: Array<Row> = []
for (const [what, effect] of stops) {
  const waits = await interruption(effect)
  const [median, worst] = [waits[5]!, waits[10]!]
  rows.push({
    what,
    measured: `${median.toFixed(1)} ms  (at most ${worst.toFixed(1)})`,
    target: "<= 20 ms",
    passed: median <= 20
  })
}
passed = print("Interrupting a loop of 10^12 iterations, median of 11", rows) && passed

const peer = await langGraph(250)
if (peer === undefined) {
  console.log("\nBeside LangGraph.js: skipped, since @langchain/langgraph is not installed")
} else {
  const beside = await measure({ exit: cases.exit, sync: cases.sync, peer }, { rounds: 5, warmUp: 1 })
  const less = beside.ratio("peer", "exit")
  const title = "Beside LangGraph.js: the same four functions in a loop, time a block"
  passed =
    print(title, [
      {
        what: "blocks that are exits",
        measured: `${less.toFixed(0)}x less  (${ns(beside.time("exit"))} and ${ns(beside.time("peer"))})`,
        target: ">= 300x less",
        passed: less >= 300
      },
      {
        what: "blocks of Effect.sync",
        measured: `${beside.ratio("peer", "sync").toFixed(0)}x less  (${ns(beside.time("sync"))})`,
        target: "",
        passed: undefined
      }
    ]) && passed
}
console.log("")
process.exitCode = passed ? 0 : 1
