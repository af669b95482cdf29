/** What may go from a cache, and whether what is in it is still what it was. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { lstat, mkdir, readdir, rm, stat } from "node:fs/promises"
import { join, relative, sep } from "node:path"
import type { HubError } from "../../HubError.ts"
import type { Folders } from "./cache.ts"
import { attempt, fileError, folders as foldersOf, paths, prefix, readOptional, sizeOf, unfinished } from "./cache.ts"
import { expectation, isKnown, mismatch } from "./checksum.ts"
import { cachedListing, offlineError } from "./commit.ts"
import type { Entry } from "./listing.ts"
import * as lock from "./lock.ts"
import { isCommit, isRepo } from "./names.ts"
import type { Wish } from "./wanted.ts"
import { forEachPart } from "./wanted.ts"

export interface Cached {
  readonly repo: string
  readonly commit: string
  /** branches and tags that were at this commit when they were last asked for */
  readonly revisions: ReadonlyArray<string>
  /** of the commit's files */
  readonly folder: string
  /** of those of them that are there */
  readonly bytes: number
  /** whether all is there that its pipeline reads, where no variant is asked for; `none`: it has none that runs here */
  readonly pipeline: "whole" | "partial" | "none"
}

/** What a repository has in the cache. Nothing is changed, and no file is read whole. */
export const cached = Effect.fnUntraced(function* (f: Folders): Effect.fn.Return<ReadonlyArray<Cached>, HubError> {
  const on = <A>(use: () => Promise<A>) => attempt(f.repo, use)
  const refs = join(f.root, "refs")
  const revisions = yield* on(async () =>
    Promise.all(
      (await filesIn(refs)).map(async (path) => ({
        revision: relative(refs, path).split(sep).join("/"),
        commit: (await readOptional(path))?.trim()
      }))
    )
  )
  const names = yield* on(() => readdir(join(f.root, "snapshots")).catch(() => []))
  return yield* Effect.forEach(names.filter(isCommit).toSorted(), (commit) =>
    Effect.gen(function* () {
      const folder = paths.snapshot(f, commit)
      const sizes = yield* on(async () => Promise.all((await filesIn(folder)).map(sizeOf)))
      return {
        repo: f.repo,
        commit,
        revisions: revisions.flatMap((one) => (one.commit === commit ? [one.revision] : [])).toSorted(),
        folder,
        bytes: sizes.reduce<number>((sum, size = 0) => sum + size, 0),
        pipeline: yield* pipelineOf(f, commit)
      }
    })
  )
})

const everything: Wish = { folders: undefined, files: [], variants: {}, without: [] }

const pipelineOf = (f: Folders, commit: string): Effect.Effect<Cached["pipeline"], never> => {
  const there = (entries: ReadonlyArray<Entry>) =>
    Effect.flatMap(
      attempt(f.repo, () => Promise.all(entries.map(({ path }) => sizeOf(join(paths.snapshot(f, commit), path))))),
      (sizes) => {
        const lacking = entries.find(
          ({ size }, i) => sizes[i] === undefined || (size !== undefined && sizes[i] !== size)
        )
        return lacking === undefined ? Effect.void : offlineError(f.repo, lacking.path)
      }
    )
  return cachedListing(f, commit).pipe(
    Effect.flatMap((listing) => forEachPart(f, listing, everything, there)),
    Effect.as("whole" as const),
    Effect.catch(({ reason }) => Effect.succeed(reason === "Offline" ? ("partial" as const) : ("none" as const)))
  )
}

export interface Pruned {
  readonly files: number
  readonly bytes: number
}

/** the repositories that a cache holds */
export const repositories = (cache: string): Effect.Effect<ReadonlyArray<Folders>, HubError> =>
  attempt("the cache", async () => {
    const names = await readdir(cache).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return []
      throw error
    })
    return names.flatMap((name) => {
      const repo = name.slice(prefix.length).replaceAll("--", "/")
      return name.startsWith(prefix) && isRepo(repo) ? [foldersOf(cache, repo)] : []
    })
  })

/** every file below a folder, with links to files; links to folders are not followed */
const filesIn = async (folder: string): Promise<ReadonlyArray<string>> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))

