import * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import * as Field from "@effect-blocks/core/Field"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"

const N = Schema.Number
const Steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))
let ran = 0
const plan = Block.pure("plan", {
  inputs: { steps: Field.default(Steps, 20), prompt: Schema.String },
  outputs: { timesteps: Schema.Array(N) },
  run: ({ steps }) => {
    ran++
    return { timesteps: Array.from({ length: steps }, (_, i) => steps - i) }
  }
})
/** asks more of the prompt than the block before it */
const encode = Block.pure("encode", {
  inputs: {
    prompt: Schema.String.check(Schema.isMaxLength(10)),
    size: Schema.Struct({ width: Schema.Int, height: Schema.Int })
  },
  outputs: { embeds: N },
  run: ({ prompt, size }) => ({ embeds: prompt.length * size.width * size.height })
})
const all = Block.sequential("all", [plan, Block.sequential("inner", [encode])])
const size = { width: 2, height: 3 }
const issues = (e: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.flip(e), (error) => {
    assert(error instanceof Errors.InputError)
    return error.issues.map(({ block, expected, path, reason }) => ({ path, block, expected, reason }))
  })

describe("run", () => {
  it.effect("gives everything, one output, or several", () =>
    Effect.gen(function* () {
      const inputs = { prompt: "cat", steps: 2, size }
      assert.deepStrictEqual(yield* Pipeline.run(all, inputs), { timesteps: [2, 1], embeds: 18 })
      assert.strictEqual(yield* Pipeline.run(all, inputs, { output: "embeds" }), 18)
      assert.deepStrictEqual(yield* Pipeline.run(all, inputs, { output: ["timesteps"] }), { timesteps: [2, 1] })
      assert.deepStrictEqual(yield* Pipeline.run(all, inputs, { output: [] }), {})
    })
  )
  it.effect("checks an input against every block that reads it, and runs nothing when one refuses", () =>
    Effect.gen(function* () {
      ran = 0
      const found = yield* issues(Pipeline.run(all, { prompt: "a very long prompt", size }))
      assert.deepStrictEqual(
        found.map(({ block, path }) => [path, block]),
        [["prompt", "all.inner.encode"]]
      )
      assert.match(found[0]!.reason, /length of at most 10/)
      assert.strictEqual(ran, 0)
    })
  )
  it.effect("reports everything that is wrong at once", () =>
    Effect.gen(function* () {
      const wrong: any = { steps: 0, size: { width: 0.5 }, extra: 1 }
      const found = yield* issues(Pipeline.run(all, wrong))
      assert.deepStrictEqual(found.map((i) => i.path).toSorted(), [
        "extra",
        "prompt",
        "size.height",
        "size.width",
        "steps"
      ])
      const error = yield* Effect.flip(Pipeline.run(all, wrong))
      assert.strictEqual(error._tag, "InputError")
      assert.match(error.message, /inputs of 'all' do not fit/)
      assert.match(error.message, /prompt: is missing, expected string, read by all\.plan/)
    })
  )
  it.effect("says which name was probably meant", () =>
    Effect.gen(function* () {
      const found = yield* issues(Pipeline.run(all, { prompt: "", size, promt: "" } as any))
      assert.deepStrictEqual(
        found.map((i) => i.reason),
        ["there is no input of this name, did you mean 'prompt'?"]
      )
    })
  )
  it.effect("goes on from a state", () =>
    Effect.gen(function* () {
      const state = yield* Pipeline.run(plan, { prompt: "cat", steps: 1 })
      const last = Block.pure("last", {
        inputs: { timesteps: Schema.Array(N), prompt: Schema.String },
        outputs: { t: N },
        run: ({ timesteps }) => ({ t: timesteps[0]! })
      })
      assert.deepStrictEqual(yield* Pipeline.run(last, { prompt: "" }, { state }), { timesteps: [1], t: 1 })
      assert.strictEqual(yield* Pipeline.run(last, { prompt: "", timesteps: [7] }, { state, output: "t" }), 7)
    })
  )
  it.effect("an input that a block surely writes before is not the caller's", () =>
    Effect.gen(function* () {
      const set = Block.pure("set", { inputs: {}, outputs: { prompt: Schema.String }, run: () => ({ prompt: "cat" }) })
      const found = yield* issues(Pipeline.run(Block.sequential("s", [set, encode]), { size, prompt: 1 } as any))
      assert.deepStrictEqual(
        found.map((i) => i.path),
        ["prompt"]
      )
      assert.deepStrictEqual((yield* Pipeline.run(Block.sequential("s", [set, encode]), { size })).embeds, 18)
    })
  )
  it.effect("checks both branches of a choice, and blocks with policies", () =>
    Effect.gen(function* () {
      const short = Block.pure("short", { inputs: { x: N.check(Schema.isLessThan(10)) }, outputs: {}, run: () => ({}) })
      const long = Block.pure("long", { inputs: { x: N.check(Schema.isGreaterThan(0)) }, outputs: {}, run: () => ({}) })
      const choice = Block.auto("choice", [
        Block.when("flag", Block.retry(short, { times: 1 }), { unread: true }),
        long
      ])
      assert.deepStrictEqual(
        (yield* issues(Pipeline.run(choice, { x: 11 }))).map((i) => i.block),
        ["choice.short"]
      )
      assert.deepStrictEqual(
        (yield* issues(Pipeline.run(choice, { x: 0 }))).map((i) => i.block),
        ["choice.long"]
      )
      assert.deepStrictEqual(yield* Pipeline.run(choice, { x: 1, flag: "anything" }), {})
    })
  )
  it.effect("an output that is not there is a mistake of the program", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Pipeline.run(plan, { prompt: "" }, { output: "nope" as "timesteps" }))
      assert(Exit.isFailure(exit))
      assert.match(String(exit.cause), /has no output 'nope', only timesteps/)
    })
  )
})

