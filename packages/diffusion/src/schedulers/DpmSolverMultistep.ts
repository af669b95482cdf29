/**
 * DPM-Solver and DPM-Solver++ in their multistep form (Lu et al., arXiv 2206.00927 and 2211.01095), also as SDE solvers:
 * orders 1 to 3 in half the log signal-to-noise ratio, one model call a step.
 *
 * The class `DPMSolverMultistepScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { like } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { algorithmOf, applyUpdate, orderAt, updateOf } from "../internal/scheduler/dpm.ts"
import { exclusiveSigmas, noisePrediction, shiftProblem, thirdOrderProblem } from "../internal/scheduler/family.ts"
import { clippedAway, mark } from "../internal/scheduler/lambda.ts"
import { roundHalfEven } from "../internal/scheduler/numeric.ts"
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
  spacingOptions,
  thresholdOptions,
  varianceType
} from "../internal/scheduler/options.ts"
import { meanOf, solverOutput, withoutVariance } from "../internal/scheduler/output.ts"
import { onlyOne } from "../internal/scheduler/request.ts"
import { flowSigmas, interpolated, isRespaced, lu, respaced, sigmaToTimestep } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { solverTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DPMSolverMultistepScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `solver_order`: 1 to 3; 2 for guided sampling, 3 for unguided
 * - `algorithm_type`: `dpmsolver++` predicts the clean sample, `dpmsolver` the noise; `sde-` takes noise each step
 * - `solver_type`: the second-order step, `midpoint` or `heun`
 * - `lower_order_final`, `euler_at_final`: fewer orders at the end of schedules under 15 steps
 * - `lambda_min_clipped`: the least lambda to visit, for cosine schedules
 * - `variance_type`: of the learned types, the second half of the model's output is dropped
 * - `use_flow_sigmas` with `flow_shift`, or `use_dynamic_shifting`: for flow-matching models
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...thresholdOptions,
  ...respacingOptions,
  ...flowOptions,
  solver_order: option(Schema.Literals([1, 2, 3]), 2),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction", "flow_prediction"], "epsilon"),
  algorithm_type: oneOf(["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"], "dpmsolver++"),
  solver_type: oneOf(["midpoint", "heun", "logrho", "bh1", "bh2"], "midpoint"),
  lower_order_final: flag(true),
  euler_at_final: flag(false),
  use_lu_lambdas: flag(false),
  final_sigmas_type: finalSigma,
  lambda_min_clipped: lambdaMin,
  variance_type: varianceType,
  rescale_betas_zero_snr: flag(false)
})

/**
 * A DPM-Solver scheduler. `setTimesteps` takes `steps` or `timesteps`, and `mu` with `use_dynamic_shifting`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as DpmSolverMultistep from "@effect-blocks/diffusion/schedulers/DpmSolverMultistep"
 *
 * const karras = Result.getOrThrow(DpmSolverMultistep.fromConfig({ use_karras_sigmas: true }))
 * const plan = Result.getOrThrow(karras.setTimesteps({ steps: 3 }))
 * assert.deepStrictEqual(plan.timesteps, [999, 593, 0])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const algorithm = algorithmOf(options.algorithm_type)
    const heun = options.solver_type === "heun"
    const train = options.num_train_timesteps
    const flow = options.use_flow_sigmas
    const alphas = alphasCumprod(options, true)
    const table = trainingSigmas(alphas)
    const logs = logTable(table)
    const roundsTimesteps =
      (options.use_karras_sigmas || options.use_lu_lambdas) && options.beta_schedule !== "squaredcos_cap_v2"

    const levelsOf = (timesteps: ReadonlyArray<number>, shift: number, n: number) => {
      const lambdas = options.use_lu_lambdas && !options.use_karras_sigmas ? lu(logs, n) : undefined
      const other = lambdas ?? respaced(options, table[table.length - 1]!, table[0]!, n)
      if (other !== undefined) {
        const exact = other.map((sigma) => sigmaToTimestep(sigma, logs))
        return { sigmas: other, timesteps: roundsTimesteps ? exact.map(roundHalfEven) : exact }
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
        if (request.timesteps !== undefined && (isRespaced(options) || options.use_lu_lambdas || flow))
          return { option: "timesteps", message: "timesteps do not go with respaced noise levels or use_flow_sigmas" }
        const away = clippedAway(alphas, Number(options.lambda_min_clipped))
        const visited = request.timesteps?.map(Math.trunc) ?? solverTimesteps(options, request.steps!, train - away)
        const shift = request.mu === undefined ? options.flow_shift : Math.exp(request.mu)
        const { sigmas, timesteps } = levelsOf(visited, shift, request.steps ?? visited.length)
        return planOf({
          timesteps: timesteps.map(Math.trunc),
          sigmas: [...sigmas, options.final_sigmas_type === "zero" ? 0 : table[0]!].map(f),
          noise: timesteps.map(() => algorithm.startsWith("sde"))
        })
      },
      unsolvable: (plan, begin) =>
        algorithm === "sde-dpmsolver"
          ? thirdOrderProblem(plan, begin, algorithm, (index) => orderAt(options, plan, { begin, index, history: {} }))
          : undefined,
      outputChannels: withoutVariance(options),
      step: (plan, state, { modelOutput, noise, sample }) => {
        const at = (k: number) => mark(plan.sigmas[state.index + k]!, flow)
        const mean = options.variance_type === null ? modelOutput : meanOf(modelOutput, sample)
        const output = solverOutput(options, algorithm, plan.sigmas[state.index]!, at(0), sample, mean)
        const outputs = [...(state.history["outputs"] ?? []), output].slice(-options.solver_order)
        const update = updateOf(algorithm, heun, orderAt(options, plan, state), at)
        return {
          sample: like(sample, applyUpdate(update, sample, outputs, noise)),
          ...(algorithm.endsWith("++") ? { predOriginalSample: output } : {}),
          history: { outputs }
        }
      },
      noiseWeights: (plan, level) => {
        const { alpha, sigma } = mark(plan.sigmas[indexOf(plan, level)]!, flow)
        return [alpha, sigma]
      }
    }
  },
  exclusiveSigmas,
  noisePrediction
)
