/**
 * DPM-Solver++ in its multistep form with EDM's preconditioning (Lu et al., arXiv 2211.01095; Karras et al., arXiv
 * 2206.00364).
 *
 * The class `EDMDPMSolverMultistepScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { like, log } from "../internal/scheduler/arithmetic.ts"
import { algorithmOf, applyUpdate, orderAt, updateOf } from "../internal/scheduler/dpm.ts"
import {
  cleanOf,
  edmOptions,
  exponentialLevels,
  initialDeviation,
  scaleInput,
  timestepOfSigma
} from "../internal/scheduler/edm.ts"
import { thirdOrderProblem } from "../internal/scheduler/family.ts"
import type { Mark } from "../internal/scheduler/lambda.ts"
import { linspace32 } from "../internal/scheduler/numeric.ts"
import { flag, oneOf, option, thresholdOptions } from "../internal/scheduler/options.ts"
import { clipped } from "../internal/scheduler/prediction.ts"
import { anySteps, define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "EDMDPMSolverMultistepScheduler"

/** The options, named as in diffusers' file: those of EDM's Euler and of DPM-Solver++. */
export const Options = Schema.Struct({
  ...edmOptions,
  ...thresholdOptions,
  solver_order: option(Schema.Literals([1, 2, 3]), 2),
  algorithm_type: oneOf(["dpmsolver++", "sde-dpmsolver++", "deis"], "dpmsolver++"),
  solver_type: oneOf(["midpoint", "heun", "logrho", "bh1", "bh2"], "midpoint"),
  lower_order_final: flag(true),
  euler_at_final: flag(false)
})

/** Here alpha is 1: the sample is not scaled down as noise grows. */
const markOf = (sigma: number): Mark => ({ alpha: 1, sigma, lambda: f(0 - log(sigma)) })

/** Karras levels whose ramp is float32 in this class, unlike EDM's Euler. */
const karras32 = (least: number, most: number, rho: number, n: number): ReadonlyArray<number> => {
  const first = f(most ** (1 / rho))
  const rise = f(least ** (1 / rho) - most ** (1 / rho))
  return Array.from(linspace32(0, 1, n), (ramp) => f(f(first + f(ramp * rise)) ** rho))
}

/**
 * An EDM DPM-Solver++ scheduler. `setTimesteps` takes `steps`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as EdmDpmSolverMultistep from "@effect-blocks/diffusion/schedulers/EdmDpmSolverMultistep"
 *
 * const edm = Result.getOrThrow(EdmDpmSolverMultistep.fromConfig({ solver_order: 3 }))
 * assert.strictEqual(Result.getOrThrow(edm.setTimesteps({ steps: 4 })).timesteps.length, 4)
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const algorithm = algorithmOf(options.algorithm_type)
    const { rho, sigma_max: most, sigma_min: least } = options
    return {
      accepts: [],
      trainingTimesteps: options.num_train_timesteps,
      maxSteps: anySteps,
      lookup: "plan",
      schedule: ({ steps = 1 }) => {
        const levels =
          options.sigma_schedule === "karras" ? karras32(least, most, rho, steps) : exponentialLevels(options, steps)
        return planOf({
          timesteps: levels.map(timestepOfSigma),
          sigmas: [...levels, options.final_sigmas_type === "zero" ? 0 : f(least)],
          initNoiseSigma: initialDeviation(options),
          noise: levels.map(() => algorithm === "sde-dpmsolver++")
        })
      },
      unsolvable: (plan, begin) =>
        algorithm === "sde-dpmsolver++"
          ? thirdOrderProblem(plan, begin, algorithm, (index) => orderAt(options, plan, { begin, index, history: {} }))
          : undefined,
      scaleModelInput: (plan, { index }, sample) => scaleInput(options, plan.sigmas[index]!, sample),
      step: (plan, state, { modelOutput, noise, sample }) => {
        const at = (k: number) => markOf(plan.sigmas[state.index + k]!)
        const clean = clipped(options, cleanOf(options, plan.sigmas[state.index]!, sample, modelOutput), modelOutput)
        const outputs = [...(state.history["outputs"] ?? []), clean].slice(-options.solver_order)
        const update = updateOf(algorithm, options.solver_type === "heun", orderAt(options, plan, state), at)
        const next = applyUpdate(update, sample, outputs, noise)
        return { sample: like(sample, next), predOriginalSample: clean, history: { outputs } }
      },
      noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
    }
  },
  ({ algorithm_type, final_sigmas_type }) =>
    algorithm_type === "deis" && final_sigmas_type === "zero"
      ? { option: "final_sigmas_type", message: "must be sigma_min with algorithm_type deis" }
      : undefined
)
