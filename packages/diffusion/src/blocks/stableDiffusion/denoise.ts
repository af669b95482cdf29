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
import { Scheduler, Unet } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { concat, items, normals } from "../../internal/batch.ts"

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
    t: Schema.Number,
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

/** Over the timesteps: `t` the timestep, `i` its place. */
export const timestepLoop = Loop.forEach("denoise", {
  over: "timesteps",
  item: ["t", Schema.Number],
  description: "From noise to latents, one timestep after the other"
})

/** The denoising loop of text to image and image to image. */
export const denoise = Loop.fromBlocks(timestepLoop, [scaleModelInput, predictNoise, guide, schedulerStep])
