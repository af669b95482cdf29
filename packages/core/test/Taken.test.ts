/** What is said of inputs goes by the branches that a run takes with them. */
import * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import * as Field from "@effect-blocks/core/Field"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"

const N = Schema.Number
const Steps = Schema.Int.check(Schema.isGreaterThan(0))
const Strength = N.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const plan = Block.pure("plan", { inputs: { steps: Steps }, outputs: {}, run: () => ({}) })
const strong = Block.pure("strong", { inputs: { strength: Strength, steps: Steps }, outputs: {}, run: () => ({}) })
const look = Block.pure("look", { inputs: { image: Schema.String }, outputs: { seen: N }, run: () => ({ seen: 1 }) })
const cover = Block.pure("cover", { inputs: { mask: Schema.String }, outputs: {}, run: () => ({}) })
const inpainting = Block.sequential("inpainting", [strong, look, cover])
const image2image = Block.sequential("image2image", [Block.sequential("inner", [strong]), look])
const text2image = Block.sequential("text2image", [plan])
const draw = Block.auto("draw", [Block.when("mask", inpainting), Block.when("image", image2image), text2image])

const readers = (run: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.flip(run), (error) => {
    assert(error instanceof Errors.InputError)
    return error.issues.map(({ block, field }) => `${field} ${block}`)
  })

describe("an InputError names a block that the run would come to", () => {
  const both = (inputs: object) =>
    Effect.gen(function* () {
      const run = yield* readers(Pipeline.run(draw, inputs as { steps: number }))
      assert.deepStrictEqual(yield* readers(Pipeline.runUnknown(draw, inputs)), run)
      return run
    })
  it.effect("whose value is wrong", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* both({ steps: 0 }), ["steps draw.text2image.plan"])
      assert.deepStrictEqual(yield* both({ steps: "1" }), ["steps draw.text2image.plan"])
      assert.deepStrictEqual(yield* both({ steps: 0, image: "" }), ["steps draw.image2image.inner.strong"])
      assert.deepStrictEqual(yield* both({ steps: 0, image: "", mask: "" }), ["steps draw.inpainting.strong"])
    })
  )
  it.effect("whose value is missing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* both({}), ["steps draw.text2image.plan"])
      assert.deepStrictEqual(yield* both({ image: "" }), ["steps draw.image2image.inner.strong"])
    })
  )
  it.effect("also where the value that chooses is wrong itself", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* both({ steps: 0, image: 1 }), [
        "steps draw.image2image.inner.strong",
        "image draw.image2image.look"
      ])
    })
  )
  it.effect("and the one that reads it elsewhere where only that one refuses it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* both({ steps: 1, strength: 2 }), ["strength draw.inpainting.strong"])
      const few = Block.pure("few", {
        inputs: { steps: Steps.check(Schema.isLessThan(9)) },
        outputs: {},
        run: () => ({})
      })
      const choice = Block.auto("choice", [Block.when("flag", few, { unread: true }), plan])
      assert.deepStrictEqual(yield* readers(Pipeline.run(choice, { steps: 9 })), ["steps choice.few"])
      assert.deepStrictEqual(yield* readers(Pipeline.run(choice, { steps: 0 })), ["steps choice.plan"])
      assert.deepStrictEqual(yield* readers(Pipeline.runUnknown(choice, { steps: 9 })), ["steps choice.few"])
      assert.deepStrictEqual(yield* readers(Pipeline.runUnknown(choice, { steps: 0.5 })), ["steps choice.plan"])
    })
  )
  it.effect("by values, and by the first reader where a choice is made of what blocks write, or cannot be made", () =>
    Effect.gen(function* () {
      const choice = Block.conditional("choice", {
        triggers: { kind: Schema.Struct({ name: Schema.String }) },
        branches: [Block.rename(plan, "a"), Block.rename(plan, "b")],
        select: (t) => (t.kind!.name === "b" ? "b" : "a"),
        otherwise: "a"
      })
      const inputs = { steps: 0, kind: { name: "b" } }
      assert.deepStrictEqual(yield* readers(Pipeline.run(choice, inputs)), ["steps choice.b"])
      const set = Block.pure("set", {
        inputs: {},
        outputs: { kind: Field.optional(choice.inputs["kind"]!) },
        run: () => ({})
      })
      const later = Block.sequential("later", [set as Block.Block<{}, {}>, choice])
      assert.deepStrictEqual(yield* readers(Pipeline.run(later, inputs)), ["steps later.choice.a"])
      const throws = { steps: 0, kind: null } as any
      assert.deepStrictEqual(yield* readers(Pipeline.run(choice, throws)), ["steps choice.a", "kind choice"])
    })
  )
})

