/**
 * Tangential classifier-free guidance (Kwon et al., arXiv 2503.18137): only what of the unconditional prediction lies along
 * the first singular direction that it shares with the conditional one takes part.
 *
 * The class `TangentialClassifierFreeGuidance` of diffusers.
 */
import * as Schema from "effect/Schema"
import { extrapolated, rescaled } from "../internal/guider/arithmetic.ts"
import { commonOptions, commonRange, define, given, isActive } from "../internal/guider/define.ts"
import { cond, type Latents, uncond } from "../internal/guider/model.ts"
import { like } from "../internal/scheduler/arithmetic.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "TangentialClassifierFreeGuidance"

/** The options, named as in diffusers' file: those of classifier-free guidance. */
export const Options = Schema.Struct(commonOptions())

/**
 * The projection of y on the first right singular vector of the two rows x and y. That vector is a x + b y with (a, b)
 * the first eigenvector of the rows' 2 x 2 Gram matrix, so that no decomposition of long rows is needed.
 */
const alongFirst = (x: Float32Array, y: Float32Array): Float32Array => {
  let xx = 0
  let xy = 0
  let yy = 0
  for (let i = 0; i < x.length; i++) {
    xx += x[i]! * x[i]!
    xy += x[i]! * y[i]!
    yy += y[i]! * y[i]!
  }
  const angle = 0.5 * Math.atan2(2 * xy, xx - yy)
  const a = Math.cos(angle)
  const b = Math.sin(angle)
  const squared = a * a * xx + 2 * a * b * xy + b * b * yy // of the singular value
  const share = squared === 0 ? 0 : (a * xy + b * yy) / squared
  return x.map((value, i) => share * (a * value + b * y[i]!))
}

const tangential = (conditional: Latents, unconditional: Latents): Latents => {
  const out = new Float32Array(unconditional.data.length)
  const items = conditional.shape[0]!
  const size = out.length / items
  for (let item = 0; item < items; item++) {
    const [from, to] = [item * size, (item + 1) * size]
    out.set(alongFirst(conditional.data.subarray(from, to), unconditional.data.subarray(from, to)), from)
  }
  return like(unconditional, out)
}

/**
 * A tangential guider.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as Tangential from "@effect-blocks/diffusion/guiders/Tangential"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const guider = Result.getOrThrow(Tangential.fromConfig({ guidance_scale: 2 }))
 * const row = (...values: Array<number>) => Tensor.make("float32", [1, 2], Float32Array.from(values))
 * const { prediction } = guider.combine(Guider.initial, { step: 0, numInferenceSteps: 4, timestep: 999 }, {
 *   predCond: row(2, 0),
 *   predUncond: row(0, 1) // across the first direction: drops out
 * })
 * assert.deepStrictEqual(Array.from(prediction.data, Math.round), [4, 0])
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
        ? extrapolated(options, conditional, tangential(conditional, given(predictions, "predUncond")))
        : conditional
      return { prediction: rescaled(options.guidance_rescale, guided, conditional), state }
    }
  }),
  commonRange
)
