/**
 * The part of a plan that a run takes: image to image skips the noisiest steps (`strength`), a refiner goes on where
 * another model stopped (`denoisingStart`), and that one stops early (`denoisingEnd`). Positions are indices of model
 * calls, as `Scheduler.init(plan, begin)` takes them.
 */
import type * as Scheduler from "./Scheduler.ts"

/**
 * Where a run of this strength (0 to 1) begins: `strength` of the steps, rounded down, are left. At 0 none is
 * (diffusers: `get_timesteps`).
 *
 * ```ts
 * import * as Schedule from "@effect-blocks/diffusion/Schedule"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const ddim = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler" }))
 * const plan = Result.getOrThrow(ddim.setTimesteps({ steps: 10 }))
 * assert.equal(Schedule.beginOfStrength(plan, 0.3), 7)
 * ```
 */
export const beginOfStrength = (plan: Scheduler.Plan, strength: number): number => {
  const steps = plan.numInferenceSteps
  return Math.max(steps - Math.min(Math.trunc(steps * strength), steps), 0) * plan.order
}

/** Python's round: a half goes to the even neighbour. */
const roundHalfEven = (x: number): number => {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}

/** the timestep at which this share of the noise is gone */
const cutoff = (share: number, numTrainTimesteps: number): number =>
  roundHalfEven(numTrainTimesteps - share * numTrainTimesteps)

/**
 * Where a run begins that takes over when this share (0 to 1) of the training timesteps is denoised. A solver that calls
 * the model twice a step begins at a whole step.
 *
 * ```ts
 * import * as Schedule from "@effect-blocks/diffusion/Schedule"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const ddim = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler" }))
 * const plan = Result.getOrThrow(ddim.setTimesteps({ steps: 10 }))
 * const begin = Schedule.beginOfDenoisingStart(plan, 0.8)
 * assert.deepEqual(plan.timesteps.slice(begin), [100, 0])
 * ```
 */
export const beginOfDenoisingStart = (
  plan: Scheduler.Plan,
  denoisingStart: number,
  numTrainTimesteps = 1000
): number => {
  const limit = cutoff(denoisingStart, numTrainTimesteps)
  const left = plan.timesteps.filter((timestep) => timestep < limit).length
  return plan.timesteps.length - (plan.order === 2 && left % 2 === 0 ? left + 1 : left)
}

/**
 * Where a run ends (excluded) that stops when this share (0 to 1) of the training timesteps is denoised.
 *
 * ```ts
 * import * as Schedule from "@effect-blocks/diffusion/Schedule"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const ddim = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler" }))
 * const plan = Result.getOrThrow(ddim.setTimesteps({ steps: 10 }))
 * assert.equal(Schedule.endOfDenoisingEnd(plan, 0.8), Schedule.beginOfDenoisingStart(plan, 0.8))
 * ```
 */
export const endOfDenoisingEnd = (plan: Scheduler.Plan, denoisingEnd: number, numTrainTimesteps = 1000): number => {
  const limit = cutoff(denoisingEnd, numTrainTimesteps)
  return plan.timesteps.filter((timestep) => timestep >= limit).length
}
