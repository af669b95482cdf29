/** The flags of `generate`, read off the inputs of the pipelines. */
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import type * as Flag from "effect/cli/Flag"
import type * as Option from "effect/Option"
import * as FieldFlag from "../FieldFlag.ts"
import type { Family, Workflow } from "../Pipelines.ts"
import * as Pipelines from "../Pipelines.ts"
import { fieldsOf } from "./fieldsOf.ts"

type Fields = Readonly<Record<string, FieldFlag.Field>>

/** What a family takes, in all its workflows. */
export const fieldsOfFamily = (family: Family): Fields => fieldsOf(Pipelines.all[family].inputs)

/** What one workflow of a family takes; nothing if the family has not got it. */
export const fieldsOfWorkflow = (family: Family, workflow: Workflow): Fields =>
  fieldsOf(Pipelines.workflow(family, workflow)?.inputs ?? {})

/** What the pipelines take together; a field has the same type in all, and a default of each one's own. */
export const fields: Fields = Object.fromEntries(
  [...new Set(Pipelines.families.flatMap((family) => Object.keys(fieldsOfFamily(family))))].map((name) => [
    name,
    Pipelines.families.map((family) => fieldsOfFamily(family)[name]).find((field) => field !== undefined)!
  ])
)

/** Fields whose flag is not their own name in hyphens, or that the command makes in another way. */
const special: Readonly<Record<string, string>> = {
  prompt: "prompt",
  negativePrompt: "negative",
  negativePrompt2: "negative2",
  numInferenceSteps: "steps",
  guidanceScale: "guidance",
  height: "size",
  width: "size",
  maskImage: "mask"
}

/** Fields with a flag, an argument or a file of their own in `generate`; all others get theirs from their Schema. */
const handled: ReadonlySet<string> = new Set(["prompt", "height", "width", "image", "maskImage"])

/** Fields that may be a list, which a flag cannot. */
const descriptions: Readonly<Record<string, string>> = {
  seed: "Where the random numbers start; the same seed gives the same picture",
  numImagesPerPrompt: "Pictures made at once, as one run with one seed; --count makes them one after the other"
}

/** Bounds that JSON cannot say. */
const expectations: Readonly<Record<string, string>> = { seed: "an integer from -2^63 to 2^64 - 1" }

/** How people say a field on the command line. */
const flagName = (field: string): string => special[field] ?? FieldFlag.nameOf(field)

/** The flag (or `<prompt>`) for each field, for messages. */
export const flagOfField: ReadonlyMap<string, string> = new Map(
  Object.keys(fields).map((field) => {
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

/** The default of a field in each workflow of a family that has one. */
const defaultsOf = (family: Family, field: string): ReadonlyMap<Workflow, string> =>
  new Map(
    Pipelines.workflows.flatMap((workflow) => {
      const own = fieldsOfWorkflow(family, workflow)[field]
      const value = own === undefined ? undefined : FieldFlag.facts(own).default
      return value === undefined || value === "" ? [] : [[workflow, String(value)] as const]
    })
  )

/** Workflows may differ, as image to image and inpainting do in strength. */
const inWords = (found: ReadonlyMap<Workflow, string>): ReadonlyArray<string> => {
  const values = [...new Set(found.values())]
  return values.length < 2 ? values : [...found].map(([workflow, value]) => `${value} in ${workflow}`)
}

/** The default in words: that of the shipped model, of the first family that has the field, and of others that differ. */
const defaults = (field: string): string | undefined => {
  if (field === "seed") return "random"
  const [first, ...others] = readersOf(field).map((family) => ({ family, found: defaultsOf(family, field) }))
  const own = first === undefined ? [] : inWords(first.found)
  const differing = others.flatMap(({ family, found }) =>
    [...found].every(([workflow, value]) => value === first?.found.get(workflow))
      ? []
      : inWords(found).map((value) => `${value} for ${family}`)
  )
  const shipped = field in suggested ? [`${String(suggested[field])} for the shipped model`] : []
  const texts = [...shipped, ...own.map((value) => (shipped.length > 0 ? `else ${value}` : value)), ...differing]
  return texts.length === 0 ? undefined : texts.join(", ")
}

/** The families that read a field. */
export const readersOf = (field: string): ReadonlyArray<Family> =>
  Pipelines.families.filter((family) => field in fieldsOfFamily(family))

/** The workflows of a family that read a field. */
export const workflowsOf = (family: Family, field: string): ReadonlyArray<Workflow> =>
  Pipelines.workflows.filter((workflow) => field in fieldsOfWorkflow(family, workflow))

const describe = (field: string): string => {
  const text = descriptions[field] ?? FieldFlag.facts(fields[field]!).description ?? ""
  const readers = readersOf(field)
  return readers.length === 1 ? `${text} [${readers[0]}]` : text
}

/** One optional flag for each field that a text can stand for. */
export const flags: Readonly<Record<string, Flag.Flag<Option.Option<unknown>>>> = FieldFlag.all(fields, (field) => {
  if (handled.has(field)) return undefined
  const fallback = defaults(field)
  const expected = expectations[field]
  return {
    name: flagName(field),
    describe: describe(field),
    ...(expected === undefined ? {} : { expected }),
    ...(fallback === undefined ? {} : { default: fallback })
  }
})
