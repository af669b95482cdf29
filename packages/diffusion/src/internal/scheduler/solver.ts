/** What one solver file supplies, and how it becomes a scheduler. */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { like } from "./arithmetic.ts"
import {
  type Config,
  type History,
  type Latents,
  type Level,
  type Plan,
  SchedulerError,
  type SchedulerState,
  type Shape,
  type StepInput,
  type TimestepRequest
} from "./model.ts"
import { decode } from "./options.ts"
import { type Direction, type Problem, problemOf, type Setting } from "./request.ts"

export interface Solver {
  /** The fields of a request that this class understands beside `steps`. */
  readonly accepts: ReadonlyArray<Setting>
  readonly trainingTimesteps: number
  /** The most steps of a run: by default as many as there are training timesteps. */
  readonly maxSteps?: number
  /**
   * Which way a schedule of the caller's own goes: down (the default), up, or down with levels that come twice, for steps
   * that do not divide by the difference of two.
   */
  readonly ownSchedule?: Direction
  /** May own timesteps be any number? By default they are those of the training. */
  readonly continuousTimesteps?: boolean
  /** May a schedule go where the training's tables have no row? For steps that look nothing up there, as noise does. */
  readonly leavesTables?: boolean
  /** The schedule, or why there is none. */
  readonly schedule: (request: TimestepRequest) => Plan | Problem
  /** Says why a run's coefficients cannot be computed, where they cannot. */
  readonly unsolvable?: (plan: Plan, begin: number) => string | undefined
  /** The channels that the model's output may have for a sample of so many: by default as many. */
  readonly outputChannels?: (channels: number) => ReadonlyArray<number>
  readonly scaleModelInput?: (plan: Plan, state: SchedulerState, sample: Latents) => Latents
  readonly noiseShape?: (plan: Plan, state: SchedulerState, sample: Latents) => ReadonlyArray<number>
  readonly step: (
    plan: Plan,
    state: SchedulerState,
    input: StepInput
  ) => {
    readonly sample: Latents
    readonly predOriginalSample?: Latents | undefined
    readonly history?: History
  }
  /**
   * How a timestep given to `addNoise` is looked up: among the training timesteps (the default), in the plan, or in the
   * plan with its last entry for one that is not there.
   */
  readonly lookup?: "training" | "plan" | "planOrLast"
  /** noisy = signal * original + noise * normals */
  readonly noiseWeights: (plan: Plan, level: Level) => readonly [signal: number, noise: number]
  /** velocity = signal * normals - noise * sample */
  readonly velocityWeights?: (plan: Plan, level: Level) => readonly [signal: number, noise: number]
}

/** The limit of steps where levels are not those of training timesteps, so that their number does not matter. */
export const anySteps = 100_000

/** A contradiction among options. */
export interface Contradiction {
  readonly option: string
  readonly message: string
}

/** The tables of a schedule have a row for each timestep of the training; too few would give NaN, too many another model's. */
const betasForTraining = (options: Config): Contradiction | undefined => {
  const { beta_schedule, num_train_timesteps: rows, trained_betas: betas } = options
  if (beta_schedule === undefined || !Array.isArray(betas) || betas.length === rows) return undefined
  return { option: "trained_betas", message: `has ${betas.length} values for num_train_timesteps ${String(rows)}` }
}

/** The levels of a schedule fall from the most to the least. */
const levelsInOrder = ({ sigma_max: most, sigma_min: least }: Config): Contradiction | undefined =>
  typeof least === "number" && typeof most === "number" && least >= most
    ? { option: "sigma_min", message: `(${least}) must be below sigma_max (${most})` }
    : undefined

/**
 * A class of scheduler: its options are decoded, contradictions are reported, and the solver is built once; what it
 * closes over never changes.
 */
