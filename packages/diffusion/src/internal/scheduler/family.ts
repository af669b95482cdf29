/** What families of solvers share: the churn of Karras et al., contradictions among options. */
import type { Plan, TimestepRequest } from "./model.ts"
import type { Contradiction } from "./solver.ts"

export const churnSettings = (request: TimestepRequest): Plan["settings"] => ({
  sChurn: request.sChurn ?? 0,
  sTmin: request.sTmin ?? 0,
  sTmax: request.sTmax ?? Infinity,
  sNoise: request.sNoise ?? 1
})

/** Does a step from this level take noise? */
export const takesChurn = (settings: Plan["settings"], sigma: number): boolean =>
  settings["sChurn"]! > 0 && settings["sTmin"]! <= sigma && sigma <= settings["sTmax"]!

export const exclusiveSigmas = (options: {
  readonly use_karras_sigmas: boolean
  readonly use_exponential_sigmas: boolean
  readonly use_beta_sigmas: boolean
}): Contradiction | undefined => {
  const chosen = (["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"] as const).filter(
    (name) => options[name]
  )
  return chosen.length < 2
    ? undefined
    : { option: chosen[1]!, message: `cannot go with ${chosen[0]}: choose one spacing of the noise levels` }
}

/** What DPM-Solver's predictions of noise (rather than of the clean sample) rule out. */
export const noisePrediction = (options: {
  readonly algorithm_type: string
  readonly final_sigmas_type: string
  readonly prediction_type: string
}): Contradiction | undefined => {
  if (options.algorithm_type.endsWith("++") || options.algorithm_type === "deis") return undefined
  if (options.final_sigmas_type === "zero")
    return { option: "final_sigmas_type", message: `must be sigma_min with algorithm_type ${options.algorithm_type}` }
  if (options.prediction_type === "flow_prediction")
    return {
      option: "prediction_type",
      message: `must not be flow_prediction with algorithm_type ${options.algorithm_type}`
    }
  return undefined
}
