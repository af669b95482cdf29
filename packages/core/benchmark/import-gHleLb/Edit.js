import * as internal from "./internal/edit.js";
/**
 * Puts a block before the one that is named.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const encode = Block.pure("encode", { inputs: { prompt: Schema.String }, outputs: { length: Schema.Number }, run: ({ prompt }) => ({ length: prompt.length }) })
 * const trim = Block.pure("trim", { inputs: { prompt: Schema.String }, outputs: { prompt: Schema.String }, run: ({ prompt }) => ({ prompt: prompt.trim() }) })
 * const edited = Block.insertBefore(Block.sequential("all", [encode]), "encode", trim)
 * assert.equal(Effect.runSync(edited.run({ prompt: " cat " })).length, 3)
 * ```
 */
export const insertBefore = internal.insertBefore;
/**
 * Puts a block after the one that is named.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const edited = Block.insertAfter(Block.sequential("all", [inc]), "inc", Block.rename(inc, "again"))
 * assert.deepEqual(edited.blocks.map((block) => block.name), ["inc", "again"])
 * ```
 */
export const insertAfter = internal.insertAfter;
/**
 * Exchanges the block that is named for another one, which gets its name.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inc = Block.pure("step", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const dec = Block.pure("dec", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x - 1 }) })
 * const edited = Block.replace(Block.sequential("all", [inc]), "step", dec)
 * assert.deepEqual(Effect.runSync(edited.run({ x: 1 })), { x: 0 })
 * ```
 */
export const replace = internal.replace;
/**
 * Takes out the block that is named. What it wrote becomes an input of the sequence where it is still read.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const a = Block.pure("a", { inputs: {}, outputs: { x: Schema.Number }, run: () => ({ x: 1 }) })
 * const b = Block.pure("b", { inputs: { x: Schema.Number }, outputs: { y: Schema.Number }, run: ({ x }) => ({ y: x + 1 }) })
 * const edited = Block.remove(Block.sequential("all", [a, b]), "a")
 * assert.deepEqual(Effect.runSync(edited.run({ x: 5 })), { y: 6 })
 * ```
 */
export const remove = internal.remove;
/**
 * The block of a sequence that is named, with its own type.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const all = Block.sequential("all", [inc])
 * assert.deepEqual(Effect.runSync(Block.get(all, "inc").run({ x: 1 })), { x: 2 })
 * ```
 */
export const get = internal.get;
