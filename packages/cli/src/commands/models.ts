import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { UsageError } from "../Failure.ts"
import { inspect, size } from "../ModelFolder.ts"
import type { ModelFolder } from "../ModelFolder.ts"
import { json } from "./shared.ts"

const isModel = (folder: string) =>
  stat(join(folder, "model_index.json")).then(
    (found) => found.isFile(),
    () => false
  )

/** A folder that is a model, or the models directly in it. */
const find = (folder: string): Effect.Effect<ReadonlyArray<ModelFolder>, UsageError> =>
  Effect.gen(function* () {
    if (yield* Effect.promise(() => isModel(folder))) return [yield* inspect(folder, folder)]
    const entries = yield* Effect.tryPromise({
      try: () => readdir(folder, { withFileTypes: true }),
      catch: () => new UsageError({ subject: "<folder>", detail: `there is no folder ${folder}` })
    })
    const folders: Array<string> = []
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      if (yield* Effect.promise(() => isModel(path))) folders.push(path)
    }
    if (folders.length === 0) {
      return yield* new UsageError({ subject: folder, detail: "no folder with a model_index.json in it" })
    }
    return yield* Effect.forEach(folders, (path) => inspect(path, path))
  })

const lines = (model: ModelFolder): ReadonlyArray<string> => [
  `${model.name}  ${size(model.bytes)}  ${model.className}${model.scheduler === undefined ? "" : ` with ${model.scheduler}`}`,
  `  ${model.path}`,
  ...model.parts.map((part) => `  ${part.name.padEnd(16)}${size(part.bytes).padStart(9)}`)
]

export const models = Command.make(
  "models",
  {
    folders: Argument.String("folder").pipe(
      Argument.withDescription("Folders of models, or folders that hold such folders"),
      Argument.variadic()
    ),
    json
  },
  Effect.fnUntraced(function* ({ folders, json }) {
    const found = [
      yield* inspect(EmojiDiffusion.path, "emoji-diffusion"),
      ...(yield* Effect.forEach(folders, find)).flat()
    ]
    yield* Console.log(json ? JSON.stringify({ models: found }) : found.flatMap((model) => lines(model)).join("\n"))
  })
).pipe(
  Command.withDescription("Lists the model that is shipped, and those in other folders"),
  Command.withExamples([
    { command: "effect-blocks models", description: "the shipped model: where it is, what it holds" },
    { command: "effect-blocks models ~/models --json", description: "every model in a folder, for a script" }
  ])
)
