/** Inputs of a loop whose blocks choose: of a choice that an iteration may make otherwise nothing is said. */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Loop from "@effect-blocks/loop/Loop"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Schema } from "effect"

const N = Schema.Number
const add = Block.pure("add", { inputs: { x: N, step: N }, outputs: { x: N }, run: ({ x, step }) => ({ x: x + step }) })
const inc = Block.pure("inc", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => ({ x: x + 1 }) })
const logged = <A, E>(run: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return [yield* Effect.provide(run, Logger.layer([logger])), lines] as const
  })

describe("an input that is read in one branch of a choice in a loop", () => {
  it.effect("by what the caller gave: it is told that it is not used", () =>
    Effect.gen(function* () {
      const choice = Block.auto("choice", [Block.when("fast", add, { unread: true }), inc])
      const main = Block.sequential("main", [Loop.fromBlocks(Loop.count("loop", { times: 2 }), [choice])])
      assert.deepStrictEqual(yield* logged(Pipeline.run(main, { x: 0, step: 5 })), [
        { x: 2 },
        ["input 'step' not used: 'main.loop.choice' takes 'inc', which does not read it; 'add' would"]
      ])
      assert.deepStrictEqual(yield* logged(Pipeline.run(main, { x: 0, step: 5, fast: true })), [{ x: 10 }, []])
    })
  )
  it.effect("by an iteration variable, or by what a block after it has written in the iteration before: nothing", () =>
    Effect.gen(function* () {
      const second = Block.conditional("second", {
        triggers: { i: Schema.Int },
        branches: [add, inc],
        select: ({ i }) => (i === 1 ? "add" : "inc")
      })
      const counted = Loop.fromBlocks(Loop.count("counted", { times: 2 }), [second])
      assert.deepStrictEqual(yield* logged(Pipeline.run(counted, { x: 0, step: 5 })), [{ x: 6 }, []])

      const flag = Block.pure("flag", { inputs: {}, outputs: { fast: Field.optional(N) }, run: () => ({ fast: 1 }) })
      const choice = Block.auto("choice", [Block.when("fast", add, { unread: true }), inc])
      const carried = Loop.fromBlocks(Loop.count("carried", { times: 2 }), [choice, flag])
      assert.deepStrictEqual(yield* logged(Pipeline.run(carried, { x: 0, step: 5 })), [{ x: 6, fast: 1 }, []])
    })
  )
})
