/**
 * The cache, which is that of the hub's own client for Python, so that both share it. One folder a repository:
 *
 * - `refs/{revision}`: the commit that a branch or tag was at
 * - `trees/{commit}.json`: the files of a commit
 * - `snapshots/{commit}/...`: its files, whole and checked: what a download gives
 * - `blobs/{name}`: the same files by content, so that revisions share what they have in common
 * - `blobs/{name}.effect-blocks.incomplete`: what came of a file that is not whole, and `{name}.effect-blocks.etag.incomplete`,
 *   which version that is of; other names that end so are of a write that was cut off, or the other client's, older
 *   versions of which continue `{name}.incomplete`
 *
 * and `.locks/` beside them, with a file that is locked while a blob is written.
 *
 * One thing differs: there, a file of a snapshot is a symbolic link to its blob, and here another name for it (a hard
 * link). So nothing leads out of a snapshot, and a graph finds its weights beside itself, whatever opens it by its real
 * path. A snapshot that the other client made is taken over file by file, when a file is asked for.
 *
 * Everything that others may read is put in place by a rename.
 */
import * as Effect from "effect/Effect"
import { createHash, randomUUID } from "node:crypto"
import { copyFile, link, lstat, mkdir, readFile, realpath, rename, rm, stat } from "node:fs/promises"
import { dirname, join, sep } from "node:path"
import { HubError } from "../../HubError.ts"
import * as atomic from "./atomic.ts"
import type { Entry } from "./listing.ts"

export interface Folders {
  readonly repo: string
  readonly root: string
  readonly locks: string
}

/** what comes before the name of a repository of models; a cache may hold data sets too */
export const prefix = "models--"

export const folders = (cache: string, repo: string): Folders => {
  const name = `${prefix}${repo.replaceAll("/", "--")}`
  return { repo, root: join(cache, name), locks: join(cache, ".locks", name) }
}

export const unfinished = ".incomplete"

export const paths = {
  ref: (f: Folders, revision: string) => join(f.root, "refs", revision),
  tree: (f: Folders, commit: string) => join(f.root, "trees", `${commit}.json`),
  snapshot: (f: Folders, commit: string) => join(f.root, "snapshots", commit),
  blobs: (f: Folders) => join(f.root, "blobs"),
  blob: (f: Folders, name: string) => join(f.root, "blobs", name),
  partial: (f: Folders, name: string) => join(f.root, "blobs", `${name}.effect-blocks${unfinished}`),
  etag: (f: Folders, name: string) => join(f.root, "blobs", `${name}.effect-blocks.etag${unfinished}`),
  // the other client's locks are of another kind, which Node has not
  lock: (f: Folders, name: string) => join(f.locks, `${name}.effect-blocks`),
  temporary: (f: Folders) => join(f.root, "blobs", `${randomUUID()}${unfinished}`)
}

/** by its content where the hub names that, else by where it is */
export const blobName = (commit: string, entry: Entry): string =>
  entry.sha256 ?? entry.gitSha1 ?? createHash("sha256").update(`${commit}\n${entry.path}`).digest("hex")

export const fileError = (repo: string, error: unknown, file?: string): HubError => {
  if (error instanceof HubError) return error
  const { code, message } = error as NodeJS.ErrnoException
  const full = code === "ENOSPC" || code === "EDQUOT"
  return new HubError({
    repo,
    ...(file === undefined ? {} : { file }),
    reason: full ? "NoSpace" : "FileSystem",
    detail: full ? "the cache's disk is full" : `the cache cannot be used: ${message ?? String(error)}`,
    advice: full
      ? "free some space, or name another folder in HF_HUB_CACHE; what came is kept"
      : "see that HF_HUB_CACHE names a folder that may be written"
  })
}

export const attempt = <A>(repo: string, use: () => Promise<A>, file?: string): Effect.Effect<A, HubError> =>
  Effect.tryPromise({ try: use, catch: (error) => fileError(repo, error, file) })

const absent = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP"
}

const orAbsent = async <A>(use: Promise<A>): Promise<A | undefined> => {
  try {
    return await use
  } catch (error) {
    if (absent(error)) return undefined
    throw error
  }
}

/** bytes of a file, or `undefined` where there is none */
export const sizeOf = async (path: string): Promise<number | undefined> => {
  const found = await orAbsent(stat(path))
  return found?.isFile() === true ? found.size : undefined
}

export const readOptional = (path: string): Promise<string | undefined> => orAbsent(readFile(path, "utf8"))

/** in one piece, or not at all; a name that a kill leaves behind is one that is swept up */
export const write = (f: Folders, path: string, text: string): Effect.Effect<void, HubError> =>
  atomic.write(path, text, (error) => fileError(f.repo, error), paths.temporary(f))

/** Whether a file of a snapshot is there and as long as it must be; it was checked when it was put there. */
export const present = async (snapshot: string, entry: Entry): Promise<boolean> => {
  const found = await orAbsent(lstat(join(snapshot, entry.path)))
  return found?.isFile() === true && (entry.size === undefined || found.size === entry.size)
}

/** the blobs that may be a file: that of its content, and that which a link in the snapshot names */
export const candidates = async (f: Folders, commit: string, entry: Entry): Promise<ReadonlyArray<string>> => {
  const blob = paths.blob(f, blobName(commit, entry))
  const linked = await orAbsent(realpath(join(paths.snapshot(f, commit), entry.path)))
  const blobs = linked === undefined ? undefined : await orAbsent(realpath(paths.blobs(f)))
  const all = linked !== undefined && blobs !== undefined && dirname(linked) === blobs ? [blob, linked] : [blob]
  const sizes = await Promise.all(all.map(sizeOf))
  return all.filter((_, i) => sizes[i] !== undefined && (entry.size === undefined || sizes[i] === entry.size))
}

/**
 * Gives a blob its name in a snapshot; no link on the way there may lead elsewhere. Whoever does holds the blob's lock, so
 * what a killed process left on the way is nobody else's.
 */
export const place = (f: Folders, commit: string, entry: Entry, blob: string): Effect.Effect<void, HubError> =>
  Effect.uninterruptible(
    attempt(
      f.repo,
      async () => {
        const snapshot = paths.snapshot(f, commit)
        const target = join(snapshot, entry.path)
        await mkdir(dirname(target), { recursive: true })
        const root = await realpath(snapshot)
        const folder = await realpath(dirname(target))
        if (folder !== root && !folder.startsWith(root + sep)) {
          throw new HubError({
            repo: f.repo,
            file: entry.path,
            reason: "Unsafe",
            detail: "a link in the cache leads out of it",
            advice: `delete ${snapshot}`
          })
        }
        const temporary = paths.temporary(f)
        try {
          try {
            await link(blob, temporary)
          } catch (error) {
            // file systems without hard links, and files of another user
            const { code } = error as NodeJS.ErrnoException
            if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"].includes(code ?? "")) throw error
            await copyFile(blob, temporary)
          }
          await rename(temporary, target)
        } finally {
          await rm(temporary, { force: true })
        }
      },
      entry.path
    )
  )
