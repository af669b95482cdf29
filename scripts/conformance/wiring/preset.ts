/**
 * diffusers' own SDXL preset beside ours: workflows, components, inputs and outputs by name, and defaults. What the library
 * does without, or says in another way, is listed here and in docs/differences.md; anything else that is missing fails.
 */
import * as Block from "@effect-blocks/core/Block"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import type { Case } from "../golden.ts"
import { same } from "./compare.ts"

/** ControlNets and IP adapters are not part of the library. */
const isFeature = (name: string): boolean => /control|ip_adapter|guess_mode|conditioning_scale/.test(name)

const elsewhere: ReadonlySet<string> = new Set([
  // a `seed`, of which the blocks make the generator's state
  "generator",
  // of the components: their dtype is chosen where they are loaded
  "dtype",
  "cross_attention_kwargs",
  // pictures come in as pixels and go out as pixels
  "preprocess_kwargs",
  "output_type",
  // a crop is made before a run and pasted back after it: ImageProcessor
  "padding_mask_crop",
  "crops_coords",
  // of the refiner's UNet, which takes a score where the base model takes a size
  "aesthetic_score",
  "negative_aesthetic_score",
  // in one variable `masking`, with what else the inpainting loop needs
  "mask",
  "masked_image_latents",
  // drawn and used within one block
  "noise",
  "latent_timestep",
  // of distilled UNets: `unetGuidance`
  "timestep_cond"
])
/** Pure functions of ImageProcessor. */
const functions: ReadonlySet<string> = new Set(["image_processor", "mask_processor"])

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const lacking = (place: string, got: ReadonlyArray<string>, want: ReadonlyArray<string | null>) =>
  want
    .filter((name) => name !== null && !isFeature(name) && !elsewhere.has(name) && !functions.has(name))
    .filter((name) => !got.includes(camelCase(String(name))))
    .map((name) => `${place}: '${name}' is not there`)

const { pipeline } = StableDiffusionXL
const names = ["text2image", "image2image", "inpainting"] as const

export const comparePreset = (testCase: Case): ReadonlyArray<string> => {
  if (testCase["class"] !== "StableDiffusionXLAutoBlocks") return [`there is no preset '${testCase["class"]}' here`]
  const { available_workflows: workflows, inputs } = testCase["properties"]
  const offered = workflows.filter((name: string) => !isFeature(name))
  const { properties } = Block.inputJsonSchema(pipeline)
  const defaults = inputs.flatMap(({ default: value, name }: Case) => {
    const own = name === null ? undefined : properties[camelCase(name)]?.["default"]
    return own === undefined || value === null ? [] : same(`${name} by default`, own, value)
  })
  const problems = names.flatMap((name) => {
    const recorded = testCase["workflow_runs"].find(({ workflow }: Case) => workflow === name)
    if (recorded === undefined) return [`there is no record of workflow '${name}'`]
    const workflow = Block.workflow(pipeline, name)
    const given = Object.keys(recorded.triggers).map(camelCase)
    const taken = Block.executionBlocks(pipeline, given as ReadonlyArray<keyof Block.In<typeof pipeline>>)
    return [
      ...same(`${name} by its triggers`, [...new Set(taken.map(({ path }) => path.split(".")[1]))], [name]),
      ...lacking(`${name}: inputs`, Object.keys(workflow.inputs), recorded.blocks.inputs),
      // the number of steps that really run is in the plan
      ...lacking(`${name}: outputs`, [...Object.keys(workflow.outputs), "numInferenceSteps"], recorded.blocks.outputs),
      ...lacking(
        `${name}: components`,
        Block.components(workflow).map((component) => component.name),
        recorded.components
      )
    ]
  })
  return [...same("workflows", [...names], offered), ...defaults, ...problems]
}
