/** What a package that adds a combinator relies on: here one that repeats its blocks. */
import * as Block from "@effect-blocks/core/Block"
import * as Combinator from "@effect-blocks/core/Combinator"
import * as Errors from "@effect-blocks/core/Errors"
import * as Field from "@effect-blocks/core/Field"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const N = Schema.Number
type Plain = Block.Block<any, any, any>

/** a wrapper that reads `n`, gives each turn `i`, and runs its blocks in order */
const repeat = (name: string, blocks: ReadonlyArray<Block.Any>): Plain => {
  const steps = blocks.map(Combinator.compiled)
  Combinator.assertBlocks(name, steps)
  const wrapper = { inputs: { n: Schema.Int }, provides: { i: Schema.Int }, outputs: {} }
  const { inputs, outputs } = Combinator.mergeFields([{ inputs: wrapper.inputs, outputs: wrapper.provides }, ...steps])
  delete outputs.i
  const body = Combinator.execAll(steps)
  const write = Combinator.merger(Object.keys(outputs))
  const block = Combinator.make({
    kind: "repeat",
    name,
    inputs,
    outputs,
    blocks,
    wrapper,
    rebuild: (steps) => Combinator.compiled(repeat(name, steps as any)),
    renamed: (name) => Combinator.compiled(repeat(name, blocks)),
    exec: (state, run) =>
      Effect.gen(function* () {
        const own = Combinator.copy(state)
        for (let i = 0; i < own.n; i++) {
          own.i = i
          const e = body(own, run)
          if (e !== null) yield* e
        }
        return own
      }),
    finish: (state, own) => write(state, own)
  })
  return block as any
}
const add = Block.make("add", {
  inputs: { x: N, i: Schema.Int },
  outputs: { x: N },
  run: ({ i, x }) => (x > 100 ? Effect.fail("much") : Effect.as(Effect.yieldNow, { x: x + i }))
})
const yes = Block.pure("yes", {
  inputs: {},
  outputs: { answer: Field.optional(Schema.String) },
  run: () => ({ answer: "yes" })
})
const inner = repeat("inner", [add, Block.auto("choice", [Block.when("flag", yes, { unread: true })])])
const all: Plain = Block.sequential("all", [inner]) as any

describe("a combinator of another package", () => {
  it.effect("runs, and its failures have paths", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* all.run({ n: 4, x: 0, flag: 1 }), { x: 6, answer: "yes" })
      const exit = yield* Effect.exit(all.run({ n: 4, x: 99 }))
      assert(Exit.isFailure(exit))
      assert.strictEqual(Errors.pathOf(exit.cause), "all.inner.add")
    })
  )
  it("is looked into: what it reads, what runs, what it looks like", () => {
    assert.deepStrictEqual(Object.keys(all.inputs).toSorted(), ["flag", "n", "x"])
    assert.deepStrictEqual(
      Block.executionBlocks(all, ["flag"] as any).map((e) => e.path),
      ["all.inner.add", "all.inner.choice.yes"]
    )
    assert.deepStrictEqual(
      Block.executionBlocks(all, []).map((e) => e.path),
      ["all.inner.add"]
    )
    assert.include(Block.toMermaid(all), `subgraph n1["repeat: inner"]`)
    assert.include(Block.toMermaid(all), `-. "i" .->`)
  })
  it.effect("workflows go through it", () =>
    Effect.gen(function* () {
      const named: any = Block.workflows(all, { plain: ["n"], told: ["flag"] } as any)
      const plain: Plain = Block.workflow(named as never, "plain") as any
      assert.deepStrictEqual(Object.keys(plain.inputs).toSorted(), ["n", "x"])
      assert.deepStrictEqual(
        plain.blocks[0]!.blocks.map((b) => b.name),
        ["add"]
      )
      assert.deepStrictEqual(yield* plain.run({ n: 3, x: 0 }), { x: 3 })
      const told: Plain = Block.workflow(named as never, "told") as any
      assert.deepStrictEqual(
        told.blocks[0]!.blocks.map((b) => [b.name, b.kind]),
        [
          ["add", "block"],
          ["choice", "sequential"]
        ]
      )
    })
  )
  it.effect("its inputs are checked against the blocks inside, and its iteration variables are nobody's input", () =>
    Effect.gen(function* () {
      const error: any = yield* Effect.flip(Pipeline.runUnknown(all, { n: 0.5, x: "1", i: 3 }))
      assert.deepStrictEqual(error.issues.map((i: any) => [i.path, i.block]).toSorted(), [
        ["i", ""],
        ["n", "all.inner"],
        ["x", "all.inner.add"]
      ])
    })
  )
  it("two blocks of one name inside are refused", () => {
    assert.throws(() => repeat("twice", [add, add]), /'twice': two blocks are named 'add'/)
  })
})

