/** The preconditioning and levels of Karras et al. (arXiv 2206.00364, table 1), shared by the EDM solvers. */
import * as Schema from "effect/Schema"
import { exp, like, log, mixed, scaled, sqrt, square } from "./arithmetic.ts"
import type { Latents } from "./model.ts"
import { linspace32 } from "./numeric.ts"
import { finalSigma, oneOf, positive, trainingTimesteps } from "./options.ts"

const f = Math.fround

export const edmOptions = {
  sigma_min: positive(0.002),
  sigma_max: positive(80),
  sigma_data: positive(0.5),
  sigma_schedule: oneOf(["karras", "exponential"], "karras"),
  num_train_timesteps: trainingTimesteps(1000),
  prediction_type: oneOf(["epsilon", "v_prediction"], "epsilon"),
  rho: positive(7),
  final_sigmas_type: finalSigma
}
const Options = Schema.Struct(edmOptions)
type Options = typeof Options.Type

/** Even in log sigma, in float32. */
export const exponentialLevels = ({ sigma_max: most, sigma_min: least }: Options, n: number): ReadonlyArray<number> =>
  Array.from(linspace32(Math.log(least), Math.log(most), n), exp).toReversed()

/** What the model is told of a level: a quarter of its logarithm. */
export const timestepOfSigma = (sigma: number): number => f(0.25 * log(sigma))

/** The deviation of data and noise together, before the first step. */
export const initialDeviation = (options: Options): number => (options.sigma_max ** 2 + 1) ** 0.5

const variance = (options: Options, sigma: number): number => f(square(sigma) + f(options.sigma_data ** 2))

export const scaleInput = (options: Options, sigma: number, sample: Latents): Latents =>
  like(sample, scaled(f(1 / sqrt(variance(options, sigma))), sample.data))

/** The clean sample: skip * sample + keep * output. */
export const cleanOf = (options: Options, sigma: number, sample: Latents, output: Latents): Latents => {
  const total = variance(options, sigma)
  // torch divides a number by a tensor as the tensor's reciprocal times the number
  const skip = f(f(1 / total) * f(options.sigma_data ** 2))
  const signed = options.prediction_type === "epsilon" ? sigma : -sigma
  const keep = f(f(signed * f(options.sigma_data)) / sqrt(total))
  return like(sample, mixed(skip, sample.data, keep, output.data))
}
