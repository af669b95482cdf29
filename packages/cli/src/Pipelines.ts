/**
 * The pipelines that the command knows, by name.
 *
 * @module
 */
import type { Any } from "@effect-blocks/core/Block"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Repository from "@effect-blocks/diffusion/Repository"

/**
 * Every pipeline by the name that `describe` takes.
 *
 * ```ts
 * import * as Pipelines from "@effect-blocks/cli/Pipelines"
 * import assert from "node:assert"
 *
 * const names = [...Pipelines.families, "text2image", "image2image", "inpainting"]
 * assert.deepEqual(Object.keys(Pipelines.all), names)
 * ```
 */
export const all = {
  "stable-diffusion": StableDiffusion.pipeline,
  "stable-diffusion-xl": StableDiffusionXL.pipeline,
  "latent-consistency": LatentConsistency.pipeline,
  text2image: StableDiffusion.text2image,
  image2image: StableDiffusion.image2image,
  inpainting: StableDiffusion.inpainting
} as const satisfies Readonly<Record<string, Any>>

/** A name of `all`. */
export type Name = keyof typeof all

/** The library's families of models, by the names of their pipelines here. */
const names = {
  stableDiffusion: "stable-diffusion",
  stableDiffusionXL: "stable-diffusion-xl",
  latentConsistency: "latent-consistency"
} as const satisfies Readonly<Record<Repository.Family, Name>>

/** The pipelines that belong to models, each with several workflows. */
export type Family = (typeof names)[Repository.Family]

/**
 * The pipelines that belong to models.
 *
 * ```ts
 * import * as Pipelines from "@effect-blocks/cli/Pipelines"
 * import assert from "node:assert"
 *
 * assert.deepEqual(Pipelines.families, ["stable-diffusion", "stable-diffusion-xl", "latent-consistency"])
 * ```
 */
export const families: ReadonlyArray<Family> = Object.values(names)

/**
 * The pipeline for the `_class_name` of a `model_index.json`, if there is one.
 *
 * ```ts
 * import * as Pipelines from "@effect-blocks/cli/Pipelines"
 * import assert from "node:assert"
 *
 * assert.equal(Pipelines.ofClass("OnnxStableDiffusionPipeline"), "stable-diffusion")
 * assert.equal(Pipelines.ofClass("LatentConsistencyModelPipeline"), "latent-consistency")
 * assert.equal(Pipelines.ofClass("FluxPipeline"), undefined)
 * ```
 */
export const ofClass = (className: string): Family | undefined => {
  const family = Repository.familyOf(className)
  return family === undefined ? undefined : names[family]
}

/** What a run does: from words alone, from a picture, or into one. */
export type Workflow = "text2image" | "image2image" | "inpainting"

/** The workflows that a command line can ask for. */
export const workflows: ReadonlyArray<Workflow> = ["text2image", "image2image", "inpainting"]

/**
 * One workflow of a family, if it has it.
 *
 * ```ts
 * import * as Pipelines from "@effect-blocks/cli/Pipelines"
 * import assert from "node:assert"
 *
 * assert("maskImage" in Pipelines.workflow("stable-diffusion-xl", "inpainting")!.inputs)
 * assert.equal(Pipelines.workflow("latent-consistency", "inpainting"), undefined)
 * ```
 */
export const workflow = (family: Family, name: Workflow): Any | undefined =>
  all[family].blocks.find((block) => block.name === name)
