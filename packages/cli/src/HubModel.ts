/**
 * Models of a hub: downloaded with a bar, and what the cache has of them. Apart from everything else, so that who uses a
 * folder need not wait for the client to load.
 *
 * @module
 */
import * as Hub from "@effect-blocks/diffusion/Hub"
import type { HubError } from "@effect-blocks/diffusion/HubError"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Hub as Source } from "./ModelSource.ts"
import { decoded } from "./ModelSource.ts"
import { amount, size } from "./ModelFolder.ts"
import * as ProgressBar from "./ProgressBar.ts"
import { Reporter } from "./Reporter.ts"
import { readdir, readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join, relative, resolve, sep } from "node:path"

/** How a repository is downloaded. */
export interface Options {
  /** nothing but the cache; else `HF_HUB_OFFLINE` */
  readonly offline?: boolean | undefined
  /** else `EFFECT_BLOCKS_CACHE`, else the user's cache folder */
  readonly cache?: string | undefined
  /** by folder: `{ unet: "fp16" }` */
  readonly variants?: Readonly<Record<string, string>> | undefined
}

/** The hub that is asked where no other is named; its token may go there. */
const publicHub = "https://huggingface.co"

/** An address names a hub that may be anybody's: the token of the settings is for the hub of the settings alone. */
const addressOf = ({ endpoint }: Source) =>
  Effect.gen(function* () {
    if (endpoint === undefined) return {}
    const configured = Option.getOrElse(yield* Effect.option(Config.String("HF_ENDPOINT")), () => publicHub)
    const own = URL.canParse(configured) && new URL(configured).origin === new URL(endpoint).origin
    return own ? { endpoint } : { endpoint, token: Redacted.make("") }
  })

/** Downloads smaller than this, in bytes, are over before anybody reads a bar. */
const worthwhile = 100_000

/** Tells the reporter of a download; `ended` leaves a line, `interrupted` says what is kept. */
const listening = (repo: string) =>
  Effect.gen(function* () {
    const reporter = yield* Reporter
    const startedAt = yield* Clock.currentTimeMillis
    const received = new Map<string, number>()
    let [files, listed] = [0, 0]
    let pace = ProgressBar.started
    const here = () => [...received.values()].reduce((sum, bytes) => sum + bytes, 0)
    const show = Effect.gen(function* () {
      const done = here()
      const total = Math.max(listed, done)
      if (total < worthwhile) return
      const now = yield* Clock.currentTimeMillis
      pace = ProgressBar.advance(done, now)(pace)
      const left = ProgressBar.timeLeft(pace, total)
      yield* reporter.progress({ label: repo, done, total, left, amount: amount(done, total) })
    })
    const listener: Hub.Listener = (event) =>
      Effect.gen(function* () {
        switch (event._tag) {
          case "Started": {
            files += event.files
            listed += event.bytes
            const text = `${repo}: downloading ${event.files} files, ${size(event.bytes)}`
            return event.bytes < worthwhile ? undefined : yield* reporter.note(text)
          }
          case "Received":
            received.set(event.file, event.received)
            return yield* show
          case "Retrying":
            return yield* reporter.note(
              `${event.file === undefined ? repo : `${repo}/${event.file}`}: ${event.error.detail}; again in ${ProgressBar.duration(Duration.toMillis(event.delay))}`
            )
          case "Finished":
            return undefined
        }
      })
    return {
      listener,
      ended: Effect.gen(function* () {
        if (here() < worthwhile) return
        const took = ProgressBar.duration((yield* Clock.currentTimeMillis) - startedAt)
        yield* reporter.done(`${repo} (${files} files, ${size(here())}, ${took})`)
      }),
      interrupted: Effect.suspend(() =>
        here() === 0
          ? Effect.void
          : reporter.note(`${repo}: ${size(here())} are kept, and the next run goes on from there`)
      )
    }
  })

const settings = (source: Source, { cache, offline, variants }: Options) =>
  Effect.map(addressOf(source), (address): Hub.Options => ({
    repo: source.repo,
    revision: source.revision,
    cache,
    offline,
    variants,
    ...address
  }))

