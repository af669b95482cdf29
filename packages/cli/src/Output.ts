/**
 * Where pictures go: names for one or many, checks before anything runs, and files that are either complete or not there.
 *
 * @module
 */
import * as Image from "@effect-blocks/ops/Image"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import { mkdir, open, stat, unlink } from "node:fs/promises"
import { basename, dirname, extname, join, resolve } from "node:path"

/** A place that cannot take a picture, or a picture that could not be written: `path` and what is the matter with it. */
export class OutputError extends Schema.TaggedError<OutputError>()("OutputError", {
  path: Schema.String,
  detail: Schema.String,
  /** whether it was seen before anything ran */
  before: Schema.Boolean
}) {
  override get message(): string {
    return `${this.path}: ${this.detail}`
  }
}

/** The file types that can be written, by the end of the name. */
export type Format = "png" | "jpeg" | "webp"

const formats: Readonly<Record<string, Format>> = { ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp" }

/**
 * The format that a file's name asks for.
 *
 * ```ts
 * import * as Output from "@effect-blocks/cli/Output"
 * import assert from "node:assert"
 *
 * assert.deepEqual(["a.PNG", "b.jpg", "c.txt"].map(Output.formatOf), ["png", "jpeg", undefined])
 * ```
 */
export const formatOf = (path: string): Format | undefined => formats[extname(path).toLowerCase()]

/**
 * A file name from a prompt: lower case, words joined with hyphens, at most 40 characters.
 *
 * ```ts
 * import * as Output from "@effect-blocks/cli/Output"
 * import assert from "node:assert"
 *
 * assert.deepEqual(["A red heart!", "../..", "Ünï códe 漢字"].map(Output.slug), ["a-red-heart", "picture", "ünï-códe-漢字"])
 * ```
 */
export const slug = (prompt: string): string => {
  const words =
    prompt
      .toLowerCase()
      .normalize("NFC")
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  let name = ""
  for (const word of words) {
    const longer = name === "" ? word : `${name}-${word}`
    if (longer.length > 40 || Buffer.byteLength(longer) > 120) break
    name = longer
  }
  return name === "" ? "picture" : name
}

/** One picture that will be made. */
export interface Wanted {
  readonly prompt: string
  readonly seed: number | bigint
}

/** The paths of a run, and whether a file that is there may be replaced. */
export interface Plan {
  readonly paths: ReadonlyArray<string>
  /** replace what is there; otherwise a file that is there is an error, or for names of our own, a reason for another name */
  readonly force: boolean
}

const failure = (path: string, detail: string) => new OutputError({ path, detail, before: true })
const lookup = (path: string) => Effect.promise(() => stat(path).catch((cause: NodeJS.ErrnoException) => cause))
const isError = (value: unknown): value is NodeJS.ErrnoException => value instanceof Error

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  ENOENT: "no such folder",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENAMETOOLONG: "the name is too long",
  EEXIST: "a file of this name is there already (--force replaces it)",
  EISDIR: "is a folder"
}
/** A sentence for an error of the operating system. */
const reasonOf = (cause: unknown, more: Readonly<Record<string, string>> = {}): string => {
  const code = isError(cause) ? (cause.code ?? "") : ""
  return more[code] ?? reasons[code] ?? (isError(cause) ? cause.message : String(cause))
}

/** Fails unless files can be made in `folder`, or `folder` itself in the nearest folder above that is there. */
const writable = (folder: string): Effect.Effect<void, OutputError> =>
  Effect.gen(function* () {
    let at = resolve(folder)
    for (;;) {
      const found = yield* lookup(at)
      if (isError(found) && found.code === "ENOENT" && dirname(at) !== at) {
        at = dirname(at)
        continue
      }
      if (isError(found)) return yield* failure(at, reasonOf(found))
      if (!found.isDirectory()) return yield* failure(at, "is a file, expected a folder")
      break
    }
    // permissions do not tell of read-only and special file systems, so try it
    const probe = join(at, `.probe.${randomBytes(6).toString("hex")}.tmp`)
    const refused = yield* Effect.promise(() =>
      open(probe, "wx").then(
        (file) => file.close().then(() => unlink(probe)),
        (cause) => reasonOf(cause, { ENOENT: "it takes no files" })
      )
    )
    if (refused !== undefined) return yield* failure(at, `cannot write into this folder: ${refused}`)
  })

const inserted = (path: string, text: string): string => {
  const end = extname(path)
  return join(dirname(path), `${basename(path, end)}-${text}${end}`)
}

/**
 * Decides the path of every picture and checks that it can be written, before anything runs.
 *
 * - no `out`: the current folder, `PROMPT-SEED.png`; a name that is taken gets a number
 * - a folder (there already, or with `/` at its end): the same in that folder, which is made when the first picture is
 * - a file (`.png`, `.jpg`, `.jpeg`, `.webp`): that file; with several pictures `{seed}`, `{index}` or `{prompt}` in its
 *   name, or else the seed is added to it, prompt and seed, or a number: the first of these that tells them apart. A file that is there is refused without `force`
 *
 * ```ts
 * import * as Output from "@effect-blocks/cli/Output"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const wanted = [7, 8].map((seed) => ({ prompt: "a red heart", seed }))
 * const { paths } = await Effect.runPromise(Output.plan({ out: "heart.png", force: false, wanted }))
 * assert.deepEqual(paths, ["heart-7.png", "heart-8.png"])
 * ```
 */
