/**
 * Linear multistep over sigma (k-diffusion's `sample_lms`): the last slopes, each weighted by the integral of its Lagrange
 * basis polynomial over the step.
 *
 * The class `LMSDiscreteScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { like, outOfLine, slope } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import type { Latents } from "../internal/scheduler/model.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import { betaOptions, betaSchedule, oneOf, respacingOptions, spacingOptions } from "../internal/scheduler/options.ts"
import { cleanFromSigma, scaleBySigma } from "../internal/scheduler/prediction.ts"
import { integrate } from "../internal/scheduler/quadrature.ts"
import { initialSigma, sigmaSchedule } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { realTimesteps } from "../internal/scheduler/spacing.ts"
import { weightedSum } from "../internal/scheduler/sum.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "LMSDiscreteScheduler"

/** The options, named as in diffusers' file; at most one of the three spacings of noise levels. */
export const Options = Schema.Struct({
  ...betaOptions,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...respacingOptions,
  prediction_type: oneOf(["epsilon", "sample", "v_prediction"], "epsilon")
})

/** The integral over step `index` of the Lagrange basis polynomial of the slope `which` steps back, through `order` levels. */
const coefficient = (sigmas: ReadonlyArray<number>, order: number, index: number, which: number): number =>
  integrate(
    (tau) => {
      let product = 1
      for (let k = 0; k < order; k++) {
        if (k === which) continue
        const level = sigmas[index - k]!
        product = f(product * f(f(f(tau) - level) / f(sigmas[index - which]! - level)))
      }
      return product
    },
    sigmas[index]!,
    sigmas[index + 1]!
  )

/** The clean sample and the slope there. */
const predicted = (
  type: "epsilon" | "sample" | "v_prediction",
  sigma: number,
  sample: Latents,
  output: Latents
): readonly [clean: Latents, slope: Latents] => {
  if (type === "epsilon") {
    const [clean, there] = cleanAndSlope(sample.data, sigma, output.data)
    return [like(sample, clean), like(sample, there)]
  }
  const clean = cleanFromSigma(type, sigma, sample, output)
  return [clean, like(sample, slope(sample.data, clean.data, sigma))]
}

/** x - sigma * e, and (x - that) / sigma: the noise again, but as diffusers rounds it. */
const cleanAndSlope = outOfLine(
  (x: Float32Array, sigma: number, e: Float32Array): readonly [clean: Float32Array, slope: Float32Array] => {
    const w = Math.fround(sigma)
    const inverse = 1 / w
    const clean = new Float32Array(x.length)
    const there = new Float32Array(x.length)
    for (let i = 0; i < clean.length; i++) {
      const here = x[i]!
      const value = Math.fround(here - Math.fround(w * e[i]!))
      clean[i] = value
      there[i] = Math.fround(here - value) * inverse
    }
    return [clean, there]
  }
)

/**
 * A linear multistep scheduler. `setTimesteps` takes `steps` and `order` (slopes used, default 4).
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Lms from "@effect-blocks/diffusion/schedulers/Lms"
 *
 * const lms = Result.getOrThrow(Lms.fromConfig({ timestep_spacing: "leading" }))
 * assert.deepStrictEqual(Result.getOrThrow(lms.setTimesteps({ steps: 4 })).timesteps, [750, 500, 250, 0])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const table = trainingSigmas(alphasCumprod(options))
    const logs = logTable(table)
    return {
      accepts: ["order"],
      trainingTimesteps: options.num_train_timesteps,
      lookup: "plan",
      schedule: ({ order = 4, steps = 1 }) => {
        const levels = sigmaSchedule(options, table, logs, realTimesteps(options, steps), undefined, steps)
        const sigmas = [...levels.sigmas, 0].map(f)
        return planOf({
          timesteps: levels.timesteps.map(f),
          sigmas,
          initNoiseSigma: initialSigma(options.timestep_spacing, sigmas),
          settings: { order }
        })
      },
      scaleModelInput: (plan, { index }, sample) => scaleBySigma(plan.sigmas[index]!, sample),
      step: (plan, { history, index }, { modelOutput, sample }) => {
        const sigma = plan.sigmas[index]!
        const most = plan.settings["order"]!
        const [clean, newest] = predicted(options.prediction_type, sigma, sample, modelOutput)
        const slopes = [...(history["slopes"] ?? []), newest].slice(-most)
        // by the plan's index, as diffusers counts, even where the run began later and has fewer slopes
        const order = Math.min(index + 1, most)
        const used = slopes.slice(-order).toReversed()
        const weights = used.map((_, k) => coefficient(plan.sigmas, order, index, k))
        const out = weightedSum([...weights, 1], [...used.map(({ data }) => data), sample.data])
        return { sample: like(sample, out), predOriginalSample: clean, history: { slopes } }
      },
      noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
    }
  },
  exclusiveSigmas
)
