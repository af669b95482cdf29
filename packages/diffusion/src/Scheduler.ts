/**
 * Schedulers: solvers of the diffusion equations as pure functions over explicit state.
 *
 * A scheduler holds only its configuration. `setTimesteps` gives a {@link Plan} (which noise levels a run visits), `init`
 * a {@link SchedulerState} (where it stands and what the solver remembers), `step` one update with the next state. All
 * three are data with Schemas that are the same for every solver, so a run can be stored, resumed and forked whichever
 * scheduler is loaded, and one scheduler serves any number of concurrent runs.
 *
 * Tensors that come in are never written to; those that go out are referred to by the state, so that a model's output
 * buffer must not be reused while a run goes on.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { like, scaled } from "./internal/scheduler/arithmetic.ts"
import * as model from "./internal/scheduler/model.ts"
import { registry } from "./internal/scheduler/registry.ts"
import { suggest } from "./internal/suggest.ts"

/**
 * A schedule: what `setTimesteps` gives for a request. Plain JSON, the same shape for every solver.
 *
 * `timesteps` has one entry per model call, `sigmas` one more (or none), `noise` says for each call whether `step` takes
 * a draw of normals, and `order` is the number of calls per step where `strength` cuts the schedule.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Schema from "effect/Schema"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const euler = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "EulerDiscreteScheduler" }))
 * const plan = Result.getOrThrow(euler.setTimesteps({ steps: 2 }))
 * const codec = Schema.toCodecJson(Scheduler.Plan)
 * const text = JSON.stringify(Schema.encodeSync(codec)(plan))
 * assert.deepStrictEqual(Schema.decodeUnknownSync(codec)(JSON.parse(text)), plan)
 * ```
 */
export const Plan = model.Plan
export type Plan = model.Plan

/**
 * Where a run stands: the index it began at, the index of the next model call, and the tensors the solver remembers.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const ddim = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler" }))
 * const plan = Result.getOrThrow(ddim.setTimesteps({ steps: 4 }))
 * assert.deepStrictEqual(Result.getOrThrow(ddim.init(plan, 2)), { begin: 2, index: 2, history: {} })
 * ```
 */
export const SchedulerState = model.SchedulerState
export type SchedulerState = model.SchedulerState

/**
 * A scheduler that cannot be made, or a run that it cannot do. `reason` says which, `option` names the offending option,
 * or what is asked of `setTimesteps` or `init`: `steps`, `sigmas`, `begin`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const ddim = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler" }))
 * const failure = Result.getOrThrow(Result.flip(ddim.setTimesteps({ steps: 0 })))
 * assert.deepStrictEqual([failure.reason, failure.option], ["InvalidRequest", "steps"])
 * assert.match(failure.message, /steps must be a whole number from 1 to 1000/)
 * ```
 */
export const SchedulerError = model.SchedulerError
export type SchedulerError = model.SchedulerError

/** Latents: float32, usually [batch, channels, height, width]. */
export type Latents = model.Latents

/** A configuration as in diffusers' `scheduler_config.json`: options in snake_case, the class under `_class_name`. */
export type Config = model.Config

/** What a step is given: the model's output, the sample it was made from, and normals where the plan says so. */
export type StepInput = model.StepInput

/** What a step gives: the next sample, the predicted clean one where the solver has it, and the next state. */
export type StepOutput = model.StepOutput

/** A noise level: a position in the plan, or a timestep. */
export type Level = model.Level

/**
 * What may be asked of `setTimesteps`. Each class takes a part of it and refuses the rest. The options that diffusers
 * passes to every `step` (`eta`, churn) are settled here, because they decide which steps need noise.
 *
 * - `steps`: 1 to the number of training timesteps
 * - `timesteps`, `sigmas`: schedules of one's own, which fall; timesteps are below the number of training timesteps, but
 *   for `FlowMatch*`. `sigmas` of `EDMEulerScheduler` are positions, which rise
 * - `numTrainTimesteps`: another number of training timesteps to space the steps over, for solvers with two calls a step
 * - `mu`: the logarithm of the shift, for models with dynamic shifting
 * - `strength` (0 to 1), `originalInferenceSteps`: of distilled models (LCM, TCD)
 * - `eta`: 0 (deterministic) to 1
 * - `sChurn`, `sTmin`, `sTmax`, `sNoise`: the churn of Karras et al.
 * - `order`: slopes that a linear multistep solver uses, any from 1 up; default 4
 */
export type TimestepRequest = model.TimestepRequest

/**
 * A scheduler: pure functions.
 *
 * - `config`: all options of the class, and those of others that were given; `given`: those that were given, without defaults
 * - `outputChannels(channels)`: how many channels the model's output may have for a sample of `channels`: as many, or twice
 *   as many where the variance is learned
 * - `setTimesteps(request)`: the plan
 * - `init(plan, begin)`: the state before model call `begin` (default 0; image-to-image begins at skipped steps x `order`,
 *   and elsewhere than at a step's first call no run begins)
 * - `scaleModelInput(plan, state, sample)`: what the model is given
 * - `noiseShape(plan, state, sample)`: the shape of the noise that the next step takes, where it takes any
 * - `step(plan, state, input)`: one update; has no error, and throws where it is misused (a finished run, noise missing)
 * - `addNoise(plan, original, noise, level)`: a clean sample brought to a noise level, or to one level per batch item
 * - `getVelocity(plan, sample, noise, level)`: the training target of v-prediction, where the class has it
 */
export interface Shape extends model.Shape {}

