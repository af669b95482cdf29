import * as Context from "effect/Context"

/**
 * SDXL's `force_zeros_for_empty_prompt`: whether the states of a negative prompt that was not given are zeros (the
 * default) or those of an empty text. A repository's `model_index.json` sets it.
 *
 * ```ts
 * import { ForceZerosForEmptyPrompt } from "@effect-blocks/diffusion/ForceZerosForEmptyPrompt"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const zeros = Effect.gen(function* () {
 *   return yield* ForceZerosForEmptyPrompt
 * })
 * assert.equal(Effect.runSync(zeros), true)
 * assert.equal(Effect.runSync(Effect.provideService(zeros, ForceZerosForEmptyPrompt, false)), false)
 * ```
 */
export const ForceZerosForEmptyPrompt: Context.Reference<boolean> = Context.Reference<boolean>(
  "@effect-blocks/diffusion/ForceZerosForEmptyPrompt",
  { defaultValue: () => true }
)