/**
 * Downloads what a pipeline needs of a repository, and gives the folder: the commit's, by its name. What is there already
 * is not asked for again, and what an interrupted run left is continued.
 *
 * ```ts
 * import * as HubModel from "@effect-blocks/cli/HubModel"
 * import { Reporter } from "@effect-blocks/cli/Reporter"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const source = { _tag: "Hub", repo: "org/name", revision: "v1", endpoint: undefined } as const
 * const folder = HubModel.download(source, { cache: "/nowhere", offline: true })
 * const error = await Effect.runPromise(Effect.provide(Effect.flip(folder), Reporter.layerSilent))
 * assert.equal(error.reason, "Offline")
 * ```
 */
export const download = (source: Source, options: Options): Effect.Effect<string, HubError, Reporter> =>
  Effect.gen(function* () {
    const { ended, interrupted, listener } = yield* listening(source.repo)
    const folder = yield* Hub.download(yield* settings(source, options)).pipe(
      Effect.provideService(Hub.Progress, listener),
      Effect.provide(FetchHttpClient.layer),
      Effect.onInterrupt(() => interrupted)
    )
    yield* ended
    return folder
  })

/** Downloads the index of a repository alone: it says which pipeline the repository is of. */
export const index = (source: Source, options: Options): Effect.Effect<string, HubError> =>
  Effect.gen(function* () {
    const given = yield* settings(source, { ...options, variants: undefined })
    return yield* Effect.provide(
      Hub.download({ ...given, folders: [], files: ["model_index.json"] }),
      FetchHttpClient.layer
    )
  })

/** A commit of a repository in the cache. */
export interface Cached {
  readonly repo: string
  readonly commit: string
  /** branches and tags that were at this commit when they were asked for */
  readonly revisions: ReadonlyArray<string>
  /** its folder */
  readonly path: string
  /** whether everything is there that a run without variants needs */
  readonly whole: boolean
}

/** The folder of the cache, as `Hub.Options` has it. */
export const cacheFolder = (given: string | undefined): Effect.Effect<string> =>
  Effect.gen(function* () {
    const text = (name: string) =>
      Effect.map(Effect.option(Config.String(name)), (found) => Option.getOrElse(found, () => "").trim() || undefined)
    const own = given ?? (yield* text("HF_HUB_CACHE"))
    const above = (yield* text("XDG_CACHE_HOME")) ?? join(homedir(), ".cache")
    const home = (yield* text("HF_HOME")) ?? join(above, "huggingface")
    return resolve((own ?? join(home, "hub")).replace(/^~(?=\/|$)/, homedir()))
  })

const entriesOf = (folder: string) => Effect.promise(() => readdir(folder).catch((): Array<string> => []))

/** The revisions of a repository that the cache remembers: a name may be a path, such as `refs/pr/1`. */
const revisionsIn = (root: string) =>
  Effect.promise(async () => {
    const folder = join(root, "refs")
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    return Promise.all(
      files.map(async (file) => ({
        revision: decoded(relative(folder, file).split(sep).join("/")),
        commit: (await readFile(file, "utf8").catch(() => "")).trim()
      }))
    )
  })

/**
 * What the cache has, in the order of the names; nothing is asked of a hub.
 *
 * ```ts
 * import * as HubModel from "@effect-blocks/cli/HubModel"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * assert.deepEqual(await Effect.runPromise(HubModel.cached("/nowhere")), [])
 * ```
 */
export const cached = (cache: string): Effect.Effect<ReadonlyArray<Cached>> =>
  Effect.gen(function* () {
    const found: Array<Cached> = []
    for (const name of (yield* entriesOf(cache)).toSorted()) {
      const repo = /^models--(.+)$/.exec(name)?.[1]?.replace("--", "/")
      if (repo === undefined) continue
      const root = join(cache, name)
      const revisions = yield* revisionsIn(root)
      for (const commit of (yield* entriesOf(join(root, "snapshots"))).toSorted()) {
        const source: Source = { _tag: "Hub", repo, revision: commit, endpoint: undefined }
        const all = Effect.provide(download(source, { cache, offline: true }), Reporter.layerSilent)
        found.push({
          repo,
          commit,
          revisions: revisions.flatMap((one) => (one.commit === commit ? [one.revision] : [])).toSorted(),
          path: join(root, "snapshots", commit),
          whole: yield* Effect.isSuccess(all)
        })
      }
    }
    return found
  })
