/**
 * Stable Diffusion XL: two text encoders and size conditioning ("SDXL: Improving Latent Diffusion Models for
 * High-Resolution Image Synthesis", arXiv 2307.01952); diffusers' `StableDiffusionXLAutoBlocks`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import { prepareLatents, prepareMaskLatentsXL } from "../blocks/stableDiffusion/beforeDenoise.ts"
import {
  checkComponentsXL,
  checkInputs,
  imageSizeXL,
  inpaintSizeXL,
  setGuidance,
  textSize
} from "../blocks/stableDiffusion/checks.ts"
import { applyOverlay, decodeLatents, postprocess } from "../blocks/stableDiffusion/decoders.ts"
import { cropToMask, encodeImageXL, preprocessImage, preprocessMask } from "../blocks/stableDiffusion/encoders.ts"
import {
  conditionImageSize,
  conditionTextSize,
  latentsSize,
  prepareImageLatentsXL,
  prepareInpaintLatentsXL,
  setImageTimestepsXL,
  setTimestepsXL
} from "../blocks/stableDiffusionXL/beforeDenoise.ts"
import { denoiseInpaintXL, denoiseXL } from "../blocks/stableDiffusionXL/denoise.ts"
import { encodePromptXL } from "../blocks/stableDiffusionXL/encoders.ts"

/**
 * Text to image. With `denoisingEnd` it stops early, for `latents2image` of another model to go on from its `latents`.
 *
 * ```ts
 * import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
 * import assert from "node:assert"
 *
 * assert("prompt2" in StableDiffusionXL.text2image.inputs)
 * ```
 */
export const text2image = Block.sequential(
  "text2image",
  [
    checkInputs,
    checkComponentsXL,
    textSize,
    setTimestepsXL,
    setGuidance,
    encodePromptXL,
    prepareLatents,
    conditionTextSize,
    denoiseXL,
    decodeLatents,
    postprocess
  ],
  { description: "Draws pictures from words" }
)

/**
 * Image to image: `strength` says how far to go from the given picture, 0.3 if left out, as in diffusers.
 *
 * ```ts
 * import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
 * import assert from "node:assert"
 *
 * assert("strength" in StableDiffusionXL.image2image.inputs)
 * ```
 */
export const image2image = Block.sequential(
  "image2image",
  [
    checkInputs,
    checkComponentsXL,
    imageSizeXL,
    setImageTimestepsXL,
    setGuidance,
    preprocessImage,
    encodeImageXL,
    encodePromptXL,
    prepareImageLatentsXL,
    conditionImageSize,
    denoiseXL,
    decodeLatents,
    postprocess
  ],
  { description: "Draws pictures from words and a picture" }
)

/**
 * From latents: as image to image, or, with `denoisingStart`, going on where another model has stopped.
 *
 * ```ts
 * import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
 * import assert from "node:assert"
 *
 * assert("imageLatents" in StableDiffusionXL.latents2image.inputs)
 * ```
 */
export const latents2image = Block.sequential(
  "latents2image",
  [
    checkInputs,
    checkComponentsXL,
    latentsSize,
    setImageTimestepsXL,
    setGuidance,
    encodePromptXL,
    prepareImageLatentsXL,
    conditionImageSize,
    denoiseXL,
    decodeLatents,
    postprocess
  ],
  { description: "Draws pictures from words and latents" }
)

/**
 * Inpainting: draws where the mask is white. Works with UNets of 9 channels, which were trained for it, and of 4.
 *
 * ```ts
 * import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
 * import assert from "node:assert"
 *
 * assert("maskImage" in StableDiffusionXL.inpainting.inputs)
 * ```
 */
export const inpainting = Block.sequential(
  "inpainting",
  [
    checkInputs,
    checkComponentsXL,
    inpaintSizeXL,
    setImageTimestepsXL,
    setGuidance,
    cropToMask,
    preprocessImage,
    preprocessMask,
    encodeImageXL,
    prepareMaskLatentsXL,
    encodePromptXL,
    prepareInpaintLatentsXL,
    conditionImageSize,
    denoiseInpaintXL,
    decodeLatents,
    postprocess,
    applyOverlay
  ],
  { description: "Draws into a picture, where a mask is white" }
)

/**
 * The pipeline of SDXL: `inpainting` where there is a `maskImage`, `image2image` where there is an `image`,
 * `latents2image` where there are `imageLatents`, else `text2image`.
 *
 * ```ts
 * import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
 * import assert from "node:assert"
 *
 * const names = StableDiffusionXL.pipeline.blocks.map(({ name }) => name)
 * assert.deepEqual(names.toSorted(), ["image2image", "inpainting", "latents2image", "text2image"])
 * ```
 */
export const pipeline = Block.workflows(
  Block.seal(
    Block.auto(
      "stableDiffusionXL",
      [
        Block.when("maskImage", inpainting),
        Block.when("image", image2image),
        Block.when("imageLatents", latents2image),
        text2image
      ],
      { description: "Stable Diffusion XL: from words, from a picture or latents, or into a picture" }
    )
  ),
  {
    text2image: ["prompt"],
    image2image: ["prompt", "image"],
    latents2image: ["prompt", "imageLatents"],
    inpainting: ["prompt", "image", "maskImage"]
  }
)
