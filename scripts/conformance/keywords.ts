/** What a case asks of a scheduler: the keywords that its class has in diffusers, in our words. */
import type * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import type { Case } from "./golden.ts"

const churn = ["s_churn", "s_tmin", "s_tmax", "s_noise"]
const trained = ["num_train_timesteps"]
const flow = ["timesteps", "sigmas", "mu"]
const distilled = ["timesteps", "strength", "original_inference_steps"]

/**
 * By class, what `set_timesteps` and `step` of diffusers take. A case may name others: the generator leaves them out. What
 * diffusers takes and does nothing with (the churn of FlowMatchEuler) is left out too.
 */
const keywords: Readonly<Record<string, ReadonlyArray<string>>> = {
  CMStochasticIterativeScheduler: ["timesteps"],
  DDIMScheduler: ["eta", "use_clipped_model_output"],
  DDPMScheduler: ["timesteps"],
  DEISMultistepScheduler: ["mu"],
  DPMSolverMultistepScheduler: ["timesteps", "mu"],
  DPMSolverSDEScheduler: ["s_noise", ...trained],
  DPMSolverSinglestepScheduler: ["timesteps", "mu"],
  EDMEulerScheduler: ["sigmas", ...churn],
  EulerDiscreteScheduler: ["timesteps", "sigmas", ...churn],
  FlowMatchEulerDiscreteScheduler: flow,
  FlowMatchHeunDiscreteScheduler: churn,
  FlowMatchLCMScheduler: flow,
  HeunDiscreteScheduler: ["timesteps", ...trained],
  KDPM2AncestralDiscreteScheduler: trained,
  KDPM2DiscreteScheduler: trained,
  LCMScheduler: distilled,
  LMSDiscreteScheduler: ["order"],
  TCDScheduler: [...distilled, "eta"],
  UniPCMultistepScheduler: ["sigmas", "mu"]
}

const camelCase = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** A value of JSON, where Python's non-finite numbers are strings. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : value
}

/** The request that a case's keywords make. */
export const requestOf = (testCase: Case): Scheduler.TimestepRequest => {
  const known = keywords[testCase["class"]] ?? []
  const given = Object.entries({ ...testCase["set_timesteps"], ...testCase["step_kwargs"] })
  const steps = testCase["num_inference_steps"] ?? undefined
  return {
    ...(steps === undefined ? {} : { steps }),
    ...Object.fromEntries(
      given
        .filter(([key, value]) => known.includes(key) && value !== null)
        .map(([key, value]) => [camelCase(key), plain(value)])
    )
  }
}
