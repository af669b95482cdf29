/**
 * Classifier-free guidance (Ho and Salimans, arXiv 2207.12598): away from the unconditional prediction.
 *
 * The class `ClassifierFreeGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { extrapolated, rescaled } from "../internal/guider/arithmetic.ts"
import { commonOptions, commonRange, define, given, isActive } from "../internal/guider/define.ts"
import { cond, uncond } from "../internal/guider/model.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "ClassifierFreeGuidance"

/**
 * The options, named as in diffusers' file.
 *
 * - `guidance_scale`: 1 is no guidance (0 in the original formulation); 3 to 10 for text-to-image models
 * - `guidance_rescale`: 0 to 1, how far the result is pulled back to the conditional prediction's spread
 * - `use_original_formulation`: start from the conditional prediction, as the paper does
 * - `start`, `stop`: the share of the steps where guidance acts
 */
export const Options = Schema.Struct(commonOptions())

/**
 * A classifier-free guider.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as ClassifierFree from "@effect-blocks/diffusion/guiders/ClassifierFree"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const guider = Result.getOrThrow(ClassifierFree.fromConfig({ guidance_scale: 3 }))
 * const moment = { step: 0, numInferenceSteps: 10, timestep: 999 }
 * const { prediction } = guider.combine(Guider.initial, moment, {
 *   predCond: Tensor.make("float32", [1, 1], Float32Array.of(2)),
 *   predUncond: Tensor.make("float32", [1, 1], Float32Array.of(1))
 * })
 * assert.strictEqual(prediction.data[0], 4)
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => ({
    predictions: (moment) => (isActive(options, moment) ? [cond, uncond] : [cond]),
    combine: (state, moment, predictions) => {
      const conditional = given(predictions, "predCond")
      const guided = isActive(options, moment)
        ? extrapolated(options, conditional, given(predictions, "predUncond"))
        : conditional
      return { prediction: rescaled(options.guidance_rescale, guided, conditional), state }
    }
  }),
  commonRange
)
