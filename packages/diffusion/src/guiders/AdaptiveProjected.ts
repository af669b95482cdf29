/**
 * Adaptive projected guidance (Sadat et al., arXiv 2410.02416): the difference of the predictions, with momentum, is kept
 * within a norm, and what of it is parallel to the conditional prediction, which oversaturates, is weighed apart.
 *
 * The class `AdaptiveProjectedGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { rescaled } from "../internal/guider/arithmetic.ts"
import { commonOptions, commonRange, define, given, isActive } from "../internal/guider/define.ts"
import { cond, uncond } from "../internal/guider/model.ts"
import { difference, remembered } from "../internal/guider/momentum.ts"
import { areAxesOf, groupsOf, perItem, reweighted, shifted, withinNorm } from "../internal/guider/projection.ts"
import { like } from "../internal/scheduler/arithmetic.ts"
import { option, orNull, real } from "../internal/scheduler/options.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "AdaptiveProjectedGuidance"

/**
 * The options, named as in diffusers' file: those of classifier-free guidance, and
 *
 * - `adaptive_projected_guidance_momentum`: what remains of earlier differences, usually negative; null: none
 * - `adaptive_projected_guidance_rescale`: the norm that a difference may have; 0: any
 * - `adaptive_projected_guidance_norm_dim`: the axes of that norm; null: all but the batch
 * - `eta`: the weight of the parallel part
 */
export const Options = Schema.Struct({
  ...commonOptions(),
  adaptive_projected_guidance_momentum: orNull(Schema.Finite),
  adaptive_projected_guidance_rescale: real(15),
  adaptive_projected_guidance_norm_dim: option(Schema.Union([Schema.Null, Schema.Int, Schema.Array(Schema.Int)]), null),
  eta: real(1)
})

/**
 * An adaptive projected guider; its state holds the running average.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as AdaptiveProjected from "@effect-blocks/diffusion/guiders/AdaptiveProjected"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const config = { adaptive_projected_guidance_momentum: -0.5 }
 * const guider = Result.getOrThrow(AdaptiveProjected.fromConfig(config))
 * const { state } = guider.combine(Guider.initial, { step: 0, numInferenceSteps: 4, timestep: 999 }, {
 *   predCond: Tensor.make("float32", [1, 1], Float32Array.of(3)),
 *   predUncond: Tensor.make("float32", [1, 1], Float32Array.of(1))
 * })
 * assert.strictEqual(state.memory["average"]?.data[0], 2)
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const limit = options.adaptive_projected_guidance_rescale
    const axes = options.adaptive_projected_guidance_norm_dim
    return {
      unsupported: (shape) =>
        axes === null || areAxesOf(shape, [axes].flat())
          ? undefined
          : {
              option: "adaptive_projected_guidance_norm_dim",
              message: `[${[axes].flat().join(", ")}] must be different axes of predictions [${shape.join(", ")}]`
            },
      predictions: (moment) => (isActive(options, moment) ? [cond, uncond] : [cond]),
      combine: (before, moment, predictions) => {
        const conditional = given(predictions, "predCond")
        const momentum = options.adaptive_projected_guidance_momentum
        const current = remembered(before, moment, momentum, conditional)
        if (!isActive(options, moment))
          return { prediction: rescaled(options.guidance_rescale, conditional, conditional), state: current }
        const unconditional = given(predictions, "predUncond")
        const { shift, state } = difference(current, momentum, conditional, unconditional)
        const summed = axes === null ? perItem(conditional.shape) : [axes].flat()
        const groups = groupsOf(conditional.shape, summed)
        const bounded = limit > 0 ? withinNorm(shift, limit, groups) : shift
        const update = reweighted(bounded, conditional.data, options.eta, groups)
        const base = options.use_original_formulation ? conditional : unconditional
        const guided = like(conditional, shifted(base, options.guidance_scale, update))
        return { prediction: rescaled(options.guidance_rescale, guided, conditional), state }
      }
    }
  },
  commonRange
)
