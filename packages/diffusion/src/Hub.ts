/**
 * Repositories of a hub: downloaded once into a cache that processes share, then folders like any other. The layout is
 * that of the Hugging Face hub, so mirrors of it serve too. `docs/repositories.md` tells the whole.
 *
 * Settings come from options or from Config, and are those of the hub's own client for Python: `HF_TOKEN` or its login,
 * `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_HUB_CACHE`, `HF_HOME`. Both share a cache.
 *
 * @module
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Struct from "effect/Struct"
import { HubError } from "./HubError.ts"
import { folders } from "./internal/hub/cache.ts"
import * as fetched from "./internal/hub/download.ts"
import type { Listener } from "./internal/hub/event.ts"
import type { Cached, Pruned, Verified } from "./internal/hub/housekeeping.ts"
import * as housekeeping from "./internal/hub/housekeeping.ts"
import { checkNames } from "./internal/hub/names.ts"
import { cacheFolder, configuredHub } from "./internal/hub/settings.ts"
import { checkNames as checkOptions } from "./internal/names.ts"
import * as Repository from "./Repository.ts"

export { HubError } from "./HubError.ts"
export type { Cached, Fault, Pruned, Verified } from "./internal/hub/housekeeping.ts"
export type { Event, Listener } from "./internal/hub/event.ts"

/** What to download, from where and how. Only `repo` is needed. */
export interface Options {
  /** `organisation/name` */
  readonly repo: string
  /** a branch, a tag or a commit; `main` if not given */
  readonly revision?: string | undefined
  /**
   * the components' folders to download; if not given, all that `model_index.json` or `modular_model_index.json` names.
   * `""` is the repository's own folder.
   */
  readonly folders?: ReadonlyArray<string> | undefined
  /** single files to download besides, relative to the repository */
  readonly files?: ReadonlyArray<string> | undefined
  /** folders not to download though the index names them */
  readonly without?: ReadonlyArray<string> | undefined
  /** by folder: `{ unet: "fp16" }` takes `unet/model.fp16.onnx` or `unet/model_fp16.onnx` in place of `unet/model.onnx` */
  readonly variants?: Readonly<Record<string, string>> | undefined
  /** the hub's address; else `HF_ENDPOINT`, else the public hub */
  readonly endpoint?: string | undefined
  /** else `HF_TOKEN`, else what `hf auth login` left; an empty one is none. It goes to the hub's own origin only */
  readonly token?: Redacted.Redacted | undefined
  /** the cache's folder; else `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else `~/.cache/huggingface/hub` */
  readonly cache?: string | undefined
  /** nothing but the cache; else `HF_HUB_OFFLINE` */
  readonly offline?: boolean | undefined
  /** files at once; 4 if not given */
  readonly concurrency?: number | undefined
  /** tries again in a row that bring nothing, after which it fails; 5 if not given. One where the hub is not reached at all */
  readonly retries?: number | undefined
  /** before the first of them, doubled for each further one; a second if not given */
  readonly retryDelay?: Duration.Input | undefined
  /** how long nothing may come; 30 seconds if not given */
  readonly stallTimeout?: Duration.Input | undefined
  /** of all files together; 64 GiB if not given */
  readonly maxBytes?: number | undefined
}

/**
 * The address of the hub that is asked where a caller names none: `HF_ENDPOINT`, else the public hub. The token of the
 * settings is meant for it.
 *
 * ```ts
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as ConfigProvider from "effect/ConfigProvider"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const nothing = ConfigProvider.fromUnknown({})
 * const address = Effect.provideService(Hub.endpoint, ConfigProvider.ConfigProvider, nothing)
 * assert.equal(await Effect.runPromise(address), "https://huggingface.co")
 * ```
 */
export const endpoint: Effect.Effect<string, HubError> = configuredHub("the hub")

/**
 * Who hears of downloads: a Reference, whose default is nobody.
 *
 * ```ts
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as Effect from "effect/Effect"
 *
 * const show: Hub.Listener = (event) =>
 *   event._tag === "Received" ? Effect.log(`${event.file}: ${event.received} of ${event.size} bytes`) : Effect.void
 *
 * const folder = Hub.download({ repo: "org/name" }).pipe(Effect.provideService(Hub.Progress, show))
 * ```
 */
export const Progress: Context.Reference<Listener> = Context.Reference<Listener>("effect-blocks/Hub/Progress", {
  defaultValue: () => () => Effect.void
})

