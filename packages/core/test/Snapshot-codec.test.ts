import * as Block from "@effect-blocks/core/Block"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schema } from "effect"

/** A block of which the test knows more than its type says. */
type Plain = Block.Block<any, any, any>
const keep = <S extends Schema.Constraint>(schema: S) =>
  Block.pure("keep", {
    inputs: { v: schema },
    outputs: { w: schema },
    run: ({ v }: any) => ({ w: v })
  } as any) as Plain
const throughText = (block: Plain, snapshot: Snapshot.Snapshot) =>
  Effect.gen(function* () {
    const text = JSON.stringify(yield* Snapshot.encode(block, snapshot))
    return { text, back: yield* Snapshot.decode(block, JSON.parse(text)) }
  })
const valueOf = (block: Plain, snapshot: Snapshot.Snapshot) =>
  Effect.map(Snapshot.position(block, snapshot), ({ state }) => state["v"])

describe("values", () => {
  const cases: ReadonlyArray<readonly [Schema.Constraint, ReadonlyArray<unknown>]> = [
    [Schema.Number, [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 0.1]],
    [Schema.Struct({ a: Schema.Array(Schema.Number) }), [{ a: [-0, 1, Number.NaN] }, { a: [] }]],
    [Schema.BigInt, [0n, -(2n ** 70n)]],
    [Schema.Date, [new Date(0), new Date(1e12)]],
    [Schema.String, ["", "\u0000 \ud83d\ude00", "~-0", "ref:0:4"]],
    [Schema.Union([Schema.Date, Schema.String]), [new Date(5), "2024-01-01T00:00:00.000Z"]],
    [Schema.Union([Schema.String, Schema.Date]), [new Date(5), "2024-01-01T00:00:00.000Z"]],
    [Schema.NullOr(Schema.Number), [null, -0]],
    [Schema.Option(Schema.Number), [Option.none(), Option.some(3)]],
    [Schema.Record(Schema.String, Schema.Unknown), [{ "~-0": true, other: 1 }, { "~-0": 2 }]]
  ]
  for (const [schema, values] of cases) {
    it.effect(`${schema.ast._tag}: ${values.length} values come back as they were`, () =>
      Effect.gen(function* () {
        const block = keep(schema)
        for (const v of values) {
          const start = yield* Snapshot.start(block, { v } as never)
          const { back } = yield* throughText(block, start)
          assert.deepStrictEqual(yield* valueOf(block, back), v)
          const bytes = yield* Snapshot.toBytes(block, start)
          assert.deepStrictEqual(yield* valueOf(block, yield* Snapshot.fromBytes(block, bytes)), v)
        }
      })
    )
  }
  it.effect("float32: every bit, also of arrays that are part of a larger buffer", () =>
    Effect.gen(function* () {
      const block = keep(Snapshot.Float32)
      const bits = new Uint32Array([0x7fc00001, 0xffc12345, 0x80000000, 0x7f800000, 1, 0x3f800000])
      for (const v of [new Float32Array(bits.buffer), new Float32Array(bits.buffer, 4, 3), new Float32Array(0)]) {
        const start = yield* Snapshot.start(block, { v } as never)
        const { back } = yield* throughText(block, start)
        const viaBytes = yield* Snapshot.fromBytes(block, yield* Snapshot.toBytes(block, start))
        for (const s of [back, viaBytes]) {
          const w = (yield* valueOf(block, s)) as Float32Array
          assert.deepStrictEqual([...new Uint32Array(w.slice().buffer)], [...new Uint32Array(v.slice().buffer)])
        }
      }
    })
  )
  it.effect("a value goes through the Schema that keeps all of it, also out of blocks that are atomic", () =>
    Effect.gen(function* () {
      const a = Schema.Struct({ a: Schema.Number })
      const ab = Schema.Struct({ a: Schema.Number, b: Schema.Number })
      for (const value of [{ a: 1 }, { a: 1, b: 2 }]) {
        const first = Block.pure("first", {
          inputs: {},
          outputs: { u: Schema.optionalKey(a) },
          run: () => ("b" in value ? {} : { u: value })
        })
        const second = Block.pure("second", {
          inputs: {},
          outputs: { u: Schema.optionalKey(ab) },
          run: (): { readonly u?: { readonly a: number; readonly b: number } } =>
            "b" in value ? { u: { a: value.a, b: 2 } } : {}
        })
        const either = Block.sequential("either", [first, second])
        for (const main of [
          either,
          Block.parallel("beside", [either]),
          Block.retry(either, { times: 1 })
        ] as ReadonlyArray<Plain>) {
          const root: any = (Block.sequential as any)("root", [
            main,
            Block.pure("last", { inputs: {}, outputs: {}, run: () => ({}) })
          ])
          let snapshot: Snapshot.Snapshot | undefined
          yield* Snapshot.run(root as Plain, {} as never, { onBoundary: (s) => Effect.sync(() => (snapshot = s)) })
          const { back } = yield* throughText(root, snapshot!)
          assert.deepStrictEqual((yield* Snapshot.position(root, back)).state["u"], value)
        }
      }
    })
  )
  it.effect("a variable that only triggers is kept as being there; one that is also read, with its value", () =>
    Effect.gen(function* () {
      const nothing = Block.pure("nothing", { inputs: {}, outputs: {}, run: () => ({}) })
      const maybe = Block.auto("maybe", [Block.when("image", nothing, { unread: true })])
      const start = yield* Snapshot.start(maybe, { image: () => "not data" })
      const { back } = yield* throughText(maybe, start)
      assert.strictEqual((yield* Snapshot.position(maybe, back)).state["image"], true)
      const read = Block.pure("read", { inputs: { image: Schema.String }, outputs: {}, run: () => ({}) })
      const both = Block.sequential("both", [maybe, read])
      const { back: kept } = yield* throughText(both, yield* Snapshot.start(both, { image: "cat.png" }))
      assert.strictEqual((yield* Snapshot.position(both, kept)).state["image"], "cat.png")
    })
  )
  it.effect("names of Object.prototype are names", () =>
    Effect.gen(function* () {
      const field = { constructor: Schema.Number, toString: Schema.Number }
      const block: any = (Block.pure as any)("odd", { inputs: field, outputs: field, run: (v: any) => v })
      const start = yield* Snapshot.start(block as Plain, { constructor: 1, toString: 2 } as never)
      const { back } = yield* throughText(block, start)
      const { constructor, toString } = (yield* Snapshot.resume(block as Plain, back)) as any
      assert.deepStrictEqual([constructor, toString], [1, 2])
    })
  )
})

