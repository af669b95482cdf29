import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"

/** A block of which the test knows more than its type says. */
type Plain = Block.Block<any, any, any>
const x = { x: Schema.Number }
const inc = Block.pure("inc", { inputs: x, outputs: x, run: ({ x }) => ({ x: x + 1 }) })
const double = Block.pure("double", { inputs: x, outputs: x, run: ({ x }) => ({ x: x * 2 }) })
const three = Block.sequential("three", [inc, Block.sequential("inner", [double]), Block.rename(inc, "last")])

/** The snapshots at every boundary, the start included. */
const all = <B extends Block.Any>(block: B, inputs: Block.In<B>) =>
  Effect.gen(function* () {
    const taken = [yield* Snapshot.start(block, inputs)]
    yield* Snapshot.run(block, inputs, { on: "any", onBoundary: (s) => Effect.sync(() => taken.push(s)) })
    return taken
  })
const throughJson = (block: Block.Any, snapshot: Snapshot.Snapshot) =>
  Effect.flatMap(Snapshot.encode(block, snapshot), (json) => Snapshot.decode(block, JSON.parse(JSON.stringify(json))))

describe("boundaries", () => {
  it.effect("are after every leaf; a run can be left and resumed at each", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      yield* Snapshot.run(
        three,
        { x: 1 },
        { onBoundary: (_, b) => Effect.sync(() => seen.push(`${b.count} ${b.path}`)) }
      )
      assert.deepStrictEqual(seen, ["0 three", "1 three.inner", "2 three"])
      for (const snapshot of yield* all(three, { x: 1 })) {
        assert.deepStrictEqual(yield* Snapshot.resume(three, snapshot), { x: 5 })
        assert.deepStrictEqual(yield* Snapshot.resume(three, yield* throughJson(three, snapshot)), { x: 5 })
      }
    })
  )
  it.effect("until, every as a number and as a predicate", () =>
    Effect.gen(function* () {
      const counts: Array<number> = []
      const note = (_: unknown, boundary: Snapshot.Boundary) => Effect.sync(() => counts.push(boundary.count))
      const outcome = yield* Snapshot.run(three, { x: 1 }, { until: ({ count }) => count === 1, onBoundary: note })
      assert.strictEqual(outcome._tag, "Left")
      yield* Snapshot.run(three, { x: 1 }, { every: 2, onBoundary: note })
      yield* Snapshot.run(three, { x: 1 }, { every: (b) => b.path === "three.inner", onBoundary: note })
      assert.deepStrictEqual(counts, [0, 1, 1, 1])
      const done = yield* Snapshot.run(three, { x: 1 }, { until: () => false })
      assert.deepStrictEqual(done, { _tag: "Done", output: { x: 5 } })
    })
  )
  it.effect("what onBoundary fails with is not located in a block", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Snapshot.run(three, { x: 1 }, { onBoundary: () => Effect.fail("disk full") }))
      assert.strictEqual(error, "disk full")
    })
  )
  it.effect("a snapshot is not changed by the run that goes on", () =>
    Effect.gen(function* () {
      const [, first] = yield* all(three, { x: 1 })
      const before = JSON.stringify(yield* Snapshot.encode(three, first!))
      yield* Snapshot.resume(three, first!)
      assert.strictEqual(JSON.stringify(yield* Snapshot.encode(three, first!)), before)
    })
  )
  it.effect("a leaf alone", () =>
    Effect.gen(function* () {
      const snapshots = yield* all(inc, { x: 1 })
      for (const s of snapshots)
        assert.deepStrictEqual(yield* Snapshot.resume(inc, yield* throughJson(inc, s)), { x: 2 })
      assert.strictEqual(snapshots.length, 2)
    })
  )
  it.effect("defaults that are effects are drawn once, by start", () =>
    Effect.gen(function* () {
      let seed = 0
      const field = Field.default(
        Schema.Int,
        Effect.sync(() => ++seed)
      )
      const draw = Block.pure("draw", {
        inputs: { seed: field },
        outputs: { out: Schema.Int },
        run: ({ seed }) => ({ out: seed })
      })
      const start = yield* Snapshot.start(draw, {})
      const outs = [yield* Snapshot.resume(draw, start), yield* Snapshot.resume(draw, yield* throughJson(draw, start))]
      assert.deepStrictEqual(outs, [{ out: 1 }, { out: 1 }])
      assert.strictEqual(seed, 1)
    })
  )
})

