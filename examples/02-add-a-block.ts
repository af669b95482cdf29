/**
 * The wrapper owns the loop, the blocks own the work: other blocks, the same wrapper. What a new block reads and nobody
 * writes becomes an input of the whole, by itself; what does not fit does not compile.
 *
 *     node examples/02-add-a-block.ts
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const wrapper = Loop.count("LoopWrapper", { times: "numSteps", as: "i" })
const block1 = Block.pure("block1", {
  inputs: { x: Schema.Int },
  outputs: { x: Schema.Int },
  run: ({ x }) => ({ x: x + 1 })
})
const square = Block.pure("square", {
  inputs: { x: Schema.Int },
  outputs: { x: Schema.Int },
  run: ({ x }) => ({ x: x * x })
})

const squared = Loop.fromBlocks(wrapper, [block1, square])
console.log("squared:", await Effect.runPromise(squared.run({ numSteps: 3, x: 0 })))

// reads the loop's `i`, and `every`, which nobody provides
const reset = Block.pure("reset", {
  inputs: { x: Schema.Int, i: Schema.Int, every: Schema.Int },
  outputs: { x: Schema.Int },
  run: ({ every, i, x }) => ({ x: i % every === 0 ? 0 : x })
})
const limited = Loop.fromBlocks(wrapper, [reset, block1, square])
console.log("limited:", await Effect.runPromise(limited.run({ numSteps: 3, x: 7, every: 3 })))
console.log("inputs: ", Object.keys(limited.inputs).join(", "))

// a block that reads a variable as another type than it was written is a compile error: it names both blocks, the
// variable and both types
const shout = Block.pure("shout", {
  inputs: { x: Schema.String },
  outputs: { x: Schema.String },
  run: ({ x }) => ({ x: x.toUpperCase() })
})
// @ts-expect-error block 'shout' expects 'x' of another type than block 'block1' writes
Loop.fromBlocks(wrapper, [block1, shout])
