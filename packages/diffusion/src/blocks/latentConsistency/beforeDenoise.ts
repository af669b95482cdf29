/**
 * What latent-consistency models do before the loop in their own way: the UNet guides itself, and the scheduler itself
 * cuts the schedule.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fields from "../../Fields.ts"
import { chosenSteps, stepOutputs } from "../../internal/runs.ts"
import * as Scheduler from "../../Scheduler.ts"

/**
 * How strongly the prompt counts: 8.5, if left out. The model has no unconditional prediction, so there is nothing
 * to rescale.
 *
 * ```ts
 * import { setGuidanceScale } from "@effect-blocks/diffusion/blocks/latentConsistency/beforeDenoise"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * assert.equal(Effect.runSync(setGuidanceScale.run({})).guidanceScale, 8.5)
 * ```
 */
export const setGuidanceScale = Block.pure("setGuidanceScale", {
  description: "Settles how strongly the prompt counts for a model that guides itself",
  inputs: {
    guidanceScale: Field.default(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100 })), 8.5).pipe(
      Field.describe("How strongly the prompt counts; the model is told, and is run once a step")
    )
  },
  outputs: { guidanceScale: Schema.Finite, guidanceRescale: Schema.Finite },
  run: ({ guidanceScale }) => ({ guidanceScale, guidanceRescale: 0 })
})

const stepFields = {
  numInferenceSteps: Field.default(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })), 4).pipe(
    Field.describe("Denoising steps: 1 to 8 are enough")
  ),
  originalInferenceSteps: Fields.originalInferenceSteps,
  timesteps: Fields.ownTimesteps
}
interface StepInputs {
  readonly numInferenceSteps: number
  readonly originalInferenceSteps?: number
  readonly timesteps?: ReadonlyArray<number>
}

const planned = Effect.fnUntraced(function* (scheduler: Scheduler.Shape, inputs: StepInputs, strength?: number) {
  const own = scheduler.config["original_inference_steps"]
  const whole = yield* Effect.fromResult(
    scheduler.setTimesteps({
      ...chosenSteps(inputs),
      // always asked for, as in diffusers, so that a scheduler that was not made for these models refuses
      originalInferenceSteps: inputs.originalInferenceSteps ?? (typeof own === "number" ? own : 50),
      ...(strength === undefined ? {} : { strength })
    })
  )
  // where strength cuts timesteps of one's own, the scheduler puts noise on the last latents too; diffusers' pipelines
  // decode what was clean before
  const cut = strength !== undefined && inputs.timesteps !== undefined
  const plan = cut ? { ...whole, noise: whole.noise.map((noise, i) => noise && i < whole.noise.length - 1) } : whole
  const schedulerState = yield* Effect.fromResult(scheduler.init(plan))
  return { plan, schedulerState, timesteps: plan.timesteps, guidanceSteps: plan.timesteps.length }
})

/**
 * The scheduler's plan: some of the steps that the model was distilled from.
 *
 * ```ts
 * import { setTimestepsLCM } from "@effect-blocks/diffusion/blocks/latentConsistency/beforeDenoise"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const run = setTimestepsLCM.run({ originalInferenceSteps: 100 })
 * const { timesteps } = Effect.runSync(Effect.provide(run, Scheduler.layer({ _class_name: "LCMScheduler" })))
 * assert.deepEqual(timesteps, [999, 749, 499, 249])
 * ```
 */
export const setTimestepsLCM = Block.make("setTimesteps", {
  description: "Plans the denoising steps",
  inputs: stepFields,
  outputs: stepOutputs,
  components: { scheduler: Scheduler.Scheduler },
  run: (inputs, { scheduler }) => planned(scheduler, inputs)
})

/**
 * The scheduler's plan over a picture: `numInferenceSteps` of the last `strength` (0.8) of those that the model was
 * distilled from, where other families run fewer steps.
 *
 * ```ts
 * import { setImageTimestepsLCM } from "@effect-blocks/diffusion/blocks/latentConsistency/beforeDenoise"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const run = setImageTimestepsLCM.run({ strength: 0.5 })
 * const { timesteps } = Effect.runSync(Effect.provide(run, Scheduler.layer({ _class_name: "LCMScheduler" })))
 * assert.deepEqual(timesteps, [499, 379, 259, 139])
 * ```
 */
export const setImageTimestepsLCM = Block.make("setImageTimesteps", {
  description: "Plans the denoising steps over the part of the schedule that the picture is to be changed by",
  inputs: { ...stepFields, strength: Fields.strength(0.8) },
  outputs: stepOutputs,
  components: { scheduler: Scheduler.Scheduler },
  run: ({ strength, ...inputs }, { scheduler }) => planned(scheduler, inputs, strength)
})