describe("Blobs", () => {
  const pair = Block.pure("pair", {
    inputs: { a: Snapshot.Float32, b: Snapshot.Float32, c: Snapshot.Float32 },
    outputs: {},
    run: () => ({})
  })
  it.effect("each array is stored once, whoever holds it", () =>
    Effect.gen(function* () {
      const array = Float32Array.from({ length: 25_000 }, (_, i) => i)
      const one = yield* Snapshot.toBytes(pair, yield* Snapshot.start(pair, { a: array, b: array, c: array.slice() }))
      assert.isBelow(one.byteLength, 110_000)
      const other = yield* Snapshot.toBytes(
        pair,
        yield* Snapshot.start(pair, { a: array, b: array.map((v) => v + 1), c: array.subarray(1) })
      )
      assert.isAbove(other.byteLength, 300_000)
      const { state } = yield* Snapshot.position(pair, yield* Snapshot.fromBytes(pair, one))
      for (const name of ["a", "b", "c"]) assert.deepStrictEqual(state[name], array)
    })
  )
  it.effect("a reference without a place for it is an error that names the variable", () =>
    Effect.gen(function* () {
      const block = keep(Snapshot.Float32)
      const store = new Map<string, Uint8Array>()
      const blobs: Snapshot.Blobs = {
        put: (bytes) => Effect.sync(() => (store.set("a", bytes), "a")),
        get: (ref) => Effect.sync(() => store.get(ref)!)
      }
      const start = yield* Snapshot.start(block, { v: new Float32Array([1, 2]) } as never)
      const json = yield* Effect.provideService(Snapshot.encode(block, start), Snapshot.Blobs, blobs)
      const back = yield* Effect.provideService(Snapshot.decode(block, json), Snapshot.Blobs, blobs)
      assert.deepStrictEqual(yield* valueOf(block, back), new Float32Array([1, 2]))
      const error = yield* Effect.flip(Snapshot.decode(block, json))
      assert.match(error.message, /^snapshot at 'keep\.v': .*nobody says where/)
    })
  )
})

