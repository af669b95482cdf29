/**
 * SA-Solver: a stochastic Adams method, predictor and corrector, with noise where tau is above zero (Xue et al., arXiv
 * 2309.05019).
 *
 * The class `SASolverScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import { clippedAway, mark } from "../internal/scheduler/lambda.ts"
import type { Plan } from "../internal/scheduler/model.ts"
import { roundHalfEven } from "../internal/scheduler/numeric.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import {
  betaOptions,
  betaSchedule,
  flag,
  lambdaMin,
  oneOf,
  option,
  positive,
  respacingOptions,
  spacingOptions,
  thresholdOptions,
  varianceType
} from "../internal/scheduler/options.ts"
import { meanOf, solverOutput, withoutVariance } from "../internal/scheduler/output.ts"
import { weightsOfAlpha } from "../internal/scheduler/prediction.ts"
import { stochasticAdams } from "../internal/scheduler/sa.ts"
import { flowSigmas, interpolated, respaced, sigmaToTimestep } from "../internal/scheduler/sigmas.ts"
import { define, planOf, timestepOf } from "../internal/scheduler/solver.ts"
import { solverTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "SASolverScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `predictor_order`, `corrector_order`: 1 to 4
 * - `algorithm_type`: integrate the clean sample (`data_prediction`) or the noise
 * - `tau_func`: not supported, as it is a Python function; the default, 1 for timesteps 200 to 800 and else 0, is used
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...thresholdOptions,
  ...respacingOptions,
  use_flow_sigmas: flag(false),
  flow_shift: positive(1),
  predictor_order: option(Schema.Literals([1, 2, 3, 4]), 2),
  corrector_order: option(Schema.Literals([1, 2, 3, 4]), 2),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction", "flow_prediction"], "epsilon"),
  tau_func: option(Schema.Null, null),
  algorithm_type: oneOf(["data_prediction", "noise_prediction"], "data_prediction"),
  lower_order_final: flag(true),
  lambda_min_clipped: lambdaMin,
  variance_type: varianceType
})

/** How stochastic the step from a timestep is. */
const tauOf = (timestep: number): 0 | 1 => (timestep >= 200 && timestep <= 800 ? 1 : 0)

/**
 * An SA-Solver scheduler. `setTimesteps` takes `steps`; every step takes noise.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as SaSolver from "@effect-blocks/diffusion/schedulers/SaSolver"
 *
 * const sa = Result.getOrThrow(SaSolver.fromConfig())
 * assert.deepStrictEqual(Result.getOrThrow(sa.setTimesteps({ steps: 3 })).timesteps, [999, 666, 333])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const { corrector_order: correctorOrder, num_train_timesteps: train, predictor_order: predictorOrder } = options
    const flow = options.use_flow_sigmas
    const predictsClean = options.algorithm_type === "data_prediction"
    const alphas = alphasCumprod(options)
    const table = trainingSigmas(alphas)
    const logs = logTable(table)
    const remembered = Math.max(predictorOrder, correctorOrder - 1)

    const levelsOf = (n: number) => {
      const other = respaced(options, table[table.length - 1]!, table[0]!, n)
      if (other !== undefined) {
        const exact = other.map((sigma) => sigmaToTimestep(sigma, logs))
        const timesteps = options.use_karras_sigmas ? exact.map(roundHalfEven) : exact
        return { timesteps, sigmas: [...other, other[n - 1]!] }
      }
      if (!flow) {
        const away = clippedAway(alphas, Number(options.lambda_min_clipped))
        const timesteps = solverTimesteps(options, n, train - away)
        return { timesteps, sigmas: [...interpolated(timesteps, table), table[0]!] }
      }
      const sigmas = flowSigmas(train, options.flow_shift, n)
      return { timesteps: sigmas.map((sigma) => sigma * train), sigmas: [...sigmas, sigmas[n - 1]!] }
    }

    /** Orders rise from one as outputs come in, and fall again at the end. */
    const orderAt = (plan: Plan, begin: number, index: number, most: number, ahead: 0 | 1): number => {
      const left = plan.timesteps.length - index + ahead
      return Math.min(options.lower_order_final ? Math.min(most, left) : most, index - begin + 1 + ahead)
    }

    return {
      accepts: [],
      trainingTimesteps: train,
      leavesTables: true,
      schedule: ({ steps = 1 }) => {
        const { sigmas, timesteps } = levelsOf(steps)
        return planOf({
          timesteps: timesteps.map(Math.trunc),
          sigmas: sigmas.map(f),
          noise: timesteps.map(() => true)
        })
      },
      outputChannels: withoutVariance(options),
      step: (plan, { begin, history, index }, { modelOutput, noise, sample }) => {
        // history: outputs, the sample that the last prediction started from, and the noise it took
        const { last, noise: drawn, outputs = [] } = history
        const at = (k: number) => mark(plan.sigmas[k]!, flow)
        const mean = options.variance_type === null ? modelOutput : meanOf(modelOutput, sample)
        const algorithm = predictsClean ? "++" : ""
        const output = solverOutput(options, algorithm, plan.sigmas[index]!, at(index), sample, mean)
        const all = [...outputs, output]
        const start =
          last === undefined || drawn === undefined
            ? sample
            : stochasticAdams({
                predictsClean,
                corrects: true,
                tau: tauOf(plan.timesteps[index - 1]!),
                order: orderAt(plan, begin, index - 1, correctorOrder, 1),
                from: at(index - 1),
                to: at(index),
                points: (k) => at(index - k),
                sample: last[0]!,
                outputs: all,
                noise: drawn[0]!
              })
        const next = stochasticAdams({
          predictsClean,
          corrects: false,
          tau: tauOf(plan.timesteps[index]!),
          order: orderAt(plan, begin, index, predictorOrder, 0),
          from: at(index),
          to: at(index + 1),
          points: (k) => at(index - k),
          sample: start,
          outputs: all,
          noise: noise!
        })
        return {
          sample: next,
          ...(predictsClean ? { predOriginalSample: output } : {}),
          history: { outputs: all.slice(-remembered), last: [start], noise: [noise!] }
        }
      },
      // of the training timestep, as diffusers has it, where the step takes them of the plan
      noiseWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!)
    }
  },
  exclusiveSigmas,
  ({ algorithm_type, prediction_type }) =>
    algorithm_type === "noise_prediction" && prediction_type === "flow_prediction"
      ? { option: "prediction_type", message: "must not be flow_prediction with algorithm_type noise_prediction" }
      : undefined,
  ({ algorithm_type, thresholding }) =>
    algorithm_type === "noise_prediction" && thresholding
      ? { option: "thresholding", message: "goes with algorithm_type data_prediction" }
      : undefined
)