/**
 * Downloads what a pipeline needs of a repository, and gives the folder: what the cache has is not asked for again, what
 * an earlier run left unfinished is continued, and every file is checked before it is there. A commit that is in the cache
 * needs no network.
 *
 * ```ts
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as Effect from "effect/Effect"
 * import * as FetchHttpClient from "effect/http/FetchHttpClient"
 * import assert from "node:assert"
 *
 * const folder = Hub.download({ repo: "org/name", cache: "/nowhere", offline: true })
 * const error = await Effect.runPromise(Effect.flip(folder).pipe(Effect.provide(FetchHttpClient.layer)))
 * assert.equal(error.reason, "Offline")
 * ```
 */
export const download: (options: Options) => Effect.Effect<string, HubError, HttpClient.HttpClient> = Effect.fnUntraced(
  function* (options: Options) {
    const report = yield* Progress
    const { concurrency = 4, maxBytes = 2 ** 36, retries = 5, revision = "main" } = options
    const limits = [concurrency, retries + 1, maxBytes]
    if (!limits.every((limit) => Number.isInteger(limit) && limit > 0)) {
      return yield* new HubError({
        repo: options.repo,
        reason: "Invalid",
        detail: "concurrency, retries or maxBytes is no whole number, or not above zero",
        advice: "give whole numbers"
      })
    }
    return yield* fetched.download({
      repo: options.repo,
      revision,
      folders: options.folders,
      files: options.files ?? [],
      variants: options.variants ?? {},
      without: options.without ?? [],
      given: options,
      concurrency,
      policy: { retries, delay: Duration.fromInputUnsafe(options.retryDelay ?? "1 second") },
      stallTimeout: Duration.fromInputUnsafe(options.stallTimeout ?? "30 seconds"),
      maxBytes,
      report
    })
  }
)

/**
 * Downloads a repository and opens it.
 *
 * ```ts no-run
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as Effect from "effect/Effect"
 * import * as FetchHttpClient from "effect/http/FetchHttpClient"
 *
 * const repository = Hub.open({ repo: "org/name", revision: "v1" }).pipe(Effect.provide(FetchHttpClient.layer))
 * console.log((await Effect.runPromise(repository)).className)
 * ```
 */
export const open = (
  options: Options
): Effect.Effect<Repository.Repository, HubError | Repository.RepositoryError, HttpClient.HttpClient> =>
  Effect.flatMap(download(options), Repository.open)

/** the folders of components */
const foldersOf: Readonly<Record<keyof Repository.OverridesXL, string>> = {
  tokenizer: "tokenizer",
  tokenizer2: "tokenizer_2",
  textEncoder: "text_encoder",
  textEncoder2: "text_encoder_2",
  unet: "unet",
  vaeEncoder: "vae_encoder",
  vaeDecoder: "vae_decoder",
  scheduler: "scheduler",
  guider: "guider"
}

const withoutOverridden = (options: Options, overrides: Repository.OverridesXL): Options => {
  const given = Struct.keys(foldersOf).filter((name) => overrides[name])
  return { ...options, without: [...(options.without ?? []), ...given.map((name) => foldersOf[name])] }
}

/** Options of a pipeline's repository, whose components are known. */
export interface PipelineOptions extends Omit<Options, "variants"> {
  /** by folder: `{ unet: "fp16" }` takes `unet/model.fp16.onnx` or `unet/model_fp16.onnx` in place of `unet/model.onnx` */
  readonly variants?: Repository.Variants | undefined
}

/** those that are given; names are looked at before anything is downloaded */
const named = ({ variants = {}, ...options }: PipelineOptions): Options => ({
  ...options,
  variants: Object.fromEntries(
    Object.entries(variants).flatMap(([folder, variant]) => (variant === undefined ? [] : [[folder, variant]]))
  )
})

/**
 * All components of a Stable Diffusion repository of a hub, as `Repository.layer` gives them for a folder. What is
 * overridden is not downloaded.
 *
 * ```ts no-run
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
 * import * as ModelStore from "@effect-blocks/ops/ModelStore"
 * import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
 * import * as Effect from "effect/Effect"
 * import * as FetchHttpClient from "effect/http/FetchHttpClient"
 * import * as Layer from "effect/Layer"
 *
 * const components = Hub.layer({ repo: "org/name" }).pipe(
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(ModelStore.layer({ budget: 2 ** 32 })),
 *   Layer.provide(OnnxRuntime.layerCpu)
 * )
 * const run = StableDiffusion.pipeline.run({ prompt: ["a cat"] }).pipe(Effect.provide(components))
 * ```
 */
