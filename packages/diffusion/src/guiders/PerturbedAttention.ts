/**
 * Perturbed attention guidance (Ahn et al., arXiv 2403.17377): away from the prediction of the model whose self-attention
 * maps are identities.
 *
 * The class `PerturbedAttentionGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { commonOptions, commonRange, define } from "../internal/guider/define.ts"
import {
  exactlyOne,
  layerConfig,
  layers,
  needsPerturbedModel,
  perturbedGuidance
} from "../internal/guider/perturbed.ts"
import { real } from "../internal/scheduler/options.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "PerturbedAttentionGuidance"

/**
 * The options, named as in diffusers' file: those of classifier-free guidance, and
 *
 * - `perturbed_guidance_scale`, and `perturbed_guidance_start` and `_stop`, the share of the steps where it acts (strictly
 *   between)
 * - `perturbed_guidance_layers` or `perturbed_guidance_config`: the layers that are perturbed in the second model
 */
export const Options = Schema.Struct({
  ...commonOptions(),
  perturbed_guidance_scale: real(2.8),
  perturbed_guidance_start: real(0.01),
  perturbed_guidance_stop: real(0.2),
  perturbed_guidance_layers: layers,
  perturbed_guidance_config: layerConfig
})

/**
 * A perturbed attention guider. It needs a second model, so that the capabilities must say `perturbedModel`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as PerturbedAttention from "@effect-blocks/diffusion/guiders/PerturbedAttention"
 *
 * const refused = PerturbedAttention.fromConfig({ perturbed_guidance_layers: 8 })
 * assert.match(Result.getOrThrow(Result.flip(refused)).message, /an exported ONNX graph does not allow/)
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) =>
    perturbedGuidance(
      {
        ...options,
        scale: options.perturbed_guidance_scale,
        from: options.perturbed_guidance_start,
        to: options.perturbed_guidance_stop
      },
      "predCondSkip"
    ),
  commonRange,
  ({ perturbed_guidance_config, perturbed_guidance_layers }) =>
    exactlyOne(
      ["perturbed_guidance_layers", "perturbed_guidance_config"],
      perturbed_guidance_layers,
      perturbed_guidance_config
    ),
  needsPerturbedModel("perturbed_guidance_layers", "replace attention maps")
)
