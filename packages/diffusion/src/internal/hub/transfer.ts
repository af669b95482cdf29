/** One file: from the hub into the cache, continued where an earlier run left it, checked, and put in place. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { FileHandle } from "node:fs/promises"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { HubError } from "../../HubError.ts"
import type { Folders } from "./cache.ts"
import {
  attempt,
  blobName,
  candidates,
  fileError,
  paths,
  place,
  present,
  readOptional,
  sizeOf,
  write
} from "./cache.ts"
import { expectation, isKnown, mismatch } from "./checksum.ts"
import type { Entry } from "./listing.ts"
import * as lock from "./lock.ts"
import type { Subject } from "./request.ts"
import * as request from "./request.ts"
import type { Policy } from "./retry.ts"
import { retrying } from "./retry.ts"
import type { Settings } from "./settings.ts"

export interface Transfer {
  readonly settings: Settings
  readonly folders: Folders
  readonly commit: string
  readonly policy: Policy
  readonly stallTimeout: Duration.Duration
  /** of one file whose size the hub does not say */
  readonly maxBytes: number
  readonly onBytes: (entry: Entry, received: number, size: number | undefined) => Effect.Effect<void>
  readonly onRetry: (entry: Entry, error: HubError, delay: Duration.Duration) => Effect.Effect<void>
}

const resolvePath = (repo: string, commit: string, path: string): string =>
  `/${repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`

const locked = Effect.fnUntraced(function* (folders: Folders, commit: string, entry: Entry) {
  const name = blobName(commit, entry)
  const lockFile = paths.lock(folders, name)
  for (const path of [lockFile, paths.blob(folders, name)]) {
    yield* attempt(folders.repo, () => mkdir(dirname(path), { recursive: true }), entry.path)
  }
  yield* lock.acquire(lockFile, (error) => fileError(folders.repo, error, entry.path))
  return name
})

/** from what the cache has of that content; whoever asks holds the lock */
const takeOver = Effect.fnUntraced(function* (
  folders: Folders,
  commit: string,
  entry: Entry
): Effect.fn.Return<boolean, HubError> {
  const { repo } = folders
  if (yield* attempt(repo, () => present(paths.snapshot(folders, commit), entry), entry.path)) return true
  for (const blob of yield* attempt(repo, () => candidates(folders, commit, entry), entry.path)) {
    // the other client looks at no checksum
    if ((yield* mismatch(repo, entry.path, blob, expectation(entry))) !== undefined) continue
    yield* place(folders, commit, entry, blob)
    return true
  }
  return false
})

/** Whether the cache has a file under another name, which then is where it must be. It needs no network. */
export const local = (folders: Folders, commit: string, entry: Entry): Effect.Effect<boolean, HubError> =>
  Effect.flatMap(
    attempt(folders.repo, () => candidates(folders, commit, entry), entry.path),
    (blobs) =>
      blobs.length === 0
        ? Effect.succeed(false)
        : Effect.scoped(Effect.andThen(locked(folders, commit, entry), takeOver(folders, commit, entry)))
  )

/** Downloads a file that is not in the snapshot; who comes second waits, and finds it there. */
export const transfer = Effect.fnUntraced(function* (
  task: Transfer,
  entry: Entry
): Effect.fn.Return<void, HubError, HttpClient.HttpClient> {
  const { commit, folders } = task
  yield* Effect.scoped(
    Effect.gen(function* () {
      const name = yield* locked(folders, commit, entry)
      if (yield* takeOver(folders, commit, entry)) return
      let received = 0
      yield* retrying(
        task.policy,
        Effect.scoped(fetchBlob(task, entry, name, (bytes) => void (received += bytes))),
        () => received,
        (error, delay) => task.onRetry(entry, error, delay)
      )
      yield* place(folders, commit, entry, paths.blob(folders, name))
    })
  )
})

/** a strong validator, fit for `If-Range` */
const strong = (etag: string | undefined): string | undefined => (etag?.startsWith('"') ? etag : undefined)

/** the first byte and the size of the whole, from `bytes 5-9/10`; there is no first byte in `bytes *\/10` */
const contentRange = (header: string | undefined): { readonly from?: number; readonly size?: number } => {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(header ?? "")
  return {
    ...(match?.[1] === undefined ? {} : { from: Number(match[1]) }),
    ...(match?.[2] === undefined || match[2] === "*" ? {} : { size: Number(match[2]) })
  }
}

