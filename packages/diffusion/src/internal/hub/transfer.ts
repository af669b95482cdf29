/** One file: from the hub into the cache, continued where an earlier run left it, checked, and put in place. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { HubError } from "../../HubError.ts"
import type { Folders } from "./cache.ts"
import { attempt, blobName, fileError, paths, place, readOptional, sizeOf, writeAtomic } from "./cache.ts"
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

/** what the file must be, as far as the hub says */
interface Expected {
  readonly size: number | undefined
  readonly sha256: string | undefined
  readonly gitSha1: string | undefined
}

const resolvePath = (repo: string, commit: string, path: string): string =>
  `/${repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`

/** Downloads a file that is not in the snapshot; who comes second waits, and finds it there. */
export const transfer = Effect.fnUntraced(function* (
  task: Transfer,
  entry: Entry
): Effect.fn.Return<void, HubError, HttpClient.HttpClient> {
  const { folders, commit } = task
  const name = blobName(commit, entry)
  const on = <A>(use: () => Promise<A>) => attempt(folders.repo, use, entry.path)
  yield* Effect.scoped(
    Effect.gen(function* () {
      const lockFile = paths.lock(folders, name)
      for (const path of [lockFile, paths.partial(folders, name), paths.blob(folders, name)]) {
        yield* on(() => mkdir(dirname(path), { recursive: true }))
      }
      yield* lock.acquire(lockFile, (error) => fileError(folders.repo, error, entry.path))
      const blob = paths.blob(folders, name)
      const have = yield* on(() => sizeOf(blob))
      if (have === undefined || (entry.size !== undefined && have !== entry.size)) {
        let received = 0
        yield* retrying(
          task.policy,
          Effect.scoped(fetchBlob(task, entry, name, (bytes) => void (received += bytes))),
          () => received,
          (error, delay) => task.onRetry(entry, error, delay)
        )
      }
      yield* on(() => place(folders, commit, entry))
    })
  )
})

/** a strong validator, fit for `If-Range` */
const strong = (etag: string | undefined): string | undefined => (etag?.startsWith('"') ? etag : undefined)

/** the first byte and the size of the whole, from `bytes 5-9/10` */
const contentRange = (header: string | undefined): { readonly from: number; readonly size?: number } | undefined => {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header ?? "")
  if (match === null) return undefined
  return { from: Number(match[1]), ...(match[2] === "*" ? {} : { size: Number(match[2]) }) }
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

  const known = entry.sha256 !== undefined || entry.gitSha1 !== undefined
  const validator = strong(yield* on(() => readOptional(etagFile)))
  let have = (yield* on(() => sizeOf(partial))) ?? 0
  // what cannot be told apart from another version is not continued
  if (have > 0 && ((validator === undefined && !known) || (entry.size !== undefined && have > entry.size))) {
    yield* forget
    have = 0
  }
  const resumed = have > 0
  let checked: Effect.Effect<void, HubError>
  if (!resumed || have !== entry.size) {
    const { linked, response } = yield* request.get(
      settings,
      subject,
      resolvePath(folders.repo, commit, entry.path),
      have === 0 ? {} : { range: `bytes=${have}-`, ...(validator === undefined ? {} : { "if-range": validator }) },
      stallTimeout
    )
    const expected = expectation(entry, linked)
    const range = response.status === 206 ? contentRange(response.headers["content-range"]) : undefined
    if (response.status === 416 || (response.status === 206 && range?.from !== have)) {
      // the partial file is no part of this one
      if (!resumed) return yield* oddRange(subject, response.status)
      yield* forget
      return yield* fetchBlob(task, entry, name, count)
    }
    const length = response.headers["content-length"]
    const announced =
      range?.size ??
      (response.status === 200 && length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined)
    if (expected.size !== undefined && announced !== undefined && announced !== expected.size) {
      if (resumed) yield* forget
      return yield* wrongSize(subject, announced, expected.size)
    }
    const size = expected.size ?? announced
    const most = size ?? task.maxBytes
    const start = response.status === 206 ? have : 0
    const file = yield* Effect.acquireRelease(
      on(async () => {
        if (start === 0) {
          // first nothing, then its version, then its bytes: so the bytes are always of that version
          await rm(partial, { force: true })
          await writeAtomic(folders, etagFile, response.headers["etag"] ?? "", `${etagFile}.writing`)
        }
        return await open(partial, start === 0 ? "w" : "r+")
      }),
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
    checked = verify(task, entry, partial, expected, forget)
  } else {
    checked = verify(task, entry, partial, expectation(entry, {}), forget)
  }
  const result = yield* Effect.result(checked)
  if (Result.isFailure(result)) {
    // an old beginning may be to blame: once more, from the start
    if (resumed && result.failure.reason === "Corrupt") return yield* fetchBlob(task, entry, name, count)
    return yield* result.failure
  }
  yield* on(async () => {
    await rename(partial, paths.blob(folders, name))
    await rm(etagFile, { force: true })
  })
})

const expectation = (entry: Entry, linked: request.Linked): Expected => {
  const listed = entry.sha256 !== undefined || entry.gitSha1 !== undefined
  const etag = listed ? undefined : linked.etag
  return {
    size: entry.size ?? linked.size,
    sha256: entry.sha256 ?? (etag !== undefined && /^[0-9a-f]{64}$/.test(etag) ? etag : undefined),
    gitSha1: entry.gitSha1 ?? (etag !== undefined && /^[0-9a-f]{40}$/.test(etag) ? etag : undefined)
  }
}

const writeAll = async (file: FileHandle, bytes: Uint8Array, at: number): Promise<void> => {
  let done = 0
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at + done)
    done += bytesWritten
  }
}

/** The checksum of what lies on the disk, not of what went through memory. */
const verify = Effect.fnUntraced(function* (
  { folders }: Transfer,
  entry: Entry,
  path: string,
  expected: Expected,
  forget: Effect.Effect<void, HubError>
): Effect.fn.Return<void, HubError> {
  const size = yield* attempt(folders.repo, () => sizeOf(path), entry.path)
  const wanted = expected.sha256 ?? expected.gitSha1
  if (wanted === undefined) return
  const hash = createHash(expected.sha256 === undefined ? "sha1" : "sha256")
  if (expected.sha256 === undefined) hash.update(`blob ${size}\0`)
  yield* Effect.scoped(
    Effect.flatMap(
      Effect.acquireRelease(
        attempt(folders.repo, () => open(path, "r"), entry.path),
        (file) => Effect.promise(() => file.close())
      ),
      (file) => {
        const buffer = Buffer.allocUnsafe(1 << 20)
        const next: Effect.Effect<void, HubError> = Effect.flatMap(
          attempt(folders.repo, () => file.read(buffer, 0, buffer.length), entry.path),
          ({ bytesRead }) => {
            if (bytesRead === 0) return Effect.void
            hash.update(buffer.subarray(0, bytesRead))
            return next
          }
        )
        return next
      }
    )
  )
  if (hash.digest("hex") === wanted) return
  yield* forget
  return yield* new HubError({
    repo: folders.repo,
    file: entry.path,
    reason: "Corrupt",
    detail: `its ${expected.sha256 === undefined ? "SHA-1" : "SHA-256"} is not ${wanted}, which the hub lists`,
    advice: "run it again; if that does not help, what lies between here and the hub changes files"
  })
})

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
