/** What the families share in planning a run: requests to schedulers, fields, shapes. */
import * as Schema from "effect/Schema"
import type { VaeGeometry } from "../Components.ts"
import * as Fields from "../Fields.ts"
import type * as Scheduler from "../Scheduler.ts"

/** as diffusers gives it to `set_timesteps`: a schedule of one's own before a number of steps */
export const chosenSteps = (inputs: {
  readonly numInferenceSteps: number
  readonly timesteps?: ReadonlyArray<number>
}): Scheduler.TimestepRequest =>
  inputs.timesteps === undefined ? { steps: inputs.numInferenceSteps } : { timesteps: inputs.timesteps }

/** only what was asked for: schedulers refuse options that they do not have */
export const request = (inputs: {
  readonly numInferenceSteps: number
  readonly eta: number
  readonly timesteps?: ReadonlyArray<number>
  readonly sigmas?: ReadonlyArray<number>
}): Scheduler.TimestepRequest => ({
  ...(inputs.timesteps === undefined && inputs.sigmas !== undefined ? { sigmas: inputs.sigmas } : chosenSteps(inputs)),
  ...(inputs.eta === 0 ? {} : { eta: inputs.eta })
})

export const stepFields = {
  numInferenceSteps: Fields.numInferenceSteps,
  timesteps: Fields.ownTimesteps,
  sigmas: Fields.sigmas,
  eta: Fields.eta
}

export const stepOutputs = {
  plan: Fields.plan,
  schedulerState: Fields.schedulerState,
  timesteps: Fields.timesteps,
  guidanceSteps: Fields.guidanceSteps
}

/** `[batch, channels, height, width]` of the latents of pictures of this size */
export const latentShape = (
  batchSize: number,
  { height, width }: { readonly height: number; readonly width: number },
  vae: VaeGeometry
): ReadonlyArray<number> => [batchSize, vae.latentChannels, height / vae.scaleFactor, width / vae.scaleFactor]

export const latentFields = {
  batchSize: Fields.batchSize,
  height: Schema.Int,
  width: Schema.Int,
  rng: Fields.rng,
  plan: Fields.plan
}
