/**
 * DPM-Solver++ run backwards, from a picture to the noise that gives it (Lu et al., arXiv 2211.01095; with DDIM inversion's
 * idea, arXiv 2105.05233).
 *
 * The class `DPMSolverMultistepInverseScheduler` of diffusers. Timesteps rise.
 */
import * as Schema from "effect/Schema"
import { like } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { algorithmOf, applyUpdate, orderAt, updateOf } from "../internal/scheduler/dpm.ts"
import { exclusiveSigmas, noiseOfFlow, thirdOrderProblem } from "../internal/scheduler/family.ts"
import { clippedAway, mark } from "../internal/scheduler/lambda.ts"
import { arange, linspace, roundHalfEven } from "../internal/scheduler/numeric.ts"
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
import { flowSigmas, interpolated, respaced, sigmaToTimestep } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DPMSolverMultistepInverseScheduler"

/** The options, named as in diffusers' file: those of the multistep class that make sense backwards. */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...thresholdOptions,
  ...respacingOptions,
  use_flow_sigmas: flag(false),
  flow_shift: positive(1),
  solver_order: option(Schema.Literals([1, 2, 3]), 2),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction", "flow_prediction"], "epsilon"),
  algorithm_type: oneOf(["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"], "dpmsolver++"),
  solver_type: oneOf(["midpoint", "heun", "logrho", "bh1", "bh2"], "midpoint"),
  lower_order_final: flag(true),
  euler_at_final: flag(false),
  lambda_min_clipped: lambdaMin,
  variance_type: varianceType
})

type Spacing = Pick<(typeof Options)["Type"], "num_train_timesteps" | "steps_offset" | "timestep_spacing">

/** Rising, the noisiest left out, repeated ones once. */
const risingTimesteps = (options: Spacing, noisiest: number, n: number): ReadonlyArray<number> => {
  switch (options.timestep_spacing) {
    case "linspace":
      return linspace(0, noisiest, n + 1)
        .map(roundHalfEven)
        .slice(0, -1)
    case "leading": {
      const ratio = Math.floor((noisiest + 1) / (n + 1))
      return Array.from({ length: n }, (_, i) => i * ratio + options.steps_offset)
    }
    case "trailing":
      return arange(noisiest + 1, 0, -options.num_train_timesteps / n)
        .toReversed()
        .map((t) => roundHalfEven(t) - 1)
  }
}

/**
 * An inverse DPM-Solver scheduler. `setTimesteps` takes `steps`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as DpmSolverMultistepInverse from "@effect-blocks/diffusion/schedulers/DpmSolverMultistepInverse"
 *
 * const inverse = Result.getOrThrow(DpmSolverMultistepInverse.fromConfig())
 * assert.deepStrictEqual(Result.getOrThrow(inverse.setTimesteps({ steps: 5 })).timesteps, [0, 200, 400, 599, 799])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const algorithm = algorithmOf(options.algorithm_type)
    const { num_train_timesteps: train } = options
    const flow = options.use_flow_sigmas
    const alphas = alphasCumprod(options)
    const table = trainingSigmas(alphas)
    const logs = logTable(table)
    const orders = { ...options, final_sigmas_type: "sigma_min" as const }

    const levelsOf = (timesteps: ReadonlyArray<number>, noisiest: number, n: number) => {
      const other = respaced(options, table[0]!, table[table.length - 1]!, n)
      if (other !== undefined) {
        const exact = other.map((sigma) => sigmaToTimestep(sigma, logs))
        const timesteps = options.use_karras_sigmas ? exact.map(roundHalfEven) : exact
        return { timesteps, sigmas: [...other, other[n - 1]!] }
      }
      if (!flow) return { timesteps, sigmas: [...interpolated(timesteps, table), table[noisiest]!] }
      const sigmas = flowSigmas(train, options.flow_shift, n)
      return { timesteps: sigmas.map((sigma) => sigma * train), sigmas: [...sigmas, sigmas[n - 1]!] }
    }

    return {
      accepts: [],
      trainingTimesteps: train,
      lookup: "planOrLast",
      schedule: ({ steps = 1 }) => {
        const noisiest = train - 1 - clippedAway(alphas, Number(options.lambda_min_clipped))
        if (noisiest < 0) {
          const message = `lambda_min_clipped (${String(options.lambda_min_clipped)}) leaves no timestep`
          return { option: "lambda_min_clipped", message }
        }
        const levels = levelsOf(risingTimesteps(options, noisiest, steps), noisiest, steps)
        // timesteps that are equal before they are cut to whole ones count once, though their levels stay, as in diffusers
        const timesteps = [...new Set(levels.timesteps)].map(Math.trunc)
        return planOf({
          timesteps,
          sigmas: levels.sigmas.map(f),
          noise: timesteps.map(() => algorithm.startsWith("sde"))
        })
      },
      unsolvable: (plan, begin) =>
        algorithm.startsWith("sde")
          ? thirdOrderProblem(plan, begin, algorithm, (index) => orderAt(orders, plan, { begin, index, history: {} }))
          : undefined,
      outputChannels: withoutVariance(options),
      step: (plan, state, { modelOutput, noise, sample }) => {
        const at = (k: number) => mark(plan.sigmas[state.index + k]!, flow)
        const mean = options.variance_type === null ? modelOutput : meanOf(modelOutput, sample)
        const output = solverOutput(options, algorithm, plan.sigmas[state.index]!, at(0), sample, mean)
        const outputs = [...(state.history["outputs"] ?? []), output].slice(-options.solver_order)
        const update = updateOf(algorithm, options.solver_type === "heun", orderAt(orders, plan, state), at)
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
  noiseOfFlow
)