export const define =
  <F extends Schema.Struct.Fields>(
    className: string,
    options: Schema.Struct<F>,
    solver: (options: Schema.Struct<F>["Type"]) => Solver,
    ...checks: ReadonlyArray<(options: Schema.Struct<F>["Type"]) => Contradiction | undefined>
  ) =>
  (config: Config = {}): Result.Result<Shape, SchedulerError> =>
    Result.flatMap(decode(className, options, config), (decoded) => {
      for (const check of [betasForTraining, levelsInOrder, ...checks]) {
        const found = check(decoded)
        if (found === undefined) continue
        const { option } = found
        const message = `${className}: option ${option} ${found.message}`
        return Result.fail(new SchedulerError({ className, reason: "UnsupportedOption", option, message }))
      }
      const given = { ...config, _class_name: className }
      return Result.succeed(build(className, given, decoded, solver(decoded)))
    })

const nothing: History = {}

const build = (className: string, given: Config, options: Config, solver: Solver): Shape => {
  const failed = (reason: SchedulerError["reason"], message: string, option?: string) => {
    const named = option === undefined ? {} : { option }
    return Result.fail(new SchedulerError({ className, reason, ...named, message: `${className}: ${message}` }))
  }
  const blend =
    (weights: (plan: Plan, level: Level) => readonly [number, number], sign: 1 | -1) =>
    (plan: Plan, x: Latents, y: Latents, level: Level | ReadonlyArray<Level>) => {
      const levels = isLevels(level) ? level : [level]
      const problem = levels.map((one) => outside(solver, plan, one)).find((found) => found !== undefined)
      if (problem !== undefined) return failed("InvalidRequest", problem)
      if (x.data.length !== y.data.length) return failed("InvalidRequest", `${x} and ${y} differ in size`)
      if (x.shape[0]! % levels.length !== 0)
        return failed("InvalidRequest", `${levels.length} levels for ${x.shape[0]} batch items`)
      const out = new Float32Array(x.data.length)
      const size = out.length / levels.length
      levels.forEach((one, item) => {
        const [a, b] = weights(plan, one)
        for (let i = item * size, end = i + size; i < end; i++)
          out[i] = Math.fround(a * x.data[i]!) + sign * Math.fround(b * y.data[i]!)
      })
      return Result.succeed(like(x, out))
    }
  const noisy = blend(solver.noiseWeights, 1)
  const velocity = solver.velocityWeights === undefined ? undefined : blend(solver.velocityWeights, -1)
  return {
    className,
    config: { ...given, ...options },
    given,
    outputChannels: solver.outputChannels ?? ((channels) => [channels]),
    setTimesteps: (request) => {
      const problem = problemOf(className, request, solver)
      if (problem !== undefined) return failed("InvalidRequest", problem.message, problem.option)
      const plan = solver.schedule(request)
      if ("message" in plan) return failed("InvalidRequest", plan.message, plan.option)
      const wrong = levelsOutOfOrder(options, plan)
      if (wrong !== undefined) return failed("InvalidRequest", wrong.message, wrong.option)
      // a schedule begins with a number
      if (Number.isNaN(plan.timesteps[0])) return failed("InvalidRequest", noNumber)
      const beyond = outsideTables(solver, plan)
      if (beyond === undefined) return Result.succeed(plan)
      return failed("InvalidRequest", beyond, request.timesteps === undefined ? "steps" : "timesteps")
    },
    init: (plan, begin = 0) => {
      const calls = plan.timesteps.length
      if (!Number.isInteger(begin) || begin < 0 || begin > calls)
        return failed("InvalidRequest", `begin index ${begin} is not a whole number from 0 to ${calls}`, "begin")
      if (begin < calls && begin % plan.order !== 0) {
        const middle = `begin index ${begin} is in the middle of a step, expected a multiple of the plan's order (${plan.order})`
        return failed("InvalidRequest", middle, "begin")
      }
      const problem = solver.unsolvable?.(plan, begin)
      return problem === undefined
        ? Result.succeed({ begin, index: begin, history: nothing })
        : failed("Unsolvable", problem)
    },
    scaleModelInput: solver.scaleModelInput ?? ((_plan, _state, sample) => sample),
    noiseShape: solver.noiseShape ?? ((_plan, _state, sample) => sample.shape),
    step: (plan, state, input) => {
      // misuse by the caller's program rather than bad input: defects
      const { begin, index } = state
      if (index >= plan.timesteps.length) throw new RangeError(`${className}: the run of ${index} model calls is over`)
      if (plan.noise[index] !== (input.noise !== undefined))
        throw new TypeError(`${className}: model call ${index} takes ${plan.noise[index] === true ? "a" : "no"} noise`)
      const { history = nothing, ...result } = solver.step(plan, state, input)
      return { ...result, state: { begin, index: index + 1, history } }
    },
    addNoise: (plan, original, noise, level) => noisy(plan, original, noise, level),
    ...(velocity === undefined
      ? {}
      : { getVelocity: (plan, sample, noise, level) => velocity(plan, noise, sample, level) })
  }
}