describe("runUnknown", () => {
  it.effect("says of a typed value that it takes its JSON form", () =>
    Effect.gen(function* () {
      const read = Block.pure("read", { inputs: { until: Schema.Date }, outputs: {}, run: () => ({}) })
      const error: any = yield* Effect.flip(Pipeline.runUnknown(read, { until: new Date(0) }))
      assert.lengthOf(error.issues, 1)
      assert.match(
        error.message,
        /until: is what Pipeline\.run takes, expected its JSON form, which Pipeline\.runUnknown/
      )
      yield* Pipeline.run(read, { until: new Date(0) })
      yield* Pipeline.runUnknown(read, { until: "2026-01-01T00:00:00Z" })
      const plain: any = yield* Effect.flip(Pipeline.runUnknown(read, { until: 3 }))
      assert.notMatch(plain.message, /Pipeline\.run takes/)
    })
  )

  it.effect("reads JSON through the Schemas", () =>
    Effect.gen(function* () {
      const read = Block.pure("read", {
        inputs: { at: Schema.Date, bytes: Schema.Uint8Array, n: Schema.FiniteFromString, big: Schema.BigInt, x: N },
        outputs: { text: Schema.String },
        run: ({ at, big, bytes, n, x }) => ({ text: [at.getUTCFullYear(), bytes.length, n + 1, big * 2n, x].join() })
      })
      const json = JSON.parse(`{ "at": "2026-02-03T00:00:00Z", "bytes": "AAEC", "n": "41", "big": "3", "x": "NaN" }`)
      assert.deepStrictEqual(yield* Pipeline.runUnknown(read, json), { text: "2026,3,42,6,NaN" })
    })
  )
  it.effect("all errors at once, each with its path; unknown names are errors", () =>
    Effect.gen(function* () {
      ran = 0
      const found = yield* issues(
        Pipeline.runUnknown(all, { prompt: 3, steps: "x", size: { width: 1, height: "2", depth: 3 }, sise: 1 })
      )
      assert.deepStrictEqual(found.map((i) => i.path).toSorted(), [
        "prompt",
        "sise",
        "size.depth",
        "size.height",
        "steps"
      ])
      assert.strictEqual(ran, 0)
      assert.strictEqual(
        found.find((i) => i.path === "sise")!.reason,
        "there is no input of this name, did you mean 'size'?"
      )
      assert.strictEqual(found.find((i) => i.path === "steps")!.expected, "integer between 1 and 1000")
    })
  )
  it.effect("a number is asked for as a number", () =>
    Effect.gen(function* () {
      const found = yield* issues(
        Pipeline.runUnknown(Block.pure("b", { inputs: { x: N }, outputs: {}, run: () => ({}) }), { x: "1" })
      )
      assert.strictEqual(found[0]!.reason, "expected number, got a string")
    })
  )
  it.effect("values that pass the first reader go on to the others", () =>
    Effect.gen(function* () {
      const found = yield* issues(Pipeline.runUnknown(all, { prompt: "a very long prompt", size }))
      assert.deepStrictEqual(
        found.map((i) => i.block),
        ["all.inner.encode"]
      )
    })
  )
  it.effect("what is no object is refused", () =>
    Effect.gen(function* () {
      for (const json of [null, undefined, 1, "x", [], [{}]]) {
        const found = yield* issues(Pipeline.runUnknown(all, json))
        assert.deepStrictEqual(
          found.map((i) => i.expected),
          ["an object"]
        )
      }
      const error: any = yield* Effect.flip(Pipeline.runUnknown(all, "x"))
      assert.strictEqual(error.message, "inputs of 'all' do not fit:\n  inputs: expected an object, got a string")
    })
  )
  it.effect("a message of many issues shows twenty, and says how many there are", () =>
    Effect.gen(function* () {
      for (const more of [0, 1, 30]) {
        const unknown = Object.fromEntries(Array.from({ length: 20 + more }, (_, i) => [`unknown${i}`, i]))
        const error: any = yield* Effect.flip(Pipeline.runUnknown(all, { prompt: "cat", size, ...unknown }))
        assert.strictEqual(error.issues.length, 20 + more)
        const lines: ReadonlyArray<string> = error.message.split("\n")
        assert.strictEqual(lines.filter((line) => line.startsWith("  unknown")).length, 20)
        assert.strictEqual(lines.at(-1)!.startsWith("  and "), more > 0)
        if (more > 0) assert.strictEqual(lines.at(-1), `  and ${more} more`)
      }
    })
  )
  it.effect("another name is proposed only where most of its letters were given", () =>
    Effect.gen(function* () {
      const short = Block.pure("short", { inputs: { n: N, size: N, steps: N }, outputs: {}, run: () => ({}) })
      const hints = (json: unknown) =>
        Effect.map(issues(Pipeline.runUnknown(short, json)), (found) =>
          found.map((i) => /did you mean '(.*)'/.exec(i.reason)?.[1])
        )
      const given = { n: 1, size: 1, steps: 1 }
      assert.deepStrictEqual(yield* hints({ ...given, x: 1, on: 1, side: 1, soak: 1, stesp: 1 }), [
        undefined,
        undefined,
        "size",
        undefined,
        "steps"
      ])
    })
  )
  it.effect("outputs are chosen as with run", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Pipeline.runUnknown(all, { prompt: "cat", size }, { output: "embeds" }), 18)
    })
  )
})