describe("what is no snapshot", () => {
  const inner = Block.sequential("inner", [
    Block.pure("a", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x }) }),
    Block.pure("b", { inputs: {}, outputs: {}, run: () => ({}) })
  ])
  const main = Block.sequential("main", [Block.auto("maybe", [Block.when("x", inner)])])
  const left = Effect.gen(function* () {
    const outcome = yield* Snapshot.run(main, { x: 1 }, { until: () => true })
    assert(outcome._tag === "Left")
    return outcome.snapshot
  })
  const spoilt: ReadonlyArray<readonly [string, (json: any) => unknown, RegExp]> = [
    ["null", () => null, /Expected/],
    ["an empty object", () => ({}), /version/],
    ["another version", (json) => ({ ...json, version: "effect-blocks/snapshot/9" }), /version/],
    ["no frames", (json) => ({ ...json, frames: [] }), /has no frames/],
    [
      "a place out of range",
      (json) => ((json.frames[3].pc = 9), json),
      /'main\.maybe': the place 9 of 'inner' is out of range \(0 to 2\)/
    ],
    ["a place that is no integer", (json) => ((json.frames[3].pc = 0.5), json), /pc/],
    ["a base out of range", (json) => ((json.frames[0].pc = 5), json), /the place 5 of the run is out of range/],
    ["an unknown branch", (json) => ((json.frames[2].branch = "other"), json), /'maybe' has no branch 'other'/],
    ["another block", (json) => ((json.frames[3].block = "other"), json), /there is no composite 'other' here/],
    [
      "too deep",
      (json) => (json.frames.push({ block: "a", kind: "block", pc: 0 }), json),
      /there is no composite 'a' here/
    ],
    ["after an iteration of no loop", (json) => ((json.at = "iteration"), json), /does not stand after an iteration/],
    ["a value that does not fit", (json) => ((json.frames[0].state.x = "one"), json), /'main\.x': /],
    ["an unknown variable", (json) => ((json.frames[0].state.y = 1), json), /'main\.y': there is no such variable/],
    [
      "an unknown Schema",
      (json) => ((json.frames[0].schemas = { x: 7 }), json),
      /'main\.x': there is no such variable/
    ],
    ["no state", (json) => (delete json.frames[0].state, json), /its frame has no state/]
  ]
  for (const [what, spoil, message] of spoilt) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const json = JSON.parse(JSON.stringify(yield* Snapshot.encode(main, yield* left)))
        const error = yield* Effect.flip(Snapshot.decode(main, spoil(json)))
        assert.strictEqual(error._tag, "SnapshotInvalid")
        assert.match(error.message, message)
      })
    )
  }
  it.effect("bytes of which any are missing, or others than were written", () =>
    Effect.gen(function* () {
      const block = keep(Snapshot.Float32)
      const bytes = yield* Snapshot.toBytes(block, yield* Snapshot.start(block, { v: new Float32Array(100) } as never))
      for (let length = 0; length < bytes.byteLength; length += 13) {
        const error = yield* Effect.flip(Snapshot.fromBytes(block, bytes.subarray(0, length)))
        assert.strictEqual(error._tag, "SnapshotInvalid")
      }
      const longer = new Uint8Array(bytes.byteLength + 1)
      longer.set(bytes)
      assert.match((yield* Effect.flip(Snapshot.fromBytes(block, longer))).message, /is torn: /)
      const text = new TextDecoder("latin1").decode(bytes)
      const at = text.indexOf("ref:0:400")
      const beyond = bytes.slice()
      beyond.set(new TextEncoder().encode("ref:0:999"), at)
      assert.match((yield* Effect.flip(Snapshot.fromBytes(block, beyond))).message, /there are no bytes '0:999'/)
    })
  )
  it.effect("whatever is changed in a file: it is read or refused, and nothing dies", () =>
    Effect.gen(function* () {
      const block = Block.sequential("main", [inner, keep(Snapshot.Float32)])
      const outcome = yield* Snapshot.run(block, { x: 1, v: new Float32Array([1, 2, 3]) } as never, {
        until: () => true
      })
      assert(outcome._tag === "Left")
      const bytes = yield* Snapshot.toBytes(block, outcome.snapshot)
      let refused = 0
      let seed = 1
      const below = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n
      for (let k = 0; k < 2_000; k++) {
        const changed = bytes.slice()
        for (let n = below(3); n >= 0; n--) changed[below(changed.byteLength)] = below(256)
        const exit = yield* Effect.exit(Snapshot.fromBytes(block, changed))
        if (Exit.isSuccess(exit)) continue
        assert.isFalse(Cause.hasDies(exit.cause), Cause.pretty(exit.cause))
        refused++
      }
      assert.isAbove(refused, 1_000)
    })
  )
})
