/**
 * Euler's method for flow matching (Esser et al., arXiv 2403.03206): the sampler of Stable Diffusion 3 and Flux.
 *
 * The class `FlowMatchEulerDiscreteScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import { like, mixed } from "../internal/scheduler/arithmetic.ts"
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import { flowMatchOptions, flowSchedule } from "../internal/scheduler/flow.ts"
import { flag } from "../internal/scheduler/options.ts"
import { anySteps, define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "FlowMatchEulerDiscreteScheduler"

/**
 * The options, named as in diffusers' file.
 *
 * - `shift`: moves the schedule towards noise, for larger pictures
 * - `use_dynamic_shifting` with `time_shift_type`: the shift is `mu` of the request, which grows with the picture
 *   (`base_shift`, `max_shift`, `base_image_seq_len`, `max_image_seq_len` say how, to whoever computes `mu`)
 * - `shift_terminal`: the least level, 0 to 1
 * - `invert_sigmas`: levels rise, for models trained so (Mochi)
 * - `stochastic_sampling`: each step takes fresh noise
 */
export const Options = Schema.Struct({ ...flowMatchOptions, stochastic_sampling: flag(false) })

/**
 * A flow-matching Euler scheduler. `setTimesteps` takes `steps`, `sigmas` or `timesteps`, and `mu` with dynamic shifting.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as FlowMatchEuler from "@effect-blocks/diffusion/schedulers/FlowMatchEuler"
 *
 * const euler = Result.getOrThrow(FlowMatchEuler.fromConfig())
 * const plan = Result.getOrThrow(euler.setTimesteps({ sigmas: [1, 0.5] }))
 * assert.deepStrictEqual(plan.sigmas, [1, 0.5, 0])
 * assert.deepStrictEqual(plan.timesteps, [1000, 500])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => ({
    accepts: ["timesteps", "sigmas", "mu"],
    trainingTimesteps: options.num_train_timesteps,
    maxSteps: anySteps,
    ownSchedule: "notRising",
    continuousTimesteps: true,
    lookup: "plan",
    schedule: (request) => {
      const levels = flowSchedule(options, request)
      if ("message" in levels) return levels
      return planOf({ ...levels, noise: levels.timesteps.map(() => options.stochastic_sampling) })
    },
    step: (plan, { index }, { modelOutput, noise, sample }) => {
      const sigma = plan.sigmas[index]!
      const next = plan.sigmas[index + 1]!
      const clean = like(sample, mixed(1, sample.data, -sigma, modelOutput.data))
      const out =
        noise === undefined
          ? mixed(1, sample.data, f(next - sigma), modelOutput.data)
          : mixed(f(1 - next), clean.data, next, noise.data)
      return { sample: like(sample, out), predOriginalSample: clean }
    },
    noiseWeights: (plan, level) => {
      const sigma = plan.sigmas[indexOf(plan, level)]!
      return [f(1 - sigma), sigma]
    }
  }),
  exclusiveSigmas
)
