/** Writing `run` in all the ways that Effect has needs no annotations. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import { describe, expect, test } from "tstyche"

class Dice extends Context.Service<Dice, { readonly roll: Effect.Effect<number, "lost"> }>()("Dice") {}
const inputs = { n: Schema.Number }
const outputs = {
  kind: Schema.Literals(["even", "odd"]),
  pair: Schema.Tuple([Schema.Number, Schema.Number]),
  note: Field.optional(Schema.String)
}
type Out = { readonly kind: "even" | "odd"; readonly pair: readonly [number, number]; readonly note?: string }
type Expected<E, R> = Block.Leaf<{ readonly n: number }, Out, E, R, "b">

describe("make", () => {
  test("succeed, sync, map", () => {
    expect(
      Block.make("b", { inputs, outputs, run: ({ n }) => Effect.succeed({ kind: "even", pair: [n, 1] }) })
    ).type.toBe<Expected<never, never>>()
    expect(
      Block.make("b", {
        inputs,
        outputs,
        run: ({ n }) => Effect.sync(() => ({ kind: n > 0 ? "even" : "odd", pair: [n, 1] }))
      })
    ).type.toBe<Expected<never, never>>()
    expect(
      Block.make("b", {
        inputs,
        outputs,
        run: ({ n }) =>
          Effect.map(
            Dice.use((d) => d.roll),
            (m) => ({ kind: "odd", pair: [n, m], note: "x" })
          )
      })
    ).type.toBe<Expected<"lost", Dice>>()
    expect(Block.make("b", { inputs, outputs, run: ({ n }) => Exit.succeed({ kind: "odd", pair: [n, n] }) })).type.toBe<
      Expected<never, never>
    >()
  })
  test("generators", () => {
    expect(
      Block.make("b", {
        inputs,
        outputs,
        run: Effect.fnUntraced(function* ({ n }, components) {
          expect(n).type.toBe<number>()
          expect(components).type.toBe<{}>()
          const dice = yield* Dice
          const m = yield* dice.roll
          return { kind: "odd" as const, pair: [n, m] as const }
        })
      })
    ).type.toBe<Expected<"lost", Dice>>()
    expect(
      Block.make("b", {
        inputs,
        outputs,
        components: { dice: Dice },
        run: Effect.fnUntraced(function* ({ n }, { dice }) {
          expect(dice).type.toBe<Dice["Service"]>()
          return { kind: "odd" as const, pair: [n, yield* dice.roll] as const }
        })
      })
    ).type.toBe<Expected<"lost", Dice>>()
    expect(
      Block.make("b", {
        inputs,
        outputs,
        components: { dice: Dice },
        run: ({ n }, { dice }) =>
          Effect.gen(function* () {
            if (n > 3) return yield* Effect.fail("big" as const)
            return { kind: "odd" as const, pair: [n, yield* dice.roll] as const }
          })
      })
    ).type.toBe<Expected<"lost" | "big", Dice>>()
  })
  test("failing always, and only sometimes writing", () => {
    expect(Block.make("b", { inputs, outputs, run: () => Effect.fail("no" as const) })).type.toBe<
      Expected<"no", never>
    >()
    expect(
      Block.make("b", {
        inputs,
        outputs,
        run: ({ n }) =>
          n > 0
            ? Effect.succeed({ kind: "odd", pair: [1, 2], note: "x" })
            : Effect.succeed({ kind: "even", pair: [1, 2] })
      })
    ).type.toBe<Expected<never, never>>()
  })
})

describe("pure", () => {
  test("literals and tuples keep their types", () => {
    expect(
      Block.pure("b", { inputs, outputs, run: ({ n }) => ({ kind: n % 2 === 0 ? "even" : "odd", pair: [n, n] }) })
    ).type.toBe<Expected<never, never>>()
    expect(
      Block.pure("b", {
        inputs,
        outputs,
        run: ({ n }) => {
          if (n > 3) return { kind: "odd", pair: [n, n], note: "big" }
          return { kind: "even", pair: [n, n] }
        }
      })
    ).type.toBe<Expected<never, never>>()
  })
  test("a helper that makes blocks", () => {
    const scale = <const Name extends string>(name: Name, by: number) =>
      Block.pure(name, { inputs, outputs: { n: Schema.Number }, run: ({ n }) => ({ n: n * by }) })
    expect(scale("twice", 2)).type.toBe<
      Block.Leaf<{ readonly n: number }, { readonly n: number }, never, never, "twice">
    >()
  })
})