/** whether a file of a snapshot is a link of the other client to this one */
const isUsed = async (f: Folders, ino: number): Promise<boolean> => {
  for (const path of await filesIn(join(f.root, "snapshots"))) {
    if ((await stat(path).catch(() => undefined))?.ino === ino) return true
  }
  return false
}

/** Whose lock a leftover is under: a partial file and its version are under the blob's. */
const ownerOf = (name: string): string => name.replace(/\.effect-blocks(?:\.etag)?\.incomplete$/, "")

/**
 * Deletes what nobody has written to for `age`: what came of files that are not whole and, if `blobs` says so, files that
 * no snapshot has. What a download works on is left alone: it holds the lock.
 */
export const prune = Effect.fnUntraced(function* (
  f: Folders,
  age: Duration.Duration,
  blobs: boolean
): Effect.fn.Return<Pruned, HubError> {
  const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(age)
  const on = <A>(use: () => Promise<A>) => attempt(f.repo, use)
  const names = yield* on(() => readdir(paths.blobs(f)).catch(() => []))
  let files = 0
  let bytes = 0
  for (const name of names) {
    const leftover = name.endsWith(unfinished)
    if (!leftover && !blobs) continue
    const path = paths.blob(f, name)
    const abandoned = on(async () => {
      const found = await lstat(path).catch(() => undefined)
      if (found?.isFile() !== true || found.mtimeMs > before) return undefined
      const used = !leftover && (found.nlink > 1 || (await isUsed(f, found.ino)))
      return used ? undefined : found.size
    })
    if ((yield* abandoned) === undefined) continue
    yield* on(() => mkdir(f.locks, { recursive: true }))
    yield* Effect.scoped(
      Effect.gen(function* () {
        if (!(yield* lock.tryAcquire(paths.lock(f, ownerOf(name)), (error) => fileError(f.repo, error)))) return
        const size = yield* abandoned
        if (size === undefined) return
        yield* on(() => rm(path, { force: true }))
        files++
        bytes += size
      })
    )
  }
  return { files, bytes }
})

export interface Fault {
  /** relative to the repository */
  readonly file: string
  readonly problem: "missing" | "size" | "checksum" | "unlisted"
}

export interface Verified {
  readonly folder: string
  readonly commit: string
  /** files that are what the hub listed */
  readonly sound: ReadonlyArray<string>
  /** files of which the hub listed no checksum */
  readonly unknown: ReadonlyArray<string>
  readonly faults: ReadonlyArray<Fault>
}

/** Reads all files of a revision that the cache has, and compares them with the listing. It needs no network. */
export const verify = Effect.fnUntraced(function* (
  f: Folders,
  revision: string,
  remove: boolean
): Effect.fn.Return<Verified, HubError> {
  const listing = yield* cachedListing(f, revision)
  const { commit } = listing
  const folder = paths.snapshot(f, commit)
  const listed = new Map(listing.entries.map((entry) => [entry.path, entry]))
  const sound: Array<string> = []
  const unknown: Array<string> = []
  const faults: Array<Fault> = []
  for (const path of yield* attempt(f.repo, () => filesIn(folder))) {
    const file = relative(folder, path).split(sep).join("/")
    const entry = listed.get(file)
    const size = yield* attempt(f.repo, () => sizeOf(path), file)
    const problem =
      size === undefined
        ? "missing"
        : entry === undefined
          ? "unlisted"
          : entry.size !== undefined && entry.size !== size
            ? "size"
            : (yield* mismatch(f.repo, file, path, expectation(entry))) !== undefined
              ? "checksum"
              : undefined
    if (problem !== undefined) {
      faults.push({ file, problem })
      if (remove) yield* takeOut(f, path, file)
    } else if (entry !== undefined && isKnown(expectation(entry))) sound.push(file)
    else unknown.push(file)
  }
  return { folder, commit, sound, unknown, faults }
})

/** a file of a snapshot, and the blob that it is: otherwise the blob would come back in its place */
const takeOut = (f: Folders, path: string, file: string): Effect.Effect<void, HubError> =>
  attempt(
    f.repo,
    async () => {
      const found = await stat(path).catch(() => undefined)
      await rm(path, { force: true })
      for (const name of await readdir(paths.blobs(f)).catch(() => [])) {
        const blob = paths.blob(f, name)
        if (found !== undefined && (await stat(blob).catch(() => undefined))?.ino === found.ino) await rm(blob)
      }
    },
    file
  )
