import * as internal from "./internal/pipeline.js";
/**
 * Runs a block. Every input is checked against the field of every block that reads it, so that a value cannot pass one
 * and break another. `output` names what to return; `state` is what an earlier run returned: its variables stand in
 * for inputs, and what is returned is that state with the new outputs over it.
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
export const run = internal.run;
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
export const runUnknown = internal.runUnknown;
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
export const decodeInputs = internal.decode;
