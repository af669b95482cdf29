/**
 * Euler's method with EDM's preconditioning (Karras et al., arXiv 2206.00364, algorithm 2 without its correction), with
 * optional churn.
 *
 * The class `EDMEulerScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { eulerStep, like } from "../internal/scheduler/arithmetic.ts"
import {
  cleanOf,
  edmOptions,
  exponentialLevels,
  initialDeviation,
  scaleInput,
  timestepOfSigma
} from "../internal/scheduler/edm.ts"
import { churnSettings, takesChurn } from "../internal/scheduler/family.ts"
import { linspace } from "../internal/scheduler/numeric.ts"
import { churned, churnedSigma } from "../internal/scheduler/prediction.ts"
import { onlyOne } from "../internal/scheduler/request.ts"
import { karrasAt } from "../internal/scheduler/sigmas.ts"
import { anySteps, define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "EDMEulerScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `sigma_min`, `sigma_max`, `sigma_schedule`, `rho`: the noise levels
 * - `sigma_data`: the standard deviation of the data
 */
export const Options = Schema.Struct(edmOptions)

/**
 * An EDM Euler scheduler. `setTimesteps` takes `steps` or `sigmas` (where on the way from `sigma_max` to `sigma_min` the
 * levels lie, rising from 0 to 1; with the `exponential` schedule only their number counts), and the churn: `sChurn` (default 0, no noise), `sTmin`, `sTmax`,
 * `sNoise` (default 1). The model is told 0.25 log sigma.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as EdmEuler from "@effect-blocks/diffusion/schedulers/EdmEuler"
 *
 * const edm = Result.getOrThrow(EdmEuler.fromConfig())
 * assert.strictEqual(Result.getOrThrow(edm.setTimesteps({ steps: 4 })).sigmas[0], 80)
 * ```
 */
export const fromConfig = define(className, Options, (options) => ({
  accepts: ["sigmas", "sChurn", "sTmin", "sTmax", "sNoise"],
  trainingTimesteps: options.num_train_timesteps,
  maxSteps: anySteps,
  ownSchedule: "rising",
  lookup: "plan",
  schedule: (request) => {
    const problem = onlyOne(request)
    if (problem !== undefined) return problem
    const ramp = request.sigmas ?? linspace(0, 1, request.steps!)
    const n = ramp.length
    if (ramp[n - 1]! > 1)
      return { option: "sigmas", message: "sigmas are positions from 0 (sigma_max) to 1 (sigma_min)" }
    const levels =
      options.sigma_schedule === "karras"
        ? karrasAt(ramp, options.sigma_min, options.sigma_max, options.rho).map(f)
        : exponentialLevels(options, n)
    const settings = churnSettings(request)
    return planOf({
      timesteps: levels.map(timestepOfSigma),
      sigmas: [...levels, options.final_sigmas_type === "zero" ? 0 : levels[n - 1]!],
      initNoiseSigma: initialDeviation(options),
      settings,
      noise: levels.map((sigma) => takesChurn(settings, sigma))
    })
  },
  scaleModelInput: (plan, { index }, sample) => scaleInput(options, plan.sigmas[index]!, sample),
  step: (plan, { index }, { modelOutput, noise, sample }) => {
    const sigma = plan.sigmas[index]!
    const { sChurn, sNoise } = plan.settings
    const raised = noise === undefined ? sigma : churnedSigma(sigma, sChurn!, plan.sigmas.length)
    const x = noise === undefined ? sample : churned(sigma, raised, sNoise!, sample, noise)
    const clean = cleanOf(options, raised, x, modelOutput)
    const next = eulerStep(x.data, x.data, clean.data, raised, f(plan.sigmas[index + 1]! - raised))
    return { sample: like(sample, next), predOriginalSample: clean }
  },
  noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
}))
