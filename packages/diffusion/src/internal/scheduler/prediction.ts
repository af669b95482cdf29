/** From what the model says to the clean sample and to the noise, in torch's order of float32 operations. */
import {
  addScaledInto,
  divided,
  divideInto,
  like,
  mixed,
  mixedWithQuotient,
  moved,
  sqrt,
  square,
  unmixed
} from "./arithmetic.ts"
import type { Latents } from "./model.ts"
import { quantileOfMagnitudes } from "./quantile.ts"

const f = Math.fround

export type PredictionType = "epsilon" | "sample" | "v_prediction" | "flow_prediction"

/** Solvers written in alpha and sigma with alpha^2 + sigma^2 = 1: DDIM, DDPM, LCM, TCD, DPM-Solver, UniPC, ... */
export const cleanFromAlpha = (
  type: PredictionType,
  alpha: number,
  sigma: number,
  sample: Latents,
  output: Latents
): Latents => {
  switch (type) {
    case "sample":
      return output
    case "epsilon":
      return like(sample, unmixed(sample.data, sigma, output.data, alpha))
    case "v_prediction":
      return like(sample, mixed(alpha, sample.data, -sigma, output.data))
    case "flow_prediction":
      return like(sample, moved(sample.data, -sigma, output.data))
  }
}

/** The noise that model output and sample imply. */
export const noiseFromAlpha = (
  type: PredictionType,
  alpha: number,
  sigma: number,
  sample: Latents,
  output: Latents
): Latents => {
  if (type === "epsilon") return output
  if (type === "sample") return like(sample, unmixed(sample.data, alpha, output.data, sigma))
  return like(sample, mixed(alpha, output.data, sigma, sample.data))
}

/** Solvers written in sigma alone, k-diffusion's family: Euler, Heun, LMS, KDPM2, ... */
export const cleanFromSigma = (
  type: Exclude<PredictionType, "flow_prediction">,
  sigma: number,
  sample: Latents,
  output: Latents,
  sigmaOfNoise: number = sigma
): Latents => {
  if (type === "sample") return output
  if (type === "epsilon") return like(sample, moved(sample.data, -sigmaOfNoise, output.data))
  const variance = Math.fround(square(sigma) + 1)
  const weight = Math.fround(-sigma / sqrt(variance))
  return like(sample, mixedWithQuotient(weight, output.data, sample.data, variance))
}

/** sample / sqrt(sigma^2 + 1) */
export const scaleBySigma = (sigma: number, sample: Latents): Latents =>
  like(sample, divided(sample.data, sqrt(f(square(sigma) + 1))))

/** The churn of Karras et al. (arXiv 2206.00364, algorithm 2): the raised level. */
export const churnedSigma = (sigma: number, churn: number, levels: number): number =>
  f(sigma * f(Math.min(churn / (levels - 1), 2 ** 0.5 - 1) + 1))

/** Extra noise on the way in: sample + (noise * amount) * sqrt(raised^2 - sigma^2). */
export const churned = (sigma: number, raised: number, amount: number, sample: Latents, noise: Latents): Latents => {
  const out = sample.data.slice()
  return like(sample, addScaledInto(out, amount, sqrt(f(square(raised) - square(sigma))), noise.data))
}

const MAGNITUDE = 0x7fffffff
const NOT_A_NUMBER = 0x7f800001

/**
 * Cuts a fresh array to [-range, range]. Works on the bits, whose order is that of the magnitudes, without a branch: which
 * elements exceed the range cannot be predicted, and to guess wrong costs more than the whole rest.
 */
export const clampInto = (out: Float32Array, range: number): Float32Array => {
  const limit = new Int32Array(Float32Array.of(range).buffer)[0]!
  const bits = new Int32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & MAGNITUDE
    const over = magnitude - limit
    // over >> 31 has all bits where the magnitude is within the range, the other one where it is a number
    bits[i] = bits[i]! - (over & ~(over >> 31) & ((magnitude - NOT_A_NUMBER) >> 31))
  }
  return out
}

/**
 * Dynamic thresholding (Imagen, arXiv 2205.11487) of a fresh array: each batch item is cut at a quantile of its magnitudes
 * and scaled back.
 */
export const thresholdInto = (out: Float32Array, items: number, ratio: number, max: number): Float32Array => {
  const size = out.length / items
  for (let item = 0; item < items; item++) {
    const part = out.subarray(item * size, (item + 1) * size)
    const cut = Math.min(Math.max(quantileOfMagnitudes(part, ratio), 1), Math.fround(max))
    if (Number.isNaN(cut)) part.fill(NaN)
    else clampInto(part, cut)
    if (cut !== 1) divideInto(part, cut)
  }
  return out
}

export interface ClippingOptions {
  readonly thresholding?: boolean
  readonly dynamic_thresholding_ratio?: number
  readonly sample_max_value?: number
  readonly clip_sample?: boolean
  readonly clip_sample_range?: number
}

/** A predicted clean sample, cut as configured: in place where it is fresh, that is not the model's own `output`. */
export const clipped = (options: ClippingOptions, clean: Latents, output: Latents): Latents => {
  const { clip_sample_range: range = 1, dynamic_thresholding_ratio: ratio = 0.995, sample_max_value: max = 1 } = options
  const thresholds = options.thresholding === true
  if (!thresholds && options.clip_sample !== true) return clean
  const fresh = clean === output ? output.data.slice() : clean.data
  return like(clean, thresholds ? thresholdInto(fresh, clean.shape[0]!, ratio, max) : clampInto(fresh, range))
}

/** sqrt(alpha-bar) and sqrt(1 - alpha-bar): how much signal and how much noise a training timestep has. */
export const weightsOfAlpha = (alpha: number): readonly [signal: number, noise: number] => [
  sqrt(alpha),
  sqrt(f(1 - alpha))
]
