import * as Block from "@effect-blocks/core/Block"
import {
  prepareImageLatents,
  prepareInpaintLatents,
  prepareLatents,
  prepareMaskLatents,
  setImageTimesteps,
  setInpaintTimesteps,
  setTimesteps
} from "../blocks/stableDiffusion/beforeDenoise.ts"
import {
  checkComponents,
  checkInputs,
  imageSize,
  inpaintSize,
  setGuidance,
  textSize
} from "../blocks/stableDiffusion/checks.ts"
import { applyOverlay, decodeLatents, postprocess } from "../blocks/stableDiffusion/decoders.ts"
import { denoise, denoiseInpaint } from "../blocks/stableDiffusion/denoise.ts"
import {
  cropToMask,
  encodeImage,
  encodePrompt,
  preprocessImage,
  preprocessMask
} from "../blocks/stableDiffusion/encoders.ts"

/**
 * Text to image. A block of one's own goes in with `Block.insertBefore` and its kind; one inside the loop with a loop of
 * one's own in place of `denoise`.
 *
 * ```ts
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Fields from "@effect-blocks/diffusion/Fields"
 * import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import assert from "node:assert"
 *
 * const soften = Block.pure("soften", {
 *   inputs: { latents: Fields.latents },
 *   outputs: { latents: Fields.latents },
 *   run: ({ latents }) => ({ latents: Tensor.make("float32", latents.shape, latents.data.map((x) => 0.9 * x)) })
 * })
 * const softer = Block.insertBefore(StableDiffusion.text2image, "decodeLatents", soften)
 * assert(softer.blocks.some(({ name }) => name === "soften"))
 * ```
 */
export const text2image = Block.sequential(
  "text2image",
  [
    checkInputs,
    checkComponents,
    textSize,
    setTimesteps,
    setGuidance,
    encodePrompt,
    prepareLatents,
    denoise,
    decodeLatents,
    postprocess
  ],
  { description: "Draws pictures from words" }
)

/**
 * Image to image: `strength` says how far to go from the given picture.
 *
 * ```ts
 * import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
 * import assert from "node:assert"
 *
 * assert("image" in StableDiffusion.image2image.inputs)
 * assert(!("image" in StableDiffusion.text2image.inputs))
 * ```
 */
export const image2image = Block.sequential(
  "image2image",
  [
    checkInputs,
    checkComponents,
    imageSize,
    setImageTimesteps,
    setGuidance,
    preprocessImage,
    encodeImage,
    encodePrompt,
    prepareImageLatents,
    denoise,
    decodeLatents,
    postprocess
  ],
  { description: "Draws pictures from words and a picture" }
)

/**
 * Inpainting: draws where the mask is white. Works with UNets of 9 channels, which were trained for it, and of 4.
 *
 * ```ts
 * import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
 * import assert from "node:assert"
 *
 * assert("maskImage" in StableDiffusion.inpainting.inputs)
 * ```
 */
export const inpainting = Block.sequential(
  "inpainting",
  [
    checkInputs,
    checkComponents,
    inpaintSize,
    setInpaintTimesteps,
    setGuidance,
    cropToMask,
    preprocessImage,
    preprocessMask,
    prepareInpaintLatents,
    prepareMaskLatents,
    encodePrompt,
    denoiseInpaint,
    decodeLatents,
    postprocess,
    applyOverlay
  ],
  { description: "Draws into a picture, where a mask is white" }
)

/**
 * The pipeline of Stable Diffusion 1.x and 2.x: `inpainting` where there is a `maskImage`, `image2image` where there is an
 * `image`, else `text2image`.
 *
 * ```ts
 * import * as Pipeline from "@effect-blocks/core/Pipeline"
 * import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as ModelStore from "@effect-blocks/ops/ModelStore"
 * import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import assert from "node:assert"
 *
 * const components = Repository.layer(EmojiDiffusion.path).pipe(
 *   Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
 *   Layer.provide(OnnxRuntime.layerCpu)
 * )
 * const draw = Pipeline.run(
 *   StableDiffusion.pipeline,
 *   { prompt: "red heart", numInferenceSteps: 2, guidanceScale: 3, seed: 7 },
 *   { output: "images" }
 * )
 * const [picture] = await Effect.runPromise(Effect.provide(draw, components))
 * assert.deepEqual(picture.shape, [128, 128, 3])
 * ```
 */
export const pipeline = Block.workflows(
  Block.seal(
    Block.auto("stableDiffusion", [Block.when("maskImage", inpainting), Block.when("image", image2image), text2image], {
      description: "Stable Diffusion: from words, from a picture, or into a picture"
    })
  ),
  { text2image: ["prompt"], image2image: ["prompt", "image"], inpainting: ["prompt", "image", "maskImage"] }
)