export const plan = (options: {
  readonly out: string | undefined
  readonly force: boolean
  readonly wanted: ReadonlyArray<Wanted>
}): Effect.Effect<Plan, OutputError> =>
  Effect.gen(function* () {
    const { force, out, wanted } = options
    if (out === "") return yield* failure("--out", "is empty, expected a file or a folder")
    if (out?.includes("\0")) return yield* failure("--out", "a path cannot hold a null character")
    const found = out === undefined ? undefined : yield* lookup(out)
    if (found !== undefined && isError(found) && found.code !== "ENOENT") return yield* failure(out!, reasonOf(found))
    const there = found === undefined || isError(found) ? undefined : found
    const isFolder = out === undefined || /[/\\]$/.test(out) || (there?.isDirectory() ?? false)

    if (out !== undefined && isFolder && there?.isDirectory() && formatOf(out) !== undefined && !/[/\\]$/.test(out)) {
      return yield* failure(out, `is a folder, expected a file (write ${out}/ for pictures in that folder)`)
    }
    if (isFolder) {
      const folder = out ?? "."
      yield* writable(folder)
      const paths: Array<string> = []
      for (const { prompt, seed } of wanted) {
        const stem = join(folder, `${slug(prompt)}-${seed}`)
        const taken = (path: string) =>
          paths.includes(path)
            ? Effect.succeed(true)
            : force
              ? Effect.succeed(false)
              : Effect.map(lookup(path), (found) => !isError(found))
        let path = `${stem}.png`
        for (let n = 2; yield* taken(path); n++) path = `${stem}-${n}.png`
        paths.push(path)
      }
      return { paths, force }
    }

    if (formatOf(out) === undefined) {
      return yield* failure(out, "expected a file ending in .png, .jpg, .jpeg or .webp, or a folder (ending in /)")
    }
    const unknown = /\{(?!(?:seed|index|prompt)\})[a-z]*\}/i.exec(out)?.[0]
    if (unknown !== undefined) return yield* failure(out, `there is no ${unknown}, only {seed}, {index} and {prompt}`)
    const named = wanted.map(({ prompt, seed }, index) =>
      out
        .replaceAll("{seed}", String(seed))
        .replaceAll("{index}", String(index + 1))
        .replaceAll("{prompt}", slug(prompt))
    )
    // the first of these that tells them apart
    const marks: ReadonlyArray<(one: Wanted, index: number) => string | undefined> = [
      () => undefined,
      ({ seed }) => String(seed),
      ({ prompt, seed }) => `${slug(prompt)}-${seed}`,
      (_, index) => String(index + 1)
    ]
    const marked = marks.map((mark) =>
      named.map((path, index) => {
        const text = mark(wanted[index]!, index)
        return text === undefined ? path : inserted(path, text)
      })
    )
    const paths = marked.find((paths) => new Set(paths).size === paths.length) ?? named
    for (const path of paths) {
      yield* writable(dirname(path))
      const current = yield* lookup(path)
      if (isError(current)) {
        if (current.code !== "ENOENT") return yield* failure(path, reasonOf(current))
      } else if (current.isDirectory()) {
        return yield* failure(path, `is a folder, expected a file (write ${path}/ for pictures in that folder)`)
      } else if (!force) {
        return yield* failure(path, reasons["EEXIST"]!)
      } else if (!current.isFile()) {
        return yield* failure(path, "is not an ordinary file")
      }
    }
    return { paths, force }
  })

/**
 * Writes a file whole or not at all (`Image.writeFile`), into a folder that is made where it is not there yet. Without
 * `force` a file that appeared meanwhile is kept and the write fails.
 *
 * ```ts
 * import * as Output from "@effect-blocks/cli/Output"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 * import { mkdtempSync, readFileSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const folder = mkdtempSync(join(tmpdir(), "output-"))
 * const path = join(folder, "new/picture.png")
 * await Effect.runPromise(Output.write(path, Uint8Array.of(1, 2), { force: false }))
 * assert.deepEqual([...readFileSync(path)], [1, 2])
 * rmSync(folder, { recursive: true })
 * ```
 */
export const write = (
  path: string,
  bytes: Uint8Array,
  options: { readonly force: boolean }
): Effect.Effect<void, OutputError> => {
  const failed = (detail: string) => new OutputError({ path, detail, before: false })
  const folder = Effect.tryPromise({
    try: () => mkdir(dirname(path), { recursive: true }),
    catch: (cause) => failed(reasonOf(cause))
  })
  const file = Effect.mapError(Image.writeFile(path, bytes, { overwrite: options.force }), ({ code, detail }) =>
    failed(reasons[code] ?? detail)
  )
  return Effect.andThen(folder, file)
}
