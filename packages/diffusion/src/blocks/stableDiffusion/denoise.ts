/**
 * The loop and the blocks inside it: diffusers' `denoise.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Unet } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import * as Guider from "../../Guider.ts"
import { concatChannels, normals } from "../../internal/batch.ts"
import { checkPrediction, checkStep } from "../../internal/finite.ts"
import { guidanceFields, settle } from "../../internal/guidance.ts"
import { blend } from "../../internal/latents.ts"
import { Scheduler } from "../../Scheduler.ts"

/** The noisy latents as the model wants to see them at this step. */
export const scaleModelInput = Block.make("scaleModelInput", {
  description: "Scales the latents for the model",
  inputs: { latents: Fields.latents, plan: Fields.plan, schedulerState: Fields.schedulerState },
  outputs: { modelInput: Fields.Latents },
  components: { scheduler: Scheduler },
  run: ({ latents, plan, schedulerState }, { scheduler }) =>
    Effect.succeed({ modelInput: scheduler.scaleModelInput(plan, schedulerState, latents) })
})

/**
 * The predictions that the guider asks for at this step, all in one call of the model: with classifier-free guidance a
 * batch twice as large.
 */
export const predictNoise = Block.make("predictNoise", {
  description: "Runs the UNet, with and without the prompt in one batch",
  inputs: {
    ...guidanceFields,
    modelInput: Fields.Latents,
    promptEmbeds: Fields.promptEmbeds,
    negativePromptEmbeds: Fields.negativePromptEmbeds
  },
  outputs: { predictions: Fields.predictions },
  components: { unet: Unet, guider: Guider.Guider },
  run: Effect.fnUntraced(function* (
    { modelInput, t, i, guidanceSteps, promptEmbeds, negativePromptEmbeds, ...scales },
    { unet, guider }
  ) {
    const guidance = yield* settle(guider, scales)
    const wanted = guidance.predictions({ step: i, numInferenceSteps: guidanceSteps, timestep: t })
    const output = yield* unet.predict({
      sample: Guider.gather(wanted, { cond: modelInput, uncond: modelInput }),
      timestep: t,
      encoderHiddenStates: Guider.gather(wanted, { cond: promptEmbeds, uncond: negativePromptEmbeds }),
      ...scales.unetGuidance
    })
    yield* checkPrediction(modelInput, output, t)
    return { predictions: Guider.split(wanted, output) }
  })
})

/**
 * Makes one prediction of them.
 *
 * ```ts
 * import { guide } from "@effect-blocks/diffusion/blocks/stableDiffusion/denoise"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const all = (value: number) => Tensor.make("float32", [1, 1, 1, 1], Float32Array.of(value))
 * const run = guide.run({
 *   predictions: { predCond: all(2), predUncond: all(1) },
 *   guiderState: Guider.initial,
 *   guidanceScale: 3,
 *   t: 999,
 *   i: 0,
 *   guidanceSteps: 10
 * })
 * const layer = Guider.layer({ _class_name: "ClassifierFreeGuidance" })
 * assert.equal(Effect.runSync(Effect.provide(run, layer)).noisePred.data[0], 1 + 3 * (2 - 1))
 * ```
 */
export const guide = Block.make("guide", {
  description: "Combines the predictions",
  inputs: { ...guidanceFields, predictions: Fields.predictions, guiderState: Fields.guiderState },
  outputs: { noisePred: Fields.Latents, guiderState: Fields.guiderState },
  components: { guider: Guider.Guider },
  run: Effect.fnUntraced(function* ({ predictions, guiderState, t, i, guidanceSteps, ...scales }, { guider }) {
    const guidance = yield* settle(guider, scales)
    const moment = { step: i, numInferenceSteps: guidanceSteps, timestep: t }
    const { prediction, state } = guidance.combine(guiderState, moment, predictions)
    return { noisePred: prediction, guiderState: state }
  })
})

/** One step of the solver. It draws noise where the plan says so. Fails with `NotFinite` where it gives NaN or Infinity. */
export const schedulerStep = Block.make("schedulerStep", {
  description: "Takes one step towards the picture",
  inputs: {
    latents: Fields.latents,
    noisePred: Fields.Latents,
    plan: Fields.plan,
    schedulerState: Fields.schedulerState,
    rng: Fields.rng
  },
  outputs: {
    latents: Fields.latents,
    schedulerState: Fields.schedulerState,
    rng: Fields.rng,
    predOriginalSample: Fields.predOriginalSample
  },
  components: { scheduler: Scheduler },
  run: ({ latents, noisePred, plan, schedulerState, rng }, { scheduler }) => {
    const [noise, after] =
      plan.noise[schedulerState.index] === true
        ? normals(rng, scheduler.noiseShape(plan, schedulerState, latents))
        : [undefined, rng]
    const next = scheduler.step(plan, schedulerState, { modelOutput: noisePred, sample: latents, noise })
    const out = { latents: next.sample, schedulerState: next.state, rng: after }
    return Effect.as(
      checkStep({ latents, noisePred }, next.sample, plan.timesteps[schedulerState.index]),
      next.predOriginalSample === undefined ? out : { ...out, predOriginalSample: next.predOriginalSample }
    )
  }
})

