/**
 * DPM-Solver and DPM-Solver++ in their singlestep form (Lu et al., arXiv 2206.00927 and 2211.01095): calls come in groups
 * whose later members start again from the first one's sample.
 *
 * The class `DPMSolverSinglestepScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { like } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { algorithmOf } from "../internal/scheduler/dpm.ts"
import { exclusiveSigmas, noisePrediction, shiftProblem } from "../internal/scheduler/family.ts"
import { clippedAway, mark } from "../internal/scheduler/lambda.ts"
import { linspace, roundHalfEven } from "../internal/scheduler/numeric.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import {
  betaOptions,
  betaSchedule,
  finalSigma,
  flag,
  flowOptions,
  lambdaMin,
  oneOf,
  option,
  respacingOptions,
  thresholdOptions,
  varianceType
} from "../internal/scheduler/options.ts"
import { meanOf, solverOutput, withoutVariance } from "../internal/scheduler/output.ts"
import { onlyOne } from "../internal/scheduler/request.ts"
import { flowSigmas, interpolated, isRespaced, respaced, sigmaToTimestep } from "../internal/scheduler/sigmas.ts"
import { applySinglestep, ordersOf } from "../internal/scheduler/singlestep.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DPMSolverSinglestepScheduler"

/**
 * The options, named as in diffusers' file: those of the multistep class, without `timestep_spacing`.
 *
 * - `lower_order_final`: is taken as set where the steps are no multiple of the order, or where the last level is zero
 *   (diffusers then changes its own configuration; here the plan says it)
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...thresholdOptions,
  ...respacingOptions,
  ...flowOptions,
  solver_order: option(Schema.Literals([1, 2, 3]), 2),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction", "flow_prediction"], "epsilon"),
  algorithm_type: oneOf(["dpmsolver", "dpmsolver++", "sde-dpmsolver++", "deis"], "dpmsolver++"),
  solver_type: oneOf(["midpoint", "heun", "logrho", "bh1", "bh2"], "midpoint"),
  lower_order_final: flag(false),
  final_sigmas_type: finalSigma,
  lambda_min_clipped: lambdaMin,
  variance_type: varianceType
})

/**
 * A singlestep DPM-Solver scheduler. `setTimesteps` takes `steps` or `timesteps`, and `mu` with `use_dynamic_shifting`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as DpmSolverSinglestep from "@effect-blocks/diffusion/schedulers/DpmSolverSinglestep"
 *
 * const dpm = Result.getOrThrow(DpmSolverSinglestep.fromConfig())
 * const plan = Result.getOrThrow(dpm.setTimesteps({ steps: 4 }))
 * assert.deepStrictEqual(plan.tables["orders"], [1, 2, 1, 1])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const algorithm = algorithmOf(options.algorithm_type)
    const { final_sigmas_type: final, num_train_timesteps: train, solver_order: most } = options
    const flow = options.use_flow_sigmas
    const alphas = alphasCumprod(options)
    const table = trainingSigmas(alphas)
    const logs = logTable(table)

    const levelsOf = (timesteps: ReadonlyArray<number>, shift: number, n: number) => {
      const other = respaced(options, table[table.length - 1]!, table[0]!, n)
      if (other !== undefined) {
        const exact = other.map((sigma) => sigmaToTimestep(sigma, logs))
        return { sigmas: other, timesteps: options.use_karras_sigmas ? exact.map(roundHalfEven) : exact }
      }
      if (!flow) return { sigmas: interpolated(timesteps, table), timesteps }
      const sigmas = flowSigmas(train, shift, n)
      return { sigmas, timesteps: sigmas.map((sigma) => sigma * train) }
    }

    return {
      accepts: ["timesteps", "mu"],
      trainingTimesteps: train,
      lookup: "planOrLast",
      schedule: (request) => {
        const problem = shiftProblem(options, request.mu) ?? onlyOne(request)
        if (problem !== undefined) return problem
        if (request.timesteps !== undefined && isRespaced(options))
          return { option: "timesteps", message: "timesteps do not go with respaced noise levels" }
        const n = request.steps ?? request.timesteps!.length
        const last = train - 1 - clippedAway(alphas, Number(options.lambda_min_clipped))
        const even = () =>
          linspace(0, last, n + 1)
            .map(roundHalfEven)
            .toReversed()
            .slice(0, -1)
        const shift = request.mu === undefined ? options.flow_shift : Math.exp(request.mu)
        const { sigmas, timesteps } = levelsOf(request.timesteps?.map(Math.trunc) ?? even(), shift, n)
        const lowers = options.lower_order_final || n % most !== 0 || final === "zero"
        return planOf({
          timesteps: timesteps.map(Math.trunc),
          sigmas: [...sigmas, final === "zero" ? 0 : table[0]!].map(f),
          noise: timesteps.map(() => algorithm.startsWith("sde")),
          tables: { orders: ordersOf(n, most, lowers, final === "zero") }
        })
      },
      outputChannels: withoutVariance(options),
      step: (plan, { history, index }, { modelOutput, noise, sample }) => {
        // history: outputs, and the sample that the current group of calls began with
        const at = (k: number) => mark(plan.sigmas[index + k]!, flow)
        const mean = options.variance_type === null ? modelOutput : meanOf(modelOutput, sample)
        const output = solverOutput(options, algorithm, plan.sigmas[index]!, at(0), sample, mean)
        const outputs = [...(history["outputs"] ?? []), output].slice(-most)
        const order = Math.min(plan.tables["orders"]![index]!, outputs.length)
        const start = order === 1 ? sample : history["start"]![0]!
        const heun = options.solver_type === "heun"
        return {
          sample: like(sample, applySinglestep(algorithm, heun, order, at, start, outputs, noise)),
          ...(algorithm.endsWith("++") ? { predOriginalSample: output } : {}),
          history: { outputs, start: [start] }
        }
      },
      noiseWeights: (plan, level) => {
        const { alpha, sigma } = mark(plan.sigmas[indexOf(plan, level)]!, flow)
        return [alpha, sigma]
      }
    }
  },
  exclusiveSigmas,
  noisePrediction,
  // diffusers fails in the first step
  ({ algorithm_type, thresholding }) =>
    thresholding && algorithm_type === "dpmsolver"
      ? { option: "thresholding", message: "bounds clean samples: it does not go with algorithm_type dpmsolver" }
      : undefined
)
