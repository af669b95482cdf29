/**
 * Latent-consistency models: pictures in 1 to 8 steps, of a UNet that is told how strongly the prompt counts ("Latent
 * Consistency Models: Synthesizing High-Resolution Images with Few-Step Inference", arXiv 2310.04378); diffusers'
 * `LatentConsistencyModelPipeline` and `LatentConsistencyModelImg2ImgPipeline`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import { setGuidanceScale, setImageTimestepsLCM, setTimestepsLCM } from "../blocks/latentConsistency/beforeDenoise.ts"
import { prepareImageLatents, prepareLatents } from "../blocks/stableDiffusion/beforeDenoise.ts"
import {
  checkComponentsLCM,
  checkInputsLCM,
  imageSize,
  setGuidance,
  textSize
} from "../blocks/stableDiffusion/checks.ts"
import { decodeLatents, postprocess } from "../blocks/stableDiffusion/decoders.ts"
import { denoise } from "../blocks/stableDiffusion/denoise.ts"
import { encodeImage, encodePromptLCM, preprocessImage } from "../blocks/stableDiffusion/encoders.ts"

/**
 * Text to image.
 *
 * ```ts
 * import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
 * import assert from "node:assert"
 *
 * assert("originalInferenceSteps" in LatentConsistency.text2image.inputs)
 * assert(!("negativePrompt" in LatentConsistency.text2image.inputs))
 * ```
 */
export const text2image = Block.sequential(
  "text2image",
  [
    setGuidanceScale,
    checkInputsLCM,
    checkComponentsLCM,
    textSize,
    setTimestepsLCM,
    setGuidance,
    encodePromptLCM,
    prepareLatents,
    denoise,
    decodeLatents,
    postprocess
  ],
  { description: "Draws pictures from words" }
)

/**
 * Image to image: all of `numInferenceSteps` are run, over the last `strength` (0.8) of the schedule.
 *
 * ```ts
 * import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
 * import assert from "node:assert"
 *
 * assert("strength" in LatentConsistency.image2image.inputs)
 * ```
 */
export const image2image = Block.sequential(
  "image2image",
  [
    setGuidanceScale,
    checkInputsLCM,
    checkComponentsLCM,
    imageSize,
    setImageTimestepsLCM,
    setGuidance,
    preprocessImage,
    encodeImage,
    encodePromptLCM,
    prepareImageLatents,
    denoise,
    decodeLatents,
    postprocess
  ],
  { description: "Draws pictures from words and a picture" }
)

/**
 * The pipeline of latent-consistency models: `image2image` where there is an `image`, else `text2image`. A UNet of this
 * kind also works in the pipelines of Stable Diffusion and SDXL, as diffusers has it: there it is told the scale too, and
 * the guider and negative prompts have nothing to do.
 *
 * ```ts
 * import * as Block from "@effect-blocks/core/Block"
 * import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
 * import assert from "node:assert"
 *
 * const { inputs } = Block.workflow(LatentConsistency.pipeline, "text2image")
 * assert(!("image" in inputs))
 * ```
 */
export const pipeline = Block.workflows(
  Block.seal(
    Block.auto("latentConsistency", [Block.when("image", image2image), text2image], {
      description: "Latent-consistency models: from words or from a picture, in few steps"
    })
  ),
  { text2image: ["prompt"], image2image: ["prompt", "image"] }
)
