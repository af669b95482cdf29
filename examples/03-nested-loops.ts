/**
 * A loop is a block, so loops nest: Pascal's triangle, a row an outer iteration, an entry an inner one. An inner loop's
 * variables end with it; what it writes is carried on.
 *
 *     node examples/03-nested-loops.ts
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Row = Schema.Array(Schema.Int)

const begin = Block.pure("begin", {
  inputs: { row: Row },
  outputs: { next: Row, entries: Schema.Int },
  run: ({ row }) => ({ next: [], entries: row.length + 1 })
})
const entry = Block.pure("entry", {
  inputs: { row: Row, next: Row, k: Schema.Int },
  outputs: { next: Row },
  run: ({ k, next, row }) => ({ next: [...next, (row[k - 1] ?? 0) + (row[k] ?? 0)] })
})
const end = Block.pure("end", {
  inputs: { next: Row },
  outputs: { row: Row },
  run: ({ next }) => ({ row: next })
})

const entries = Loop.fromBlocks(Loop.count("entries", { times: "entries", as: "k" }), [entry])
const triangle = Loop.fromBlocks(Loop.count("rows", { times: "rows", as: "n" }), [begin, entries, end])

// every iteration of every loop is an event with its path
const events = await Effect.runPromise(Stream.runCollect(Loop.stream(triangle, { rows: 4, row: [1] })))
console.log(`${events.length} iterations, ${events.filter(({ path }) => path === "rows").length} of the outer loop`)

const { row } = await Effect.runPromise(triangle.run({ rows: 8, row: [1] }))
console.log(row.join(" "))
