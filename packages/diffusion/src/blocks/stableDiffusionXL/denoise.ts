/**
 * SDXL's loop: as Stable Diffusion's, with pooled text states and sizes for the UNet. diffusers' `denoise.py` of SDXL.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Effect from "effect/Effect"
import { Unet } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import * as Guider from "../../Guider.ts"
import { checkPrediction } from "../../internal/finite.ts"
import { guidanceFields, settle } from "../../internal/guidance.ts"
import {
  blendLatents,
  concatMask,
  guide,
  scaleModelInput,
  schedulerStep,
  timestepLoop
} from "../stableDiffusion/denoise.ts"

/** The predictions that the guider asks for at this step, all in one call of the model. */
export const predictNoiseXL = Block.make("predictNoise", {
  description: "Runs the UNet, with and without the prompt in one batch",
  inputs: {
    ...guidanceFields,
    modelInput: Fields.Latents,
    promptEmbeds: Fields.promptEmbeds,
    negativePromptEmbeds: Fields.negativePromptEmbeds,
    pooledPromptEmbeds: Fields.pooledPromptEmbeds,
    negativePooledPromptEmbeds: Fields.negativePooledPromptEmbeds,
    addTimeIds: Fields.addTimeIds,
    negativeAddTimeIds: Fields.negativeAddTimeIds
  },
  outputs: { predictions: Fields.predictions },
  components: { unet: Unet, guider: Guider.Guider },
  run: Effect.fnUntraced(function* (
    {
      addTimeIds,
      guidanceSteps,
      i,
      modelInput,
      negativeAddTimeIds,
      negativePooledPromptEmbeds,
      negativePromptEmbeds,
      pooledPromptEmbeds,
      promptEmbeds,
      t,
      ...scales
    },
    { guider, unet }
  ) {
    const guidance = yield* settle(guider, scales)
    const wanted = guidance.predictions({ step: i, numInferenceSteps: guidanceSteps, timestep: t })
    const output = yield* unet.predict({
      sample: Guider.gather(wanted, { cond: modelInput, uncond: modelInput }),
      timestep: t,
      encoderHiddenStates: Guider.gather(wanted, { cond: promptEmbeds, uncond: negativePromptEmbeds }),
      added: {
        textEmbeds: Guider.gather(wanted, { cond: pooledPromptEmbeds, uncond: negativePooledPromptEmbeds }),
        timeIds: Guider.gather(wanted, { cond: addTimeIds, uncond: negativeAddTimeIds })
      },
      ...scales.unetGuidance
    })
    yield* checkPrediction(modelInput, output, t)
    return { predictions: Guider.split(wanted, output) }
  })
})

/** The denoising loop of text to image and image to image. */
export const denoiseXL = Loop.fromBlocks(timestepLoop, [scaleModelInput, predictNoiseXL, guide, schedulerStep])

/** The denoising loop of inpainting. */
export const denoiseInpaintXL = Loop.fromBlocks(timestepLoop, [
  scaleModelInput,
  concatMask,
  predictNoiseXL,
  guide,
  schedulerStep,
  blendLatents
])
