/** Which commit a revision is, and what files it has: from the cache where that is enough, else from the hub. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import { readdir, readlink } from "node:fs/promises"
import { basename, join, relative, sep } from "node:path"
import { gunzipSync } from "node:zlib"
import { HubError } from "../../HubError.ts"
import type { Folders } from "./cache.ts"
import { attempt, paths, readOptional, sizeOf, write } from "./cache.ts"
import type { Event } from "./event.ts"
import type { Entry, Listing } from "./listing.ts"
import { checkPaths, decodeAnswer, decodePage, decodeTree, encodeTree, nextPage } from "./listing.ts"
import { isCommit } from "./names.ts"
import * as request from "./request.ts"
import type { Policy } from "./retry.ts"
import { retrying } from "./retry.ts"
import type { Settings } from "./settings.ts"

export interface Ask {
  readonly repo: string
  readonly revision: string
  readonly policy: Policy
  readonly stallTimeout: Duration.Duration
  readonly report: (event: Event) => Effect.Effect<void>
}

/** the listing of the largest repositories has a few megabytes */
const LARGEST_ANSWER = 32 * 2 ** 20
/** a thousand files each; the largest repositories of the public hub have a few hundred */
const MOST_PAGES = 2000

export const offlineError = (repo: string, detail: string): HubError =>
  new HubError({
    repo,
    reason: "Offline",
    detail,
    advice: "run it once with a network (HF_HUB_OFFLINE=0), or see that HF_HUB_CACHE names the folder you mean"
  })

/** what an earlier run, or the other client, knew of a commit */
const known = Effect.fnUntraced(function* (
  folders: Folders,
  commit: string
): Effect.fn.Return<Listing | undefined, HubError> {
  const text = yield* attempt(folders.repo, () => readOptional(paths.tree(folders, commit)))
  const listing = text === undefined ? undefined : yield* decodeTree(commit, text)
  return listing === undefined ? undefined : yield* checkPaths(folders.repo, listing)
})

/** the commit that a revision was at, as far as the cache knows */
const commitOf = (folders: Folders, revision: string): Effect.Effect<string | undefined, HubError> =>
  isCommit(revision)
    ? Effect.succeed(revision)
    : Effect.map(
        attempt(folders.repo, () => readOptional(paths.ref(folders, revision))),
        (text) => (text !== undefined && isCommit(text.trim()) ? text.trim() : undefined)
      )

/** what a snapshot holds that somebody else made without a listing: older versions of the other client keep none */
const found = (folders: Folders, commit: string): Effect.Effect<Listing | undefined, HubError> =>
  Effect.flatMap(
    attempt(folders.repo, async (): Promise<Listing | undefined> => {
      const snapshot = paths.snapshot(folders, commit)
      const inside = await readdir(snapshot, { recursive: true, withFileTypes: true }).catch(() => [])
      const entries = await Promise.all(
        inside.map(async (entry): Promise<ReadonlyArray<Entry>> => {
          const path = join(entry.parentPath, entry.name)
          const size = await sizeOf(path)
          if (size === undefined) return []
          const name = entry.isSymbolicLink() ? basename(await readlink(path)) : ""
          return [
            {
              path: relative(snapshot, path).split(sep).join("/"),
              size,
              ...(/^[0-9a-f]{64}$/.test(name) ? { sha256: name } : {}),
              ...(/^[0-9a-f]{40}$/.test(name) ? { gitSha1: name } : {})
            }
          ]
        })
      )
      return inside.length === 0 ? undefined : { commit, entries: entries.flat(), cachedOnly: true }
    }),
    (listing) => (listing === undefined ? Effect.succeed(undefined) : checkPaths(folders.repo, listing))
  )

/** as `listingOf`, without a network */
export const cachedListing = Effect.fnUntraced(function* (
  folders: Folders,
  revision: string
): Effect.fn.Return<Listing, HubError> {
  const commit = yield* commitOf(folders, revision)
  const listing =
    commit === undefined ? undefined : ((yield* known(folders, commit)) ?? (yield* found(folders, commit)))
  return listing ?? (yield* offlineError(folders.repo, `the cache has nothing of revision '${revision}'`))
})

const getJson = Effect.fnUntraced(function* (
  ask: Ask,
  settings: Settings,
  path: string
): Effect.fn.Return<{ readonly json: unknown; readonly link: string | undefined }, HubError, HttpClient.HttpClient> {
  const { repo, revision, stallTimeout } = ask
  const subject: request.Subject = { repo, revision }
  const noJson = new HubError({
    repo,
    reason: "Server",
    detail: "what the hub says of it is no JSON",
    advice: "see that HF_ENDPOINT is a hub"
  })
  return yield* retrying(
    // the first that is asked of a hub: who has no network, or mistyped a folder, is told soon
    { ...ask.policy, unreached: 1 },
    Effect.scoped(
      Effect.gen(function* () {
        const { response } = yield* request.get(settings, subject, path, { accept: "application/json" }, stallTimeout)
        const bytes = yield* request.readAll(subject, response, stallTimeout, LARGEST_ANSWER)
        const json = yield* Effect.try({
          // some that stand between compress whatever is asked for, and not every client undoes that
          try: (): unknown => {
            const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b
            const text = zipped ? gunzipSync(bytes, { maxOutputLength: LARGEST_ANSWER }) : bytes
            return JSON.parse(new TextDecoder().decode(text))
          },
          catch: () => noJson
        })
        return { json, link: response.headers["link"] }
      })
    ),
    () => 0,
    (error, delay) => ask.report({ _tag: "Retrying", repo, file: undefined, error, delay })
  )
})

/** all pages of a commit's tree */
const getTree = Effect.fnUntraced(function* (
  ask: Ask,
  settings: Settings,
  commit: string
): Effect.fn.Return<ReadonlyArray<Entry>, HubError, HttpClient.HttpClient> {
  const entries: Array<Entry> = []
  let query: string | undefined = "?recursive=true"
  const seen = new Set<string>()
  while (query !== undefined && !seen.has(query) && seen.size < MOST_PAGES) {
    seen.add(query)
    const { json, link }: { json: unknown; link: string | undefined } = yield* getJson(
      ask,
      settings,
      `/api/models/${ask.repo}/tree/${commit}${query}`
    )
    for (const entry of yield* decodePage(ask.repo, json)) entries.push(entry)
    query = nextPage(link)
  }
  if (query === undefined) return entries
  return yield* new HubError({
    repo: ask.repo,
    reason: "Server",
    detail: `the pages of its listing do not end: there are more than ${seen.size}`,
    advice: "see that HF_ENDPOINT is a hub"
  })
})

export const listingOf = Effect.fnUntraced(function* (
  ask: Ask,
  settings: Settings,
  folders: Folders
): Effect.fn.Return<Listing, HubError, HttpClient.HttpClient> {
  const { repo, revision } = ask
  if (settings.offline) return yield* cachedListing(folders, revision)
  const old = isCommit(revision) ? yield* known(folders, revision) : undefined
  if (old !== undefined) return old
  const path = `/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`
  const answer = yield* decodeAnswer(repo, (yield* getJson(ask, settings, path)).json)
  const listing = yield* checkPaths(repo, {
    commit: answer.commit,
    entries: answer.entries ?? (yield* getTree(ask, settings, answer.commit))
  })
  // a commit never changes: a listing that is there is as good, and may be another program's
  if ((yield* known(folders, listing.commit)) === undefined) {
    yield* write(folders, paths.tree(folders, listing.commit), encodeTree(listing))
  }
  return listing
})
