/**
 * DPM-Solver++ as a second-order SDE solver with two model calls a step (k-diffusion's `sample_dpmpp_sde`; Lu et al., arXiv
 * 2211.01095). diffusers draws its noise from a Brownian path, so that it does not depend on the number of steps: the plan's
 * tables `noiseFrom` and `noiseTo` have the interval of each call, for `Brownian.noise`; independent normals do too.
 *
 * The class `DPMSolverSDEScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { addScaledInto, eulerStep, exp, like, log, mixed, sqrt, square } from "../internal/scheduler/arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "../internal/scheduler/betas.ts"
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import { linspace } from "../internal/scheduler/numeric.ts"
import { logTable } from "../internal/scheduler/numpyLog.ts"
import {
  betaSchedule,
  oneOf,
  orNull,
  respacingOptions,
  spacingOptions,
  stableDiffusionBetas
} from "../internal/scheduler/options.ts"
import { cleanFromSigma, scaleBySigma } from "../internal/scheduler/prediction.ts"
import { doubled, initialSigma, sigmaSchedule, sigmaToTimestep } from "../internal/scheduler/sigmas.ts"
import { define, indexOf, planOf } from "../internal/scheduler/solver.ts"
import { wholeTimesteps } from "../internal/scheduler/spacing.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "DPMSolverSDEScheduler"

/**
 * The options, named as in diffusers' file; at most one of the three spacings of noise levels. `noise_sampler_seed` is
 * kept and has no effect: noise comes from the run's generator.
 */
export const Options = Schema.Struct({
  ...stableDiffusionBetas,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...respacingOptions,
  prediction_type: oneOf(["epsilon", "v_prediction"], "epsilon"),
  noise_sampler_seed: orNull(Schema.Int)
})

/** -log sigma: the time of this solver. */
const timeOf = (sigma: number): number => -log(sigma)
const sigmaOf = (time: number): number => exp(-time)
const between = (from: number, to: number): number => f(from + f(f(to - from) * 0.5))

/** The level in the middle of two, in time; zero where the second is. */
const halfway = (from: number, to: number): number => (to === 0 ? 0 : sigmaOf(between(timeOf(from), timeOf(to))))

/**
 * A DPM-Solver++ SDE scheduler. `setTimesteps` takes `steps` and `sNoise` (the noise's scale, default 1).
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as DpmSolverSde from "@effect-blocks/diffusion/schedulers/DpmSolverSde"
 *
 * const sde = Result.getOrThrow(DpmSolverSde.fromConfig())
 * const plan = Result.getOrThrow(sde.setTimesteps({ steps: 2 }))
 * assert.deepStrictEqual(plan.noise, [true, true, false])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const table = trainingSigmas(alphasCumprod(options))
    const logs = logTable(table)
    const train = options.num_train_timesteps
    return {
      accepts: ["sNoise", "numTrainTimesteps"],
      trainingTimesteps: train,
      lookup: "plan",
      schedule: ({ numTrainTimesteps = train, sNoise = 1, steps = 1 }) => {
        const visited =
          options.timestep_spacing === "linspace"
            ? linspace(0, numTrainTimesteps - 1, steps).toReversed()
            : wholeTimesteps({ ...options, num_train_timesteps: numTrainTimesteps }, steps)
        const levels = sigmaSchedule(options, table, logs, visited, undefined, steps)
        const times = levels.sigmas.map((sigma) => -Math.log(sigma))
        const timesteps = doubled(levels.timesteps)
        for (let i = 0; i + 1 < times.length; i++) {
          const middle = times[i]! + (times[i + 1]! - times[i]!) * 0.5
          timesteps[2 * i + 1] = sigmaToTimestep(Math.exp(-middle), logs)
        }
        const sigmas = [...doubled(levels.sigmas), 0].map(f)
        return planOf({
          timesteps,
          sigmas,
          order: 2,
          numInferenceSteps: levels.sigmas.length,
          initNoiseSigma: initialSigma(options.timestep_spacing, sigmas),
          noise: timesteps.map((_, i) => i + 1 < timesteps.length),
          // the first call of a step goes to the level halfway, the second all the way from where the first began
          tables: {
            noiseFrom: timesteps.map((_, i) => sigmas[i - (i % 2)]!),
            noiseTo: timesteps.map((_, i) => (i % 2 === 1 ? sigmas[i]! : halfway(sigmas[i]!, sigmas[i + 1]!)))
          },
          settings: { sNoise }
        })
      },
      scaleModelInput: (plan, { history, index }, sample) => {
        if (history["start"] === undefined) return scaleBySigma(plan.sigmas[index]!, sample)
        const middle = between(timeOf(plan.sigmas[index - 1]!), timeOf(plan.sigmas[index]!))
        return scaleBySigma(sigmaOf(middle), sample)
      },
      step: (plan, { history, index }, { modelOutput, noise, sample }) => {
        // history.start, between the two calls of a step: the sample it began with
        const { start } = history
        const [from, to] = start === undefined ? [index, index + 1] : [index - 1, index]
        const sigma = plan.sigmas[from]!
        const next = plan.sigmas[to]!
        const time = timeOf(sigma)
        const middle = between(time, timeOf(next))
        const here = start === undefined ? sigma : sigmaOf(middle)
        const clean = cleanFromSigma(options.prediction_type, here, sample, modelOutput)
        if (next === 0) {
          const end = eulerStep(sample.data, sample.data, clean.data, sigma, f(next - sigma))
          return { sample: like(sample, end), predOriginalSample: clean }
        }
        const begin = sigmaOf(time)
        const end = sigmaOf(start === undefined ? middle : timeOf(next))
        const up = Math.min(end, sqrt(f(f(square(end) * f(square(begin) - square(end))) / square(begin))))
        const down = timeOf(sqrt(f(square(end) - square(up))))
        const keep = f(sigmaOf(down) / begin)
        const pull = -f(Math.expm1(f(time - down)))
        const out = mixed(keep, (start?.[0] ?? sample).data, pull, clean.data)
        addScaledInto(out, plan.settings["sNoise"]!, up, noise!.data)
        return {
          sample: like(sample, out),
          predOriginalSample: clean,
          ...(start === undefined ? { history: { start: [sample] } } : {})
        }
      },
      noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
    }
  },
  exclusiveSigmas
)
