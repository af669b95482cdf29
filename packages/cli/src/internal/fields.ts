/** The flags of `generate`, read off the inputs of the pipeline. */
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import type * as Flag from "effect/cli/Flag"
import type * as Option from "effect/Option"
import * as FieldFlag from "../FieldFlag.ts"

/** What the pipeline takes. */
export const fields: Readonly<Record<string, FieldFlag.Field>> = StableDiffusion.pipeline.inputs as Readonly<
  Record<string, FieldFlag.Field>
>

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

const defaults = (field: string): string | undefined => {
  if (field === "seed") return "random"
  if (!(field in suggested)) return undefined
  const otherwise = FieldFlag.facts(fields[field]!).default
  return `${String(suggested[field])} for the shipped model${otherwise === undefined ? "" : `, else ${String(otherwise)}`}`
}

/** One optional flag for each field that a text can stand for. */
export const flags: Readonly<Record<string, Flag.Flag<Option.Option<unknown>>>> = Object.fromEntries(
  Object.entries(fields)
    .filter(([name, field]) => !handled.has(name) && FieldFlag.facts(field).kind !== undefined)
    .map(([name, field]) => {
      const fallback = defaults(name)
      return [name, FieldFlag.make(flagName(name), field, fallback === undefined ? {} : { default: fallback })]
    })
)