describe("defaults", () => {
  const draws: Array<number> = []
  const seed = Field.default(
    Schema.Int,
    Effect.map(Random.nextInt, (n) => (draws.push(n), n))
  )
  const first = Block.pure("first", { inputs: { seed }, outputs: { a: Schema.Int }, run: ({ seed }) => ({ a: seed }) })
  const second = Block.pure("second", {
    inputs: { seed },
    outputs: { b: Schema.Int },
    run: ({ seed }) => ({ b: seed })
  })
  const both = Block.sequential("both", [first, Block.sequential("inner", [second])])
  it.effect("an effect is evaluated once a run, and every reader gets its value", () =>
    Effect.gen(function* () {
      draws.length = 0
      const one = yield* Pipeline.run(both, {})
      const two = yield* Pipeline.run(both, {})
      assert.strictEqual(draws.length, 2)
      assert.deepStrictEqual(
        [one, two],
        [
          { a: draws[0]!, b: draws[0]! },
          { a: draws[1]!, b: draws[1]! }
        ]
      )
      assert.notStrictEqual(draws[0], draws[1])
    })
  )
  it.effect("it is not evaluated when the value is given, or when a block before writes it", () =>
    Effect.gen(function* () {
      draws.length = 0
      const set = Block.pure("set", { inputs: {}, outputs: { seed: Schema.Int }, run: () => ({ seed: 5 }) })
      assert.deepStrictEqual(yield* Pipeline.run(both, { seed: 7 }), { a: 7, b: 7 })
      assert.deepStrictEqual(yield* Pipeline.runUnknown(both, { seed: 7 }), { a: 7, b: 7 })
      assert.deepStrictEqual(yield* Block.sequential("s", [set, first]).run({}), { seed: 5, a: 5 })
      assert.deepStrictEqual(draws, [])
    })
  )
  it.effect("it is evaluated for a reader behind one that can do without, also in a branch", () =>
    Effect.gen(function* () {
      draws.length = 0
      const maybe = Block.pure("maybe", {
        inputs: { seed: Field.optional(Schema.Int) },
        outputs: { c: Schema.Boolean },
        run: ({ seed }) => ({ c: seed === undefined })
      })
      const choice = Block.auto("choice", [
        Block.when("flag", maybe, { unread: true }),
        Block.retry(second, { times: 1 })
      ])
      const out = yield* Block.sequential("all", [maybe, Block.rename(choice, "later")]).run({})
      assert.deepStrictEqual([out, draws.length], [{ c: false, b: draws[0]! }, 1])
    })
  )
  it.effect("it may wait, and a default that Schema itself gives is one too", () =>
    Effect.gen(function* () {
      const later = Block.pure("later", {
        inputs: { x: Field.default(N, Effect.as(Effect.yieldNow, 3)) },
        outputs: { y: N },
        run: ({ x }) => ({ y: x })
      })
      assert.deepStrictEqual(yield* later.run({}), { y: 3 })
      const raw = Block.pure("raw", {
        inputs: { x: N.pipe(Schema.withDecodingDefaultKey(Effect.sync(() => ++ran))) },
        outputs: { y: N },
        run: ({ x }) => ({ y: x })
      })
      ran = 10
      assert.deepStrictEqual([yield* raw.run({}), yield* raw.run({})], [{ y: 11 }, { y: 12 }])
    })
  )
  it.effect("a mere trigger that another branch writes stays what it was where that branch is not taken", () =>
    Effect.gen(function* () {
      const write = Block.pure("write", { inputs: { v: N }, outputs: { w: N }, run: ({ v }) => ({ w: v }) })
      const look = Block.pure("look", { inputs: {}, outputs: { seen: Schema.Boolean }, run: () => ({ seen: true }) })
      const auto = Block.auto("auto", [Block.when("v", write), Block.when("w", look, { unread: true })])
      assert.deepStrictEqual(yield* Pipeline.run(auto, {}, { state: { w: 22 } }), { seen: true, w: 22 })
      assert.deepStrictEqual(yield* Pipeline.run(auto, { v: 3 }, { state: { w: 22 } }), { w: 3 })
      assert.deepStrictEqual(yield* Pipeline.runUnknown(auto, { w: 0 }), { seen: true, w: 0 })
      assert.deepStrictEqual(yield* Pipeline.runUnknown(auto, { w: "NaN" }), { seen: true, w: NaN })
      assert.deepStrictEqual(yield* Pipeline.runUnknown(auto, { w: "no number" }), {
        seen: true,
        w: "no number" as never
      })
      const around = Block.sequential("around", [
        auto,
        Block.pure("last", { inputs: {}, outputs: { z: N }, run: () => ({ z: 1 }) })
      ])
      assert.deepStrictEqual(yield* Pipeline.run(around, {}, { state: { w: 22 } }), { seen: true, w: 22, z: 1 })
      // one that nobody writes is kept as being there, which no run gives out
      const only = Block.auto("only", [Block.when("w", look, { unread: true })])
      assert.deepStrictEqual(yield* only.run({ w: 22 }), { seen: true })
    })
  )
  it.effect("a constant is each reader's own, and triggers nothing", () =>
    Effect.gen(function* () {
      const few = Block.pure("few", {
        inputs: { steps: Field.default(Schema.Int, 4) },
        outputs: { a: Schema.Int },
        run: ({ steps }) => ({ a: steps })
      })
      const many = Block.pure("many", {
        inputs: { steps: Field.default(Schema.Int, 50) },
        outputs: { b: Schema.Int },
        run: ({ steps }) => ({ b: steps })
      })
      const told = Block.pure("told", { inputs: {}, outputs: { told: Schema.Boolean }, run: () => ({ told: true }) })
      const all = Block.sequential("all", [
        few,
        many,
        Block.auto("choice", [Block.when("steps", told, { unread: true })])
      ])
      assert.deepStrictEqual(yield* all.run({}), { a: 4, b: 50 })
      assert.deepStrictEqual(yield* all.run({ steps: 1 }), { a: 1, b: 1, told: true })
    })
  )
  it("a default that does not fit is refused when the field is made", () => {
    assert.throws(() => Field.default(Steps, 0), /the default 0 is not integer between 1 and 1000/)
  })
  it.effect("a field of Field.default goes through Struct like any other", () =>
    Effect.gen(function* () {
      const struct = Schema.Struct({ steps: Field.default(Schema.Int, 20) })
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(struct)({}), { steps: 20 })
      assert.deepStrictEqual(yield* Schema.encodeEffect(struct)({ steps: 3 }), { steps: 3 })
    })
  )
})
