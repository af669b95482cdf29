/**
 * Pseudo numerical methods (Liu et al., arXiv 2202.09778): a Runge-Kutta start, then fourth-order linear multistep.
 *
 * The class `PNDMScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { adams, average } from "../internal/scheduler/adams.ts"
import { addInto, like, outOfLine, scaled, sqrt } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod } from "../internal/scheduler/betas.ts"
import type { History, Latents, Plan, SchedulerState } from "../internal/scheduler/model.ts"
import { betaOptions, betaSchedule, flag, oneOf, spacingOptions } from "../internal/scheduler/options.ts"
import { noiseFromAlpha, weightsOfAlpha } from "../internal/scheduler/prediction.ts"
import { define, planOf, timestepOf } from "../internal/scheduler/solver.ts"
import { wholeTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "PNDMScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `skip_prk_steps`: start with lower-order multistep instead of Runge-Kutta's four calls a step, as Stable Diffusion does
 */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("leading"),
  skip_prk_steps: flag(false),
  set_alpha_to_one: flag(false),
  prediction_type: oneOf(["epsilon", "v_prediction"], "epsilon")
})

/** The schedule with Runge-Kutta's calls: three steps of four, then single ones. */
const rungeKutta = (rising: ReadonlyArray<number>, half: number) => {
  const pairs = rising.slice(-4).flatMap((t) => [t, t + half])
  const calls = pairs
    .slice(0, -1)
    .flatMap((t) => [t, t])
    .slice(1, -1)
    .toReversed()
  return { timesteps: [...calls, ...rising.slice(0, -3).toReversed()], calls: calls.length }
}

/** keep * x - gap * e / below */
const transferred = outOfLine(
  (keep: number, x: Float32Array, gap: number, e: Float32Array, below: number): Float32Array => {
    const v = Math.fround(keep)
    const w = Math.fround(gap)
    const inverse = 1 / Math.fround(below)
    const out = new Float32Array(x.length)
    for (let i = 0; i < out.length; i++) out[i] = Math.fround(v * x[i]!) - Math.fround(Math.fround(w * e[i]!) * inverse)
    return out
  }
)

/**
 * A PNDM scheduler. `setTimesteps` takes `steps`, at least 4 with Runge-Kutta.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Pndm from "@effect-blocks/diffusion/schedulers/Pndm"
 *
 * const pndm = Result.getOrThrow(Pndm.fromConfig({ skip_prk_steps: true }))
 * assert.deepStrictEqual(Result.getOrThrow(pndm.setTimesteps({ steps: 4 })).timesteps, [750, 500, 500, 250, 0])
 * ```
 */
export const fromConfig = define(className, Options, (options) => {
  const train = options.num_train_timesteps
  const alphas = alphasCumprod(options)
  const finalAlpha = options.set_alpha_to_one ? 1 : alphas[0]!

  /** From one timestep to another along the transferred slope (equation 9). */
  const move = (sample: Latents, from: number, to: number, output: Latents): Latents => {
    const alpha = alphas[from]!
    const next = to >= 0 ? alphas[to]! : finalAlpha
    const beta = f(1 - alpha)
    const epsilon =
      options.prediction_type === "epsilon"
        ? output
        : noiseFromAlpha("v_prediction", sqrt(alpha), sqrt(beta), sample, output)
    const keep = sqrt(f(next / alpha))
    const gap = f(next - alpha)
    const below = f(f(alpha * sqrt(f(1 - next))) + sqrt(f(f(alpha * beta) * next)))
    return like(sample, transferred(keep, sample.data, gap, epsilon.data, below))
  }

  /** One of the four calls of a Runge-Kutta step. History: ets, the sample the step began with, the running sum. */
  const rungeKuttaStep = (plan: Plan, state: SchedulerState, output: Latents, sample: Latents) => {
    const count = state.index - state.begin
    const phase = count % 4
    const { ets = [], start = [], sum = [] } = state.history
    const stride = Math.floor(train / plan.numInferenceSteps)
    const to = plan.timesteps[state.index]! - (count % 2 === 1 ? 0 : Math.floor(stride / 2))
    // the anchor is counted in the schedule as a whole, as diffusers does, even where the run began later
    const from = plan.timesteps[Math.floor(count / 4) * 4]!
    const origin = phase === 0 ? sample : start[0]!
    const total = () => like(output, addInto(sum[0]!.data.slice(), phase === 3 ? 1 / 6 : 1 / 3, output.data))
    if (phase === 3) return { sample: move(origin, from, to, total()), history: { ets, start } satisfies History }
    const running = phase === 0 ? like(output, scaled(1 / 6, output.data)) : total()
    const history = { ets: phase === 0 ? [...ets, output] : ets, start: [origin], sum: [running] } satisfies History
    return { sample: move(origin, from, to, output), history }
  }

  return {
    accepts: [],
    trainingTimesteps: train,
    schedule: ({ steps = 1 }) => {
      const rising = wholeTimesteps(options, steps).toReversed()
      if (options.skip_prk_steps) {
        const timesteps = [...rising.slice(0, -1), ...rising.slice(-2, -1), ...rising.slice(-1)].toReversed()
        return planOf({ timesteps, numInferenceSteps: steps, settings: { rungeKuttaCalls: 0 } })
      }
      if (steps < 4) {
        const message = `steps must be at least 4 for the Runge-Kutta start, not ${steps} (or set skip_prk_steps)`
        return { option: "steps", message }
      }
      const { calls, timesteps } = rungeKutta(rising, Math.floor(Math.floor(train / steps) / 2))
      return planOf({ timesteps, numInferenceSteps: steps, settings: { rungeKuttaCalls: calls } })
    },
    step: (plan, state, { modelOutput, sample }) => {
      const count = state.index - state.begin
      if (count < plan.settings["rungeKuttaCalls"]!) return rungeKuttaStep(plan, state, modelOutput, sample)
      const stride = Math.floor(train / plan.numInferenceSteps)
      const { ets = [], start = [] } = state.history
      const t = plan.timesteps[state.index]!
      if (count === 1) {
        // the first step is done again from its beginning, with the mean of the slopes at its two ends
        const slope = average(ets[ets.length - 1]!, modelOutput)
        return { sample: move(start[0]!, t + stride, t, slope), history: { ets } }
      }
      const past = [...ets.slice(-3), modelOutput]
      const next = move(sample, t, t - stride, adams(past))
      return { sample: next, history: { ets: past, ...(count === 0 ? { start: [sample] } : {}) } }
    },
    noiseWeights: (plan, level) => weightsOfAlpha(alphas[timestepOf(plan, level)]!)
  }
})
