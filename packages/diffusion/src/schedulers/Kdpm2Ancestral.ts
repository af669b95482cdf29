/**
 * DPM-Solver-2 in sigma with ancestral noise (k-diffusion's `sample_dpm_2_ancestral`): second order, two model calls a
 * step, noise after the second.
 *
 * The class `KDPM2AncestralDiscreteScheduler` of diffusers.
 */
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import * as kdpm2 from "../internal/scheduler/kdpm2.ts"
import { define } from "../internal/scheduler/solver.ts"

/** The name in diffusers' `scheduler_config.json`. */
export const className = "KDPM2AncestralDiscreteScheduler"

/** The options, named as in diffusers' file; at most one of the three spacings of noise levels. */
export const Options = kdpm2.Options

/**
 * An ancestral KDPM2 scheduler. `setTimesteps` takes `steps`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Kdpm2Ancestral from "@effect-blocks/diffusion/schedulers/Kdpm2Ancestral"
 *
 * const kdpm2 = Result.getOrThrow(Kdpm2Ancestral.fromConfig())
 * const plan = Result.getOrThrow(kdpm2.setTimesteps({ steps: 3 }))
 * assert.deepStrictEqual(plan.noise, [false, true, false, true, false])
 * ```
 */
export const fromConfig = define(className, Options, (options) => kdpm2.solver(options, true), exclusiveSigmas)
