/** Whether the pipeline reads what was given: a flag that does nothing is a mistake. */
import * as Effect from "effect/Effect"
import { UsageError } from "../Failure.ts"
import type { Family, Workflow } from "../Pipelines.ts"
import { flagOfField, readersOf, workflowsOf } from "./fields.ts"

/** How a command line asks for a workflow. */
const asked: Readonly<Record<Workflow, string>> = {
  text2image: "neither --image nor --mask",
  image2image: "--image too",
  inpainting: "--image and --mask too"
}
const inWords: Readonly<Record<Workflow, string>> = {
  text2image: "from words alone",
  image2image: "from a picture",
  inpainting: "into a picture"
}

/** Fails for the first field that the family, or the workflow that it runs, does not read. */
export const checkReads = (options: {
  readonly family: Family
  readonly model: string
  readonly workflow: Workflow
  readonly fields: ReadonlyArray<string>
}): Effect.Effect<void, UsageError> => {
  const { family, fields, model, workflow } = options
  for (const field of fields) {
    const subject = flagOfField.get(field) ?? field
    const readers = readersOf(field)
    const refuse = (detail: string) => Effect.fail(new UsageError({ subject, detail }))
    if (!readers.includes(family)) {
      return refuse(`is not for ${model}, a model of ${family}: expected one of ${readers.join(" or ")}`)
    }
    const workflows = workflowsOf(family, field)
    if (!workflows.includes(workflow)) {
      return refuse(`does nothing in a run ${inWords[workflow]}, expected ${asked[workflows[0] ?? "text2image"]}`)
    }
  }
  return Effect.void
}
