/**
 * The loop of diffusers' guide to LoopSequentialPipelineBlocks: a wrapper, two blocks inside, `x` accumulates.
 *
 *     node examples/01-loop.ts
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

// a block that works inside the loop: it reads `x` and writes it
const block1 = Block.pure("block1", {
  description: "I'm a block used inside the `LoopWrapper`",
  inputs: { x: Schema.Int },
  outputs: { x: Schema.Int },
  run: ({ x }) => ({ x: x + 1 })
})
// the same block under another name
const block2 = Block.rename(block1, "block2")

// the wrapper owns the structure of the loop and gives `i` to the blocks; `loopStep` runs all of them in sequence
const LoopWrapper = Loop.custom("LoopWrapper", {
  description: "I'm a loop!!",
  inputs: { numSteps: Schema.Int },
  provides: { i: Schema.Int },
  loop: (state, loopStep) =>
    Effect.gen(function* () {
      for (let i = 0; i < state.numSteps; i++) {
        state = yield* loopStep(state, { i })
      }
      return state
    })
})
const loop = Loop.fromBlocks(LoopWrapper, [block1, block2])
console.log("LoopWrapper:", await Effect.runPromise(loop.run({ numSteps: 10, x: 0 })))

// the same as data, in one line: it can also be streamed, left in the middle, stored and continued
const counted = Loop.fromBlocks(Loop.count("counted", { times: "numSteps", as: "i" }), [block1, block2])
console.log("Loop.count: ", await Effect.runPromise(counted.run({ numSteps: 10, x: 0 })))