describe("Block.provide", () => {
  class Device extends Context.Service<Device, string>()("test/Device") {}
  const where = Block.make("where", {
    inputs: { said: Schema.String },
    outputs: { said: Schema.String },
    components: { device: Device },
    run: ({ said }, { device }) => Effect.succeed({ said: `${said} ${device}` })
  })
  const both = Block.sequential("both", [where, Block.rename(where, "again")])
  const on = (device: string) =>
    Block.sequential("main", [
      Block.provide(both, Layer.succeed(Device, device)),
      Block.provide(Block.rename(where, "alone"), Layer.succeed(Device, device))
    ])
  it.effect("is transparent: a run goes on inside it, with another layer", () =>
    Effect.gen(function* () {
      const gpu = on("gpu")
      const cpu = on("cpu")
      assert.deepStrictEqual(yield* gpu.run({ said: "" }), { said: " gpu gpu gpu" })
      const outs = yield* Effect.forEach(yield* all(gpu, { said: "" }), (s) => Snapshot.resume(cpu, s))
      assert.deepStrictEqual(
        outs.map(({ said }) => said),
        [" cpu cpu cpu", " gpu cpu cpu", " gpu gpu cpu", " gpu gpu gpu"]
      )
      assert.strictEqual(Snapshot.outline(gpu).digest, Snapshot.outline(cpu).digest)
    })
  )
  it.effect("a snapshot of a composition without it fits one with it", () =>
    Effect.gen(function* () {
      const bare = Block.sequential("main", [both, Block.rename(where, "alone")])
      const start = yield* Effect.provideService(Snapshot.start(bare, { said: "" }), Device, "tpu")
      assert.deepStrictEqual(yield* Snapshot.resume(on("gpu"), start), { said: " gpu gpu gpu" })
    })
  )
})

describe("modify", () => {
  it.effect("gives a variable another value, wherever the run stands", () =>
    Effect.gen(function* () {
      const outs: Array<number> = []
      for (const snapshot of yield* all(three, { x: 1 })) {
        outs.push((yield* Snapshot.resume(three, yield* Snapshot.modify(three, snapshot, { x: 100 }))).x)
      }
      assert.deepStrictEqual(outs, [203, 201, 101, 100])
    })
  )
  it.effect("the value goes through the Schema that takes it", () =>
    Effect.gen(function* () {
      const a = Schema.Struct({ a: Schema.Number })
      const ab = Schema.Struct({ a: Schema.Number, b: Schema.Number })
      const first = Block.pure("first", { inputs: {}, outputs: { u: a }, run: () => ({ u: { a: 1 } }) })
      const second = Block.pure("second", { inputs: {}, outputs: { u: Schema.optionalKey(ab) }, run: () => ({}) })
      const main = Block.sequential("main", [first, second])
      const last = (yield* all(main, {})).at(-1)!
      for (const u of [{ a: 5 }, { a: 5, b: 6 }]) {
        const changed = yield* Snapshot.modify(main, last, { u })
        assert.deepStrictEqual(yield* Snapshot.resume(main, yield* throughJson(main, changed)), { u })
      }
    })
  )
  it.effect("refuses names and values that do not fit", () =>
    Effect.gen(function* () {
      const start = yield* Snapshot.start(three, { x: 1 })
      const untyped: (...args: ReadonlyArray<unknown>) => Effect.Effect<never, Snapshot.SnapshotInvalid> =
        Snapshot.modify as any
      const name: Snapshot.SnapshotInvalid = yield* Effect.flip(untyped(three, start, { y: 1 }))
      assert.strictEqual(name.message, "snapshot at 'y': is no variable of 'three', which has 'x'")
      const value: Snapshot.SnapshotInvalid = yield* Effect.flip(untyped(three, start, { x: "1" }))
      assert.strictEqual(value.message, "snapshot at 'x': should be number")
    })
  )
})

