/** The two KDPM2 solvers: DPM-Solver-2's midpoint in sigma, plain and ancestral. */
import { addInto, eulerStep, exp, like, log, sqrt, square } from "./arithmetic.ts"
import { alphasCumprod, trainingSigmas } from "./betas.ts"
import { roundHalfEven } from "./numeric.ts"
import { logTable } from "./numpyLog.ts"
import { oneOf, betaSchedule, respacingOptions, spacingOptions, stableDiffusionBetas } from "./options.ts"
import { cleanFromSigma, scaleBySigma } from "./prediction.ts"
import { doubled, initialSigma, isRespaced, sigmaSchedule, sigmaToTimestepTorch } from "./sigmas.ts"
import { indexOf, planOf, type Solver } from "./solver.ts"
import { realTimesteps } from "./spacing.ts"
import * as Schema from "effect/Schema"

const f = Math.fround

export const Options = Schema.Struct({
  ...stableDiffusionBetas,
  beta_schedule: betaSchedule(),
  ...spacingOptions("linspace"),
  ...respacingOptions,
  prediction_type: oneOf(["epsilon", "v_prediction"], "epsilon")
})

/** The exponential of the middle of two logarithms: torch's `lerp` at 0.5. */
const halfway = (a: number, b: number): number => {
  const end = log(b)
  return exp(f(end - f(f(end - log(a)) * 0.5)))
}

/** How far an ancestral step comes back up after going down. */
const ancestral = (sigmas: ReadonlyArray<number>) => {
  const up = sigmas.map((sigma, i) => {
    const to = square(sigmas[i + 1] ?? 0)
    return sqrt(f(f(to * f(square(sigma) - to)) / square(sigma)))
  })
  const down = sigmas.map((_, i) => sqrt(Math.fround(square(sigmas[i + 1] ?? 0) - square(up[i]!))))
  return { up, down: [...down.slice(0, -1), 0] }
}

export const solver = (options: typeof Options.Type, isAncestral: boolean): Solver => {
  const table = trainingSigmas(alphasCumprod(options))
  const logs = logTable(table)
  return {
    accepts: ["numTrainTimesteps"],
    trainingTimesteps: options.num_train_timesteps,
    lookup: "plan",
    schedule: ({ numTrainTimesteps: train = options.num_train_timesteps, steps = 1 }) => {
      const visited = realTimesteps({ ...options, num_train_timesteps: train }, steps)
      const levels = sigmaSchedule(options, table, logs, visited, roundHalfEven, steps)
      const n = levels.timesteps.length
      const sigmas = [...levels.sigmas, 0].map(f)
      const { down, up } = ancestral(sigmas)
      // the level between: of this level and the one before, or of this level and where an ancestral step goes down to
      const middle = isAncestral
        ? sigmas.map((sigma, i) => (i >= n - 1 ? 0 : halfway(sigma, down[i]!)))
        : sigmas.map((sigma, i) => halfway(sigma, sigmas[(i + n) % (n + 1)]!))
      const between = Array.from({ length: n - 1 }, (_, i) =>
        sigmaToTimestepTorch(middle[isAncestral ? i : i + 1]!, logs)
      )
      const timesteps = levels.timesteps.flatMap((t, i) => (i === 0 ? [t] : [between[i - 1]!, t]))
      const expanded = (values: ReadonlyArray<number>) => [...doubled(values), values[n]!]
      const all = expanded(sigmas)
      return planOf({
        timesteps: isRespaced(options) ? timesteps : timesteps.map(f),
        sigmas: all,
        order: 2,
        numInferenceSteps: n,
        initNoiseSigma: initialSigma(options.timestep_spacing, all),
        tables: isAncestral
          ? { middle: expanded(middle), up: expanded(up), down: expanded(down) }
          : { middle: expanded(middle) },
        noise: timesteps.map((_, i) => isAncestral && i % 2 === 1)
      })
    },
    scaleModelInput: (plan, { history, index }, sample) =>
      scaleBySigma(
        history["start"] === undefined ? plan.sigmas[index]! : plan.tables["middle"]![isAncestral ? index - 1 : index]!,
        sample
      ),
    step: (plan, { history, index }, { modelOutput, noise, sample }) => {
      // history.start, between the two calls of a step: the sample it began with
      const { start } = history
      const { down, middle: middles, up } = plan.tables
      const at = start === undefined ? index : index - 1
      const sigma = plan.sigmas[at]!
      const middle = middles![isAncestral ? at : at + 1]!
      const end = isAncestral ? (down?.[at] ?? 0) : plan.sigmas[at + 1]!
      const here = start === undefined ? sigma : middle
      const dt = f((start === undefined ? middle : end) - sigma)
      const clean = cleanFromSigma(options.prediction_type, here, sample, modelOutput)
      const next = eulerStep((start?.[0] ?? sample).data, sample.data, clean.data, here, dt)
      if (noise !== undefined) addInto(next, up![at]!, noise.data)
      return {
        sample: like(sample, next),
        predOriginalSample: clean,
        ...(start === undefined ? { history: { start: [sample] } } : {})
      }
    },
    noiseWeights: (plan, level) => [1, plan.sigmas[indexOf(plan, level)]!]
  }
}
