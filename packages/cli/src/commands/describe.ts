import * as Block from "@effect-blocks/core/Block"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { UsageError } from "../Failure.ts"
import { resolve } from "../internal/model.ts"
import * as Pipelines from "../Pipelines.ts"
import { Reporter } from "../Reporter.ts"
import { hub, json, model } from "./shared.ts"

const names = Object.keys(Pipelines.all)
const isName = (name: string): name is Pipelines.Name => Predicate.hasProperty(Pipelines.all, name)

/** A block and those in it, without their Schemas. */
interface Outline {
  readonly name: string
  readonly kind: string
  readonly description?: string
  readonly blocks?: ReadonlyArray<Outline>
}

const outline = (block: Block.Any): Outline => ({
  name: block.name,
  kind: block.kind,
  ...(block.description === undefined ? {} : { description: block.description }),
  ...(block.blocks.length === 0 ? {} : { blocks: block.blocks.map(outline) })
})

export const describe = Command.make(
  "describe",
  {
    pipeline: Argument.String("pipeline").pipe(
      Argument.withDescription(`One of ${names.join(", ")} (default: that of the model)`),
      Argument.mapEffect((name) =>
        isName(name)
          ? Effect.succeed(name)
          : Effect.fail(
              new CliError.InvalidValue({
                option: "pipeline",
                value: name,
                expected: `one of ${names.join(", ")}`,
                kind: "argument"
              })
            )
      ),
      Argument.optional
    ),
    model,
    ...hub,
    mermaid: Flag.Boolean("mermaid").pipe(
      Flag.withDescription("Print a Mermaid flowchart instead of text"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function* ({ json, mermaid, model, pipeline, ...hub }) {
    if (Option.isSome(pipeline) && Option.isSome(model)) {
      return yield* new UsageError({
        subject: "--model",
        detail: "has a pipeline of its own, expected it or a pipeline's name"
      })
    }
    if (mermaid && json) return yield* new UsageError({ subject: "--mermaid", detail: "and --json exclude each other" })
    const found = Option.isSome(model) ? yield* resolve(model.value, hub, undefined, "index") : undefined
    const folder = found?.folder
    const name = Option.isSome(pipeline)
      ? pipeline.value
      : folder === undefined
        ? "stable-diffusion"
        : Pipelines.ofClass(folder.className)
    if (name === undefined) {
      return yield* new UsageError({ subject: "--model", detail: `there is no pipeline for ${folder?.className}` })
    }
    const block = Pipelines.all[name]
    if (mermaid) return yield* Console.log(Block.toMermaid(block))
    if (!json) return yield* Console.log(Block.describe(block))
    const components = Block.components(block).map(({ key, name, paths }) => ({ name, service: key.key, paths }))
    yield* Console.log(
      JSON.stringify({ pipeline: name, ...outline(block), inputs: Block.inputJsonSchema(block), components })
    )
  }, Effect.provide(Reporter.layerSilent))
).pipe(
  Command.withDescription("Shows what a pipeline takes, gives and does"),
  Command.withExamples([
    { command: "effect-blocks describe", description: "the pipeline of the shipped model" },
    { command: "effect-blocks describe inpainting --mermaid", description: "a diagram of one workflow" },
    { command: "effect-blocks describe --json", description: "blocks, components and the JSON Schema of the inputs" }
  ])
)
