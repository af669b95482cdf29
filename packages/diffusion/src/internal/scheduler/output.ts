/** What the solvers of exponential integrators remember of a model call: the clean sample or the noise. */
import * as Tensor from "@effect-blocks/ops/Tensor"
import { like, unmixInto } from "./arithmetic.ts"
import type { Mark } from "./lambda.ts"
import type { Latents } from "./model.ts"
import {
  cleanFromAlpha,
  clipped,
  type ClippingOptions,
  noiseFromAlpha,
  type PredictionType,
  thresholdInto
} from "./prediction.ts"

export interface OutputOptions extends ClippingOptions {
  readonly prediction_type: PredictionType
  readonly dynamic_thresholding_ratio: number
  readonly sample_max_value: number
}

/** The model's output as the algorithm wants it: a clean sample for `...++`, else noise. */
export const solverOutput = (
  options: OutputOptions,
  algorithm: string,
  level: number,
  { alpha, sigma }: Mark,
  sample: Latents,
  output: Latents
): Latents => {
  const type = options.prediction_type
  if (algorithm.endsWith("++")) {
    const clean = cleanFromAlpha(type, alpha, type === "flow_prediction" ? level : sigma, sample, output)
    return clipped(options, clean, output)
  }
  const noise = noiseFromAlpha(type, alpha, sigma, sample, output)
  if (options.thresholding !== true) return noise
  // the clean sample is bounded and turned into noise again, in the one array that it has
  const { data } = cleanFromAlpha("epsilon", alpha, sigma, sample, noise)
  thresholdInto(data, sample.shape[0]!, options.dynamic_thresholding_ratio, options.sample_max_value)
  return like(sample, unmixInto(data, sample.data, alpha, sigma))
}

/** The channels `from` to `to` of [batch, channels, ...]. */
const channelsOf = (tensor: Latents, from: number, to: number): Latents => {
  const [batch = 1, channels = 1, ...rest] = tensor.shape
  const item = tensor.data.length / batch
  const plane = item / channels
  const size = (to - from) * plane
  const out = new Float32Array(batch * size)
  for (let b = 0; b < batch; b++)
    out.set(tensor.data.subarray(b * item + from * plane, b * item + to * plane), b * size)
  return Tensor.make("float32", [batch, to - from, ...rest], out)
}

/** The channels of an output whose second half, where it has one, is a learned variance that the solver does not use. */
export const withoutVariance =
  ({ variance_type: type }: { readonly variance_type: string | null }) =>
  (channels: number): ReadonlyArray<number> =>
    type === null ? [channels] : [channels, 2 * channels]

/** The first half of an output whose second half is a learned variance; an output without one as it is. */
export const meanOf = (output: Latents, sample: Latents): Latents =>
  output.shape[1] === sample.shape[1] ? output : channelsOf(output, 0, sample.shape[1]!)
