/**
 * UniPC: a predictor and a corrector of any order from the same model calls (Zhao et al., arXiv 2302.04867).
 *
 * The class `UniPCMultistepScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import { needsMu, noTerminal, stretched } from "../internal/scheduler/flow.ts"
import { mark } from "../internal/scheduler/lambda.ts"
import { linspace, roundHalfEven } from "../internal/scheduler/numeric.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import type { Plan, TimestepRequest } from "../internal/scheduler/model.ts"
import {
  betaOptions,
  betaSchedule,
  count,
  finalSigma,
  flag,
  flowOptions,
  oneOf,
  option,
  orNull,
  respacingOptions,
  sigmaRangeOptions,
  spacingOptions,
  thresholdOptions
} from "../internal/scheduler/options.ts"
import { solverOutput } from "../internal/scheduler/output.ts"
import type { Problem } from "../internal/scheduler/request.ts"
import { interpolated, respaced, sigmaToTimestep } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { solverTimesteps } from "../internal/scheduler/spacing.ts"
import { applyUniPc, type UniPcUpdate, updateOf } from "../internal/scheduler/unipc.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "UniPCMultistepScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `solver_order`: from 1 up; 2 for guided sampling, 3 for unguided
 * - `predict_x0`: integrate the clean sample rather than the noise
 * - `solver_type`: `bh1` or `bh2`, the scale B(h); names of other solvers mean `bh2`
 * - `disable_corrector`: the model calls (counted from 0) after which the corrector is left out
 * - `use_flow_sigmas` with `flow_shift`, `use_dynamic_shifting`, `shift_terminal`: for flow-matching models
 * - `solver_p`: not supported (another scheduler as the predictor)
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...thresholdOptions,
  ...respacingOptions,
  ...sigmaRangeOptions,
  ...flowOptions,
  solver_order: count(2),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction", "flow_prediction"], "epsilon"),
  predict_x0: flag(true),
  solver_type: oneOf(["bh1", "bh2", "midpoint", "heun", "logrho"], "bh2"),
  lower_order_final: flag(true),
  disable_corrector: option(Schema.Array(Schema.Int), []),
  solver_p: option(Schema.Null, null),
  final_sigmas_type: finalSigma,
  rescale_betas_zero_snr: flag(false),
  shift_terminal: orNull(Schema.Finite)
})

/**
 * A UniPC scheduler. `setTimesteps` takes `steps`, or `sigmas` with `use_flow_sigmas`, and `mu` with
 * `use_dynamic_shifting`. `init` fails with the reason `Unsolvable` where a step's system of equations is singular, as
 * at order 3 without `lower_order_final` down to a noise level of zero.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as UniPcMultistep from "@effect-blocks/diffusion/schedulers/UniPcMultistep"
 *
 * const unipc = Result.getOrThrow(UniPcMultistep.fromConfig({ timestep_spacing: "trailing" }))
 * assert.deepStrictEqual(Result.getOrThrow(unipc.setTimesteps({ steps: 4 })).timesteps, [999, 749, 499, 249])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const { num_train_timesteps: train, predict_x0: predictsClean, solver_order: most } = options
    const flow = options.use_flow_sigmas
    const table = trainingSigmas(alphasCumprod(options, true))
    const logs = logTable(table)

    const orderAt = ({ timesteps }: Plan, begin: number, index: number): number =>
      Math.min(options.lower_order_final ? Math.min(most, timesteps.length - index) : most, index - begin + 1)

    const updateFrom = (plan: Plan, from: number, order: number, corrects: boolean): UniPcUpdate | null =>
      updateOf(options, (k) => mark(plan.sigmas[from + k]!, flow), order, corrects)

    const flowLevels = ({ mu, sigmas: own }: TimestepRequest, n: number): ReadonlyArray<number> | Problem => {
      const even = own ?? linspace(1, 1 / train, n + 1).slice(0, -1)
      const e = Math.exp(mu ?? 0)
      const shift = options.flow_shift
      const moved = even.map((sigma) =>
        options.use_dynamic_shifting ? e / (e + (1 / sigma - 1)) : (shift * sigma) / (1 + (shift - 1) * sigma)
      )
      const terminal = options.shift_terminal ?? 0
      if (terminal !== 0 && moved[n - 1] === 1) return noTerminal
      const [first = 0, ...rest] = terminal === 0 ? moved : stretched(moved, terminal, (x) => x)
      // away from 1, where the logarithm of alpha is infinite
      return [Math.abs(first - 1) < 1e-6 ? first - 1e-6 : first, ...rest]
    }

    const levelsOf = (request: TimestepRequest, n: number) => {
      const own = request.sigmas
      const other = respaced(options, own?.[own.length - 1] ?? table[table.length - 1]!, own?.[0] ?? table[0]!, n)
      if (other !== undefined) {
        const karras = options.use_karras_sigmas
        const sigmas = karras && flow ? other.map((sigma) => sigma / (sigma + 1)) : other
        // timesteps lie among the levels that respacing began with: the training's, or the caller's
        const known = own === undefined ? logs : Float64Array.from(own, Math.log)
        const exact = () => sigmas.map((sigma) => sigmaToTimestep(sigma, known))
        const timesteps = !karras ? exact() : flow ? sigmas.map((sigma) => sigma * train) : exact().map(roundHalfEven)
        return { sigmas, timesteps, last: sigmas[n - 1]! }
      }
      if (flow) {
        const sigmas = flowLevels(request, n)
        if ("message" in sigmas) return sigmas
        return { sigmas, timesteps: sigmas.map((sigma) => sigma * train), last: sigmas[n - 1]! }
      }
      const timesteps = solverTimesteps(options, n)
      return { sigmas: interpolated(timesteps, table), timesteps, last: table[0]! }
    }

    return {
      accepts: ["sigmas", "mu"],
      trainingTimesteps: train,
      lookup: "planOrLast",
      schedule: (request) => {
        if (options.use_dynamic_shifting && request.mu === undefined) return needsMu
        if (request.sigmas !== undefined && !flow)
          return { option: "sigmas", message: "sigmas go with use_flow_sigmas" }
        const levels = levelsOf(request, request.sigmas?.length ?? request.steps!)
        if ("message" in levels) return levels
        const { last, sigmas, timesteps } = levels
        return planOf({
          timesteps: timesteps.map(Math.trunc),
          sigmas: [...sigmas, options.final_sigmas_type === "zero" ? 0 : last].map(f)
        })
      },
      unsolvable: (plan, begin) => {
        for (let index = begin; index < plan.timesteps.length; index++)
          if (updateFrom(plan, index, orderAt(plan, begin, index), false) === null)
            return `the system of equations of model call ${index} is singular: set lower_order_final or a lower solver_order`
        return undefined
      },
      step: (plan, { begin, history, index }, { modelOutput, sample }) => {
        // history: outputs, and the sample that the last prediction started from
        const { last, outputs = [] } = history
        const level = plan.sigmas[index]!
        const algorithm = predictsClean ? "++" : ""
        const settled = predictsClean ? options : { ...options, thresholding: false }
        const output = solverOutput(settled, algorithm, level, mark(level, flow), sample, modelOutput)
        const corrects = last !== undefined && !options.disable_corrector.includes(index - 1)
        const start = corrects
          ? applyUniPc(updateFrom(plan, index - 1, orderAt(plan, begin, index - 1), true)!, last[0]!, outputs, output)
          : sample
        const next = [...outputs, output].slice(-most)
        const update = updateFrom(plan, index, orderAt(plan, begin, index), false)!
        return {
          sample: applyUniPc(update, start, next),
          ...(predictsClean ? { predOriginalSample: output } : {}),
          history: { outputs: next, last: [start] }
        }
      },
      noiseWeights: (plan, level) => {
        const { alpha, sigma } = mark(plan.sigmas[indexOf(plan, level)]!, flow)
        return [alpha, sigma]
      }
    }
  },
  exclusiveSigmas,
  ({ shift_terminal, use_flow_sigmas }) =>
    shift_terminal !== null && !use_flow_sigmas
      ? { option: "shift_terminal", message: "goes with use_flow_sigmas" }
      : undefined,
  ({ predict_x0, prediction_type }) =>
    !predict_x0 && prediction_type === "flow_prediction"
      ? { option: "prediction_type", message: "must not be flow_prediction without predict_x0" }
      : undefined
)