describe("an input that no block reads of those that the run comes to", () => {
  const logged = <E>(run: Effect.Effect<unknown, E>) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${message}`))
      yield* Effect.provide(run, Logger.layer([logger]))
      return lines
    })
  it.effect("is told of in one warning before the run", () =>
    Effect.gen(function* () {
      const text =
        "Warn input 'strength' not used: 'draw' takes 'text2image', which does not read it; 'inpainting', 'image2image' would"
      assert.deepStrictEqual(yield* logged(Pipeline.run(draw, { steps: 1, strength: 1 })), [text])
      assert.deepStrictEqual(yield* logged(Pipeline.runUnknown(draw, { steps: 1, strength: 1 })), [text])
    })
  )
  it.effect("not where it is read, chooses, is undefined, or comes from an earlier state", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* logged(Pipeline.run(draw, { steps: 1 })), [])
      assert.deepStrictEqual(yield* logged(Pipeline.run(draw, { steps: 1, strength: undefined! })), [])
      assert.deepStrictEqual(yield* logged(Pipeline.run(draw, { steps: 1, strength: 1, image: "" })), [])
      const all = { steps: 1, strength: 1, image: "", mask: "" }
      assert.deepStrictEqual(yield* logged(Pipeline.run(draw, all)), [])
      assert.deepStrictEqual(yield* logged(Pipeline.run(draw, { steps: 1 }, { state: { strength: 1 } })), [])
      const flag = Block.auto("flag", [
        Block.when("on", strong, { unread: true }),
        Block.when("mask", plan, { unread: true })
      ])
      assert.deepStrictEqual(yield* logged(Pipeline.run(flag, { on: 1, mask: "", steps: 1, strength: 1 })), [])
    })
  )
  it.effect("several at once, also where no branch is taken, at the path of the choice", () =>
    Effect.gen(function* () {
      const later = Block.sequential("later", [plan, Block.auto("maybe", [Block.when("mask", inpainting)])])
      assert.deepStrictEqual(yield* logged(Pipeline.run(later, { steps: 1, strength: 1, image: "" })), [
        "Warn inputs 'strength', 'image' not used: 'later.maybe' takes none of its branches; 'inpainting' would"
      ])
    })
  )
  it.effect("not where the choice is made of what blocks write, or of a default that is drawn", () =>
    Effect.gen(function* () {
      const set = Block.pure("set", { inputs: {}, outputs: { mask: Field.optional(Schema.String) }, run: () => ({}) })
      const written = Block.sequential("written", [set, Block.auto("maybe", [Block.when("mask", cover), strong])])
      assert.deepStrictEqual(yield* logged(Pipeline.run(written, { steps: 1, strength: 1 })), [])
      const seed = Field.default(N, Effect.succeed(1))
      const drawn = Block.pure("drawn", { inputs: { seed, strength: Strength }, outputs: {}, run: () => ({}) })
      const chosen = Block.auto("chosen", [Block.when("seed", drawn), plan])
      assert.deepStrictEqual(yield* logged(Pipeline.run(chosen, { steps: 1, strength: 1 })), [])
    })
  )
})
