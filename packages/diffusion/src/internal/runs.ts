/** What the families share in planning a run: requests to schedulers, fields, shapes. */
import type { InputError } from "@effect-blocks/core/Errors"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { VaeGeometry } from "../Components.ts"
import * as Fields from "../Fields.ts"
import type * as Scheduler from "../Scheduler.ts"
import { refuse } from "./refuse.ts"

/** as diffusers gives it to `set_timesteps`: a schedule of one's own before a number of steps */
export const chosenSteps = (inputs: {
  readonly numInferenceSteps: number
  readonly timesteps?: ReadonlyArray<number>
}): Scheduler.TimestepRequest =>
  inputs.timesteps === undefined ? { steps: inputs.numInferenceSteps } : { timesteps: inputs.timesteps }

interface StepInputs {
  readonly numInferenceSteps: number
  readonly eta: number
  readonly timesteps?: ReadonlyArray<number>
  readonly sigmas?: ReadonlyArray<number>
}

/**
 * The plan that was asked for. As diffusers' pipelines do it, `eta` goes to every scheduler that has it, 0 included (TCD's
 * own is 0.3), and a schedule of the caller's own counts as many steps as it has model calls, which strength and guiders
 * take shares of. Schedulers without `eta` do without, and where it was asked for the log says so.
 */
export const planOf = Effect.fnUntraced(function* (
  block: string,
  scheduler: Scheduler.Shape,
  { eta, ...inputs }: StepInputs
): Effect.fn.Return<Scheduler.Plan, Scheduler.SchedulerError | InputError> {
  const { sigmas, timesteps } = inputs
  if (timesteps !== undefined && sigmas !== undefined) {
    return yield* refuse(block, [{ field: "sigmas", actual: "given beside timesteps", expected: "one of them" }])
  }
  const request = sigmas === undefined ? chosenSteps(inputs) : { sigmas }
  const withEta = scheduler.setTimesteps({ ...request, eta })
  const plan = Result.isSuccess(withEta) ? withEta.success : yield* Effect.fromResult(scheduler.setTimesteps(request))
  if (eta !== 0 && Result.isFailure(withEta)) {
    yield* Effect.logWarning(`eta ${eta} counts for nothing: ${withEta.failure.message}`)
  }
  return "steps" in request ? plan : { ...plan, numInferenceSteps: plan.timesteps.length }
})

/** what is wrong with a strength of which nothing is left to run */
export const strengthProblem = (strength: number, { numInferenceSteps: steps, order, timesteps }: Scheduler.Plan) => ({
  field: "strength",
  actual: `${strength} with ${steps} steps`,
  expected: `at least ${Math.max(1, steps - Math.ceil(timesteps.length / order) + 1) / steps}, so that a step is left to run`
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