export const layer = <const O extends Repository.Overrides = {}>(
  options: PipelineOptions,
  overrides?: O & Repository.Known<O, Repository.Overrides>
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      yield* checkOptions(overrides, options.variants, "plain")
      const folder = yield* download(withoutOverridden(named(options), overrides ?? {}))
      return Repository.layer<O>(folder, overrides, options.variants)
    })
  )

/** All components of an SDXL repository of a hub, as `Repository.layerXL` gives them for a folder. */
export const layerXL = <const O extends Repository.OverridesXL = {}>(
  options: PipelineOptions,
  overrides?: O & Repository.Known<O, Repository.OverridesXL>
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      yield* checkOptions(overrides, options.variants, "xl")
      const folder = yield* download(withoutOverridden(named(options), overrides ?? {}))
      return Repository.layerXL<O>(folder, overrides, options.variants)
    })
  )

/** The pipeline of a repository of a hub, picked by its class, as `Repository.pipeline` does for a folder. */
export const pipeline: (
  options: PipelineOptions
) => Effect.Effect<Repository.Loaded, HubError | Repository.RepositoryError, HttpClient.HttpClient> = Effect.fnUntraced(
  function* (options: PipelineOptions) {
    yield* checkOptions(undefined, options.variants, "plain")
    return yield* Repository.pipeline(yield* download(named(options)), options.variants)
  }
)

// ------------------------------------------------------------------ the cache

const held = Effect.fnUntraced(function* (repo: string | undefined, cache: string | undefined) {
  if (repo !== undefined) yield* checkNames(repo, "main")
  const root = yield* cacheFolder(repo ?? "the cache", cache)
  return repo === undefined ? yield* housekeeping.repositories(root) : [folders(root, repo)]
})

/**
 * What the cache has, of all repositories of models or of one: their commits, and whether a pipeline can be had of them
 * without a network. Nothing in it is changed.
 *
 * ```ts
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * assert.deepEqual(await Effect.runPromise(Hub.cached({ cache: "/nowhere" })), [])
 * ```
 */
export const cached: (options?: {
  readonly repo?: string | undefined
  readonly cache?: string | undefined
}) => Effect.Effect<ReadonlyArray<Cached>, HubError> = Effect.fnUntraced(function* ({ cache, repo } = {}) {
  return (yield* Effect.forEach(yield* held(repo, cache), housekeeping.cached)).flat()
})

/**
 * Compares the files of a revision that the cache has with what the hub listed, checksums included, and asks no hub. With
 * `remove`, what differs is taken out, and the next download brings it anew.
 *
 * ```ts
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const error = await Effect.runPromise(Effect.flip(Hub.verify({ repo: "org/name", cache: "/nowhere" })))
 * assert.equal(error.reason, "Offline")
 * ```
 */
export const verify: (options: {
  readonly repo: string
  readonly revision?: string | undefined
  readonly cache?: string | undefined
  readonly remove?: boolean | undefined
}) => Effect.Effect<Verified, HubError> = Effect.fnUntraced(function* ({
  cache,
  remove = false,
  repo,
  revision = "main"
}) {
  yield* checkNames(repo, revision)
  return yield* housekeeping.verify(folders(yield* cacheFolder(repo, cache), repo), revision, remove)
})

/**
 * Deletes from the cache what no revision has: what is left of downloads that nobody continued for `olderThan` (7 days if
 * not given), and whole files that no snapshot names. Of all repositories, or of one. Running downloads are left alone.
 *
 * ```ts
 * import * as Hub from "@effect-blocks/diffusion/Hub"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * assert.deepEqual(await Effect.runPromise(Hub.prune({ cache: "/nowhere" })), { files: 0, bytes: 0 })
 * ```
 */
export const prune: (options?: {
  readonly repo?: string | undefined
  readonly cache?: string | undefined
  readonly olderThan?: Duration.Input | undefined
}) => Effect.Effect<Pruned, HubError> = Effect.fnUntraced(function* ({ cache, olderThan = "7 days", repo } = {}) {
  const age = Duration.fromInputUnsafe(olderThan)
  const pruned = yield* Effect.forEach(yield* held(repo, cache), (one) => housekeeping.prune(one, age, true))
  return {
    files: pruned.reduce((sum, { files }) => sum + files, 0),
    bytes: pruned.reduce((sum, { bytes }) => sum + bytes, 0)
  }
})
