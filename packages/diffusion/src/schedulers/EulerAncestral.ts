/**
 * Ancestral sampling with Euler's method (k-diffusion's `sample_euler_ancestral`): each step goes down further than asked
 * and comes back with fresh noise.
 *
 * The class `EulerAncestralDiscreteScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { addInto, eulerStep, like, sqrt, square } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { betaOptions, betaSchedule, flag, oneOf, spacingOptions } from "../internal/scheduler/options.ts"
import { cleanFromSigma, scaleBySigma } from "../internal/scheduler/prediction.ts"
import { initialSigma, interpolated } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { realTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "EulerAncestralDiscreteScheduler"

/** The options, named as in diffusers' file. */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  prediction_type: oneOf(["epsilon", "v_prediction"], "epsilon"),
  rescale_betas_zero_snr: flag(false)
})

/**
 * An ancestral Euler scheduler. `setTimesteps` takes `steps`; every step takes noise.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as EulerAncestral from "@effect-blocks/diffusion/schedulers/EulerAncestral"
 *
 * const euler = Result.getOrThrow(EulerAncestral.fromConfig())
 * const plan = Result.getOrThrow(euler.setTimesteps({ steps: 3 }))
 * assert.deepStrictEqual(plan.noise, [true, true, true])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const table = trainingSigmas(alphasCumprod(options, true))
  return {
    accepts: [],
    trainingTimesteps: options.num_train_timesteps,
    lookup: "plan",
    schedule: ({ steps = 1 }) => {
      const timesteps = realTimesteps(options, steps)
      const sigmas = [...interpolated(timesteps, table), 0].map(f)
      return planOf({
        timesteps,
        sigmas,
        initNoiseSigma: initialSigma(options.timestep_spacing, sigmas),
        noise: timesteps.map(() => true)
      })
    },
    scaleModelInput: (plan, { index }, sample) => scaleBySigma(plan.sigmas[index]!, sample),
    step: (plan, { index }, { modelOutput, noise, sample }) => {
      const from = plan.sigmas[index]!
      const to = plan.sigmas[index + 1]!
      const up = sqrt(f(f(square(to) * f(square(from) - square(to))) / square(from)))
      const down = sqrt(f(square(to) - square(up)))
      const clean = cleanFromSigma(options.prediction_type, from, sample, modelOutput)
      const next = eulerStep(sample.data, sample.data, clean.data, from, f(down - from))
      return { sample: like(sample, addInto(next, up, noise!.data)), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
  }
})
