/**
 * Models of a hub: downloaded with a bar, and what the cache has of them. Apart from everything else, so that who uses a
 * folder need not wait for the client to load.
 *
 * @module
 */
import * as Hub from "@effect-blocks/diffusion/Hub"
import { HubError } from "@effect-blocks/diffusion/HubError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Hub as Source } from "./ModelSource.ts"
import { amount, size } from "./ModelFolder.ts"
import * as ProgressBar from "./ProgressBar.ts"
import { Reporter } from "./Reporter.ts"

/** How a repository is downloaded. */
export interface Options {
  /** nothing but the cache; else `HF_HUB_OFFLINE` */
  readonly offline?: boolean | undefined
  /** else `HF_HUB_CACHE`, else the cache of the hub's own client */
  readonly cache?: string | undefined
  /** by folder: `{ unet: "fp16" }` */
  readonly variants?: Readonly<Record<string, string>> | undefined
}

/** An address names a hub that may be anybody's: the token of the settings is for the hub of the settings alone. */
const addressOf = ({ endpoint }: Source) =>
  Effect.gen(function* () {
    if (endpoint === undefined) return {}
    // one that is no address is nobody's
    const configured = yield* Effect.option(Hub.endpoint)
    const own = Option.isSome(configured) && new URL(configured.value).origin === new URL(endpoint).origin
    return own ? { endpoint } : { endpoint, token: Redacted.make("") }
  })

const indexFile = "model_index.json"

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

/** What to do about it in words of the command line, where the library speaks of its own settings. */
const advice: Readonly<Record<string, string>> = {
  Offline: "run it once without --offline and HF_HUB_OFFLINE, or name the cache with --cache-dir",
  Network: "look at the network and HF_ENDPOINT, or use what is in the cache with --offline",
  NoSpace: "free some space, or name another folder with --cache-dir; what came is kept",
  FileSystem: "see that --cache-dir, or HF_HUB_CACHE, names a folder that may be written",
  TooLarge: "download what is needed of it otherwise, and give its folder"
}

/** `organisation/name` may have been meant as a path, and an address is not always the hub that the token is for. */
const explained = (source: Source, token: Redacted.Redacted | undefined) => (error: HubError) => {
  const { reason } = error
  const maybeFolder =
    source.endpoint === undefined &&
    error.file === undefined &&
    ["NotFound", "Unauthorized", "Offline", "Network"].includes(reason)
  const more =
    token !== undefined && reason === "Unauthorized"
      ? "; a token goes to the hub of HF_ENDPOINT alone"
      : maybeFolder
        ? "; there is no folder of this name either"
        : ""
  return new HubError({ ...error, advice: `${advice[reason] ?? error.advice}${more}` })
}

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
    const given = yield* settings(source, options)
    // asked for by name, so that a repository that has none is refused before its weights come
    const folder = yield* Hub.download({ ...given, files: [indexFile] }).pipe(
      Effect.mapError(explained(source, given.token)),
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
    return yield* Hub.download({ ...given, folders: [], files: [indexFile] }).pipe(
      Effect.mapError(explained(source, given.token)),
      Effect.provide(FetchHttpClient.layer)
    )
  })

/**
 * What the cache has, or the folder that is given in its place; nothing is asked of a hub.
 *
 * ```ts
 * import * as HubModel from "@effect-blocks/cli/HubModel"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * assert.deepEqual(await Effect.runPromise(HubModel.cached("/nowhere")), [])
 * ```
 */
export const cached = (cache: string | undefined): Effect.Effect<ReadonlyArray<Hub.Cached>, HubError> =>
  Hub.cached({ cache })
