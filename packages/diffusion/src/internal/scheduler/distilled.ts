/** The options and timesteps of LCM and TCD: some of those that the distillation was trained on. */
import * as Schema from "effect/Schema"
import type { TimestepRequest } from "./model.ts"
import {
  betaSchedule,
  clipOptions,
  count,
  flag,
  oneOf,
  positive,
  spacingOptions,
  stableDiffusionBetas,
  thresholdOptions
} from "./options.ts"
import { onlyOne, type Problem } from "./request.ts"

export const DistilledOptions = Schema.Struct({
  ...stableDiffusionBetas,
  beta_schedule: betaSchedule("scaled_linear"),
  original_inference_steps: count(50),
  ...clipOptions(false),
  ...thresholdOptions,
  ...spacingOptions("leading"),
  set_alpha_to_one: flag(true),
  prediction_type: oneOf(["epsilon", "sample", "v_prediction"], "epsilon"),
  timestep_scaling: positive(10),
  rescale_betas_zero_snr: flag(false)
})

/**
 * `everyStep`: an explicit `originalInferenceSteps` means all training timesteps (TCD), not that many of them (LCM).
 * `numInferenceSteps` is the count before `strength` cuts a schedule of one's own.
 */
export const distilledTimesteps = (
  options: (typeof DistilledOptions)["Type"],
  request: TimestepRequest,
  everyStep: boolean
): { readonly timesteps: ReadonlyArray<number>; readonly numInferenceSteps: number } | Problem => {
  const train = options.num_train_timesteps
  const { originalInferenceSteps, strength = 1 } = request
  const original = originalInferenceSteps ?? options.original_inference_steps
  const problem = onlyOne(request)
  if (problem !== undefined) return problem
  // all training timesteps are chosen from where TCD is given a number, whatever it is
  const everyTimestep = everyStep && originalInferenceSteps !== undefined
  if (original > train && !everyTimestep)
    return {
      option: "originalInferenceSteps",
      message: `originalInferenceSteps (${original}) must not exceed num_train_timesteps (${train})`
    }
  if (request.timesteps !== undefined) {
    const own = request.timesteps.map(Math.trunc)
    const kept = Math.min(Math.trunc(own.length * strength), own.length)
    if (kept === 0)
      return { option: "strength", message: `strength (${strength}) leaves none of the ${own.length} timesteps` }
    return { timesteps: own.slice(own.length - kept), numInferenceSteps: own.length }
  }
  const steps = request.steps!
  const ratio = Math.floor(train / original)
  const trained = everyTimestep
    ? Array.from({ length: Math.trunc(train * strength) }, (_, i) => i)
    : Array.from({ length: Math.trunc(original * strength) }, (_, i) => (i + 1) * ratio - 1)
  if (steps > original || steps > trained.length) {
    const message = `steps (${steps}) must not exceed originalInferenceSteps times strength (${original} x ${strength})`
    return { option: "steps", message }
  }
  const falling = trained.toReversed()
  const timesteps = Array.from({ length: steps }, (_, i) => falling[Math.floor(i * (falling.length / steps))]!)
  return { timesteps, numInferenceSteps: steps }
}
