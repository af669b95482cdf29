/** What families of solvers share: the churn of Karras et al., contradictions among options. */
import type { Plan, TimestepRequest } from "./model.ts"
import type { Problem } from "./request.ts"
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
  readonly sigma_min?: number | null
}): Contradiction | undefined => {
  if (options.use_exponential_sigmas && options.sigma_min === 0)
    return {
      option: "sigma_min",
      message: "must be above 0 with use_exponential_sigmas, which are even in its logarithm"
    }
  const chosen = (["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"] as const).filter(
    (name) => options[name]
  )
  return chosen.length < 2
    ? undefined
    : { option: chosen[1]!, message: `cannot go with ${chosen[0]}: choose one spacing of the noise levels` }
}

/** Why there is no dynamic shift by this `mu`, where DPM-Solver and DEIS have none. */
export const shiftProblem = (
  options: { readonly use_dynamic_shifting: boolean; readonly time_shift_type: string },
  mu: number | undefined
): Problem | undefined => {
  if (mu === undefined) return undefined
  if (!options.use_dynamic_shifting) return { option: "mu", message: "mu goes with use_dynamic_shifting" }
  return options.time_shift_type === "exponential"
    ? undefined
    : { option: "mu", message: "mu goes with time_shift_type exponential" }
}

/**
 * Why a run cannot be done: a step of order 3 that the algorithm does not have. Short runs of `solver_order` 3 have none.
 * `orderAt`: the order of the model call at an index.
 */
export const thirdOrderProblem = (
  plan: Plan,
  begin: number,
  algorithm: string,
  orderAt: (index: number) => number
): string | undefined => {
  for (let index = begin; index < plan.timesteps.length; index++)
    if (orderAt(index) === 3)
      return `model call ${index} is of order 3, which algorithm_type ${algorithm} has not: set solver_order to 1 or 2`
  return undefined
}

/** Predictions of noise (rather than of the clean sample) cannot be made of a flow. */
export const noiseOfFlow = ({
  algorithm_type: type,
  prediction_type
}: {
  readonly algorithm_type: string
  readonly prediction_type: string
}): Contradiction | undefined =>
  type.endsWith("++") || type === "deis" || prediction_type !== "flow_prediction"
    ? undefined
    : { option: "prediction_type", message: `must not be flow_prediction with algorithm_type ${type}` }

/** What DPM-Solver's predictions of noise rule out; `deis` counts as `dpmsolver++` but for the last level. */
export const noisePrediction = (options: {
  readonly algorithm_type: string
  readonly final_sigmas_type: string
  readonly prediction_type: string
}): Contradiction | undefined =>
  options.final_sigmas_type === "zero" && !options.algorithm_type.endsWith("++")
    ? { option: "final_sigmas_type", message: `must be sigma_min with algorithm_type ${options.algorithm_type}` }
    : noiseOfFlow(options)