describe("policies in runs that are left and watched", () => {
  class Device extends Context.Service<Device, string>()("test/Device") {}
  const log: Array<string> = []
  const step = (name: string) =>
    Block.make(name, {
      inputs: { x: N },
      outputs: { x: N },
      components: { device: Device },
      run: ({ x }, { device }) =>
        Effect.as(
          Effect.sync(() => log.push(`${name} on ${device}`)),
          { x: x + 1 }
        )
    })
  const hooked = Block.sequential("hooked", [step("a"), step("b")]).pipe(
    Block.before(() => Effect.sync(() => log.push("before"))),
    Block.tap(() => Effect.sync(() => log.push("tap"))),
    Block.provide(Layer.succeed(Device, "gpu"))
  )
  const retried = Block.retry(
    Block.provide(Block.sequential("retried", [step("c"), step("d")]), Layer.succeed(Device, "cpu")),
    { times: 1 }
  )
  const main = Block.sequential("main", [hooked, retried, Block.provide(step("e"), Layer.succeed(Device, "tpu"))])
  const whole = ["before", "a on gpu", "b on gpu", "tap", "c on cpu", "d on cpu", "e on tpu"]
  it.effect("hooks and layers are transparent, retries are atomic: every leaf runs exactly once", () =>
    Effect.gen(function* () {
      log.length = 0
      assert.deepStrictEqual(yield* main.run({ x: 0 }), { x: 5 })
      assert.deepStrictEqual(log, whole)
      const places: Array<number> = []
      for (let at = 0; ; at++) {
        log.length = 0
        const out = yield* Snapshot.run(main, { x: 0 }, { until: (b) => b.count === at })
        if (out._tag === "Done") break
        places.push(log.length)
        const json = JSON.parse(JSON.stringify(yield* Snapshot.encode(main, out.snapshot)))
        const back = yield* Snapshot.decode(main, json)
        assert.deepStrictEqual(yield* Snapshot.resume(main, back), { x: 5 })
        assert.deepStrictEqual(log, whole, `left at ${at}`)
      }
      assert.deepStrictEqual(places, [1, 2, 3, 4, 6, 7])
    })
  )
  it.effect("a run that somebody listens to does the same", () =>
    Effect.gen(function* () {
      log.length = 0
      assert.deepStrictEqual(yield* Effect.provideService(main.run({ x: 0 }), Combinator.Progress, () => Effect.void), {
        x: 5
      })
      assert.deepStrictEqual(log, whole)
    })
  )
  it.effect("an effect default is drawn once, also where the run is left", () =>
    Effect.gen(function* () {
      let draws = 0
      const seed = Field.default(
        Schema.Int,
        Effect.sync(() => ++draws)
      )
      const read = (name: string, out: string) =>
        Block.make(name, {
          inputs: { seed },
          outputs: { [out]: Schema.Int } as { readonly [k: string]: typeof Schema.Int },
          run: ({ seed }) => Effect.succeed({ [out]: seed })
        })
      const both: Plain = Block.sequential("both", [read("a", "p"), read("b", "q")] as ReadonlyArray<any>) as any
      const left: any = yield* Snapshot.run(both, {}, { until: () => true })
      const json = JSON.parse(JSON.stringify(yield* Snapshot.encode(both, left.snapshot)))
      assert.deepStrictEqual(yield* Snapshot.resume(both, yield* Snapshot.decode(both, json)), { p: 1, q: 1 })
      assert.strictEqual(draws, 1)
    })
  )
})
