/**
 * CFG-Zero* (Fan et al., arXiv 2503.18886): the first steps predict nothing, then the unconditional prediction is scaled
 * to fit the conditional one.
 *
 * The class `ClassifierFreeZeroStarGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { extrapolated, rescaled } from "../internal/guider/arithmetic.ts"
import { commonOptions, commonRange, define, given, isActive } from "../internal/guider/define.ts"
import { cond, type Latents, uncond } from "../internal/guider/model.ts"
import { like } from "../internal/scheduler/arithmetic.ts"
import { whole } from "../internal/scheduler/options.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "ClassifierFreeZeroStarGuidance"

/**
 * The options, named as in diffusers' file: those of classifier-free guidance, and
 *
 * - `zero_init_steps`: how many first steps predict zero; with `guidance_rescale` they are not a number, as in diffusers
 */
export const Options = Schema.Struct({ ...commonOptions(), zero_init_steps: whole(1) })

/** The unconditional prediction times its least-squares fit to the conditional one, per batch item. */
const fitted = (conditional: Latents, unconditional: Latents): Latents => {
  const c = conditional.data
  const u = unconditional.data
  const items = conditional.shape[0]!
  const size = c.length / items
  const out = new Float32Array(u.length)
  for (let item = 0; item < items; item++) {
    let dot = 0
    let norm = 0
    for (let i = item * size; i < (item + 1) * size; i++) {
      dot += Math.fround(c[i]! * u[i]!)
      norm += Math.fround(u[i]! * u[i]!)
    }
    const scale = Math.fround(Math.fround(dot) / Math.fround(Math.fround(norm) + Math.fround(1e-8)))
    for (let i = item * size; i < (item + 1) * size; i++) out[i] = u[i]! * scale
  }
  return like(unconditional, out)
}

/**
 * A CFG-Zero* guider.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as ZeroStar from "@effect-blocks/diffusion/guiders/ZeroStar"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const guider = Result.getOrThrow(ZeroStar.fromConfig())
 * const one = Tensor.make("float32", [1, 1], Float32Array.of(1))
 * const first = { step: 0, numInferenceSteps: 10, timestep: 999 }
 * const { prediction } = guider.combine(Guider.initial, first, { predCond: one, predUncond: one })
 * assert.strictEqual(prediction.data[0], 0)
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => ({
    predictions: (moment) => (isActive(options, moment) ? [cond, uncond] : [cond]),
    combine: (state, moment, predictions) => {
      const conditional = given(predictions, "predCond")
      const guided = () => {
        if (!options.enabled) return conditional
        if (moment.step < options.zero_init_steps) return like(conditional, new Float32Array(conditional.data.length))
        if (!isActive(options, moment)) return conditional
        return extrapolated(options, conditional, fitted(conditional, given(predictions, "predUncond")))
      }
      return { prediction: rescaled(options.guidance_rescale, guided(), conditional), state }
    }
  }),
  commonRange
)
