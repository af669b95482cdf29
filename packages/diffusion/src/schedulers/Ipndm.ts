/**
 * Improved pseudo numerical methods: fourth-order multistep without the Runge-Kutta start, on a sine schedule
 * (Liu et al., arXiv 2202.09778; k-diffusion's v-diffusion sampler).
 *
 * The class `IPNDMScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { adams } from "../internal/scheduler/adams.ts"
import { like, mixed, outOfLine, sqrt, square } from "../internal/scheduler/arithmetic.ts"
import { linspace32 } from "../internal/scheduler/numeric.ts"
import { trained_betas, trainingTimesteps } from "../internal/scheduler/options.ts"
import { anySteps, define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "IPNDMScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `trained_betas`: the schedule's sines, one per step, instead of those computed
 */
export const Options = Schema.Struct({
  num_train_timesteps: trainingTimesteps(1000),
  trained_betas
})

/** The sine schedule: falls from 1 to 0 in n steps, with 0 once more at the end. */
const sines = (n: number): ReadonlyArray<number> =>
  [...linspace32(1, 0, n + 1).slice(0, -1), 0].map((share) => square(f(Math.sin(f(f(share * f(Math.PI)) / 2)))))

/** nextAlpha * (x - beta * e) / below + e * nextBeta: the clean sample at the next angle. */
const carried = outOfLine(
  (
    x: Float32Array,
    beta: number,
    e: Float32Array,
    below: number,
    nextAlpha: number,
    nextBeta: number
  ): Float32Array => {
    const noise = Math.fround(beta)
    const inverse = 1 / Math.fround(below)
    const v = Math.fround(nextAlpha)
    const w = Math.fround(nextBeta)
    const out = new Float32Array(x.length)
    for (let i = 0; i < out.length; i++) {
      const clean = Math.fround(Math.fround(x[i]! - Math.fround(noise * e[i]!)) * inverse)
      out[i] = Math.fround(v * clean) + Math.fround(e[i]! * w)
    }
    return out
  }
)

/**
 * An IPNDM scheduler. `setTimesteps` takes `steps`; timesteps fall from 1 to 0.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Ipndm from "@effect-blocks/diffusion/schedulers/Ipndm"
 *
 * const ipndm = Result.getOrThrow(Ipndm.fromConfig())
 * const plan = Result.getOrThrow(ipndm.setTimesteps({ steps: 4 }))
 * assert.strictEqual(plan.timesteps[0], 1)
 * ```
 */
export const fromConfig = define(className, Options, (options) => ({
  accepts: [],
  trainingTimesteps: options.num_train_timesteps,
  maxSteps: anySteps,
  lookup: "plan",
  schedule: ({ steps = 1 }) => {
    const betas = options.trained_betas?.map(f) ?? sines(steps)
    const alphas = betas.map((beta) => sqrt(f(1 - square(beta))))
    const angles = betas.map((beta, i) =>
      Math.fround(Math.fround(Math.fround(Math.atan2(beta, alphas[i]!)) / Math.fround(Math.PI)) * 2)
    )
    return planOf({ timesteps: angles.slice(0, -1), tables: { alphas, betas } })
  },
  step: (plan, { history, index }, { modelOutput, sample }) => {
    const { alphas, betas } = plan.tables
    const alpha = alphas![index]!
    const beta = betas![index]!
    const epsilon = like(sample, mixed(beta, sample.data, alpha, modelOutput.data))
    const ets = [...(history["ets"] ?? []).slice(-3), epsilon]
    const e = adams(ets).data
    const nextAlpha = alphas![index + 1]!
    const nextBeta = betas![index + 1]!
    const below = Math.max(alpha, f(1e-8))
    return { sample: like(sample, carried(sample.data, beta, e, below, nextAlpha, nextBeta)), history: { ets } }
  },
  noiseWeights: (plan, level) => {
    const index = indexOf(plan, level)
    return [plan.tables["alphas"]![index]!, plan.tables["betas"]![index]!]
  }
}))
