/** `Loop.custom` whose function fails and needs components itself, beside those of the blocks inside. */
import * as Block from "@effect-blocks/core/Block"
import { pathOf } from "@effect-blocks/core/Errors"
import * as Loop from "@effect-blocks/loop/Loop"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schema } from "effect"

class Dice extends Context.Service<Dice, { readonly roll: Effect.Effect<number> }>()("test/Dice") {}
class Unet extends Context.Service<Unet, { readonly scale: number }>()("test/Unet") {}

const unet = Block.make("unet", {
  inputs: { x: Schema.Number, t: Schema.Number },
  outputs: { x: Schema.Number },
  components: { unet: Unet },
  run: ({ x, t }, { unet }) =>
    t === 5 ? Effect.fail("out of memory" as const) : Effect.succeed({ x: x + unet.scale * t })
})
const wrapper = Loop.custom("mine", {
  inputs: { most: Schema.Number },
  provides: { t: Schema.Number },
  outputs: { rounds: Schema.Number },
  loop: (state, loopStep) =>
    Effect.gen(function* () {
      const rounds = yield* Effect.flatMap(Dice, (dice) => dice.roll)
      if (rounds > state.most) return yield* Effect.fail("too many" as const)
      for (let t = 1; t <= rounds; t++) state = yield* loopStep(state, { t })
      return { ...state, rounds }
    })
})
const main = Block.sequential("main", [
  Block.provide(Loop.fromBlocks(wrapper, [unet]), Layer.succeed(Unet, { scale: 10 }))
])
const rolling = (n: number) => Layer.succeed(Dice, { roll: Effect.as(Effect.yieldNow, n) })

describe("a custom loop", () => {
  it.effect("uses components, and gives its outputs", () =>
    Effect.gen(function* () {
      const out = yield* Effect.provide(main.run({ x: 0, most: 9 }), rolling(3))
      assert.deepStrictEqual(out, { x: 60, rounds: 3 })
    })
  )
  it.effect("fails as its function or a block inside does, and says where", () =>
    Effect.gen(function* () {
      for (const [rolled, error, path] of [
        [10, "too many", "main.mine"],
        [9, "out of memory", "main.mine[4].unet"]
      ] as const) {
        const run = Effect.provide(main.run({ x: 0, most: 9 }), rolling(rolled))
        assert.strictEqual(yield* Effect.flip(run), error)
        const exit = yield* Effect.exit(run)
        assert(Exit.isFailure(exit))
        assert.strictEqual(pathOf(exit.cause), path)
      }
    })
  )
})
