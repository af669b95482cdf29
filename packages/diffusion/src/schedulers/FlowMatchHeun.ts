/**
 * Heun's method for flow matching (Esser et al., arXiv 2403.03206; Karras et al., arXiv 2206.00364): second order, two
 * model calls a step, with optional churn.
 *
 * The class `FlowMatchHeunDiscreteScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { eulerStep, like, mixed, outOfLine, slope } from "../internal/scheduler/arithmetic.ts"
import { churnSettings, takesChurn } from "../internal/scheduler/family.ts"
import { shifted } from "../internal/scheduler/flow.ts"
import { linspace } from "../internal/scheduler/numeric.ts"
import { positive, trainingTimesteps } from "../internal/scheduler/options.ts"
import { churned, churnedSigma } from "../internal/scheduler/prediction.ts"
import { doubled } from "../internal/scheduler/sigmas.ts"
import { anySteps, define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "FlowMatchHeunDiscreteScheduler"

/** The options, named as in diffusers' file. */
export const Options = Schema.Struct({ num_train_timesteps: trainingTimesteps(1000), shift: positive(1) })

/** out = start + (the mean of the slope at the start and out) * dt */
const averageInto = outOfLine(
  (out: Float32Array, start: Float32Array, first: Float32Array, sigma: number, dt: number): Float32Array => {
    const inverse = 1 / Math.fround(sigma)
    const step = Math.fround(dt)
    for (let i = 0; i < out.length; i++) {
      const here = Math.fround(Math.fround(start[i]! - first[i]!) * inverse)
      out[i] = start[i]! + Math.fround(Math.fround(0.5 * Math.fround(here + out[i]!)) * step)
    }
    return out
  }
)

/**
 * A flow-matching Heun scheduler. `setTimesteps` takes `steps` and the churn: `sChurn` (default 0, no noise), `sTmin`,
 * `sTmax`, `sNoise` (default 1).
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as FlowMatchHeun from "@effect-blocks/diffusion/schedulers/FlowMatchHeun"
 *
 * const heun = Result.getOrThrow(FlowMatchHeun.fromConfig())
 * assert.deepStrictEqual(Result.getOrThrow(heun.setTimesteps({ steps: 2 })).timesteps, [1000, 1, 1])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const train = options.num_train_timesteps
  const extreme = (t: number) => shifted(options.shift, f(t / train), f) * train
  return {
    accepts: ["sChurn", "sTmin", "sTmax", "sNoise"],
    trainingTimesteps: train,
    maxSteps: anySteps,
    lookup: "plan",
    schedule: (request) => {
      const steps = request.steps!
      const levels = linspace(extreme(train), extreme(1), steps).map((t) =>
        f(shifted(options.shift, t / train, (x) => x))
      )
      const sigmas = [...doubled(levels), 0]
      const timesteps = doubled(levels.map((sigma) => f(sigma * train)))
      const settings = churnSettings(request)
      return planOf({
        timesteps,
        sigmas,
        order: 2,
        numInferenceSteps: steps,
        settings,
        noise: timesteps.map((_, i) => takesChurn(settings, sigmas[i % 2 === 0 ? i : i - 1]!))
      })
    },
    step: (plan, { history, index }, { modelOutput, noise, sample }) => {
      // history.half, between the two calls of a step: the sample it began with, and the clean one predicted there
      const { half } = history
      const [from, to] = half === undefined ? [index, index + 1] : [index - 1, index]
      const sigma = plan.sigmas[from]!
      const next = plan.sigmas[to]!
      const { sChurn, sNoise } = plan.settings
      const raise = () => churnedSigma(sigma, sChurn!, plan.sigmas.length)
      const raised = noise === undefined ? sigma : raise()
      const x = noise === undefined ? sample : churned(sigma, raised, sNoise!, sample, noise)
      const clean = like(x, mixed(1, x.data, half === undefined ? -sigma : -next, modelOutput.data))
      if (half === undefined) {
        const end = eulerStep(x.data, x.data, clean.data, raised, f(next - raised))
        return { sample: like(x, end), predOriginalSample: clean, history: { half: [x, clean] } }
      }
      const began = Math.fround(plan.noise[from] === true ? raise() : sigma)
      const dt = Math.fround(next - began)
      const end = slope(x.data, clean.data, next)
      return { sample: like(x, averageInto(end, half[0]!.data, half[1]!.data, began, dt)), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => {
      const sigma = plan.sigmas[indexOf(plan, level)]!
      return [f(1 - sigma), sigma]
    }
  }
})
