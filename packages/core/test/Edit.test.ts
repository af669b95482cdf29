import * as Block from "@effect-blocks/core/Block"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const N = Schema.Number
const inc = Block.pure("inc", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => ({ x: x + 1 }) })
const double = Block.pure("double", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => ({ x: x * 2 }) })
const zero = Block.pure("zero", { inputs: {}, outputs: { x: N }, run: () => ({ x: 0 }) })
const all = Block.sequential("all", [inc, double], { description: "an order" })
const names = (block: Block.Any) => block.blocks.map((b) => b.name)

describe("editing", () => {
  it.effect("gives a new sequence, wired anew, and leaves the old one", () =>
    Effect.gen(function* () {
      const before = Block.insertBefore(all, "double", zero)
      const after = Block.insertAfter(all, "double", Block.rename(inc, "last"))
      assert.deepStrictEqual(
        [names(before), names(after), names(all)],
        [
          ["inc", "zero", "double"],
          ["inc", "double", "last"],
          ["inc", "double"]
        ]
      )
      assert.deepStrictEqual(yield* before.run({ x: 5 }), { x: 0 })
      assert.deepStrictEqual(yield* after.run({ x: 5 }), { x: 13 })
      assert.deepStrictEqual(yield* all.run({ x: 5 }), { x: 12 })
      assert.deepStrictEqual(Object.keys(Block.insertBefore(all, "inc", zero).inputs), [])
      assert.strictEqual(before.description, "an order")
    })
  )
  it.effect("replaces under the old name, removes, and gets", () =>
    Effect.gen(function* () {
      const replaced = Block.replace(all, "inc", double)
      assert.deepStrictEqual(names(replaced), ["inc", "double"])
      assert.deepStrictEqual(yield* replaced.run({ x: 1 }), { x: 4 })
      assert.deepStrictEqual(names(Block.remove(all, "inc")), ["double"])
      assert.deepStrictEqual(yield* Block.get(all, "double").run({ x: 4 }), { x: 8 })
    })
  )
  it.effect("works on a renamed sequence, which keeps its new name", () =>
    Effect.gen(function* () {
      const renamed = Block.remove(Block.rename(all, "other"), "inc")
      assert.strictEqual(renamed.name, "other")
      assert.deepStrictEqual(yield* renamed.run({ x: 4 }), { x: 8 })
    })
  )
  it("refuses at run time what the compiler refuses", () => {
    assert.throws(() => Block.get(all, "nope" as "inc"), /'all': has no block 'nope', only 'inc', 'double'/)
    assert.throws(() => Block.insertAfter(all, "inc", double as any), /two blocks are named 'double'/)
    assert.throws(() => Block.remove(inc as any, "inc" as never), /'inc': is a block: only a sequence can be edited/)
  })
})