/**
 * The loaded scheduler, as a component of blocks.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const program = Effect.gen(function* () {
 *   const scheduler = yield* Scheduler.Scheduler
 *   const plan = yield* Effect.fromResult(scheduler.setTimesteps({ steps: 10 }))
 *   return plan.timesteps.length
 * })
 *
 * // switching schedulers is this line
 * const layer = Scheduler.layer({ _class_name: "DPMSolverMultistepScheduler", use_karras_sigmas: true })
 * assert.strictEqual(await Effect.runPromise(Effect.provide(program, layer)), 10)
 * ```
 */
export class Scheduler extends Context.Service<Scheduler, Shape>()("@effect-blocks/diffusion/Scheduler") {
  /** A layer from a configuration: see {@link layer}. */
  static readonly layer = (config: Config): Layer.Layer<Scheduler, SchedulerError> =>
    Layer.effect(
      Scheduler,
      Effect.suspend(() => Effect.fromResult(fromConfig(config)))
    )

  /** A layer from a scheduler that is already made. */
  static readonly layerOf = (scheduler: Shape): Layer.Layer<Scheduler> => Layer.succeed(Scheduler, scheduler)
}

/**
 * The layer of the scheduler that a configuration names by `_class_name`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const name = Effect.map(Scheduler.Scheduler, ({ className }) => className)
 * const layer = Scheduler.layer({ _class_name: "DDIMScheduler", clip_sample: false })
 * assert.strictEqual(Effect.runSync(Effect.provide(name, layer)), "DDIMScheduler")
 * ```
 */
export const layer: (config: Config) => Layer.Layer<Scheduler, SchedulerError> = Scheduler.layer

/**
 * Reads diffusers' `scheduler_config.json`, already parsed. A class or option that is unknown, a value out of range and
 * contradictory options are errors; options that belong to other classes are kept in `config` and otherwise ignored, as
 * files that were saved from one class and are read by another carry them. Options that diffusers has no more are ignored.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const euler = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "EulerDiscreteScheduler", skip_prk_steps: true }))
 * assert.strictEqual(euler.config["skip_prk_steps"], true)
 *
 * const misspelt = Scheduler.fromConfig({ _class_name: "EulerDiscreteScheduler", use_karas_sigmas: true })
 * assert.match(Result.getOrThrow(Result.flip(misspelt)).message, /did you mean use_karras_sigmas/)
 * ```
 */
export const fromConfig = (config: Config): Result.Result<Shape, SchedulerError> => {
  const read = decodeRecord(config)
  if (Result.isFailure(read)) return Result.fail(unreadable(`expected an object of options, not ${String(config)}`))
  const name = config["_class_name"]
  const solver = typeof name === "string" ? registry.get(name) : undefined
  if (solver !== undefined) return solver.fromConfig(config)
  const className = String(name)
  const problem =
    name === undefined
      ? "the configuration has no _class_name"
      : `there is no scheduler ${className}${suggest(className, classNames)}`
  return Result.fail(
    new SchedulerError({
      className,
      reason: "UnknownClass",
      option: "_class_name",
      message: `${problem}; known, each followed by Scheduler: ${classNames.map((known) => known.replace(/Scheduler$/, "")).join(", ")}`
    })
  )
}

/**
 * The same scheduler with some options changed, or another class with its options: switching solvers is this line.
 * Defaults of the old class are not carried over, as in diffusers' `Other.from_config(old.config)`; what was given stays
 * through classes that do not have it.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const loaded = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler", beta_start: 0.00085 }))
 * const faster = Result.getOrThrow(Scheduler.reconfigure(loaded, { _class_name: "DPMSolverMultistepScheduler" }))
 * assert.strictEqual(faster.config["beta_start"], 0.00085)
 * // DDIM's own default is leading
 * assert.strictEqual(faster.config["timestep_spacing"], "linspace")
 * ```
 */
export const reconfigure = (scheduler: Shape, options: Config): Result.Result<Shape, SchedulerError> =>
  fromConfig({ ...scheduler.given, ...options })

/**
 * The latents that a run from pure noise begins with: the normals times `plan.initNoiseSigma`, rounded as torch does.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const euler = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "EulerDiscreteScheduler" }))
 * const plan = Result.getOrThrow(euler.setTimesteps({ steps: 10 }))
 * const [normals] = Rng.normal(Rng.make(0), [1, 4, 8, 8])
 * const latents = Scheduler.initialLatents(plan, normals)
 * assert.strictEqual(latents.data[0], Math.fround(normals.data[0]! * Math.fround(plan.initNoiseSigma)))
 * ```
 */
export const initialLatents = (plan: Plan, normals: Latents): Latents =>
  plan.initNoiseSigma === 1 ? normals : like(normals, scaled(plan.initNoiseSigma, normals.data))

/**
 * The class names that {@link fromConfig} knows.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * assert.ok(Scheduler.classNames.includes("EulerAncestralDiscreteScheduler"))
 * ```
 */
export const classNames: ReadonlyArray<string> = [...registry.keys()].toSorted()

/**
 * Parses the text of a `scheduler_config.json`. Python writes bare `Infinity` and `NaN`, which JSON does not have: they
 * become strings, which the options that allow them understand.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 *
 * const text = `{ "_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity }`
 * assert.ok(Result.isSuccess(Result.flatMap(Scheduler.parseConfig(text), Scheduler.fromConfig)))
 * ```
 */
export const parseConfig = (text: string): Result.Result<Config, SchedulerError> => {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`
  )
  return Result.flatMap(
    Result.try({ try: (): unknown => JSON.parse(quoted), catch: (error) => unreadable(String(error)) }),
    (value) => Result.mapError(decodeRecord(value), () => unreadable("expected an object of options"))
  )
}

const unreadable = (message: string) =>
  new SchedulerError({
    className: "unknown",
    reason: "InvalidOption",
    message: `scheduler configuration: ${message}`
  })

const decodeRecord = Schema.decodeUnknownResult(Schema.Record(Schema.String, Schema.Unknown))
