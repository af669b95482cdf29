/**
 * Consistency models (Song et al., arXiv 2303.01469): multistep consistency sampling on Karras levels.
 *
 * The class `CMStochasticIterativeScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { addScaledInto, divided, like, mixed, sqrt, square } from "../internal/scheduler/arithmetic.ts"
import { flag, notNegative, positive, trainingTimesteps } from "../internal/scheduler/options.ts"
import { clampInto } from "../internal/scheduler/prediction.ts"
import { onlyOne } from "../internal/scheduler/request.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "CMStochasticIterativeScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `num_train_timesteps`: the levels of the training schedule, from `sigma_max` to `sigma_min`, spaced by `rho`
 * - `sigma_data`: the standard deviation of the data
 * - `s_noise`: scales the noise of each step
 */
export const Options = Schema.Struct({
  num_train_timesteps: trainingTimesteps(40),
  sigma_min: notNegative(0.002),
  sigma_max: positive(80),
  sigma_data: positive(0.5),
  s_noise: notNegative(1),
  rho: positive(7),
  clip_denoised: flag(true)
})

/**
 * A consistency model scheduler. `setTimesteps` takes `steps`, or `timesteps` of the training schedule; runs of more than
 * one step take noise at every one.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as ConsistencyModel from "@effect-blocks/diffusion/schedulers/ConsistencyModel"
 *
 * const cm = Result.getOrThrow(ConsistencyModel.fromConfig())
 * const plan = Result.getOrThrow(cm.setTimesteps({ timesteps: [22, 0] }))
 * assert.strictEqual(plan.sigmas[0], 80)
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const { num_train_timesteps: train, rho, sigma_max: most, sigma_min: least } = options
  const first = most ** (1 / rho)
  const last = least ** (1 / rho)
  const dataVariance = f(options.sigma_data ** 2)
  return {
    accepts: ["timesteps"],
    trainingTimesteps: train,
    lookup: "plan",
    schedule: (request) => {
      const problem = onlyOne(request)
      if (problem !== undefined) return problem
      const ratio = Math.floor(train / (request.steps ?? 1))
      // timesteps of the training schedule count down from its end
      const ramp =
        request.timesteps?.map(Math.trunc).toReversed() ?? Array.from({ length: request.steps! }, (_, i) => i * ratio)
      const levels = ramp.map((r) => (first + (r / (train - 1)) * (last - first)) ** rho)
      return planOf({
        timesteps: levels.map((sigma) => 250 * Math.log(sigma + 1e-44)),
        sigmas: [...levels, least].map(f),
        initNoiseSigma: most,
        noise: levels.map(() => levels.length > 1)
      })
    },
    scaleModelInput: (plan, { index }, sample) =>
      like(sample, divided(sample.data, sqrt(f(square(plan.sigmas[index]!) + dataVariance)))),
    step: (plan, { index }, { modelOutput, noise, sample }) => {
      const sigma = plan.sigmas[index]!
      const over = f(sigma - f(least))
      // torch divides a number by a tensor as the tensor's reciprocal times the number
      const skip = f(f(1 / f(square(over) + dataVariance)) * dataVariance)
      const keep = f(f(over * f(options.sigma_data)) / sqrt(f(square(sigma) + dataVariance)))
      const predicted = mixed(keep, modelOutput.data, skip, sample.data)
      const clean = like(sample, options.clip_denoised ? clampInto(predicted, 1) : predicted)
      if (noise === undefined) return { sample: clean, predOriginalSample: clean }
      const next = plan.sigmas[index + 1 < train ? index + 1 : plan.sigmas.length - 1]!
      const raised = Math.min(Math.max(next, f(least)), f(most))
      const out = clean.data.slice()
      addScaledInto(out, options.s_noise, sqrt(f(square(raised) - f(least ** 2))), noise.data)
      return { sample: like(sample, out), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
  }
})
