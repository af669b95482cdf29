/**
 * Consistency sampling for flow matching: predict the clean sample, noise it to the next level; with growing sizes for
 * scale-wise distilled models (Starodubcev et al., arXiv 2503.16397).
 *
 * The class `FlowMatchLCMScheduler` of diffusers.
 */
import * as Schema from "effect/Schema"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { like, mixed } from "../internal/scheduler/arithmetic.ts"
import { exclusiveSigmas } from "../internal/scheduler/family.ts"
import { flowMatchOptions, flowSchedule } from "../internal/scheduler/flow.ts"
import type { Latents, SchedulerState } from "../internal/scheduler/model.ts"
import { roundHalfEven } from "../internal/scheduler/numeric.ts"
import { oneOf, orNull } from "../internal/scheduler/options.ts"
import { interpolateTo } from "../internal/scheduler/resize.ts"
import { anySteps, define, indexOf, planOf } from "../internal/scheduler/solver.ts"

const f = Math.fround

/** The name in diffusers' `scheduler_config.json`. */
export const className = "FlowMatchLCMScheduler"

/**
 * The options, named as in diffusers' file: those of flow-matching Euler, and
 *
 * - `scale_factors`: how many times the first size the sample has after each step but the last; one fewer than steps
 * - `upscale_mode`: how it is resized there; `linear` and `trilinear` are of other ranks than pictures have
 */
export const Options = Schema.Struct({
  ...flowMatchOptions,
  scale_factors: orNull(Schema.Array(Schema.Finite.check(Schema.isGreaterThan(0)))),
  upscale_mode: oneOf(["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"], "bicubic")
})

/**
 * A flow-matching consistency scheduler. `setTimesteps` takes `steps`, `sigmas` or `timesteps`, and `mu` with dynamic
 * shifting. Every step takes noise, of the shape that `noiseShape` says.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as FlowMatchLcm from "@effect-blocks/diffusion/schedulers/FlowMatchLcm"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const lcm = Result.getOrThrow(FlowMatchLcm.fromConfig({ scale_factors: [2] }))
 * const plan = Result.getOrThrow(lcm.setTimesteps({ steps: 2 }))
 * const state = Result.getOrThrow(lcm.init(plan))
 * assert.deepStrictEqual(lcm.noiseShape(plan, state, Tensor.zeros("float32", [1, 4, 8, 8])), [1, 4, 16, 16])
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options) => {
    const factors = options.scale_factors ?? []

    /** The size the run began with: history.size = [height, width], once it has begun. */
    const firstSize = ({ history }: SchedulerState, sample: Latents): Latents => {
      const sizes = sample.shape.slice(2)
      return history["size"]?.[0] ?? Tensor.make("float32", [sizes.length], Float32Array.from(sizes))
    }

    const shapeAfter = (state: SchedulerState, sample: Latents): ReadonlyArray<number> => {
      const factor = factors[state.index]
      if (factor === undefined) return sample.shape
      const sizes = Array.from(firstSize(state, sample).data, (size) => roundHalfEven(factor * size))
      return [...sample.shape.slice(0, 2), ...sizes]
    }

    return {
      accepts: ["timesteps", "sigmas", "mu"],
      trainingTimesteps: options.num_train_timesteps,
      maxSteps: anySteps,
      ownSchedule: "notRising",
      continuousTimesteps: true,
      lookup: "plan",
      schedule: (request) => {
        const levels = flowSchedule(options, request, true)
        if ("message" in levels) return levels
        const n = levels.timesteps.length
        if (factors.length > 0 && factors.length !== n - 1)
          return {
            option: "scale_factors",
            message: `scale_factors must have one entry fewer than there are steps (${n - 1}), not ${factors.length}`
          }
        return planOf({ ...levels, noise: levels.timesteps.map(() => true) })
      },
      noiseShape: (_plan, state, sample) => shapeAfter(state, sample),
      step: (plan, state, { modelOutput, noise, sample }) => {
        const { index } = state
        const next = plan.sigmas[index + 1]!
        const predicted = like(sample, mixed(1, sample.data, -plan.sigmas[index]!, modelOutput.data))
        const clean =
          factors[index] === undefined
            ? predicted
            : interpolateTo(options.upscale_mode, predicted, shapeAfter(state, sample))
        return {
          sample: like(clean, mixed(f(1 - next), clean.data, next, noise!.data)),
          predOriginalSample: clean,
          ...(factors.length === 0 ? {} : { history: { size: [firstSize(state, sample)] } })
        }
      },
      noiseWeights: (plan, level) => {
        const sigma = plan.sigmas[indexOf(plan, level)]!
        return [f(1 - sigma), sigma]
      }
    }
  },
  exclusiveSigmas,
  ({ scale_factors, upscale_mode }) =>
    scale_factors !== null && (upscale_mode === "linear" || upscale_mode === "trilinear")
      ? { option: "upscale_mode", message: `must be nearest, nearest-exact, bilinear, bicubic or area for pictures` }
      : undefined
)
