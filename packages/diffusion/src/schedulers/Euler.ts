/**
 * Euler's method in sigma (Karras et al., arXiv 2206.00364, algorithm 2, without its second-order correction), with
 * optional churn. First order, one model call a step.
 *
 * The class `EulerDiscreteScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { eulerStep, exp, like, log } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { churnSettings, exclusiveSigmas, takesChurn } from "../internal/scheduler/family.ts"
import { linspace32 } from "../internal/scheduler/numeric.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import {
  betaOptions,
  betaSchedule,
  finalSigma,
  flag,
  oneOf,
  respacingOptions,
  sigmaRangeOptions,
  spacingOptions
} from "../internal/scheduler/options.ts"
import {
  churned,
  churnedSigma,
  cleanFromSigma,
  scaleBySigma,
  weightsOfAlpha
} from "../internal/scheduler/prediction.ts"
import { onlyOne } from "../internal/scheduler/request.ts"
import {
  initialSigma,
  interpolated,
  isRespaced,
  respaced,
  sigmaToTimestep,
  sigmaToTimestep32
} from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { realTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "EulerDiscreteScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `use_karras_sigmas`, `use_exponential_sigmas`, `use_beta_sigmas`: other noise levels; at most one of them
 * - `sigma_min`, `sigma_max`: the range of those, else that of the training schedule
 * - `interpolation_type`: noise levels between training timesteps; `log_linear` ignores the timesteps
 * - `timestep_type`: `continuous` gives the model 0.25 log sigma (with `v_prediction`)
 * - `final_sigmas_type`: the level after the last step, 0 or the least of training
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...respacingOptions,
  ...sigmaRangeOptions,
  prediction_type: oneOf(["epsilon", "sample", "original_sample", "v_prediction"], "epsilon"),
  interpolation_type: oneOf(["linear", "log_linear"], "linear"),
  timestep_type: oneOf(["discrete", "continuous"], "discrete"),
  rescale_betas_zero_snr: flag(false),
  final_sigmas_type: finalSigma
})

/**
 * An Euler scheduler. `setTimesteps` takes one of `steps`, `timesteps`, `sigmas`, and the churn: `sChurn` (default 0, no
 * noise), `sTmin`, `sTmax`, `sNoise` (default 1).
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Euler from "@effect-blocks/diffusion/schedulers/Euler"
 *
 * const euler = Result.getOrThrow(Euler.fromConfig({ timestep_spacing: "trailing" }))
 * const plan = Result.getOrThrow(euler.setTimesteps({ steps: 4 }))
 * assert.deepStrictEqual(plan.timesteps, [999, 749, 499, 249])
 * assert.strictEqual(plan.sigmas.length, 5)
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const alphas = alphasCumprod(options, true)
    const table = trainingSigmas(alphas)
    const logs = logTable(table)
    const continuous = options.timestep_type === "continuous" && options.prediction_type === "v_prediction"
    const type = options.prediction_type === "original_sample" ? "sample" : options.prediction_type

    const levelsOf = (timesteps: ReadonlyArray<number>, steps: number): ReadonlyArray<number> =>
      options.interpolation_type === "linear"
        ? interpolated(timesteps, table)
        : Array.from(linspace32(logs[logs.length - 1]!, logs[0]!, steps + 1), exp)

    return {
      accepts: ["timesteps", "sigmas", "sChurn", "sTmin", "sTmax", "sNoise"],
      trainingTimesteps: options.num_train_timesteps,
      ownSchedule: "notRising",
      lookup: "plan",
      schedule: (request) => {
        const problem = onlyOne(request)
        if (problem !== undefined) return problem
        if (request.timesteps !== undefined && (isRespaced(options) || continuous))
          return {
            option: "timesteps",
            message: "timesteps do not go with respaced noise levels or continuous timesteps"
          }
        let timesteps: ReadonlyArray<number>
        let sigmas: ReadonlyArray<number>
        if (request.sigmas === undefined) {
          timesteps = request.timesteps?.map(f) ?? realTimesteps(options, request.steps!)
          const steps = request.steps ?? timesteps.length
          const levels = levelsOf(timesteps, steps)
          const other = respaced(options, levels[0]!, levels[levels.length - 1]!, steps)
          if (other !== undefined) timesteps = other.map((sigma) => sigmaToTimestep(sigma, logs))
          sigmas = [...(other ?? levels), options.final_sigmas_type === "zero" ? 0 : table[0]!].map(f)
        } else {
          sigmas = request.sigmas.map(f)
          if (sigmas.slice(0, -1).includes(0))
            return { option: "sigmas", message: "sigmas must be above 0, but for the last" }
          // in float32, as the caller's noise levels are
          timesteps = sigmas.slice(0, -1).map((sigma) => sigmaToTimestep32(sigma, logs))
        }
        const settings = churnSettings(request)
        timesteps = continuous ? sigmas.slice(0, -1).map((sigma) => f(0.25 * log(sigma))) : timesteps.map(f)
        return planOf({
          timesteps,
          sigmas,
          initNoiseSigma: initialSigma(options.timestep_spacing, sigmas),
          settings,
          noise: timesteps.map((_, i) => takesChurn(settings, sigmas[i]!))
        })
      },
      scaleModelInput: (plan, { index }, sample) => scaleBySigma(plan.sigmas[index]!, sample),
      step: (plan, { index }, { modelOutput, noise, sample }) => {
        const sigma = plan.sigmas[index]!
        const { sChurn, sNoise } = plan.settings
        const raised = noise === undefined ? sigma : churnedSigma(sigma, sChurn!, plan.sigmas.length)
        const x = noise === undefined ? sample : churned(sigma, raised, sNoise!, sample, noise)
        const clean = cleanFromSigma(type, sigma, x, modelOutput, raised)
        const next = eulerStep(x.data, x.data, clean.data, raised, f(plan.sigmas[index + 1]! - raised))
        return { sample: like(sample, next), predOriginalSample: clean }
      },
      noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!],
      velocityWeights: (plan, level) => weightsOfAlpha(alphas[indexOf(plan, level)]!)
    }
  },
  exclusiveSigmas
)
