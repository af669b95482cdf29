/** The model that `--model` names: a folder, or a repository of a hub that is downloaded first. */
import type { HubError } from "@effect-blocks/diffusion/HubError"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { basename } from "node:path"
import { UsageError } from "../Failure.ts"
import { inspect } from "../ModelFolder.ts"
import type { ModelFolder } from "../ModelFolder.ts"
import * as ModelSource from "../ModelSource.ts"
import type { Reporter } from "../Reporter.ts"

/** The flags of models. */
export interface Options {
  readonly revision: Option.Option<string>
  readonly offline: boolean
  readonly cacheDir: Option.Option<string>
}

export type Variants = Readonly<Record<string, string>>

export interface Model {
  readonly folder: ModelFolder
  /** what `--model` would name it, with the commit of a repository; `undefined` for the one that is shipped */
  readonly written: string | undefined
}

/** The folders that may have variants of their graph. */
const graphs = ["text_encoder", "text_encoder_2", "unet", "vae_encoder", "vae_decoder"]

/** `fp16` for all graphs, or `unet=fp16,vae_decoder=fp16` for some. */
export const parseVariants = (text: string): Variants | undefined => {
  const parts = text.split(",").map((part) => part.trim().split("="))
  const name = /^[\w-]+$/
  if (parts.length === 1 && parts[0]!.length === 1) {
    const [variant = ""] = parts[0]!
    return name.test(variant) ? Object.fromEntries(graphs.map((folder) => [folder, variant])) : undefined
  }
  const good = parts.every(
    ([folder = "", variant = "", ...more]) => graphs.includes(folder) && name.test(variant) && more.length === 0
  )
  return good ? Object.fromEntries(parts.map(([folder, variant]) => [folder!, variant!])) : undefined
}

/** What `--variant` expects, for its error. */
export const variantsExpected = `a name such as fp16, or FOLDER=NAME with commas between them (folders: ${graphs.join(", ")})`

const sourceOf = (text: string, options: Options): Effect.Effect<ModelSource.ModelSource, UsageError> =>
  Effect.gen(function* () {
    const source = yield* ModelSource.parse(text)
    const revision = Option.getOrUndefined(options.revision)
    if (revision === undefined) return source
    if (source._tag === "Folder") {
      const detail = `is for a repository of a hub, and ${text} is a folder`
      return yield* new UsageError({ subject: "--revision", detail })
    }
    if (source.revision !== undefined && source.revision !== revision) {
      const detail = `is ${revision}, and --model names ${source.revision}, expected one of them`
      return yield* new UsageError({ subject: "--revision", detail })
    }
    return { ...source, revision }
  })

/**
 * Finds the model; of a hub `what` comes: all that a pipeline needs, only the index that names it, or nothing, if a
 * picture names it: whoever made the picture shall not choose what is downloaded and run here.
 */
export const resolve = (
  text: string | undefined,
  options: Options,
  variants: Variants | undefined,
  what: "all" | "index" | "nothing" = "all"
): Effect.Effect<Model, UsageError | HubError, Reporter> =>
  Effect.gen(function* () {
    if (text === undefined && Option.isSome(options.revision)) {
      const detail = "is for a repository of a hub, expected --model too"
      return yield* new UsageError({ subject: "--revision", detail })
    }
    const source = yield* text === undefined
      ? Effect.succeed<ModelSource.ModelSource>({ _tag: "Folder", path: EmojiDiffusion.path })
      : sourceOf(text, options)
    if (source._tag === "Folder") {
      const folder = yield* inspect(source.path, "--model")
      return { folder, written: folder.shipped ? undefined : source.path }
    }
    // the client takes a while to load, and a folder needs none
    const HubModel = yield* Effect.promise(() => import("../HubModel.ts"))
    const offline = options.offline || what === "nothing" || undefined
    const settings = { offline, cache: Option.getOrUndefined(options.cacheDir), variants }
    const get = what === "index" ? HubModel.index(source, settings) : HubModel.download(source, settings)
    const path = yield* Effect.mapError(get, (error) => {
      if (what !== "nothing" || error.reason !== "Offline") return error
      const detail = `it was made with ${text}, which is not in the cache (--model ${text} downloads it)`
      return new UsageError({ subject: "--from", detail })
    })
    const folder = yield* inspect(path, "--model", source.repo)
    return { folder, written: ModelSource.show(source, basename(path)) }
  })
