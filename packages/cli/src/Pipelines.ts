/**
 * The pipelines that the command knows, by name.
 *
 * @module
 */
import type { Any } from "@effect-blocks/core/Block"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"

/**
 * Every pipeline by the name that `describe` takes.
 *
 * ```ts
 * import * as Pipelines from "@effect-blocks/cli/Pipelines"
 * import assert from "node:assert"
 *
 * assert.deepEqual(Object.keys(Pipelines.all), ["stable-diffusion", "text2image", "image2image", "inpainting"])
 * ```
 */
export const all = {
  "stable-diffusion": StableDiffusion.pipeline,
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
export const ofClass = (className: string): Name | undefined =>
  /^(Onnx|ORT)?StableDiffusion(Img2Img|Inpaint)?Pipeline(Legacy)?$/.test(className) ? "stable-diffusion" : undefined
