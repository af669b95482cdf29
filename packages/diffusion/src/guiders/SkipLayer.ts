/**
 * Skip layer guidance: classifier-free guidance and, in a share of the steps, away from the prediction of the model without
 * some of its layers (spatio-temporal skip guidance, Hyung et al., arXiv 2411.18664; as Stable Diffusion 3.5 uses it).
 *
 * The class `SkipLayerGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { commonOptions, commonRange, define, rangeProblem } from "../internal/guider/define.ts"
import {
  exactlyOne,
  layerConfig,
  layers,
  needsPerturbedModel,
  perturbedGuidance
} from "../internal/guider/perturbed.ts"
import { real } from "../internal/scheduler/options.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "SkipLayerGuidance"

/**
 * The options, named as in diffusers' file: those of classifier-free guidance, and
 *
 * - `skip_layer_guidance_scale`, and `skip_layer_guidance_start` and `_stop`, the share of the steps where it acts
 *   (strictly between)
 * - `skip_layer_guidance_layers` or `skip_layer_config`: the layers that the second model lacks
 */
export const Options = Schema.Struct({
  ...commonOptions(),
  skip_layer_guidance_scale: real(2.8),
  skip_layer_guidance_start: real(0.01),
  skip_layer_guidance_stop: real(0.2),
  skip_layer_guidance_layers: layers,
  skip_layer_config: layerConfig
})

/**
 * A skip layer guider. It needs a second model, so that the capabilities must say `perturbedModel`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as SkipLayer from "@effect-blocks/diffusion/guiders/SkipLayer"
 *
 * const made = SkipLayer.fromConfig({ skip_layer_guidance_layers: [7, 8] }, { perturbedModel: true })
 * const needs = Result.getOrThrow(made).predictions({ step: 3, numInferenceSteps: 28, timestep: 900 })
 * assert.deepStrictEqual(needs[2], { name: "predCondSkip", takes: "cond", model: "perturbed" })
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) =>
    perturbedGuidance(
      {
        ...options,
        scale: options.skip_layer_guidance_scale,
        from: options.skip_layer_guidance_start,
        to: options.skip_layer_guidance_stop
      },
      "predCondSkip"
    ),
  commonRange,
  ({ skip_layer_guidance_start, skip_layer_guidance_stop }) =>
    rangeProblem(
      ["skip_layer_guidance_start", "skip_layer_guidance_stop"],
      skip_layer_guidance_start,
      skip_layer_guidance_stop
    ),
  ({ skip_layer_config, skip_layer_guidance_layers }) =>
    exactlyOne(["skip_layer_guidance_layers", "skip_layer_config"], skip_layer_guidance_layers, skip_layer_config),
  needsPerturbedModel("skip_layer_guidance_layers", "skip layers")
)
