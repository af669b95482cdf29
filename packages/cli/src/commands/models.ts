import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { UsageError } from "../Failure.ts"
import { inspect, size } from "../ModelFolder.ts"
import type { ModelFolder } from "../ModelFolder.ts"
import { hub, json } from "./shared.ts"

const isModel = (folder: string) =>
  stat(join(folder, "model_index.json")).then(
    (found) => found.isFile(),
    () => false
  )

/** A folder with an index that is none. */
interface Unreadable {
  readonly path: string
  readonly reason: string
}

interface Found {
  readonly models: ReadonlyArray<ModelFolder>
  readonly unreadable: ReadonlyArray<Unreadable>
}

/** A folder that is a model, or the models directly in it. */
const find = (folder: string): Effect.Effect<Found, UsageError> =>
  Effect.gen(function* () {
    if (yield* Effect.promise(() => isModel(folder)))
      return { models: [yield* inspect(folder, folder)], unreadable: [] }
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
    const [models, unreadable] = yield* Effect.partition(folders, (path) =>
      Effect.mapError(inspect(path, path), ({ detail }): Unreadable => ({ path, reason: detail }))
    )
    return { models, unreadable }
  })

/** One model to list. */
interface Listed extends ModelFolder {
  /** as `--model` takes it, where that is not the folder */
  readonly repository?: string
  /** of a repository, whether all is there that a run needs */
  readonly whole?: boolean
}

/** The repositories in the cache of the hub that can be drawn with; others share the cache. */
const cached = (cacheDir: string | undefined) =>
  Effect.gen(function* () {
    const HubModel = yield* Effect.promise(() => import("../HubModel.ts"))
    const found: Array<Listed> = []
    const all = Effect.mapError(
      HubModel.cached(cacheDir),
      ({ detail }) => new UsageError({ subject: "--cache-dir", detail })
    )
    for (const { commit, folder, pipeline, repo, revisions } of yield* all) {
      if (pipeline === "none") continue
      // what is no model, or not yet, is not listed
      const model = yield* Effect.option(inspect(folder, "--cache-dir", repo))
      if (Option.isNone(model) || model.value.parts.length === 0) continue
      const names = revisions.length > 0 ? revisions : [commit]
      for (const name of names)
        found.push({ ...model.value, repository: `${repo}@${name}`, whole: pipeline === "whole" })
    }
    return found
  })

const lines = (model: Listed): ReadonlyArray<string> => [
  `${model.repository ?? model.name}  ${size(model.bytes)}  ${model.className}${model.scheduler === undefined ? "" : ` with ${model.scheduler}`}`,
  `  ${model.path}`,
  ...model.parts.map((part) => `  ${part.name.padEnd(16)}${size(part.bytes).padStart(9)}`),
  ...(model.whole === false ? ["  in parts: the next run with it downloads the rest"] : [])
]

export const models = Command.make(
  "models",
  {
    folders: Argument.String("folder").pipe(
      Argument.withDescription("Folders of models, or folders that hold such folders"),
      Argument.variadic()
    ),
    cacheDir: hub.cacheDir,
    json
  },
  Effect.fnUntraced(function* ({ cacheDir, folders, json }) {
    const named = yield* Effect.forEach(folders, find)
    const unreadable = named.flatMap((one) => one.unreadable)
    const found: ReadonlyArray<Listed> = [
      yield* inspect(EmojiDiffusion.path, "emoji-diffusion"),
      ...named.flatMap((one) => one.models),
      ...(yield* cached(Option.getOrUndefined(cacheDir)))
    ]
    const told = [...found.flatMap(lines), ...unreadable.map(({ path, reason }) => `${path}: left out: ${reason}`)]
    yield* Console.log(json ? JSON.stringify({ models: found, unreadable }) : told.join("\n"))
  })
).pipe(
  Command.withDescription("Lists the model that is shipped, those in other folders, and those downloaded from a hub"),
  Command.withExamples([
    {
      command: "effect-blocks models",
      description: "the shipped model and those in the cache: where they are, what they hold"
    },
    { command: "effect-blocks models ~/models --json", description: "every model in a folder too, for a script" }
  ])
)
