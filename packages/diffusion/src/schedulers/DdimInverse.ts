/**
 * DDIM run backwards, from a picture to the noise that gives it (Song et al., arXiv 2010.02502; Dhariwal and Nichol, arXiv
 * 2105.05233).
 *
 * The class `DDIMInverseScheduler` of diffusers. Timesteps rise.
 */
import * as Schema from "effect/Schema"
import { like, mixed } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod } from "../internal/scheduler/betas.ts"
import { arange, roundHalfEven } from "../internal/scheduler/numeric.ts"
import { betaOptions, betaSchedule, clipOptions, flag, oneOf, whole } from "../internal/scheduler/options.ts"
import { clipped, cleanFromAlpha, noiseFromAlpha, weightsOfAlpha } from "../internal/scheduler/prediction.ts"
import { define, planOf, timestepOf } from "../internal/scheduler/solver.ts"

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DDIMInverseScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `set_alpha_to_one`: the level before the first step is the clean one, rather than that of training timestep 0
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...clipOptions(true),
  set_alpha_to_one: flag(true),
  steps_offset: whole(0),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction"], "epsilon"),
  timestep_spacing: oneOf(["leading", "trailing"], "leading"),
  rescale_betas_zero_snr: flag(false)
})

/**
 * An inverse DDIM scheduler. `setTimesteps` takes `steps`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as DdimInverse from "@effect-blocks/diffusion/schedulers/DdimInverse"
 *
 * const inverse = Result.getOrThrow(DdimInverse.fromConfig())
 * assert.deepStrictEqual(Result.getOrThrow(inverse.setTimesteps({ steps: 4 })).timesteps, [0, 250, 500, 750])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const train = options.num_train_timesteps
  const alphas = alphasCumprod(options)
  const firstAlpha = options.set_alpha_to_one ? 1 : alphas[0]!
  return {
    accepts: [],
    trainingTimesteps: train,
    schedule: ({ steps = 1 }) => {
      const ratio = Math.floor(train / steps)
      const timesteps =
        options.timestep_spacing === "leading"
          ? Array.from({ length: steps }, (_, i) => i * ratio + options.steps_offset)
          : arange(train, 0, -train / steps)
              .toReversed()
              .map((t) => roundHalfEven(t) - 1)
      return planOf({ timesteps, numInferenceSteps: steps })
    },
    step: (plan, { index }, { modelOutput, sample }) => {
      const to = plan.timesteps[index]!
      const from = Math.min(to - Math.floor(train / plan.numInferenceSteps), train - 1)
      const [signal, deviation] = weightsOfAlpha(from >= 0 ? alphas[from]! : firstAlpha)
      const [nextSignal, nextDeviation] = weightsOfAlpha(alphas[to]!)
      const type = options.prediction_type
      const clean = clipped(options, cleanFromAlpha(type, signal, deviation, sample, modelOutput), modelOutput)
      const epsilon = noiseFromAlpha(type, signal, deviation, sample, modelOutput)
      const next = mixed(nextSignal, clean.data, nextDeviation, epsilon.data)
      return { sample: like(sample, next), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!)
  }
})
