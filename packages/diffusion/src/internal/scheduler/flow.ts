/** The schedule of flow matching (Esser et al., arXiv 2403.03206), as FlowMatchEuler and FlowMatchLCM share it. */
import * as Schema from "effect/Schema"
import type { TimestepRequest } from "./model.ts"
import { linspace } from "./numeric.ts"
import { count, flag, oneOf, option, orNull, positive, respacingOptions, trainingTimesteps } from "./options.ts"
import type { Problem } from "./request.ts"
import { respaced } from "./sigmas.ts"

const f = Math.fround

export const flowMatchOptions = {
  num_train_timesteps: trainingTimesteps(1000),
  shift: positive(1),
  use_dynamic_shifting: flag(false),
  base_shift: option(Schema.NullOr(Schema.Finite), 0.5),
  max_shift: option(Schema.NullOr(Schema.Finite), 1.15),
  base_image_seq_len: count(256),
  max_image_seq_len: count(4096),
  invert_sigmas: flag(false),
  shift_terminal: orNull(Schema.Finite),
  ...respacingOptions,
  time_shift_type: oneOf(["exponential", "linear"], "exponential")
}
const Options = Schema.Struct(flowMatchOptions)
type Options = typeof Options.Type

type Round = (x: number) => number
const exact: Round = (x) => x

/** shift * sigma / (1 + (shift - 1) * sigma) */
export const shifted = (shift: number, sigma: number, r: Round): number =>
  r(r(r(shift) * sigma) / r(1 + r(r(shift - 1) * sigma)))

/** m / (m + (1 / sigma - 1)) */
const dynamicallyShifted = (m: number, sigma: number, r: Round): number => r(r(m) / r(r(m) + r(r(1 / sigma) - 1)))

/** Stretches a schedule so that it ends at `terminal`. */
export const stretched = (sigmas: ReadonlyArray<number>, terminal: number, r: Round): ReadonlyArray<number> => {
  const factor = r(r(1 - sigmas[sigmas.length - 1]!) / r(1 - terminal))
  return sigmas.map((sigma) => r(1 - r(r(1 - sigma) / factor)))
}

export const needsMu: Problem = { option: "mu", message: "use_dynamic_shifting needs mu" }

export const noTerminal: Problem = {
  option: "shift_terminal",
  message: "shift_terminal has no schedule to stretch where the only level is 1"
}

/**
 * Timesteps and levels for a request, or why there are none. `keepsTimesteps`: timesteps that the caller gave are what the
 * model is told, even where their levels are shifted.
 */
export const flowSchedule = (
  options: Options,
  request: TimestepRequest,
  keepsTimesteps = false
): { readonly timesteps: ReadonlyArray<number>; readonly sigmas: ReadonlyArray<number> } | Problem => {
  const { mu, sigmas: ownSigmas, steps, timesteps: ownTimesteps } = request
  const train = options.num_train_timesteps
  const dynamic = options.use_dynamic_shifting
  if (dynamic && mu === undefined) return needsMu
  if (dynamic && mu === 0 && options.time_shift_type === "linear")
    return {
      option: "mu",
      message: "a mu of 0 leaves no noise levels with time_shift_type linear, where it is the shift itself"
    }
  const lengths = [steps, ownTimesteps?.length, ownSigmas?.length].filter((length) => length !== undefined)
  if (new Set(lengths).size > 1) {
    const option = ownTimesteps === undefined ? "sigmas" : "timesteps"
    return { option, message: "steps, sigmas and timesteps must agree in length" }
  }

  // float32 where the caller gave the schedule, float64 where it is computed
  const own = ownSigmas?.map(f) ?? ownTimesteps?.map((t) => f(f(t) / train))
  const r = own === undefined ? exact : f
  const extreme = (t: number) => (dynamic ? f(t / train) : shifted(options.shift, f(t / train), f))
  const even = own ?? linspace(extreme(train) * train, extreme(1) * train, steps!).map((t) => t / train)
  const m = options.time_shift_type === "exponential" ? Math.exp(mu ?? 0) : (mu ?? 0)
  // the extremes were shifted already: diffusers shifts them a second time
  let sigmas: ReadonlyArray<number> = even.map((sigma) =>
    dynamic ? dynamicallyShifted(m, sigma, r) : shifted(options.shift, sigma, r)
  )
  if (options.shift_terminal !== null && options.shift_terminal !== 0) {
    if (sigmas[sigmas.length - 1] === 1) return noTerminal
    sigmas = stretched(sigmas, options.shift_terminal, r)
  }
  if (options.use_exponential_sigmas && sigmas[sigmas.length - 1] === 0)
    return {
      option: ownTimesteps === undefined ? "sigmas" : "timesteps",
      message: "the last level must be above 0 with use_exponential_sigmas, which are even in its logarithm"
    }
  sigmas = (respaced(options, sigmas[0]!, sigmas[sigmas.length - 1]!, sigmas.length) ?? sigmas).map(f)
  if (options.invert_sigmas) sigmas = sigmas.map((sigma) => f(1 - sigma))
  const given = keepsTimesteps && !options.invert_sigmas ? ownTimesteps?.map(f) : undefined
  return {
    timesteps: given ?? sigmas.map((sigma) => f(sigma * train)),
    sigmas: [...sigmas, options.invert_sigmas ? 1 : 0]
  }
}
