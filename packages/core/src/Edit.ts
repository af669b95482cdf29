/**
 * Editing a sequence: a new sequence with a block more, less or exchanged, wired and checked again. Everything here is
 * also in `Block`.
 */
import type { Any, Block, Error, In, Name, Out, Renamed, Sequential, Services } from "./Block.ts"
import * as internal from "./internal/edit.ts"
import type { Flow } from "./internal/flow.ts"

type Steps = ReadonlyArray<Any>
type Insert<S, At, B extends Any, After, Acc extends Steps = []> = S extends readonly [infer H extends Any, ...infer T]
  ? Insert<T, At, B, After, Name<H> extends At ? (After extends true ? [...Acc, H, B] : [...Acc, B, H]) : [...Acc, H]>
  : Acc
type Replace<S, At extends string, B extends Any, Acc extends Steps = []> = S extends readonly [
  infer H extends Any,
  ...infer T
]
  ? Replace<T, At, B, Name<H> extends At ? [...Acc, AsStep<B, At>] : [...Acc, H]>
  : Acc
type AsStep<B extends Any, N extends string> =
  Renamed<B, N> extends infer X extends Any ? X : Block<In<B>, Out<B>, Error<B>, Services<B>, N>
type Remove<S, At, Acc extends Steps = []> = S extends readonly [infer H extends Any, ...infer T]
  ? Remove<T, At, Name<H> extends At ? Acc : [...Acc, H]>
  : Acc
/** the problems anywhere in the edited sequence; `unknown` where there are none */
type Edited<S extends Steps> = Flow<S>["check"] extends infer C
  ? unknown extends C
    ? unknown
    : C extends ReadonlyArray<unknown>
      ? Extract<C[number], { readonly "~problem": unknown }>
      : never
  : never
type Get<S extends Steps, At extends string> = Extract<S[number], { readonly name: At }>

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
export const insertBefore: <N extends string, S extends Steps, At extends Name<S[number]>, B extends Any>(
  self: Sequential<N, S>,
  name: At,
  block: B & Edited<Insert<S, At, B, false>>
) => Sequential<N, Insert<S, At, B, false>> = internal.insertBefore

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
export const insertAfter: <N extends string, S extends Steps, At extends Name<S[number]>, B extends Any>(
  self: Sequential<N, S>,
  name: At,
  block: B & Edited<Insert<S, At, B, true>>
) => Sequential<N, Insert<S, At, B, true>> = internal.insertAfter

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
export const replace: <N extends string, S extends Steps, At extends Name<S[number]>, B extends Any>(
  self: Sequential<N, S>,
  name: At,
  block: B & Edited<Replace<S, At, B>>
) => Sequential<N, Replace<S, At, B>> = internal.replace

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
export const remove: <N extends string, S extends Steps, At extends Name<S[number]>>(
  self: Sequential<N, S>,
  name: At
) => Sequential<N, Remove<S, At>> = internal.remove

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
export const get: <N extends string, S extends Steps, At extends Name<S[number]>>(
  self: Sequential<N, S>,
  name: At
) => Get<S, At> = internal.get
