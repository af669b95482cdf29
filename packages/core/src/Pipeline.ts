/** Running a block with inputs that are checked first: nothing runs before all of them fit. */
import type * as Effect from "effect/Effect"
import type { Any, Error, In, Out, Services } from "./Block.ts"
import type { InputError } from "./Errors.ts"
import * as internal from "./internal/pipeline.ts"

type Names<Out> = keyof Out & string
type Selection<Out> = Names<Out> | ReadonlyArray<Names<Out>> | undefined
/** What a run gives: one output by its name, a record of several, or all. */
export type Selected<Out, O> = O extends keyof Out
  ? Out[O]
  : O extends ReadonlyArray<infer K>
    ? { readonly [X in keyof Out as X extends K ? X : never]: Out[X] }
    : Out

/** what must still be given beside a state */
type Given<In, S> = [keyof S] extends [never] ? In : Omit<In, keyof S> & Partial<In>

/**
 * Runs a block. Every input is checked against the field of every block that reads it, so that a value cannot pass one
 * and break another. `output` names what to return; `state` is what an earlier run returned: its variables stand in
 * for inputs, and what is returned is that state with the new outputs over it. Inputs that are only read by branches that
 * the others do not choose are named in one warning in the log.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Pipeline from "@effect-blocks/core/Pipeline"
 *
 * const area = Block.pure("area", { inputs: { width: Schema.Int, height: Schema.Int }, outputs: { area: Schema.Int }, run: ({ height, width }) => ({ area: width * height }) })
 * assert.equal(Effect.runSync(Pipeline.run(area, { width: 3, height: 4 }, { output: "area" })), 12)
 *
 * const state = Effect.runSync(Pipeline.run(area, { width: 3, height: 4 }))
 * const volume = Block.pure("volume", { inputs: { area: Schema.Int, depth: Schema.Int }, outputs: { volume: Schema.Int }, run: ({ area, depth }) => ({ volume: area * depth }) })
 * assert.deepEqual(Effect.runSync(Pipeline.run(volume, { depth: 2 }, { state })), { area: 12, volume: 24 })
 *
 * const error = Effect.runSync(Effect.flip(Pipeline.run(area, { width: 0.5, height: 4 })))
 * assert.equal(error.issues[0]?.path, "width")
 * ```
 */
export const run: <B extends Any, S extends object = {}, const O extends Selection<Out<B>> = undefined>(
  block: B,
  inputs: Given<In<B>, S>,
  options?: { readonly output?: O; readonly state?: S }
) => Effect.Effect<
  Selected<[keyof S] extends [never] ? Out<B> : Omit<S, keyof Out<B>> & Out<B>, O>,
  Error<B> | InputError,
  Services<B>
> = internal.run

/**
 * Runs a block with inputs of unknown type, in the JSON form of their Schemas: from a command line, an HTTP body, a
 * file. Everything that is wrong is reported at once, each with its path; a name that is no input is an error.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Pipeline from "@effect-blocks/core/Pipeline"
 *
 * const resize = Block.pure("resize", {
 *   inputs: { sizes: Schema.Array(Schema.Struct({ width: Schema.Int })), until: Schema.Date },
 *   outputs: { total: Schema.Int },
 *   run: ({ sizes }) => ({ total: sizes.reduce((sum, { width }) => sum + width, 0) })
 * })
 * assert.deepEqual(Effect.runSync(Pipeline.runUnknown(resize, { sizes: [{ width: 3 }], until: "2026-01-01T00:00:00Z" })), { total: 3 })
 *
 * const error = Effect.runSync(Effect.flip(Pipeline.runUnknown(resize, { sizes: [{ width: 0.5 }], untill: 3 })))
 * assert.equal(error._tag, "InputError")
 * assert.deepEqual(error.issues.map((issue) => issue.path).toSorted(), ["sizes[0].width", "until", "untill"])
 * ```
 */
export const runUnknown: <B extends Any, const O extends Selection<Out<B>> = undefined>(
  block: B,
  inputs: unknown,
  options?: { readonly output?: O }
) => Effect.Effect<Selected<Out<B>, O>, Error<B> | InputError, Services<B>> = internal.runUnknown

/**
 * Typed inputs from their JSON form, checked as `runUnknown` does, without running.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Pipeline from "@effect-blocks/core/Pipeline"
 *
 * const wait = Block.pure("wait", { inputs: { until: Schema.Date }, outputs: {}, run: () => ({}) })
 * const inputs = Effect.runSync(Pipeline.decodeInputs(wait, { until: "2026-01-01T00:00:00.000Z" }))
 * assert.equal(inputs.until.getUTCFullYear(), 2026)
 * ```
 */
export const decodeInputs: <B extends Any>(block: B, inputs: unknown) => Effect.Effect<In<B>, InputError> =
  internal.decode
