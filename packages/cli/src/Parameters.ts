/**
 * The parameters of a picture, as they stand in its PNG: enough to make it again.
 *
 * @module
 */
import * as Image from "@effect-blocks/ops/Image"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { open } from "node:fs/promises"
import { UsageError } from "./Failure.ts"

const File = Schema.Struct({
  /** as it was written on the command line */
  path: Schema.String,
  sha256: Schema.String
})

const Plain = Schema.Union([Schema.String, Schema.Number, Schema.Boolean])
const Options = Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))

/**
 * What made a picture. `inputs` are the pipeline's own inputs without pictures, which `files` names.
 *
 * ```ts
 * import { Parameters } from "@effect-blocks/cli/Parameters"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const stored = {
 *   software: "effect-blocks",
 *   pipeline: "OnnxStableDiffusionPipeline",
 *   model: { name: "emoji-diffusion", fingerprint: "0123456789abcdef" },
 *   inputs: { prompt: "red heart", seed: 7, numInferenceSteps: 20 },
 *   files: {}
 * }
 * assert.equal(Schema.decodeUnknownSync(Parameters)(stored).inputs["seed"], 7)
 * ```
 */
export const Parameters = Schema.Struct({
  software: Schema.Literal("effect-blocks"),
  pipeline: Schema.String,
  model: Schema.Struct({
    name: Schema.String,
    /**
     * the folder as it was written on the command line, or `organisation/name@commit` of a hub; absent for the model that
     * is shipped
     */
    path: Schema.optionalKey(Schema.String),
    fingerprint: Schema.String
  }),
  /** by folder, such as `{ unet: "fp16" }` */
  variants: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** as on the command line; absent for the model's own */
  scheduler: Schema.optionalKey(Schema.String),
  schedulerOptions: Options,
  /** as on the command line; absent for classifier-free guidance */
  guider: Schema.optionalKey(Schema.String),
  guiderOptions: Options,
  /** which of the pictures of its run, from 1, where a run made several */
  picture: Schema.optionalKey(Schema.Int),
  inputs: Schema.Record(Schema.String, Schema.Union([Plain, Schema.Array(Plain)])),
  files: Schema.Record(Schema.String, File)
})
export type Parameters = typeof Parameters.Type

/** Larger files are not pictures that anybody meant. */
const maxBytes = 2 ** 28

const words: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "is a folder, expected a picture",
  EACCES: "cannot be read: permission denied",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENXIO: "is not an ordinary file"
}

const explain = (cause: unknown): string =>
  (cause instanceof Error && "code" in cause ? words[String(cause.code)] : undefined) ?? String(cause)

/**
 * The bytes of a file that the command line names.
 *
 * ```ts
 * import { readBytes } from "@effect-blocks/cli/Parameters"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const error = await Effect.runPromise(Effect.flip(readBytes("--image", "/no/such.png")))
 * assert.equal(error.message, "--image: /no/such.png: there is no such file")
 * ```
 */
export const readBytes = (flag: string, path: string): Effect.Effect<Uint8Array, UsageError> => {
  const failed = (detail: string) => new UsageError({ subject: flag, detail: `${path}: ${detail}` })
  return Effect.acquireUseRelease(
    Effect.tryPromise({
      try: () => open(path),
      catch: (cause) => failed(explain(cause))
    }),
    (file) =>
      Effect.gen(function* () {
        const found = yield* Effect.promise(() => file.stat())
        if (found.isDirectory()) return yield* failed(words["EISDIR"]!)
        if (!found.isFile()) return yield* failed(words["ENXIO"]!)
        if (found.size > maxBytes) return yield* failed(`has ${found.size} bytes, expected at most ${maxBytes}`)
        return yield* Effect.tryPromise({
          try: () => file.readFile().then((bytes) => new Uint8Array(bytes)),
          catch: (cause) => failed(explain(cause))
        })
      }),
    (file) => Effect.promise(() => file.close().catch(() => undefined))
  )
}

/**
 * The SHA-256 of a file's bytes, in hex.
 *
 * ```ts
 * import { sha256 } from "@effect-blocks/cli/Parameters"
 * import assert from "node:assert"
 *
 * assert.equal(sha256(new Uint8Array()).slice(0, 8), "e3b0c442")
 * ```
 */
export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/**
 * The parameters in a PNG that this command wrote.
 *
 * ```ts
 * import { readParameters } from "@effect-blocks/cli/Parameters"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const error = await Effect.runPromise(Effect.flip(readParameters("--from", "package.json")))
 * assert.match(error.message, /^--from: package.json: /)
 * ```
 */
export const readParameters = (flag: string, path: string): Effect.Effect<Parameters, UsageError> =>
  Effect.gen(function* () {
    const failed = (detail: string) => new UsageError({ subject: flag, detail: `${path}: ${detail}` })
    const bytes = yield* readBytes(flag, path)
    const expected = "expected a PNG that effect-blocks wrote"
    const stored = yield* Effect.mapError(Image.readParameters(bytes), ({ detail }) => failed(`${detail}, ${expected}`))
    if (Option.isNone(stored)) {
      // what is left of a file may end before them
      const broken = yield* Effect.flip(Image.decode(bytes)).pipe(Effect.option)
      const why = Option.isSome(broken) ? ` (${broken.value.detail})` : ""
      return yield* failed(`holds no parameters${why}, ${expected}`)
    }
    const parameters = Schema.decodeUnknownExit(Parameters)(stored.value)
    return Exit.isSuccess(parameters)
      ? parameters.value
      : yield* failed("holds parameters that effect-blocks did not write")
  })
