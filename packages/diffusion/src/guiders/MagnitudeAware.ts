/**
 * Magnitude-aware guidance, MAMBO-G (Zhu et al., arXiv 2508.03442): guidance shrinks where the difference of the
 * predictions is large beside the unconditional one.
 *
 * The class `MagnitudeAwareGuidance` of diffusers, which fails on predictions of more than three axes; see `fromConfig`.
 */
import * as Schema from "effect/Schema"
import { minus, rescaled } from "../internal/guider/arithmetic.ts"
import { atSomeStep, commonOptions, commonRange, define, given, isActive } from "../internal/guider/define.ts"
import { cond, type Latents, uncond } from "../internal/guider/model.ts"
import { exp, like } from "../internal/scheduler/arithmetic.ts"
import { real } from "../internal/scheduler/options.ts"

const f = Math.fround

/** The name in diffusers' `guider_config.json`. */
export const className = "MagnitudeAwareGuidance"

/**
 * The options, named as in diffusers' file: those of classifier-free guidance, and
 *
 * - `alpha`: how fast guidance shrinks with the ratio of the norms
 */
export const Options = Schema.Struct({ ...commonOptions(10), alpha: real(8) })

const norm = (x: Float32Array): number => f(Math.sqrt(x.reduce((sum, value) => sum + value * value, 0)))

/** The scale of one batch item. */
const scaleOf = (options: (typeof Options)["Type"], difference: Float32Array, unconditional: Float32Array): number => {
  const ratio = f(norm(difference) / norm(unconditional))
  const shrunk = exp(f(f(-options.alpha) * ratio))
  return options.use_original_formulation
    ? f(f(options.guidance_scale) * shrunk)
    : f(1 + f(f(options.guidance_scale - 1) * shrunk))
}

const guide = (options: (typeof Options)["Type"], conditional: Latents, unconditional: Latents): Latents => {
  const base = options.use_original_formulation ? conditional.data : unconditional.data
  const difference = minus(conditional.data, unconditional.data)
  const items = conditional.shape[0]!
  const size = difference.length / items
  const out = new Float32Array(difference.length)
  for (let item = 0; item < items; item++) {
    const [from, to] = [item * size, (item + 1) * size]
    const scale = scaleOf(options, difference.subarray(from, to), unconditional.data.subarray(from, to))
    for (let i = from; i < to; i++) out[i] = base[i]! + Math.fround(scale * difference[i]!)
  }
  return like(conditional, out)
}

/**
 * A magnitude-aware guider. diffusers fails on [batch, channels, height, width], as torch has no norm over three axes; so
 * does `supports`, unless the capabilities say `beyondDiffusers`: then the norm is that of a batch item, of any rank.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as MagnitudeAware from "@effect-blocks/diffusion/guiders/MagnitudeAware"
 *
 * const strict = Result.getOrThrow(MagnitudeAware.fromConfig())
 * assert.ok(Result.isFailure(strict.supports([1, 4, 8, 8])))
 * const wider = Result.getOrThrow(MagnitudeAware.fromConfig({}, { beyondDiffusers: true }))
 * assert.ok(Result.isSuccess(wider.supports([1, 4, 8, 8])))
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options, { beyondDiffusers = false }) => ({
    unsupported: (shape, steps) =>
      beyondDiffusers || shape.length <= 3 || !atSomeStep((moment) => isActive(options, moment), steps)
        ? undefined
        : "have more than three axes, where diffusers' class fails; say { beyondDiffusers: true } to guide them anyway",
    predictions: (moment) => (isActive(options, moment) ? [cond, uncond] : [cond]),
    combine: (state, moment, predictions) => {
      const conditional = given(predictions, "predCond")
      const guided = isActive(options, moment)
        ? guide(options, conditional, given(predictions, "predUncond"))
        : conditional
      return { prediction: rescaled(options.guidance_rescale, guided, conditional), state }
    }
  }),
  commonRange
)
