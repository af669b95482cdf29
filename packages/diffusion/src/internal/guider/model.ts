/** The data that every guider shares. Public through `Guider`. */
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tensor from "@effect-blocks/ops/Tensor"
import type { GuiderError } from "../../GuiderError.ts"

export { GuiderError, reasons } from "../../GuiderError.ts"

export type Latents = Tensor.Tensor<"float32">

export const GuiderState = Schema.Struct({
  memory: Schema.Record(Schema.String, Tensor.any("float32")).annotate({
    description: "the tensors a guider remembers from step to step"
  })
}).annotate({ title: "GuiderState", description: "what a guider remembers" })
export type GuiderState = typeof GuiderState.Type

export const initial: GuiderState = { memory: {} }

const predictionNames = ["predCond", "predUncond", "predCondSkip", "predCondSeg"] as const
export type PredictionName = (typeof predictionNames)[number]

export interface Prediction {
  readonly name: PredictionName
  readonly takes: "cond" | "uncond"
  readonly model: "main" | "perturbed"
}

export type Predictions = { readonly [K in PredictionName]?: Latents | undefined }

export interface Moment {
  readonly step: number
  readonly numInferenceSteps: number
  readonly timestep: number
}

export interface Config {
  readonly [option: string]: unknown
}

export interface Capabilities {
  readonly perturbedModel?: boolean | undefined
  readonly beyondDiffusers?: boolean | undefined
}

export interface Shape {
  readonly className: string
  readonly config: Config
  readonly capabilities?: Capabilities | undefined
  readonly supports: (shape: ReadonlyArray<number>, numInferenceSteps?: number) => Result.Result<void, GuiderError>
  readonly predictions: (moment: Moment) => ReadonlyArray<Prediction>
  readonly combine: (
    state: GuiderState,
    moment: Moment,
    predictions: Predictions
  ) => { readonly prediction: Latents; readonly state: GuiderState }
}

export const cond: Prediction = { name: "predCond", takes: "cond", model: "main" }
export const uncond: Prediction = { name: "predUncond", takes: "uncond", model: "main" }
