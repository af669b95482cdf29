/**
 * The cache, one folder a repository:
 *
 * - `refs/{revision}`: the commit that a branch or tag was at
 * - `listings/{commit}.json`: the files of a commit
 * - `snapshots/{commit}/...`: its files, whole and checked: what a download gives
 * - `blobs/{name}`: the same files by content (hard links), so that revisions share what they have in common
 * - `partial/{name}`: what came of a file that is not whole, and `{name}.etag`, which version that is of
 * - `locks/{name}`: held while a file is written
 *
 * Everything that others may read is put in place by a rename.
 */
import * as Effect from "effect/Effect"
import { createHash, randomUUID } from "node:crypto"
import { copyFile, link, mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises"
import { dirname, join, sep } from "node:path"
import { HubError } from "../../HubError.ts"
import type { Entry } from "./listing.ts"

export interface Folders {
  readonly repo: string
  readonly root: string
}

export const folders = (cache: string, repo: string): Folders => ({
  repo,
  root: join(cache, `models--${repo.replaceAll("/", "--")}`)
})

export const paths = {
  ref: (f: Folders, revision: string) => join(f.root, "refs", encodeURIComponent(revision)),
  listing: (f: Folders, commit: string) => join(f.root, "listings", `${commit}.json`),
  snapshot: (f: Folders, commit: string) => join(f.root, "snapshots", commit),
  blob: (f: Folders, name: string) => join(f.root, "blobs", name),
  partial: (f: Folders, name: string) => join(f.root, "partial", name),
  etag: (f: Folders, name: string) => join(f.root, "partial", `${name}.etag`),
  lock: (f: Folders, name: string) => join(f.root, "locks", name),
  temporary: (f: Folders) => join(f.root, "partial", `${randomUUID()}.tmp`)
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
      ? "free some space, or name another folder in EFFECT_BLOCKS_CACHE; what came is kept"
      : "see that EFFECT_BLOCKS_CACHE names a folder that may be written"
  })
}

export const attempt = <A>(repo: string, use: () => Promise<A>, file?: string): Effect.Effect<A, HubError> =>
  Effect.tryPromise({ try: use, catch: (error) => fileError(repo, error, file) })

const absent = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException
  return code === "ENOENT" || code === "ENOTDIR"
}

/** bytes of a file, or `undefined` where there is none */
export const sizeOf = async (path: string): Promise<number | undefined> => {
  try {
    const found = await stat(path)
    return found.isFile() ? found.size : undefined
  } catch (error) {
    if (absent(error)) return undefined
    throw error
  }
}

export const readOptional = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (absent(error)) return undefined
    throw error
  }
}

/** in one piece, or not at all */
export const writeAtomic = async (
  f: Folders,
  path: string,
  text: string,
  temporary = paths.temporary(f)
): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  await mkdir(dirname(temporary), { recursive: true })
  try {
    await writeFile(temporary, text)
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Whether a file of a snapshot is there and as long as it must be; it was checked when it was put there. */
export const present = async (snapshot: string, entry: Entry): Promise<boolean> => {
  const size = await sizeOf(join(snapshot, entry.path))
  return size !== undefined && (entry.size === undefined || size === entry.size)
}

/**
 * Gives a blob its name in a snapshot; no link on the way there may lead elsewhere. Whoever does holds the blob's lock, so
 * what a killed process left on the way is nobody else's.
 */
export const place = async (f: Folders, commit: string, entry: Entry): Promise<void> => {
  const name = blobName(commit, entry)
  const blob = paths.blob(f, name)
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
  const temporary = `${paths.partial(f, name)}.placing`
  try {
    await rm(temporary, { force: true })
    try {
      await link(blob, temporary)
    } catch (error) {
      // file systems without hard links
      const { code } = error as NodeJS.ErrnoException
      if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"].includes(code ?? "")) throw error
      await copyFile(blob, temporary)
    }
    await rename(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
}