/** One end of the range may be the configuration's and the other that of the training, which only the schedule shows. */
const levelsOutOfOrder = ({ sigma_max: most, sigma_min: least }: Config, { sigmas, timesteps }: Plan) => {
  const option = typeof least === "number" ? "sigma_min" : "sigma_max"
  const [first, last] = [sigmas[0], sigmas[timesteps.length - 1]]
  const ranged = typeof least === "number" || typeof most === "number"
  if (!ranged || first === undefined || last === undefined || first >= last) return undefined
  return { option, message: `option ${option} makes noise levels rise, from ${first} to ${last}` }
}

const noNumber = "the schedule begins at a timestep that is no number: its betas leave no signal, or a shift no levels"

/**
 * Where the tables are looked up by timestep a schedule must stay in them: an offset can push it out, and rounding makes
 * one more timestep than asked for of some numbers of trailing steps (61 of 1000).
 */
const outsideTables = (solver: Solver, plan: Plan): string | undefined => {
  const { leavesTables = false, lookup = "training", trainingTimesteps } = solver
  if (lookup !== "training" || leavesTables) return undefined
  const beyond = plan.timesteps.find((timestep) => !(timestep >= 0 && timestep < trainingTimesteps))
  return beyond === undefined
    ? undefined
    : `the schedule has timestep ${beyond}, which is no training timestep (0 to ${trainingTimesteps - 1}): choose another number of steps or steps_offset`
}

const isLevels = (level: Level | ReadonlyArray<Level>): level is ReadonlyArray<Level> => Array.isArray(level)

const outside = (solver: Solver, plan: Plan, level: Level): string | undefined => {
  const { lookup = "training", trainingTimesteps } = solver
  if ("index" in level && plan.timesteps[level.index] === undefined)
    return `index ${level.index} is outside the plan's ${plan.timesteps.length} timesteps`
  const timestep = timestepOf(plan, level)
  if (lookup === "plan" && positionOf(plan, timestep) === undefined) return `timestep ${timestep} is not in the plan`
  if (lookup === "training" && !(Number.isInteger(timestep) && timestep >= 0 && timestep < trainingTimesteps))
    return `timestep ${timestep} is not a training timestep (0 to ${trainingTimesteps - 1})`
  return undefined
}

/** A plan with the values that most solvers share. */
export const planOf = (plan: Pick<Plan, "timesteps"> & Partial<Plan>): Plan => ({
  sigmas: [],
  initNoiseSigma: 1,
  order: 1,
  numInferenceSteps: plan.timesteps.length,
  noise: plan.timesteps.map(() => false),
  tables: {},
  settings: {},
  ...plan
})

/** The training timestep of a level. */
export const timestepOf = (plan: Plan, level: Level): number =>
  "index" in level ? plan.timesteps[level.index]! : level.timestep

/** Where a timestep, which may be off by rounding, stands in the plan: the second of equal ones, as diffusers counts. */
const positionOf = ({ timesteps }: Plan, timestep: number): number | undefined => {
  const near = (t: number) => Math.abs(t - timestep)
  const nearest = timesteps.reduce((best, t) => (near(t) < near(best) ? t : best), Infinity)
  if (!(near(nearest) <= 1e-6 * Math.max(1, Math.abs(timestep)))) return undefined
  const first = timesteps.indexOf(nearest)
  const second = timesteps.indexOf(nearest, first + 1)
  return second < 0 ? first : second
}

/** The index of a level; the last where there is none. */
export const indexOf = (plan: Plan, level: Level): number =>
  "index" in level ? level.index : (positionOf(plan, level.timestep) ?? plan.timesteps.length - 1)
