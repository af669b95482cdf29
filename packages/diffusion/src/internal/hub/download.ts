/** A whole download: the listing of a commit, what is wanted of it, and the transfers of what is not there. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import { mkdir, statfs } from "node:fs/promises"
import { HubError } from "../../HubError.ts"
import type { Folders } from "./cache.ts"
import { attempt, folders as foldersIn, paths, present, readOptional, write } from "./cache.ts"
import { listingOf, offlineError } from "./commit.ts"
import type { Event } from "./event.ts"
import { prune } from "./housekeeping.ts"
import type { Entry } from "./listing.ts"
import { checkNames } from "./names.ts"
import type { Policy } from "./retry.ts"
import { settings as readSettings } from "./settings.ts"
import type { Given, Settings } from "./settings.ts"
import type { Transfer } from "./transfer.ts"
import { local, transfer } from "./transfer.ts"
import type { Wish } from "./wanted.ts"
import { forEachPart } from "./wanted.ts"

export interface Task extends Wish {
  readonly repo: string
  readonly revision: string
  readonly given: Given
  readonly concurrency: number
  readonly policy: Policy
  readonly stallTimeout: Duration.Duration
  readonly maxBytes: number
  readonly report: (event: Event) => Effect.Effect<void>
}

/** what nobody has added to for so long is not continued: the file is another one by now */
const abandoned = Duration.days(7)
/** bytes between two reports of one file */
const REPORT = 2 ** 20

export const download = Effect.fn("Hub.download")(function* (
  task: Task
): Effect.fn.Return<string, HubError, HttpClient.HttpClient> {
  const { repo, revision } = task
  yield* checkNames(repo, revision)
  const settings = yield* readSettings(repo, task.given)
  const folders = foldersIn(settings.cache, repo)
  yield* Effect.annotateCurrentSpan({ repo, revision })
  const listing = yield* listingOf(task, settings, folders)
  const snapshot = paths.snapshot(folders, listing.commit)
  yield* forEachPart(folders, listing, task, (entries) => fetchAll(task, settings, folders, listing.commit, entries))
  if (!settings.offline && revision !== listing.commit) {
    // a revision is remembered when what it names is whole; where nothing changes, nothing is written
    const before = yield* attempt(repo, () => readOptional(paths.ref(folders, revision)))
    if (before?.trim() !== listing.commit) yield* write(folders, paths.ref(folders, revision), listing.commit)
  }
  return snapshot
})

/** what is not there yet, at most `concurrency` at once; where one fails, the others end and keep what they have */
const fetchAll = Effect.fnUntraced(function* (
  task: Task,
  settings: Settings,
  folders: Folders,
  commit: string,
  entries: ReadonlyArray<Entry>
): Effect.fn.Return<void, HubError, HttpClient.HttpClient> {
  const { maxBytes, repo, report } = task
  const snapshot = paths.snapshot(folders, commit)
  const lacking = yield* attempt(repo, async () => {
    const there = await Promise.all(entries.map((entry) => present(snapshot, entry)))
    return entries.filter((_, index) => !there[index])
  })
  if (lacking.length === 0) return
  const taken = yield* Effect.forEach(lacking, (entry) => local(folders, commit, entry), {
    concurrency: task.concurrency
  })
  const missing = lacking.filter((_, index) => !taken[index])
  if (missing.length === 0) return
  if (settings.offline) {
    const names = missing.map(({ path }) => path)
    const shown = names.length > 5 ? [...names.slice(0, 5), `${names.length - 5} more`] : names
    return yield* offlineError(repo, `the cache has not ${shown.join(", ")}`)
  }
  const bytes = missing.reduce((sum, { size = 0 }) => sum + size, 0)
  if (bytes > maxBytes) {
    return yield* new HubError({
      repo,
      reason: "TooLarge",
      detail: `there are ${bytes} bytes to download, and at most ${maxBytes} are allowed`,
      advice: "give a larger maxBytes, or name fewer folders"
    })
  }
  yield* checkSpace(folders, bytes)
  yield* report({ _tag: "Started", repo, commit, files: missing.length, bytes })
  yield* Effect.forEach(
    missing,
    (entry) => {
      let reported = -1
      const job: Transfer = {
        settings,
        folders,
        commit,
        policy: task.policy,
        stallTimeout: task.stallTimeout,
        maxBytes,
        onBytes: ({ path }, received, size) => {
          if (reported >= 0 && received >= reported && received - reported < REPORT && received !== size)
            return Effect.void
          reported = received
          return report({ _tag: "Received", repo, file: path, received, size })
        },
        onRetry: ({ path }, error, delay) => report({ _tag: "Retrying", repo, file: path, error, delay })
      }
      return Effect.andThen(transfer(job, entry), report({ _tag: "Finished", repo, file: entry.path }))
    },
    { concurrency: task.concurrency, discard: true }
  )
  yield* Effect.ignore(prune(folders, abandoned, false))
})

/** better to say so now than in an hour */
const checkSpace = (folders: Folders, bytes: number): Effect.Effect<void, HubError> =>
  Effect.flatMap(
    attempt(folders.repo, async () => {
      await mkdir(folders.root, { recursive: true })
      const { bavail, bsize } = await statfs(folders.root)
      return bavail * bsize
    }),
    (free) =>
      free >= bytes
        ? Effect.void
        : Effect.fail(
            new HubError({
              repo: folders.repo,
              reason: "NoSpace",
              detail: `there are ${bytes} bytes to download, and ${free} are free`,
              advice: "free some space, or name another folder in HF_HUB_CACHE"
            })
          )
  )
