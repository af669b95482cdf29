/**
 * DEIS: the exponential integrator with polynomial extrapolation in log rho (Zhang and Chen, arXiv 2204.13902), orders 1
 * to 3, one model call a step.
 *
 * The class `DEISMultistepScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { exp, like, mixed } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { applyDeis, coefficientsOf } from "../internal/scheduler/deis.ts"
import { exclusiveSigmas, shiftProblem } from "../internal/scheduler/family.ts"
import { mark } from "../internal/scheduler/lambda.ts"
import { roundHalfEven } from "../internal/scheduler/numeric.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import {
  betaOptions,
  betaSchedule,
  flag,
  flowOptions,
  oneOf,
  option,
  respacingOptions,
  spacingOptions,
  thresholdOptions
} from "../internal/scheduler/options.ts"
import { clipped, cleanFromAlpha, noiseFromAlpha } from "../internal/scheduler/prediction.ts"
import { flowSigmas, interpolated, respaced, sigmaToTimestep } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { solverTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DEISMultistepScheduler"

/**
 * The options, named as in diffusers' file. `algorithm_type` and `solver_type` of other solvers are taken for `deis` and
 * `logrho`, as diffusers does.
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
  algorithm_type: oneOf(["deis", "dpmsolver", "dpmsolver++"], "deis"),
  solver_type: oneOf(["logrho", "midpoint", "heun", "bh1", "bh2"], "logrho"),
  lower_order_final: flag(true)
})

/**
 * A DEIS scheduler. `setTimesteps` takes `steps`, and `mu` with `use_dynamic_shifting`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as DeisMultistep from "@effect-blocks/diffusion/schedulers/DeisMultistep"
 *
 * const deis = Result.getOrThrow(DeisMultistep.fromConfig({ solver_order: 3 }))
 * assert.deepStrictEqual(Result.getOrThrow(deis.setTimesteps({ steps: 3 })).timesteps, [999, 666, 333])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const { num_train_timesteps: train, solver_order: most } = options
    const flow = options.use_flow_sigmas
    const table = trainingSigmas(alphasCumprod(options))
    const logs = logTable(table)

    const levelsOf = (n: number, shift: number) => {
      const other = respaced(options, table[table.length - 1]!, table[0]!, n)
      if (other !== undefined) {
        const exact = other.map((sigma) => sigmaToTimestep(sigma, logs))
        const timesteps = options.use_karras_sigmas ? exact.map(roundHalfEven) : exact
        return { timesteps, sigmas: [...other, other[n - 1]!] }
      }
      if (!flow) {
        const timesteps = solverTimesteps(options, n)
        return { timesteps, sigmas: [...interpolated(timesteps, table), table[0]!] }
      }
      const sigmas = flowSigmas(train, shift, n)
      return { timesteps: sigmas.map((sigma) => sigma * train), sigmas: [...sigmas, sigmas[n - 1]!] }
    }

    return {
      accepts: ["mu"],
      trainingTimesteps: train,
      lookup: "planOrLast",
      schedule: ({ mu, steps = 1 }) => {
        const problem = shiftProblem(options, mu)
        if (problem !== undefined) return problem
        const { sigmas, timesteps } = levelsOf(steps, mu === undefined ? options.flow_shift : Math.exp(mu))
        return planOf({ timesteps: timesteps.map(Math.trunc), sigmas: sigmas.map(f) })
      },
      step: (plan, { begin, history, index }, { modelOutput, sample }) => {
        const calls = plan.timesteps.length
        const lowers = options.lower_order_final && calls < 15
        const from = mark(plan.sigmas[index]!, flow)
        const to = mark(plan.sigmas[index + 1]!, flow)
        const type = options.prediction_type
        // diffusers takes the level itself for the deviation of a flow, even where the schedule is not that of flows
        const deviation = type === "flow_prediction" ? plan.sigmas[index]! : from.sigma
        const clean = clipped(options, cleanFromAlpha(type, from.alpha, deviation, sample, modelOutput), modelOutput)
        const output = noiseFromAlpha("sample", from.alpha, deviation, sample, clean)
        const outputs = [...(history["outputs"] ?? []), output].slice(-most)
        const atEnd = lowers && index === calls - 1 ? 1 : lowers && index === calls - 2 ? 2 : 3
        const order = Math.min(most, index - begin + 1, atEnd)
        const done = (next: Float32Array) => ({
          sample: like(sample, next),
          predOriginalSample: clean,
          history: { outputs }
        })
        if (order === 1) {
          const growth = f(exp(f(to.lambda - from.lambda)) - 1)
          return done(mixed(f(to.alpha / from.alpha), sample.data, -f(to.sigma * growth), output.data))
        }
        const levels = Array.from({ length: order }, (_, k) => mark(plan.sigmas[index - k]!, flow))
        return done(applyDeis(to, from, coefficientsOf(to, levels), sample.data, outputs))
      },
      noiseWeights: (plan, level) => {
        const { alpha, sigma } = mark(plan.sigmas[indexOf(plan, level)]!, flow)
        return [alpha, sigma]
      }
    }
  },
  exclusiveSigmas
)
