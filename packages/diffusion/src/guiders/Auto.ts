/**
 * Autoguidance (Karras et al., arXiv 2406.02507): away from the prediction of a worse version of the model.
 *
 * The class `AutoGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { extrapolated, rescaled } from "../internal/guider/arithmetic.ts"
import { commonOptions, commonRange, define, given, isActive } from "../internal/guider/define.ts"
import { cond, uncond } from "../internal/guider/model.ts"
import { exactlyOne, layerConfig, layerDropout, layers, needsPerturbedModel } from "../internal/guider/perturbed.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "AutoGuidance"

/**
 * The options, named as in diffusers' file: those of classifier-free guidance, and
 *
 * - `auto_guidance_layers` with `dropout`, or `auto_guidance_config`: how the second model is worse than the first
 */
export const Options = Schema.Struct({
  ...commonOptions(),
  auto_guidance_layers: layers,
  auto_guidance_config: layerConfig,
  dropout: layerDropout
})

/**
 * An autoguider. The unconditional prediction is that of a second model, so that the capabilities must say
 * `perturbedModel`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Auto from "@effect-blocks/diffusion/guiders/Auto"
 *
 * const config = { auto_guidance_layers: [0], dropout: 1 }
 * assert.strictEqual(Result.getOrThrow(Result.flip(Auto.fromConfig(config))).reason, "NeedsPerturbedModel")
 * assert.ok(Result.isSuccess(Auto.fromConfig(config, { perturbedModel: true })))
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => ({
    predictions: (moment) => (isActive(options, moment) ? [cond, { ...uncond, model: "perturbed" }] : [cond]),
    combine: (state, moment, predictions) => {
      const conditional = given(predictions, "predCond")
      const guided = isActive(options, moment)
        ? extrapolated(options, conditional, given(predictions, "predUncond"))
        : conditional
      return { prediction: rescaled(options.guidance_rescale, guided, conditional), state }
    }
  }),
  commonRange,
  (options) =>
    exactlyOne(
      ["auto_guidance_layers", "auto_guidance_config"],
      options.auto_guidance_layers,
      options.auto_guidance_config
    ),
  ({ auto_guidance_config, dropout }) =>
    auto_guidance_config === null && dropout === null
      ? { option: "dropout", message: "must go with auto_guidance_layers" }
      : undefined,
  needsPerturbedModel("auto_guidance_layers", "drop out layers")
)
