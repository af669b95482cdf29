/**
 * DPM-Solver-2 in sigma (Karras et al., arXiv 2206.00364; k-diffusion's `sample_dpm_2`): a midpoint step in log sigma,
 * second order, two model calls a step.
 *
 * The class `KDPM2DiscreteScheduler` of diffusers.
 */
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import * as kdpm2 from "../internal/scheduler/kdpm2.ts"
import { define } from "../internal/scheduler/solver.ts"

/** The name in diffusers' `scheduler_config.json`. */
export const className = "KDPM2DiscreteScheduler"

/** The options, named as in diffusers' file; at most one of the three spacings of noise levels. */
export const Options = kdpm2.Options

/**
 * A KDPM2 scheduler. `setTimesteps` takes `steps`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Kdpm2 from "@effect-blocks/diffusion/schedulers/Kdpm2"
 *
 * const kdpm2 = Result.getOrThrow(Kdpm2.fromConfig())
 * const plan = Result.getOrThrow(kdpm2.setTimesteps({ steps: 3 }))
 * assert.strictEqual(plan.timesteps.length, 5)
 * assert.strictEqual(plan.order, 2)
 * ```
 */
export const fromConfig = define(className, Options, (options) => kdpm2.solver(options, false), exclusiveSigmas)
