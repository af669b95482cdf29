/**
 * Latent consistency models (Luo et al., arXiv 2310.04378): multistep consistency sampling in 1 to 8 steps.
 *
 * The class `LCMScheduler` of diffusers.
 */
import { like, mixed, sqrt, square } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod } from "../internal/scheduler/betas.ts"
import { DistilledOptions, distilledTimesteps } from "../internal/scheduler/distilled.ts"
import { cleanFromAlpha, clipped, weightsOfAlpha } from "../internal/scheduler/prediction.ts"
import { define, planOf, timestepOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "LCMScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `original_inference_steps`: the steps of the schedule that was distilled
 * - `timestep_scaling`: how fast the boundary condition lets go of the sample
 */
export const Options = DistilledOptions

/**
 * A consistency scheduler. `setTimesteps` takes `steps` or `timesteps`, `strength`, `originalInferenceSteps`; every step
 * but the last takes noise.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Lcm from "@effect-blocks/diffusion/schedulers/Lcm"
 *
 * const lcm = Result.getOrThrow(Lcm.fromConfig())
 * assert.deepStrictEqual(Result.getOrThrow(lcm.setTimesteps({ steps: 4 })).timesteps, [999, 759, 499, 259])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const alphas = alphasCumprod(options)
  return {
    accepts: ["timesteps", "strength", "originalInferenceSteps"],
    trainingTimesteps: options.num_train_timesteps,
    schedule: (request) => {
      const chosen = distilledTimesteps(options, request, false)
      if ("message" in chosen) return chosen
      const { numInferenceSteps, timesteps } = chosen
      return planOf({ timesteps, numInferenceSteps, noise: timesteps.map((_, i) => i !== numInferenceSteps - 1) })
    },
    step: (plan, { index }, { modelOutput, noise, sample }) => {
      const t = plan.timesteps[index]!
      const [signal, deviation] = weightsOfAlpha(alphas[t]!)
      const predicted = clipped(
        options,
        cleanFromAlpha(options.prediction_type, signal, deviation, sample, modelOutput),
        modelOutput
      )
      // the boundary condition: appendix B of the consistency models' paper (arXiv 2303.01469)
      const time = f(t * f(options.timestep_scaling))
      const variance = f(square(time) + 0.25)
      const skip = f(0.25 / variance)
      const keep = f(time / sqrt(variance))
      const clean = like(sample, mixed(keep, predicted.data, skip, sample.data))
      if (noise === undefined) return { sample: clean, predOriginalSample: clean }
      const [nextSignal, nextDeviation] = weightsOfAlpha(alphas[plan.timesteps[index + 1] ?? t]!)
      const next = mixed(nextSignal, clean.data, nextDeviation, noise.data)
      return { sample: like(sample, next), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!),
    velocityWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!)
  }
})
