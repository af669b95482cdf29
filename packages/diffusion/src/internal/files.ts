/** Reading of a repository's files: nothing outside its folder, nothing without a bound, every failure typed. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readdir, readFile, realpath, stat } from "node:fs/promises"
import { basename, dirname, isAbsolute, join, sep } from "node:path"
import { RepositoryError } from "../RepositoryError.ts"

/** the largest JSON of any known repository is a tokenizer of 17 MB */
const LARGEST_TEXT = 64 * 2 ** 20

const problem = (file: string, error: unknown): RepositoryError => {
  if (error instanceof RepositoryError) return error
  const code = (error as NodeJS.ErrnoException)?.code
  const missing = code === "ENOENT" || code === "ENOTDIR"
  return new RepositoryError({
    file,
    reason: missing ? "Missing" : "Unreadable",
    detail: missing ? "no such file" : error instanceof Error ? error.message : String(error)
  })
}

/** `use` gives Promises; what they reject with is a problem of this file */
export const attempt = <A>(file: string, use: () => Promise<A>): Effect.Effect<A, RepositoryError> =>
  Effect.tryPromise({ try: use, catch: (error) => problem(file, error) })

/** the folder's real path */
export const openFolder = (path: string): Effect.Effect<string, RepositoryError> =>
  attempt(path, async () => {
    const real = await realpath(path)
    if (!(await stat(real)).isDirectory()) {
      throw new RepositoryError({
        file: path,
        reason: "Missing",
        detail: "it is not a folder",
        expected: "a folder with a model_index.json"
      })
    }
    return real
  })

const within = (folder: string, path: string): boolean => path === folder || path.startsWith(folder + sep)

/** `blobs/` of the hub's cache that this folder is a snapshot in, or a part of one */
const blobsOf = (folder: string): string | undefined => {
  const parts = folder.split(sep)
  const at = parts.findIndex(
    (part, i) =>
      part === "snapshots" && parts[i - 1]?.startsWith("models--") === true && /^[0-9a-f]{40}$/.test(parts[i + 1] ?? "")
  )
  return at < 0 ? undefined : [...parts.slice(0, at), "blobs"].join(sep)
}

/**
 * The real path of a file of the folder; neither its name nor a link may lead out. What huggingface_hub downloaded is
 * links into the `blobs/` beside the snapshots: such a file keeps its name, as its weights are looked for beside it.
 */
export const resolve = (folder: string, file: string): Effect.Effect<string, RepositoryError> =>
  attempt(file, async () => {
    const outside = (detail: string) =>
      new RepositoryError({ file, reason: "OutsideFolder", detail, expected: "a path within the repository's folder" })
    const path = join(folder, file)
    if (isAbsolute(file) || file.includes("\0") || !within(folder, path))
      throw outside("it leaves the repository's folder")
    const real = await realpath(path)
    const inside = within(folder, real)
    const named = inside ? real : join(await realpath(dirname(path)), basename(path))
    if (!inside && !(within(folder, named) && dirname(real) === blobsOf(folder)))
      throw outside("it is a link that leaves the repository's folder")
    if (!(await stat(real)).isFile()) {
      throw new RepositoryError({ file, reason: "Unreadable", detail: "it is not a file", expected: "a file" })
    }
    return named
  })

/** the same problem of a graph that is missing, or, where there are weights for PyTorch in its place, a clearer one */
export const missingGraph = (folder: string, missing: RepositoryError): Effect.Effect<never, RepositoryError> =>
  Effect.flatMap(
    Effect.promise(() => readdir(join(folder, dirname(missing.file))).catch((): Array<string> => [])),
    (names) => {
      const weights = names.find((name) => /\.(?:safetensors|bin)$/.test(name))
      if (weights === undefined || names.some((name) => name.endsWith(".onnx"))) return Effect.fail(missing)
      return Effect.fail(
        new RepositoryError({
          file: missing.file,
          reason: "Missing",
          detail: `no such file, only weights for PyTorch (${weights})`,
          expected: "an export to ONNX: `optimum-cli export onnx --model FOLDER EXPORT` makes one"
        })
      )
    }
  )

export const readText = (folder: string, file: string): Effect.Effect<string, RepositoryError> =>
  Effect.flatMap(resolve(folder, file), (path) =>
    attempt(file, async () => {
      const { size } = await stat(path)
      if (size > LARGEST_TEXT) {
        throw new RepositoryError({
          file,
          reason: "Unreadable",
          detail: `it has ${size} bytes`,
          expected: `at most ${LARGEST_TEXT}`
        })
      }
      return await readFile(path, "utf8")
    })
  )

/** Python writes bare `NaN` and `Infinity`, which JSON does not have: they become strings, and Schemas decide. */
const quoteNonFinite = (text: string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => (token.startsWith('"') ? token : `"${token}"`))

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!/\b(?:NaN|Infinity)\b/.test(text)) throw error
    return JSON.parse(quoteNonFinite(text))
  }
}

export const readJson = (folder: string, file: string): Effect.Effect<unknown, RepositoryError> =>
  Effect.flatMap(readText(folder, file), (text) =>
    Effect.try({
      try: () => parse(text),
      catch: (error) =>
        new RepositoryError({
          file,
          reason: "InvalidJson",
          detail: error instanceof Error ? error.message : String(error),
          expected: "JSON"
        })
    })
  )

/** `undefined` where there is no such file */
export const optional = <A>(read: Effect.Effect<A, RepositoryError>): Effect.Effect<A | undefined, RepositoryError> =>
  Effect.catch(read, (error) => (error.reason === "Missing" ? Effect.succeed(undefined) : Effect.fail(error)))

/** JSON through a Schema; Schemas are compiled once and say every problem */
export const readConfig = <A>(
  folder: string,
  file: string,
  schema: Schema.Codec<A, any>
): Effect.Effect<A, RepositoryError> =>
  Effect.flatMap(readJson(folder, file), (json) =>
    Effect.mapError(
      Schema.decodeUnknownEffect(schema, { errors: "all" })(json),
      (error) => new RepositoryError({ file, reason: "InvalidConfig", detail: error.message })
    )
  )
