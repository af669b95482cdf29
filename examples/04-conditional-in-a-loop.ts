/**
 * A conditional inside a loop: the Collatz sequence. Every iteration one of two branches runs; the loop ends by what
 * the blocks wrote.
 *
 *     node examples/04-conditional-in-a-loop.ts
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const halve = Block.pure("halve", {
  inputs: { n: Schema.Int },
  outputs: { n: Schema.Int },
  run: ({ n }) => ({ n: n / 2 })
})
const triple = Block.pure("triple", {
  inputs: { n: Schema.Int },
  outputs: { n: Schema.Int },
  run: ({ n }) => ({ n: 3 * n + 1 })
})
const record = Block.pure("record", {
  inputs: { n: Schema.Int, visited: Schema.Array(Schema.Int) },
  outputs: { visited: Schema.Array(Schema.Int) },
  run: ({ n, visited }) => ({ visited: [...visited, n] })
})

const step = Block.conditional("step", {
  triggers: { n: Schema.Int },
  select: ({ n = 1 }) => (n % 2 === 0 ? "halve" : "triple"),
  branches: [halve, triple]
})
const collatz = Loop.fromBlocks(Loop.whilst("collatz", { inputs: { n: Schema.Int }, test: ({ n }) => n !== 1 }), [
  record,
  step
])

const { visited } = await Effect.runPromise(collatz.run({ n: 6, visited: [] }))
console.log(visited.join(" → "), "→ 1")
