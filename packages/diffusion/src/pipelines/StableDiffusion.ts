import * as Block from "@effect-blocks/core/Block"
import { checkInputs, prepareLatents, setTimesteps, textSize } from "../blocks/stableDiffusion/beforeDenoise.ts"
import { decodeLatents, postprocess } from "../blocks/stableDiffusion/decoders.ts"
import { denoise } from "../blocks/stableDiffusion/denoise.ts"
import { encodePrompt } from "../blocks/stableDiffusion/encoders.ts"

/** Text to image. */
export const text2image = Block.sequential("text2image", [
  checkInputs,
  textSize,
  setTimesteps,
  encodePrompt,
  prepareLatents,
  denoise,
  decodeLatents,
  postprocess
])

/** The pipeline of Stable Diffusion 1.x and 2.x. */
export const pipeline = text2image
