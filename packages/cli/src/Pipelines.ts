/**
 * The pipelines that the command knows, by name.
 *
 * @module
 */
import type { Any } from "@effect-blocks/core/Block"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"

/**
 * Every pipeline by the name that `describe` takes.
 *
 * ```ts
 * import * as Pipelines from "@effect-blocks/cli/Pipelines"
 * import assert from "node:assert"
 *
 * const names = ["stable-diffusion", "stable-diffusion-xl", "text2image", "image2image", "inpainting"]
 * assert.deepEqual(Object.keys(Pipelines.all), names)
 * ```
 */
export const all = {
  "stable-diffusion": StableDiffusion.pipeline,
  "stable-diffusion-xl": StableDiffusionXL.pipeline,
  text2image: StableDiffusion.text2image,
  image2image: StableDiffusion.image2image,
  inpainting: StableDiffusion.inpainting
} as const satisfies Readonly<Record<string, Any>>

export type Name = keyof typeof all

/**
 * The pipeline for the `_class_name` of a `model_index.json`, if there is one.
 *
 * ```ts
 * import * as Pipelines from "@effect-blocks/cli/Pipelines"
 * import assert from "node:assert"
 *
 * assert.equal(Pipelines.ofClass("OnnxStableDiffusionPipeline"), "stable-diffusion")
 * assert.equal(Pipelines.ofClass("FluxPipeline"), undefined)
 * ```
 */
export const ofClass = (className: string): "stable-diffusion" | "stable-diffusion-xl" | undefined => {
  const family = /^(?:Onnx|ORT)?StableDiffusion(XL)?(?:Img2Img|Inpaint)?Pipeline$/.exec(className)
  return family === null ? undefined : family[1] === undefined ? "stable-diffusion" : "stable-diffusion-xl"
}