const fetchBlob = Effect.fnUntraced(function* (
  task: Transfer,
  entry: Entry,
  name: string,
  count: (bytes: number) => void
): Effect.fn.Return<void, HubError, HttpClient.HttpClient | Scope.Scope> {
  const { commit, folders, settings, stallTimeout } = task
  const subject: Subject = { repo: folders.repo, revision: commit, file: entry.path }
  const on = <A>(use: () => Promise<A>) => attempt(folders.repo, use, entry.path)
  const partial = paths.partial(folders, name)
  const etagFile = paths.etag(folders, name)
  const forget = on(async () => {
    await rm(partial, { force: true })
    await rm(etagFile, { force: true })
  })

  const known = isKnown(expectation(entry))
  const validator = strong(yield* on(() => readOptional(etagFile)))
  let have = (yield* on(() => sizeOf(partial))) ?? 0
  // what cannot be told apart from another version is not continued
  if (have > 0 && ((validator === undefined && !known) || (entry.size !== undefined && have > entry.size))) {
    yield* forget
    have = 0
  }
  const resumed = have > 0
  let expected = expectation(entry)
  if (!resumed || have !== entry.size) {
    const { linked, response } = yield* request.get(
      settings,
      subject,
      resolvePath(folders.repo, commit, entry.path),
      have === 0 ? {} : { range: `bytes=${have}-`, ...(validator === undefined ? {} : { "if-range": validator }) },
      stallTimeout
    )
    const { headers, status } = response
    expected = expectation(entry, linked)
    const range = contentRange(headers["content-range"])
    // of a size that is known only now, it was all there
    const complete = status === 416 && resumed && range.size === have && (expected.size ?? have) === have
    if (!complete && (status === 416 || (status === 206 && range.from !== have))) {
      // the partial file is no part of this one
      if (!resumed) return yield* oddRange(subject, status)
      yield* forget
      return yield* fetchBlob(task, entry, name, count)
    }
    if (!complete) {
      const length = headers["content-length"]
      const encoding = headers["content-encoding"]?.toLowerCase() ?? "identity"
      const announced =
        status === 206
          ? range.size
          : // what is compressed on the way has another length than the file
            encoding === "identity" && length !== undefined && /^\d+$/.test(length)
            ? Number(length)
            : undefined
      if (expected.size !== undefined && announced !== undefined && announced !== expected.size) {
        if (resumed) yield* forget
        return yield* wrongSize(subject, announced, expected.size)
      }
      const size = expected.size ?? announced
      const most = size ?? task.maxBytes
      const start = status === 206 ? have : 0
      if (start === 0) {
        // first nothing, then its version, then its bytes: so the bytes are always of that version
        yield* on(() => rm(partial, { force: true }))
        yield* write(folders, etagFile, headers["etag"] ?? "")
      }
      const file = yield* Effect.acquireRelease(
        on(() => open(partial, start === 0 ? "w" : "r+")),
        (file) => Effect.promise(() => file.close().catch(() => undefined))
      )
      let position = start
      yield* task.onBytes(entry, position, size)
      yield* request.body(subject, response, stallTimeout).pipe(
        Stream.runForEach((chunk) => {
          if (position + chunk.byteLength > most) return tooLong(subject, most, size !== undefined)
          return Effect.flatMap(
            on(() => writeAll(file, chunk, position)),
            () => {
              position += chunk.byteLength
              count(chunk.byteLength)
              return task.onBytes(entry, position, size)
            }
          )
        }),
        Effect.tapError((error) => (error.reason === "Corrupt" || error.reason === "TooLarge" ? forget : Effect.void)),
        // a body that breaks off is one that ended early, however the client calls it
        Effect.mapError((error) =>
          error.reason === "Network" && size !== undefined ? truncated(subject, position, size) : error
        )
      )
      if (size !== undefined && position < size) return yield* truncated(subject, position, size)
      yield* on(() => file.sync())
    }
  }
  const wrong = yield* mismatch(folders.repo, entry.path, partial, expected)
  if (wrong !== undefined) {
    yield* forget
    // an old beginning may be to blame: once more, from the start
    if (resumed) return yield* fetchBlob(task, entry, name, count)
    return yield* new HubError({
      ...subjectOf(subject),
      reason: "Corrupt",
      detail: `its ${wrong.algorithm} is not ${wrong.wanted}, which the hub lists`,
      advice: "run it again; if that does not help, what lies between here and the hub changes files"
    })
  }
  yield* Effect.uninterruptible(
    on(async () => {
      await rename(partial, paths.blob(folders, name))
      await rm(etagFile, { force: true })
    })
  )
})

const writeAll = async (file: FileHandle, bytes: Uint8Array, at: number): Promise<void> => {
  let done = 0
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at + done)
    done += bytesWritten
  }
}

const subjectOf = ({ file, repo }: Subject) => ({ repo, ...(file === undefined ? {} : { file }) })

const truncated = (subject: Subject, received: number, size: number): HubError =>
  new HubError({
    ...subjectOf(subject),
    reason: "Truncated",
    detail: `${received} of ${size} bytes came`,
    advice: "run it again: it continues there"
  })

const wrongSize = (subject: Subject, announced: number, expected: number): HubError =>
  new HubError({
    ...subjectOf(subject),
    reason: "Corrupt",
    detail: `the server sends ${announced} bytes, and the hub lists ${expected}`,
    advice: "run it again; if that does not help, what lies between here and the hub changes files"
  })

const tooLong = (subject: Subject, most: number, listed: boolean): Effect.Effect<never, HubError> =>
  Effect.fail(
    new HubError({
      ...subjectOf(subject),
      reason: listed ? "Corrupt" : "TooLarge",
      detail: `the server sends more than ${most} bytes`,
      advice: listed
        ? "run it again; if that does not help, what lies between here and the hub changes files"
        : "give a larger maxBytes if it is as it should be"
    })
  )

const oddRange = (subject: Subject, status: number): HubError =>
  new HubError({
    ...subjectOf(subject),
    reason: "Server",
    detail: `it was asked for the whole file and answered ${status}`,
    advice: "see that HF_ENDPOINT is a hub"
  })
