/**
 * DDPM: ancestral sampling of denoising diffusion (Ho et al., arXiv 2006.11239), with the learned variances of Nichol and
 * Dhariwal (arXiv 2102.09672).
 *
 * The class `DDPMScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { addInto, addMixedInto, exp, like, log, mixed, sqrt } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod } from "../internal/scheduler/betas.ts"
import {
  betaOptions,
  clipOptions,
  flag,
  oneOf,
  spacingOptions,
  thresholdOptions
} from "../internal/scheduler/options.ts"
import { meanOf } from "../internal/scheduler/output.ts"
import { cleanFromAlpha, clipped, weightsOfAlpha } from "../internal/scheduler/prediction.ts"
import { onlyOne } from "../internal/scheduler/request.ts"
import { define, planOf, timestepOf } from "../internal/scheduler/solver.ts"
import { wholeTimesteps } from "../internal/scheduler/spacing.ts"
import { learnedNoise } from "../internal/scheduler/variance.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DDPMScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `variance_type`: how much noise a step adds; with `learned` and `learned_range` the second half of the model's
 *   channels says so. `fixed_large_log` is not a number in diffusers either: the root of a logarithm.
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: oneOf(["linear", "scaled_linear", "squaredcos_cap_v2", "laplace", "sigmoid"], "linear"),
  ...spacingOptions("leading"),
  ...clipOptions(true),
  ...thresholdOptions,
  variance_type: oneOf(
    ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"],
    "fixed_small"
  ),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction"], "epsilon"),
  rescale_betas_zero_snr: flag(false)
})

type FixedVariance = Exclude<(typeof Options.Type)["variance_type"], "learned" | "learned_range">

/** The deviation of the noise, from the least and the most variance a step may have. */
const fixedDeviation = (type: FixedVariance, least: number, most: number): number => {
  switch (type) {
    case "fixed_small":
      return sqrt(least)
    case "fixed_small_log":
      return exp(f(0.5 * log(least)))
    case "fixed_large":
      return sqrt(most)
    case "fixed_large_log":
      return sqrt(log(most))
  }
}

/**
 * A DDPM scheduler. `setTimesteps` takes `steps` or `timesteps`; every step but the last, to 0, takes noise.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Ddpm from "@effect-blocks/diffusion/schedulers/Ddpm"
 *
 * const ddpm = Result.getOrThrow(Ddpm.fromConfig())
 * const plan = Result.getOrThrow(ddpm.setTimesteps({ timesteps: [900, 300, 0] }))
 * assert.deepStrictEqual(plan.noise, [true, true, false])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const train = options.num_train_timesteps
  const alphas = alphasCumprod(options)
  const type = options.variance_type
  const learned = type === "learned" || type === "learned_range"
  return {
    accepts: ["timesteps"],
    trainingTimesteps: train,
    outputChannels: (channels) => [learned ? 2 * channels : channels],
    schedule: (request) => {
      const problem = onlyOne(request)
      if (problem !== undefined) return problem
      const timesteps = request.timesteps?.map(Math.trunc) ?? wholeTimesteps(options, request.steps!)
      return planOf({ timesteps, noise: timesteps.map((t) => t > 0) })
    },
    step: (plan, { index }, { modelOutput, noise, sample }) => {
      const t = plan.timesteps[index]!
      const before = plan.timesteps[index + 1] ?? -1
      const alphaBar = alphas[t]!
      const alphaBarBefore = before >= 0 ? alphas[before]! : 1
      const betaBar = f(1 - alphaBar)
      const betaBarBefore = f(1 - alphaBarBefore)
      const alpha = f(alphaBar / alphaBarBefore)
      const beta = f(1 - alpha)
      const [signal, deviation] = weightsOfAlpha(alphaBar)

      const mean = meanOf(modelOutput, sample)
      const clean = clipped(options, cleanFromAlpha(options.prediction_type, signal, deviation, sample, mean), mean)
      // equation 7
      const ofClean = f(f(sqrt(alphaBarBefore) * beta) / betaBar)
      const ofSample = f(f(sqrt(alpha) * betaBarBefore) / betaBar)
      const done = (next: Float32Array) => ({ sample: like(sample, next), predOriginalSample: clean })
      if (noise === undefined) return done(mixed(ofClean, clean.data, ofSample, sample.data))

      const least = Math.max(f(f(betaBarBefore / betaBar) * beta), f(1e-20))
      if (type !== "learned" && type !== "learned_range")
        return done(
          addInto(mixed(ofClean, clean.data, ofSample, sample.data), fixedDeviation(type, least, beta), noise.data)
        )
      if (modelOutput.data.length !== 2 * sample.data.length)
        throw new TypeError(
          `${className}: the model's output must have twice the sample's channels, as variance_type is ${type}; it is ${modelOutput}, the sample ${sample}: set variance_type to fixed_small for a model that learned no variance`
        )
      const drawn = learnedNoise(modelOutput, noise.data, type === "learned" ? undefined : [log(least), log(beta)])
      return done(addMixedInto(drawn, ofClean, clean.data, ofSample, sample.data))
    },
    noiseWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!),
    velocityWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!)
  }
})
