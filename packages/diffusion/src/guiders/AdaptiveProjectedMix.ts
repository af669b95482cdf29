/**
 * Classifier-free guidance in the first steps, adaptive projected guidance after them (Sadat et al., arXiv 2410.02416; as
 * HunyuanImage 2.1 uses it). Momentum builds up from the first step.
 *
 * The class `AdaptiveProjectedMixGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { extrapolated, rescaled } from "../internal/guider/arithmetic.ts"
import { commonOptions, commonRange, define, doesSomething, given, isActive } from "../internal/guider/define.ts"
import { cond, type Moment, uncond } from "../internal/guider/model.ts"
import { difference, remembered } from "../internal/guider/momentum.ts"
import { groupsOf, perItem, reweighted, shifted, withinNorm } from "../internal/guider/projection.ts"
import { like } from "../internal/scheduler/arithmetic.ts"
import { option, real, whole } from "../internal/scheduler/options.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "AdaptiveProjectedMixGuidance"

/**
 * The options, named as in diffusers' file: those of adaptive projected guidance, and
 *
 * - `guidance_scale`: of the first steps; `adaptive_projected_guidance_scale`: of those after
 *   `adaptive_projected_guidance_start_step`
 */
export const Options = Schema.Struct({
  ...commonOptions(3.5),
  adaptive_projected_guidance_scale: real(10),
  adaptive_projected_guidance_momentum: option(Schema.NullOr(Schema.Finite), -0.5),
  adaptive_projected_guidance_rescale: real(10),
  adaptive_projected_guidance_start_step: whole(5),
  eta: real(0)
})

/**
 * A mixed guider; its state holds the running average.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as AdaptiveProjectedMix from "@effect-blocks/diffusion/guiders/AdaptiveProjectedMix"
 *
 * const guider = Result.getOrThrow(AdaptiveProjectedMix.fromConfig())
 * assert.strictEqual(guider.config["guidance_scale"], 3.5)
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const scale = options.adaptive_projected_guidance_scale
    const limit = options.adaptive_projected_guidance_rescale
    const projects = (moment: Moment): boolean =>
      moment.step > options.adaptive_projected_guidance_start_step &&
      doesSomething(scale, options.use_original_formulation)
    return {
      predictions: (moment) => (isActive(options, moment) ? [cond, uncond] : [cond]),
      combine: (before, moment, predictions) => {
        const conditional = given(predictions, "predCond")
        const momentum = options.adaptive_projected_guidance_momentum
        const current = remembered(before, moment, momentum, conditional)
        if (!isActive(options, moment))
          return { prediction: rescaled(options.guidance_rescale, conditional, conditional), state: current }
        const unconditional = given(predictions, "predUncond")
        const { shift, state } = difference(current, momentum, conditional, unconditional)
        const projected = () => {
          const groups = groupsOf(conditional.shape, perItem(conditional.shape))
          const bounded = limit > 0 ? withinNorm(shift, limit, groups) : shift
          const update = reweighted(bounded, conditional.data, options.eta, groups)
          const base = options.use_original_formulation ? conditional : unconditional
          return like(conditional, shifted(base, scale, update))
        }
        const guided = projects(moment) ? projected() : extrapolated(options, conditional, unconditional)
        return { prediction: rescaled(options.guidance_rescale, guided, conditional), state }
      }
    }
  },
  commonRange
)
