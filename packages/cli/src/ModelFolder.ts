/**
 * What a model's folder holds, read without loading anything.
 *
 * @module
 */
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { readdir, readFile, realpath, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import { UsageError } from "./Failure.ts"

/** One model of a folder: its ONNX file with the weights beside it. */
export interface Part {
  readonly name: string
  readonly bytes: number
}

/** A folder with a `model_index.json`. */
export interface ModelFolder {
  /** `emoji-diffusion` for the model that is shipped, `organisation/name` for one of a hub, otherwise the folder's name */
  readonly name: string
  /** whether it is the model that is shipped */
  readonly shipped: boolean
  readonly path: string
  readonly className: string
  readonly scheduler: string | undefined
  readonly parts: ReadonlyArray<Part>
  readonly bytes: number
  /** changes when a configuration or the size of a weights file does; not a checksum of the weights */
  readonly fingerprint: string
}

const Index = Schema.Struct({
  _class_name: Schema.String,
  scheduler: Schema.optionalKey(Schema.Tuple([Schema.NullOr(Schema.String), Schema.NullOr(Schema.String)]))
})

const decodeIndex = Schema.decodeUnknownExit(Schema.fromJsonString(Index))

const code = (cause: unknown): string => (cause instanceof Error && "code" in cause ? String(cause.code) : "")

/**
 * Reads a model's folder; `subject` is what an error is about, such as a flag, and `name` the model's, where that is not
 * the folder's.
 *
 * ```ts
 * import * as ModelFolder from "@effect-blocks/cli/ModelFolder"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const model = await Effect.runPromise(ModelFolder.inspect(EmojiDiffusion.path, "--model"))
 * assert.equal(model.name, "emoji-diffusion")
 * assert.deepEqual(model.parts.map((part) => part.name), ["text_encoder", "unet", "vae_decoder", "vae_encoder"])
 *
 * const error = await Effect.runPromise(Effect.flip(ModelFolder.inspect("/nowhere", "--model")))
 * assert.equal(error.message, "--model: there is no folder /nowhere")
 * ```
 */
export const inspect = (folder: string, subject: string, name?: string): Effect.Effect<ModelFolder, UsageError> =>
  Effect.gen(function* () {
    const fail = (detail: string) => Effect.fail(new UsageError({ subject, detail }))
    const attempt = <A>(run: () => Promise<A>, words: (code: string) => string) =>
      Effect.tryPromise({ try: run, catch: (cause) => new UsageError({ subject, detail: words(code(cause)) }) })

    const path = yield* attempt(
      () => realpath(folder),
      (code) => (code === "ENOENT" ? `there is no folder ${folder}` : `cannot read ${folder} (${code})`)
    )
    const indexFile = join(path, "model_index.json")
    const modular = yield* Effect.promise(() => stat(join(path, "modular_model_index.json")).catch(() => undefined))
    const missing =
      modular === undefined
        ? `${folder} has no model_index.json, expected the folder of a model as diffusers or optimum writes it`
        : `${folder} has only a modular_model_index.json, which is for the library (ModularIndex), expected a model_index.json`
    const text = yield* attempt(
      () => readFile(indexFile, "utf8"),
      (code) =>
        code === "ENOTDIR"
          ? `${folder} is a file, expected the folder of a model`
          : code === "ENOENT"
            ? missing
            : `cannot read ${indexFile} (${code})`
    )
    const index = decodeIndex(text)
    if (Exit.isFailure(index))
      return yield* fail(`${indexFile} is not the index of a model, expected JSON with a "_class_name"`)

    const hash = createHash("sha256")
    const parts: Array<Part> = []
    const entries = yield* attempt(
      () => readdir(path, { withFileTypes: true }),
      (code) => `cannot read ${folder} (${code})`
    )
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!entry.isDirectory()) continue
      const files = yield* attempt(
        () => readdir(join(path, entry.name)),
        (code) => `cannot read ${join(folder, entry.name)} (${code})`
      )
      let bytes = 0
      for (const file of files.toSorted()) {
        const at = join(path, entry.name, file)
        const found = yield* attempt(
          () => stat(at),
          (code) => `cannot read ${at} (${code})`
        )
        if (!found.isFile()) continue
        hash.update(`${entry.name}/${file}\0${found.size}\0`)
        if (/^(.*config|tokenizer)\.json$/.test(file))
          hash.update(
            yield* attempt(
              () => readFile(at),
              (code) => `cannot read ${at} (${code})`
            )
          )
        if (/\.onnx(_data|\.data)?$/.test(file)) bytes += found.size
      }
      if (bytes > 0) parts.push({ name: entry.name, bytes })
    }
    const shipped = yield* Effect.promise(() =>
      realpath(EmojiDiffusion.path).then(
        (own) => own === path,
        () => false
      )
    )
    return {
      name: name ?? (shipped ? "emoji-diffusion" : basename(path)),
      shipped,
      path,
      className: index.value._class_name,
      scheduler: index.value.scheduler?.[1] ?? undefined,
      parts,
      bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
      fingerprint: hash.update(text).digest("hex").slice(0, 16)
    }
  })

/**
 * Bytes for people.
 *
 * ```ts
 * import * as ModelFolder from "@effect-blocks/cli/ModelFolder"
 * import assert from "node:assert"
 *
 * assert.deepEqual([900, 15_113_432, 4_200_000_000].map(ModelFolder.size), ["0.9 kB", "15.1 MB", "4.2 GB"])
 * ```
 */
export const size = (bytes: number): string => {
  const [unit, name] = unitOf(bytes)
  return `${(bytes / unit).toFixed(1)} ${name}`
}

/** In powers of ten, as disks and hubs count. */
const unitOf = (bytes: number): readonly [number, string] =>
  bytes < 99_950 ? [1e3, "kB"] : bytes < 999_950_000 ? [1e6, "MB"] : [1e9, "GB"]

/**
 * Bytes of bytes for people.
 *
 * ```ts
 * import * as ModelFolder from "@effect-blocks/cli/ModelFolder"
 * import assert from "node:assert"
 *
 * assert.equal(ModelFolder.amount(1_500_000, 29_200_000), "1.5 of 29.2 MB")
 * assert.equal(ModelFolder.amount(180_000_000, 4_200_000_000), "0.2 of 4.2 GB")
 * ```
 */
export const amount = (bytes: number, total: number): string => {
  const [unit] = unitOf(total)
  return `${(bytes / unit).toFixed(1)} of ${size(total)}`
}
