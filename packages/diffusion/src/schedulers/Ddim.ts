/**
 * DDIM: denoising diffusion implicit models (Song et al., arXiv 2010.02502). First order; deterministic with `eta` 0, as
 * noisy as DDPM with `eta` 1.
 *
 * The class `DDIMScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { addInto, like, mixed, sqrt, square } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod } from "../internal/scheduler/betas.ts"
import {
  betaOptions,
  betaSchedule,
  clipOptions,
  flag,
  oneOf,
  spacingOptions,
  thresholdOptions
} from "../internal/scheduler/options.ts"
import { cleanFromAlpha, clipped, noiseFromAlpha, weightsOfAlpha } from "../internal/scheduler/prediction.ts"
import { define, planOf, timestepOf } from "../internal/scheduler/solver.ts"
import { wholeTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DDIMScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `set_alpha_to_one`: the level after the last step is the clean one, rather than that of training timestep 0
 * - `clip_sample` (with `clip_sample_range`), `thresholding`: bounds on the predicted clean sample, for pixel models
 * - `rescale_betas_zero_snr`: zero terminal signal-to-noise ratio (arXiv 2305.08891)
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("leading"),
  ...clipOptions(true),
  ...thresholdOptions,
  set_alpha_to_one: flag(true),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction"], "epsilon"),
  rescale_betas_zero_snr: flag(false)
})

/**
 * A DDIM scheduler. `setTimesteps` takes `steps`, `eta` (0 to 1, default 0) and `useClippedModelOutput`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Ddim from "@effect-blocks/diffusion/schedulers/Ddim"
 *
 * const ddim = Result.getOrThrow(Ddim.fromConfig({ clip_sample: false }))
 * const plan = Result.getOrThrow(ddim.setTimesteps({ steps: 4 }))
 * assert.deepStrictEqual(plan.timesteps, [750, 500, 250, 0])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const train = options.num_train_timesteps
  const alphas = alphasCumprod(options)
  const finalAlpha = options.set_alpha_to_one ? 1 : alphas[0]!
  return {
    accepts: ["eta", "useClippedModelOutput"],
    trainingTimesteps: train,
    schedule: ({ eta = 0, steps = 1, useClippedModelOutput = false }) => {
      const timesteps = wholeTimesteps(options, steps)
      return planOf({
        timesteps,
        numInferenceSteps: steps,
        noise: timesteps.map(() => eta > 0),
        settings: { eta, useClippedModelOutput: useClippedModelOutput ? 1 : 0 }
      })
    },
    step: (plan, { index }, { modelOutput, noise, sample }) => {
      const t = plan.timesteps[index]!
      const before = t - Math.floor(train / plan.numInferenceSteps)
      const alpha = alphas[t]!
      const alphaBefore = before >= 0 ? alphas[before]! : finalAlpha
      const [signal, deviation] = weightsOfAlpha(alpha)
      const type = options.prediction_type

      const clean = clipped(options, cleanFromAlpha(type, signal, deviation, sample, modelOutput), modelOutput)
      const epsilon =
        plan.settings["useClippedModelOutput"] === 1
          ? noiseFromAlpha("sample", signal, deviation, sample, clean)
          : noiseFromAlpha(type, signal, deviation, sample, modelOutput)

      // equations 12 and 16
      const variance = f(f(f(1 - alphaBefore) / f(1 - alpha)) * f(1 - f(alpha / alphaBefore)))
      const spread = f(f(plan.settings["eta"]!) * sqrt(variance))
      const direction = sqrt(f(f(1 - alphaBefore) - square(spread)))
      const next = mixed(sqrt(alphaBefore), clean.data, direction, epsilon.data)
      if (noise !== undefined) addInto(next, spread, noise.data)
      return { sample: like(sample, next), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!),
    velocityWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!)
  }
})
