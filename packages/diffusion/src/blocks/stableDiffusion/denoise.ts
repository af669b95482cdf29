/**
 * The loop and the blocks inside it: diffusers' `denoise.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Unet, VaeDecoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { concat, concatChannels, fill, items, normals } from "../../internal/batch.ts"
import { blend } from "../../internal/latents.ts"
import { Scheduler } from "../../Scheduler.ts"

const Prediction = Fields.Latents

/** The noisy latents as the model wants to see them at this step. */
export const scaleModelInput = Block.make("scaleModelInput", {
  description: "Scales the latents for the model",
  inputs: { latents: Fields.latents, plan: Fields.plan, schedulerState: Fields.schedulerState },
  outputs: { modelInput: Fields.Latents },
  components: { scheduler: Scheduler },
  run: ({ latents, plan, schedulerState }, { scheduler }) =>
    Effect.succeed({ modelInput: scheduler.scaleModelInput(plan, schedulerState, latents) })
})

/** The model's predictions: with guidance both in one call, the unconditional first. */
export const predictNoise = Block.make("predictNoise", {
  description: "Runs the UNet, with and without the prompt in one batch",
  inputs: {
    modelInput: Fields.Latents,
    t: Schema.Finite,
    promptEmbeds: Fields.promptEmbeds,
    negativePromptEmbeds: Schema.optionalKey(Fields.negativePromptEmbeds),
    guidanceScale: Fields.guidanceScale
  },
  outputs: { noisePredCond: Prediction, noisePredUncond: Schema.optionalKey(Prediction) },
  components: { unet: Unet },
  run: ({ modelInput, t, promptEmbeds, negativePromptEmbeds, guidanceScale }, { unet }) => {
    if (negativePromptEmbeds === undefined || guidanceScale <= 1) {
      return Effect.map(
        unet.predict({ sample: modelInput, timestep: t, encoderHiddenStates: promptEmbeds }),
        (noisePredCond) => ({ noisePredCond })
      )
    }
    const batch = modelInput.shape[0]!
    return Effect.map(
      unet.predict({
        sample: concat([modelInput, modelInput]),
        timestep: t,
        encoderHiddenStates: concat([negativePromptEmbeds, promptEmbeds])
      }),
      (both) => ({ noisePredCond: items(both, batch, 2 * batch), noisePredUncond: items(both, 0, batch) })
    )
  }
})

const f = Math.fround

/** Makes one prediction of them. */
export const guide = Block.make("guide", {
  description: "Combines the predictions",
  inputs: {
    noisePredCond: Prediction,
    noisePredUncond: Schema.optionalKey(Prediction),
    guidanceScale: Fields.guidanceScale
  },
  outputs: { noisePred: Prediction },
  run: ({ noisePredCond, noisePredUncond, guidanceScale }) => {
    if (noisePredUncond === undefined || guidanceScale <= 1) return Effect.succeed({ noisePred: noisePredCond })
    const cond = noisePredCond.data
    const uncond = noisePredUncond.data
    const data = new Float32Array(cond.length)
    const scale = f(guidanceScale)
    for (let i = 0; i < data.length; i++) data[i] = f(uncond[i]! + f(scale * f(cond[i]! - uncond[i]!)))
    return Effect.succeed({ noisePred: Tensor.make("float32", noisePredCond.shape, data) })
  }
})

/** One step of the solver. It draws noise where the plan says so. */
export const schedulerStep = Block.make("schedulerStep", {
  description: "Takes one step towards the picture",
  inputs: {
    latents: Fields.latents,
    noisePred: Prediction,
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
    const [noise, after] = plan.noise[schedulerState.index] === true ? normals(rng, latents.shape) : [undefined, rng]
    const next = scheduler.step(plan, schedulerState, { modelOutput: noisePred, sample: latents, noise })
    const out = { latents: next.sample, schedulerState: next.state, rng: after }
    return Effect.succeed(
      next.predOriginalSample === undefined ? out : { ...out, predOriginalSample: next.predOriginalSample }
    )
  }
})

/** What a UNet of 9 channels sees: latents, mask, latents of the masked picture. One of 4 sees the latents alone. */
export const concatMask = Block.make("concatMask", {
  description: "Adds the mask and the masked picture, for a UNet that was trained to inpaint",
  inputs: {
    modelInput: Fields.Latents,
    mask: Fields.mask,
    maskedImageLatents: Schema.optionalKey(Fields.Latents)
  },
  outputs: { modelInput: Fields.Latents },
  run: ({ modelInput, mask, maskedImageLatents }) =>
    Effect.succeed({
      modelInput:
        maskedImageLatents === undefined ? modelInput : concatChannels([modelInput, mask, maskedImageLatents])
    })
})

/** With a UNet of 4 channels: what is to be kept comes from the picture, with the noise of the step that follows. */
export const blendLatents = Block.make("blendLatents", {
  description: "Puts back what is to be kept, for a UNet that was not trained to inpaint",
  inputs: {
    latents: Fields.latents,
    imageLatents: Schema.optionalKey(Fields.imageLatents),
    noise: Fields.noise,
    mask: Fields.mask,
    plan: Fields.plan,
    schedulerState: Fields.schedulerState,
    timesteps: Fields.timesteps,
    i: Schema.Int
  },
  outputs: { latents: Fields.latents },
  components: { scheduler: Scheduler, unet: Unet, vae: VaeDecoder },
  run: Effect.fnUntraced(function* (
    { latents, imageLatents, noise, mask, plan, schedulerState, timesteps, i },
    { scheduler, unet, vae }
  ) {
    if (unet.inChannels !== vae.latentChannels || imageLatents === undefined) return { latents }
    const clean = fill(imageLatents, latents.shape[0]!)
    const kept =
      i === timesteps.length - 1
        ? clean
        : yield* Effect.fromResult(scheduler.addNoise(plan, clean, noise, { index: schedulerState.index }))
    return { latents: blend(mask, kept, latents) }
  })
})

/** Over the timesteps: `t` the timestep, `i` its place. */
const timestepLoop = <const Name extends string>(name: Name) =>
  Loop.forEach(name, {
    over: "timesteps",
    item: ["t", Schema.Finite],
    description: "From noise to latents, one timestep after the other"
  })

/** The denoising loop of text to image and image to image. */
export const denoise = Loop.fromBlocks(timestepLoop("denoise"), [scaleModelInput, predictNoise, guide, schedulerStep])

/** The denoising loop of inpainting. */
export const denoiseInpaint = Loop.fromBlocks(timestepLoop("denoiseInpaint"), [
  scaleModelInput,
  concatMask,
  predictNoise,
  guide,
  schedulerStep,
  blendLatents
])
