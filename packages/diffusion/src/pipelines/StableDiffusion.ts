import * as Block from "@effect-blocks/core/Block"
import {
  checkComponents,
  checkInputs,
  imageSize,
  inpaintSize,
  prepareImageLatents,
  prepareInpaintLatents,
  prepareLatents,
  prepareMaskLatents,
  setGuidance,
  setImageTimesteps,
  setInpaintTimesteps,
  setTimesteps,
  textSize
} from "../blocks/stableDiffusion/beforeDenoise.ts"
import { decodeLatents, postprocess } from "../blocks/stableDiffusion/decoders.ts"
import { denoise, denoiseInpaint } from "../blocks/stableDiffusion/denoise.ts"
import { encodeImage, encodePrompt, preprocessImage, preprocessMask } from "../blocks/stableDiffusion/encoders.ts"

/** Text to image. */
export const text2image = Block.sequential("text2image", [
  checkComponents,
  checkInputs,
  textSize,
  setGuidance,
  setTimesteps,
  encodePrompt,
  prepareLatents,
  denoise,
  decodeLatents,
  postprocess
])
/** Image to image. */
export const image2image = Block.sequential("image2image", [
  checkComponents,
  checkInputs,
  imageSize,
  setGuidance,
  setImageTimesteps,
  encodePrompt,
  preprocessImage,
  encodeImage,
  prepareImageLatents,
  denoise,
  decodeLatents,
  postprocess
])
/** Inpainting. */
export const inpainting = Block.sequential("inpainting", [
  checkComponents,
  checkInputs,
  inpaintSize,
  setGuidance,
  setInpaintTimesteps,
  encodePrompt,
  preprocessImage,
  preprocessMask,
  prepareInpaintLatents,
  prepareMaskLatents,
  denoiseInpaint,
  decodeLatents,
  postprocess
])

/** The pipeline of Stable Diffusion 1.x and 2.x. */
export const pipeline = Block.auto("stableDiffusion", [
  Block.when("maskImage", inpainting),
  Block.when("image", image2image),
  text2image
])