/**
 * What a UNet of 9 channels sees: latents, mask, latents of the masked picture. One of 4 sees the latents alone.
 *
 * ```ts
 * import { concatMask } from "@effect-blocks/diffusion/blocks/stableDiffusion/denoise"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const masking = {
 *   mask: Tensor.zeros("float32", [1, 1, 8, 8]),
 *   maskedImageLatents: Tensor.zeros("float32", [1, 4, 8, 8])
 * }
 * const run = concatMask.run({ modelInput: Tensor.zeros("float32", [2, 4, 8, 8]), masking })
 * assert.deepEqual(Effect.runSync(run).modelInput.shape, [2, 9, 8, 8])
 * ```
 */
export const concatMask = Block.pure("concatMask", {
  description: "Adds the mask and the masked picture, for a UNet that was trained to inpaint",
  inputs: { modelInput: Fields.Latents, masking: Fields.masking },
  outputs: { modelInput: Fields.Latents },
  run: ({ modelInput, masking: { mask, maskedImageLatents } }) => ({
    modelInput: maskedImageLatents === undefined ? modelInput : concatChannels([modelInput, mask, maskedImageLatents])
  })
})

/** With a UNet of 4 channels: what is to be kept comes from the picture, with the noise of the step that follows. */
export const blendLatents = Block.make("blendLatents", {
  description: "Puts back what is to be kept, for a UNet that was not trained to inpaint",
  inputs: {
    latents: Fields.latents,
    original: Fields.original,
    masking: Fields.masking,
    plan: Fields.plan,
    schedulerState: Fields.schedulerState,
    timesteps: Fields.timesteps,
    i: Schema.Int
  },
  outputs: { latents: Fields.latents },
  components: { scheduler: Scheduler },
  run: Effect.fnUntraced(function* (
    { latents, original: { imageLatents, noise }, masking, plan, schedulerState, timesteps, i },
    { scheduler }
  ) {
    if (masking.maskedImageLatents !== undefined || imageLatents === undefined) return { latents }
    const kept =
      i === timesteps.length - 1
        ? imageLatents
        : yield* Effect.fromResult(scheduler.addNoise(plan, imageLatents, noise, { index: schedulerState.index }))
    return { latents: blend(masking.mask, kept, latents) }
  })
})

/**
 * The loop itself, without blocks: over the timesteps, `t` the timestep and `i` its place. For a denoising loop of one's
 * own: `Loop.fromBlocks(timestepLoop, [scaleModelInput, predictNoise, guide, mine, schedulerStep])`.
 *
 * ```ts
 * import * as Block from "@effect-blocks/core/Block"
 * import { guide, predictNoise, scaleModelInput, schedulerStep, timestepLoop } from "@effect-blocks/diffusion/blocks/stableDiffusion/denoise"
 * import * as Fields from "@effect-blocks/diffusion/Fields"
 * import * as Loop from "@effect-blocks/loop/Loop"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const watch = Block.pure("watch", {
 *   inputs: { latents: Fields.latents, t: Schema.Finite },
 *   outputs: {},
 *   run: () => ({})
 * })
 * const denoise = Loop.fromBlocks(timestepLoop, [scaleModelInput, predictNoise, guide, schedulerStep, watch])
 * assert.equal(denoise.blocks.length, 5)
 * ```
 */
export const timestepLoop = Loop.forEach("denoise", {
  over: "timesteps",
  item: ["t", Schema.Finite],
  description: "From noise to latents, one timestep after the other"
})

/** The denoising loop of text to image and image to image. */
export const denoise = Loop.fromBlocks(timestepLoop, [scaleModelInput, predictNoise, guide, schedulerStep])

/** The denoising loop of inpainting. */
export const denoiseInpaint = Loop.fromBlocks(timestepLoop, [
  scaleModelInput,
  concatMask,
  predictNoise,
  guide,
  schedulerStep,
  blendLatents
])
