/** The flags of `generate`, read off the inputs of the pipeline. */
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import type * as Flag from "effect/cli/Flag"
import type * as Option from "effect/Option"
import * as FieldFlag from "../FieldFlag.ts"
import * as Pipelines from "../Pipelines.ts"

/** What a pipeline takes. */
export const fieldsOf = (name: Pipelines.Name): Readonly<Record<string, FieldFlag.Field>> =>
  Pipelines.all[name].inputs as Readonly<Record<string, FieldFlag.Field>>

/** What the pipeline of `generate` takes, in all its workflows. */
export const fields = fieldsOf("stable-diffusion")

/** Fields whose flag is not their own name in hyphens; `undefined` where the command makes them in another way. */
const special: Readonly<Record<string, string | undefined>> = {
  prompt: "prompt",
  negativePrompt: "negative",
  numInferenceSteps: "steps",
  guidanceScale: "guidance",
  height: "size",
  width: "size",
  maskImage: "mask",
  numImagesPerPrompt: "count"
}

/** Fields with a flag, an argument or a file of their own in `generate`; all others get theirs from their Schema. */
const handled: ReadonlySet<string> = new Set(["prompt", "height", "width", "image", "maskImage", "numImagesPerPrompt"])

const hyphens = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Fields that may be a list, which a flag cannot. */
const descriptions: Readonly<Record<string, string>> = {
  seed: "Where the random numbers start; the same seed gives the same picture"
}

/** How people say a field on the command line. */
const flagName = (field: string): string => special[field] ?? hyphens(field)

/** The flag (or `<prompt>`) for each field, for messages. */
export const flagOfField: ReadonlyMap<string, string> = new Map(
  Object.keys({ ...fields, ...special }).map((field) => {
    const flag = flagName(field)
    // one flag for two fields
    return [field, flag === "prompt" ? "<prompt>" : flag === "size" ? `--size (${field})` : `--${flag}`]
  })
)

/** What suits the model that is shipped. */
export const suggested: Readonly<Record<string, unknown>> = {
  guidanceScale: EmojiDiffusion.guidanceScale,
  numInferenceSteps: EmojiDiffusion.numInferenceSteps
}

/** The default that a field has in each workflow: workflows may differ, as image to image and inpainting do in strength. */
const defaultsOf = (field: string): string | undefined => {
  const found = (["text2image", "image2image", "inpainting"] as const).flatMap((workflow) => {
    const own = fieldsOf(workflow)[field]
    const value = own === undefined ? undefined : FieldFlag.facts(own).default
    return value === undefined || value === "" ? [] : [{ workflow, value: String(value) }]
  })
  const [first, ...others] = found
  if (first === undefined) return undefined
  return others.every(({ value }) => value === first.value)
    ? first.value
    : found.map(({ value, workflow }) => `${value} in ${workflow}`).join(", ")
}

const defaults = (field: string): string | undefined => {
  if (field === "seed") return "random"
  const own = defaultsOf(field)
  if (!(field in suggested)) return own
  return `${String(suggested[field])} for the shipped model${own === undefined ? "" : `, else ${own}`}`
}

/** One optional flag for each field that a text can stand for. */
export const flags: Readonly<Record<string, Flag.Flag<Option.Option<unknown>>>> = Object.fromEntries(
  Object.entries(fields)
    .filter(([name, field]) => !handled.has(name) && FieldFlag.facts(field).kind !== undefined)
    .map(([name, field]) => {
      const fallback = defaults(name)
      const describe = descriptions[name]
      const options = {
        ...(fallback === undefined ? {} : { default: fallback }),
        ...(describe === undefined ? {} : { describe })
      }
      return [name, FieldFlag.make(flagName(name), field, options)]
    })
)
