/** The data that every solver shares. Public through `Scheduler`; here, so that solver files do not import the registry. */
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tensor from "@effect-blocks/ops/Tensor"
import type { SchedulerError } from "../../SchedulerError.ts"

export { SchedulerError, reasons } from "../../SchedulerError.ts"

export type Latents = Tensor.Tensor<"float32">

const Numbers = Schema.Array(Schema.Number)

export const Plan = Schema.Struct({
  timesteps: Numbers.annotate({ description: "what the model is given, one per model call" }),
  sigmas: Numbers.annotate({
    description: "noise levels, one more than the model calls; empty where the solver has none"
  }),
  initNoiseSigma: Schema.Number.annotate({ description: "the initial normals are multiplied by this" }),
  order: Schema.Int.annotate({ description: "model calls per step where strength cuts the schedule" }),
  numInferenceSteps: Schema.Int.annotate({ description: "the number of steps asked for" }),
  noise: Schema.Array(Schema.Boolean).annotate({ description: "per model call: does `step` take a draw of normals?" }),
  tables: Schema.Record(Schema.String, Numbers).annotate({ description: "columns of a solver's own, by index" }),
  settings: Schema.Record(Schema.String, Schema.Number).annotate({ description: "the step options, settled" })
}).annotate({ title: "SchedulerPlan", description: "a schedule of timesteps" })
export type Plan = typeof Plan.Type

export const SchedulerState = Schema.Struct({
  begin: Schema.Int.annotate({ description: "the index this run began at" }),
  index: Schema.Int.annotate({ description: "the index of the next model call" }),
  history: Schema.Record(Schema.String, Schema.Array(Tensor.any("float32"))).annotate({
    description: "the tensors a solver remembers, newest last"
  })
}).annotate({ title: "SchedulerState", description: "where a scheduler's run stands" })
export type SchedulerState = typeof SchedulerState.Type
export type History = SchedulerState["history"]

export interface StepInput {
  readonly modelOutput: Latents
  readonly sample: Latents
  readonly noise?: Latents | undefined
}

export interface StepOutput {
  readonly sample: Latents
  readonly predOriginalSample?: Latents | undefined
  readonly state: SchedulerState
}

export type Level = { readonly index: number } | { readonly timestep: number }

export interface TimestepRequest {
  readonly steps?: number | undefined
  readonly timesteps?: ReadonlyArray<number> | undefined
  readonly sigmas?: ReadonlyArray<number> | undefined
  readonly mu?: number | undefined
  readonly numTrainTimesteps?: number | undefined
  readonly strength?: number | undefined
  readonly originalInferenceSteps?: number | undefined
  readonly eta?: number | undefined
  readonly useClippedModelOutput?: boolean | undefined
  readonly sChurn?: number | undefined
  readonly sTmin?: number | undefined
  readonly sTmax?: number | undefined
  readonly sNoise?: number | undefined
  readonly order?: number | undefined
}

export interface Config {
  readonly [option: string]: unknown
}

export interface Shape {
  readonly className: string
  readonly config: Config
  readonly given: Config
  readonly outputChannels: (channels: number) => ReadonlyArray<number>
  readonly setTimesteps: (request: TimestepRequest) => Result.Result<Plan, SchedulerError>
  readonly init: (plan: Plan, begin?: number) => Result.Result<SchedulerState, SchedulerError>
  readonly scaleModelInput: (plan: Plan, state: SchedulerState, sample: Latents) => Latents
  readonly noiseShape: (plan: Plan, state: SchedulerState, sample: Latents) => ReadonlyArray<number>
  readonly step: (plan: Plan, state: SchedulerState, input: StepInput) => StepOutput
  readonly addNoise: (
    plan: Plan,
    original: Latents,
    noise: Latents,
    level: Level | ReadonlyArray<Level>
  ) => Result.Result<Latents, SchedulerError>
  readonly getVelocity?:
    | ((
        plan: Plan,
        sample: Latents,
        noise: Latents,
        level: Level | ReadonlyArray<Level>
      ) => Result.Result<Latents, SchedulerError>)
    | undefined
}