describe("position", () => {
  it.effect("tells where a snapshot stands", () =>
    Effect.gen(function* () {
      const positions = yield* Effect.forEach(yield* all(three, { x: 1 }), (s) => Snapshot.position(three, s))
      assert.deepStrictEqual(
        positions.map(({ at, path, state }) => [at, path, state["x"]]),
        [
          ["start", "", 1],
          ["leaf", "three", 2],
          ["leaf", "three.inner", 4],
          ["leaf", "three", 5]
        ]
      )
    })
  )
})

describe("another composition", () => {
  const made = (options: {
    readonly version?: string
    readonly schema?: Schema.Codec<number>
    readonly order?: boolean
    readonly extra?: boolean
  }) => {
    const schema = options.schema ?? Schema.Number
    const a = Block.pure("a", {
      ...(options.version === undefined ? {} : { version: options.version }),
      inputs: { x: schema },
      outputs: { y: schema },
      run: ({ x }) => ({ y: x })
    })
    const b = Block.pure("b", { inputs: {}, outputs: { z: Schema.Number }, run: () => ({ z: 1 }) })
    const blocks: ReadonlyArray<Plain> = options.order === true ? [b, a] : [a, b]
    const untyped: any = Block.sequential
    return untyped("main", options.extra === true ? [...blocks, Block.rename(b, "c")] : blocks) as Plain
  }
  const cases = [
    [
      "a changed version",
      made({ version: "2" }),
      "main.a",
      "block { x: Number } -> { y: Number }",
      "block@2 { x: Number } -> { y: Number }"
    ],
    [
      "a changed Schema",
      made({ schema: Schema.Int }),
      "main.a",
      /block \{ x: Number \}/,
      /block \{ x: Number#[0-9a-f]{6} \}/
    ],
    ["another order", made({ order: true }), "main.a", /block/, "elsewhere"],
    ["a block more", made({ extra: true }), "main.c", "", /block/]
  ] as const
  for (const [what, block, path, was, now] of cases) {
    it.effect(`${what} is refused, and named`, () =>
      Effect.gen(function* () {
        const snapshot = yield* Snapshot.start(made({}), { x: 1 } as never)
        const error = yield* Effect.flip(Snapshot.resume(block, snapshot))
        assert(error instanceof Snapshot.SnapshotMismatch)
        assert.strictEqual(error.path, path)
        const fits = (text: string, expected: string | RegExp) =>
          typeof expected === "string" ? text === expected : expected.test(text)
        assert.isTrue(fits(error.was, was), error.was)
        assert.isTrue(fits(error.now, now), error.now)
        assert.include(error.message, `at '${path}' it was `)
        const json = yield* Snapshot.encode(made({}), snapshot)
        assert.strictEqual((yield* Effect.flip(Snapshot.decode(block, json)))._tag, "SnapshotMismatch")
      })
    )
  }
  it.effect("a block less is named too", () =>
    Effect.gen(function* () {
      const snapshot = yield* Snapshot.start(made({ extra: true }), { x: 1 } as never)
      const error = yield* Effect.flip(Snapshot.resume(made({}), snapshot))
      assert(error instanceof Snapshot.SnapshotMismatch)
      assert.deepStrictEqual([error.path, error.now], ["main.c", ""])
    })
  )
  it("limits that are bigints count too", () => {
    const upTo = (maximum: bigint) => {
      const x = Schema.BigInt.check(Schema.isLessThanOrEqualToBigInt(maximum))
      return Snapshot.outline(Block.pure("a", { inputs: { x }, outputs: {}, run: () => ({}) })).digest
    }
    assert.strictEqual(upTo(1n), upTo(1n))
    assert.notStrictEqual(upTo(1n), upTo(2n))
  })
  it("functions do not matter, nor do layers, nor whether the block was made anew", () => {
    const again = Block.sequential("three", [
      Block.pure("inc", { inputs: x, outputs: x, run: () => ({ x: 0 }) }),
      Block.sequential("inner", [double]),
      Block.rename(inc, "last")
    ])
    assert.strictEqual(Snapshot.outline(again).digest, Snapshot.outline(three).digest)
  })
})
