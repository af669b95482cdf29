/**
 * Smoothed energy guidance (Hong, arXiv 2408.00760): away from the prediction of the model whose attention queries are
 * blurred.
 *
 * The class `SmoothedEnergyGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { commonOptions, commonRange, define, rangeProblem } from "../internal/guider/define.ts"
import {
  exactlyOne,
  layers,
  needsPerturbedModel,
  perturbedGuidance,
  smoothedConfig
} from "../internal/guider/perturbed.ts"
import { real } from "../internal/scheduler/options.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "SmoothedEnergyGuidance"

/**
 * The options, named as in diffusers' file: those of classifier-free guidance, and
 *
 * - `seg_guidance_scale`, and `seg_guidance_start` and `_stop`, the share of the steps where it acts (strictly between)
 * - `seg_guidance_layers` or `seg_guidance_config`, `seg_blur_sigma`, `seg_blur_threshold_inf`: the blur within the second
 *   model
 */
export const Options = Schema.Struct({
  ...commonOptions(),
  seg_guidance_scale: real(2.8),
  seg_blur_sigma: real(9999999),
  seg_blur_threshold_inf: real(9999),
  seg_guidance_start: real(0),
  seg_guidance_stop: real(1),
  seg_guidance_layers: layers,
  seg_guidance_config: smoothedConfig
})

/**
 * A smoothed energy guider. It needs a second model, so that the capabilities must say `perturbedModel`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as SmoothedEnergy from "@effect-blocks/diffusion/guiders/SmoothedEnergy"
 *
 * const made = SmoothedEnergy.fromConfig({ seg_guidance_layers: [7] }, { perturbedModel: true })
 * const needs = Result.getOrThrow(made).predictions({ step: 1, numInferenceSteps: 10, timestep: 900 })
 * assert.deepStrictEqual(needs.map(({ name }) => name), ["predCond", "predUncond", "predCondSeg"])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) =>
    perturbedGuidance(
      {
        ...options,
        scale: options.seg_guidance_scale,
        from: options.seg_guidance_start,
        to: options.seg_guidance_stop
      },
      "predCondSeg"
    ),
  commonRange,
  ({ seg_guidance_start, seg_guidance_stop }) =>
    rangeProblem(["seg_guidance_start", "seg_guidance_stop"], seg_guidance_start, seg_guidance_stop),
  ({ seg_guidance_config, seg_guidance_layers }) =>
    exactlyOne(["seg_guidance_layers", "seg_guidance_config"], seg_guidance_layers, seg_guidance_config),
  needsPerturbedModel("seg_guidance_layers", "blur attention")
)
