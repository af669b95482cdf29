/** Whole files or none: write beside the target, flush, rename. */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import type { Stats } from "node:fs"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export type Attempt = <A>(run: (signal: AbortSignal) => Promise<A>) => Effect.Effect<A, NodeJS.ErrnoException>

const attempt: Attempt = (run) => Effect.tryPromise({ try: run, catch: (error) => error as NodeJS.ErrnoException })

const orElseAbsent = <A>(effect: Effect.Effect<A, NodeJS.ErrnoException>, value: A) =>
  Effect.catch(effect, (error) => (error.code === "ENOENT" ? Effect.succeed(value) : Effect.fail(error)))

/** A device or a pipe is written to as it is: renaming would put a file in its place. */
const isSpecial = Effect.fnUntraced(function* (target: string) {
  const stats = yield* orElseAbsent(
    attempt((): Promise<Stats | undefined> => fs.stat(target)),
    undefined
  )
  if (stats === undefined) return false
  if (stats.isDirectory()) {
    const error: NodeJS.ErrnoException = Object.assign(new Error(`${target} is a folder`), { code: "EISDIR" })
    return yield* Effect.fail(error)
  }
  if (!stats.isFile()) return true
  yield* attempt(() => fs.access(target, fs.constants.W_OK))
  return false
})

const opened = (file: string, flags: string): Effect.Effect<fs.FileHandle, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(() => fs.open(file, flags)),
    // closing waits for what is still being written; the file is closed already where all went well
    (handle) => Effect.promise(() => handle.close().catch(() => undefined))
  )

const noLinks: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "ENOSYS"])

/** unlike a rename, a link fails where something is; file systems without links get the rename */
const place = (from: string, to: string): Promise<void> =>
  fs.link(from, to).then(
    () => fs.unlink(from),
    (error: NodeJS.ErrnoException) => (noLinks.has(error.code ?? "") ? fs.rename(from, to) : Promise.reject(error))
  )

export const write = (
  target: string,
  bytes: Uint8Array,
  overwrite: boolean
): Effect.Effect<void, NodeJS.ErrnoException> =>
  Effect.scoped(
    Effect.gen(function* () {
      if (yield* isSpecial(target)) {
        const handle = yield* opened(target, "w")
        return yield* attempt((signal) => handle.writeFile(bytes, { signal }))
      }
      // through a link: the link stays, the file that it names is replaced
      const real = yield* orElseAbsent(
        attempt(() => fs.realpath(target)),
        target
      )
      const hidden = `.${path.basename(real).slice(0, 100)}.${randomBytes(6).toString("hex")}.tmp`
      const temporary = path.join(path.dirname(real), hidden)
      yield* Effect.addFinalizer(() => Effect.promise(() => fs.rm(temporary, { force: true }).catch(() => undefined)))
      const handle = yield* opened(temporary, "wx")
      yield* attempt((signal) => handle.writeFile(bytes, { signal }))
      yield* attempt(() => handle.sync())
      yield* attempt(() => handle.close())
      yield* attempt(() => (overwrite ? fs.rename(temporary, real) : place(temporary, real)))
    })
  )

const chunk = 2 ** 20

/** until the end or beyond the limit: a device never says how much it holds */
const readUpTo = async (handle: fs.FileHandle, limit: number, signal: AbortSignal): Promise<Uint8Array | undefined> => {
  const parts: Array<Uint8Array> = []
  let total = 0
  for (;;) {
    signal.throwIfAborted()
    const { buffer, bytesRead } = await handle.read(new Uint8Array(Math.min(chunk, limit + 1 - total)))
    if (bytesRead === 0) return new Uint8Array(Buffer.concat(parts))
    total += bytesRead
    if (total > limit) return undefined
    parts.push(buffer.subarray(0, bytesRead))
  }
}

/** at most `limit` bytes; undefined = there are more */
export const read = (file: string, limit: number): Effect.Effect<Uint8Array | undefined, NodeJS.ErrnoException> =>
  Effect.scoped(Effect.flatMap(opened(file, "r"), (handle) => attempt((signal) => readUpTo(handle, limit, signal))))

/** what codes of the system mean */
export const explanations: { readonly [code: string]: string } = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  ENOENT: "no such file or folder",
  ENOTDIR: "a part of the path is not a folder",
  EISDIR: "it is a folder",
  ENAMETOOLONG: "the name is too long"
}
