/**
 * Trajectory consistency distillation (Zheng et al., arXiv 2402.19159): strategic stochastic sampling, from deterministic
 * to fully stochastic by `eta`.
 *
 * The class `TCDScheduler` of diffusers.
 */
import { like, mixed, mixInto, sqrt } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod } from "../internal/scheduler/betas.ts"
import { DistilledOptions, distilledTimesteps } from "../internal/scheduler/distilled.ts"
import { cleanFromAlpha, noiseFromAlpha, weightsOfAlpha } from "../internal/scheduler/prediction.ts"
import { define, planOf, timestepOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "TCDScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `original_inference_steps`: the steps of the schedule that was distilled
 */
export const Options = DistilledOptions

/**
 * A TCD scheduler. `setTimesteps` takes `steps` or `timesteps`, `strength`, `originalInferenceSteps` and `eta` (0 to 1,
 * default 0.3); with `eta` above 0 every step but the last takes noise.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Tcd from "@effect-blocks/diffusion/schedulers/Tcd"
 *
 * const tcd = Result.getOrThrow(Tcd.fromConfig())
 * const plan = Result.getOrThrow(tcd.setTimesteps({ steps: 4, eta: 0 }))
 * assert.deepStrictEqual(plan.noise, [false, false, false, false])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const alphas = alphasCumprod(options)
  return {
    accepts: ["timesteps", "strength", "originalInferenceSteps", "eta"],
    trainingTimesteps: options.num_train_timesteps,
    schedule: (request) => {
      const { eta = 0.3 } = request
      const chosen = distilledTimesteps(options, request, true)
      if ("message" in chosen) return chosen
      const { numInferenceSteps, timesteps } = chosen
      const noise = timesteps.map((_, i) => eta > 0 && i !== numInferenceSteps - 1)
      return planOf({ timesteps, numInferenceSteps, noise, settings: { eta } })
    },
    step: (plan, { index }, { modelOutput, noise, sample }) => {
      const before = plan.timesteps[index + 1] ?? 0
      // the timestep s that a consistency step goes to, from which noise leads up to the next
      const between = Math.floor(f(f(1 - plan.settings["eta"]!) * before))
      const [signal, deviation] = weightsOfAlpha(alphas[plan.timesteps[index]!]!)
      const [signalBetween, deviationBetween] = weightsOfAlpha(alphas[between]!)
      const type = options.prediction_type
      const clean = cleanFromAlpha(type, signal, deviation, sample, modelOutput)
      const epsilon = noiseFromAlpha(type, signal, deviation, sample, modelOutput)
      const next = mixed(signalBetween, clean.data, deviationBetween, epsilon.data)
      if (noise !== undefined) {
        const ratio = f(alphas[before]! / alphas[between]!)
        mixInto(next, sqrt(ratio), sqrt(f(1 - ratio)), noise.data)
      }
      return { sample: like(sample, next), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!),
    velocityWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!)
  }
})
