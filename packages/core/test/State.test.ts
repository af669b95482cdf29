/** Variables that are called like what every object has, and variables that are undefined. */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const N = Schema.Number
describe("names of Object.prototype", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"] as const) {
    const fields = { [name]: N } as { readonly [K in typeof name]: typeof N }
    const maybe = { [name]: Field.optional(N) } as { readonly [K in typeof name]: Schema.optionalKey<typeof N> }
    const value = (n: number) => JSON.parse(`{"${name}":${n}}`)
    const read = (from: object): unknown => (Object.hasOwn(from, name) ? (from as any)[name] : undefined)
    it.effect(`${name} is a variable like any other`, () =>
      Effect.gen(function* () {
        const write = Block.pure("write", { inputs: { x: N }, outputs: fields, run: ({ x }) => value(x) })
        const inc = Block.make("inc", {
          inputs: fields,
          outputs: fields,
          run: (inputs) => Effect.sync(() => value((read(inputs) as number) + 1))
        })
        const all = Block.sequential("all", [write, Block.sequential("inner", [inc])])
        assert.deepStrictEqual(Object.keys(all.inputs), ["x"])
        assert.strictEqual(read(yield* all.run({ x: 1 })), 2)
        assert.strictEqual(read(yield* Pipeline.run(inc, value(5))), 6)
        assert.strictEqual(read((yield* Pipeline.runUnknown(inc, value(5))) as object), 6)
        assert.strictEqual(yield* Pipeline.run(inc, value(5), { output: name }) as Effect.Effect<unknown>, 6)
      })
    )
    it.effect(`${name} is missing where nobody gave it`, () =>
      Effect.gen(function* () {
        const look = Block.pure("look", {
          inputs: { ...maybe, x: N },
          outputs: { seen: Schema.Boolean },
          run: (inputs) => ({ seen: (inputs as any)[name] !== undefined })
        })
        assert.deepStrictEqual(yield* look.run({ x: 1 } as any), { seen: false })
        const choice = Block.auto("choice", [
          Block.when(
            name,
            Block.pure("there", { inputs: {}, outputs: { seen: Schema.Boolean }, run: () => ({ seen: true }) })
          ),
          Block.rename(look, "not")
        ])
        assert.deepStrictEqual((yield* choice.run({ x: 1 } as any)).seen, false)
        assert.deepStrictEqual((yield* choice.run({ x: 1, ...value(1) })).seen, true)
        const error = yield* Effect.flip(
          Pipeline.run(Block.pure("need", { inputs: fields, outputs: {}, run: () => ({}) }), {} as any)
        )
        assert.deepStrictEqual(
          error.issues.map((i) => [i.path, i.expected]),
          [[name, "number"]]
        )
      })
    )
  }
  it.effect("what a run gives is a plain object", () =>
    Effect.gen(function* () {
      const inc = Block.pure("inc", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => ({ x: x + 1 }) })
      const out = yield* Block.sequential("all", [inc]).run({ x: 1 })
      assert.strictEqual(Object.getPrototypeOf(out), Object.prototype)
    })
  )
})

describe("undefined", () => {
  const look = Block.pure("look", {
    inputs: { x: Schema.UndefinedOr(N), y: N },
    outputs: { seen: Schema.String },
    run: ({ x }) => ({ seen: String(x) })
  })
  it.effect("a required input whose Schema takes undefined may be undefined", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Pipeline.run(look, { x: undefined, y: 1 }), { seen: "undefined" })
      const choice = Block.auto("choice", [Block.when("y", look)])
      assert.deepStrictEqual(yield* Pipeline.run(choice, { y: 1 }), { seen: "undefined" })
    })
  )
  it.effect("an output that is undefined is not written", () =>
    Effect.gen(function* () {
      const reset = Block.pure("reset", {
        inputs: {},
        outputs: { x: Schema.UndefinedOr(N) },
        run: () => ({ x: undefined })
      })
      const out = yield* Block.sequential("all", [
        Block.pure("set", { inputs: {}, outputs: { x: Schema.UndefinedOr(N) }, run: () => ({ x: 1 }) }),
        reset
      ]).run({})
      assert.deepStrictEqual(out, { x: 1 })
    })
  )
})
