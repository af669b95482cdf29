/**
 * Heun's method in sigma (Karras et al., arXiv 2206.00364, algorithm 2): second order, two model calls a step, the last
 * step one.
 *
 * The class `HeunDiscreteScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { eulerStep, like, outOfLine } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import {
  clipOptions,
  oneOf,
  respacingOptions,
  spacingOptions,
  stableDiffusionBetas
} from "../internal/scheduler/options.ts"
import { clipped, cleanFromSigma, scaleBySigma } from "../internal/scheduler/prediction.ts"
import { onlyOne } from "../internal/scheduler/request.ts"
import { doubled, initialSigma, isRespaced, sigmaSchedule } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { realTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "HeunDiscreteScheduler"

/** The options, named as in diffusers' file; at most one of the three spacings of noise levels. */
export const Options = Schema.Struct({
  ...stableDiffusionBetas,
  beta_schedule: oneOf(["linear", "scaled_linear", "squaredcos_cap_v2", "exp"], "linear"),
  ...spacingOptions("linspace"),
  ...respacingOptions,
  ...clipOptions(false),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction"], "epsilon")
})

/** start + (the mean of the slope at the start and the slope at x) * dt; halving needs no rounding. */
const averagedStep = outOfLine(
  (
    start: Float32Array,
    first: Float32Array,
    sigma: number,
    x: Float32Array,
    clean: Float32Array,
    next: number,
    dt: number
  ): Float32Array => {
    const inverse = 1 / Math.fround(sigma)
    const inverseThere = 1 / Math.fround(next)
    const half = Math.fround(dt) / 2
    const out = new Float32Array(x.length)
    for (let i = 0; i < out.length; i++) {
      const here = Math.fround(Math.fround(start[i]! - first[i]!) * inverse)
      const there = Math.fround(Math.fround(x[i]! - clean[i]!) * inverseThere)
      out[i] = start[i]! + Math.fround(Math.fround(here + there) * half)
    }
    return out
  }
)

/**
 * A Heun scheduler. `setTimesteps` takes `steps` (and `numTrainTimesteps`, over which they are spread) or `timesteps`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Heun from "@effect-blocks/diffusion/schedulers/Heun"
 *
 * const heun = Result.getOrThrow(Heun.fromConfig({ timestep_spacing: "leading" }))
 * assert.deepStrictEqual(Result.getOrThrow(heun.setTimesteps({ steps: 2 })).timesteps, [500, 0, 0])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const table = trainingSigmas(alphasCumprod(options))
    const logs = logTable(table)
    return {
      accepts: ["timesteps", "numTrainTimesteps"],
      trainingTimesteps: options.num_train_timesteps,
      ownSchedule: "notRising",
      lookup: "plan",
      schedule: (request) => {
        const problem = onlyOne(request)
        if (problem !== undefined) return problem
        if (request.timesteps !== undefined && isRespaced(options))
          return { option: "timesteps", message: "timesteps do not go with respaced noise levels" }
        const { num_train_timesteps: train } = options
        const spaced = { ...options, num_train_timesteps: request.numTrainTimesteps ?? train }
        const visited = request.timesteps?.map(f) ?? realTimesteps(spaced, request.steps!)
        const levels = sigmaSchedule(options, table, logs, visited, undefined, request.steps)
        const sigmas = [...doubled(levels.sigmas), 0].map(f)
        return planOf({
          timesteps: doubled(levels.timesteps).map(f),
          sigmas,
          order: 2,
          numInferenceSteps: levels.timesteps.length,
          initNoiseSigma: initialSigma(options.timestep_spacing, sigmas)
        })
      },
      scaleModelInput: (plan, { index }, sample) => scaleBySigma(plan.sigmas[index]!, sample),
      step: (plan, { history, index }, { modelOutput, sample }) => {
        // history.half, between the two calls of a step: the sample it began with, and the clean one predicted there
        const { half } = history
        const [from, to] = half === undefined ? [index, index + 1] : [index - 1, index]
        const sigma = Math.fround(plan.sigmas[from]!)
        const next = plan.sigmas[to]!
        const here = half === undefined ? sigma : next
        const predicted = cleanFromSigma(options.prediction_type, here, sample, modelOutput)
        const clean = clipped(options, predicted, modelOutput)
        const dt = Math.fround(next - sigma)
        if (half === undefined) {
          const end = eulerStep(sample.data, sample.data, clean.data, sigma, dt)
          return { sample: like(sample, end), predOriginalSample: clean, history: { half: [sample, clean] } }
        }
        const end = averagedStep(half[0]!.data, half[1]!.data, sigma, sample.data, clean.data, next, dt)
        return { sample: like(sample, end), predOriginalSample: clean }
      },
      noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
    }
  },
  exclusiveSigmas
)
