/**
 * A model repository: a local folder in the layout that diffusers' ONNX pipelines and optimum write. Opening one reads
 * JSON; making its components reads the heads of its ONNX files; sessions are made by the `ModelStore` at a component's
 * first run.
 *
 * @module
 */
import { ModelStore } from "@effect-blocks/ops/ModelStore"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TextEncoder, Unet, VaeDecoder, VaeEncoder } from "./Components.ts"
import * as Guider from "./Guider.ts"
import * as configs from "./internal/configs.ts"
import * as files from "./internal/files.ts"
import { unwrap } from "./internal/layers.ts"
import * as onnx from "./internal/onnxComponents.ts"
import { RepositoryError } from "./RepositoryError.ts"
import * as Scheduler from "./Scheduler.ts"
import * as Tokenizer from "./Tokenizer.ts"

export { RepositoryError } from "./RepositoryError.ts"

/** An opened repository. */
export interface Repository {
  /** the real, absolute path of its folder */
  readonly path: string
  /** `_class_name` of its `model_index.json` */
  readonly className: string
}

/** The components of a Stable Diffusion pipeline. */
export type Components =
  | Tokenizer.Tokenizer
  | TextEncoder
  | Unet
  | VaeEncoder
  | VaeDecoder
  | Scheduler.Scheduler
  | Guider.Guider

const decode = <A>(file: string, schema: Schema.Codec<A, any>, value: unknown): Effect.Effect<A, RepositoryError> =>
  Effect.mapError(
    Schema.decodeUnknownEffect(schema)(value),
    (error) => new RepositoryError({ file, reason: "InvalidConfig", detail: error.message })
  )

/**
 * Opens a folder: its `model_index.json` is read and its pipeline's class recognised. Nothing native is loaded.
 *
 * ```ts
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const repository = await Effect.runPromise(Repository.open(EmojiDiffusion.path))
 * assert.equal(repository.className, "OnnxStableDiffusionPipeline")
 *
 * const nowhere = await Effect.runPromise(Effect.flip(Repository.open("/nowhere")))
 * assert.equal(nowhere.reason, "Missing")
 * ```
 */
export const open = (folder: string): Effect.Effect<Repository, RepositoryError> =>
  Effect.gen(function* () {
    const path = yield* files.openFolder(folder)
    const file = "model_index.json"
    const { _class_name } = yield* Effect.flatMap(files.readJson(path, file), (json) =>
      decode(file, configs.ModelIndex, json)
    )
    return { path, className: _class_name }
  })

type Source = string | Repository
const opened = (source: Source): Effect.Effect<Repository, RepositoryError> =>
  typeof source === "string" ? open(source) : Effect.succeed(source)

// ------------------------------------------------------------------ one component each

/**
 * The tokenizer of a repository, from `tokenizer.json` or from `vocab.json` and `merges.txt`.
 *
 * ```ts
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import { Tokenizer } from "@effect-blocks/diffusion/Tokenizer"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const ids = Effect.map(Tokenizer, (tokenizer) => tokenizer.encode(["red heart"]).inputIds)
 * const layer = Repository.layerTokenizer(EmojiDiffusion.path)
 * assert.deepEqual((await Effect.runPromise(Effect.provide(ids, layer))).shape, [1, 32])
 * ```
 */
export const layerTokenizer = (source: Source): Layer.Layer<Tokenizer.Tokenizer, RepositoryError> =>
  Layer.effect(Tokenizer.Tokenizer, Effect.flatMap(opened(source), ({ path }) => tokenizer(path, "tokenizer")))

const tokenizer = Effect.fnUntraced(function* (path: string, folder: string) {
  const json = (name: string) => files.optional(files.readJson(path, `${folder}/${name}`))
  const [tokenizerJson, tokenizerConfig, specialTokensMap] = yield* Effect.all(
    [json("tokenizer.json"), json("tokenizer_config.json"), json("special_tokens_map.json")],
    { concurrency: "unbounded" }
  )
  const common = { folder, tokenizerConfig, specialTokensMap }
  if (tokenizerJson !== undefined) return yield* Tokenizer.make({ ...common, tokenizerJson })
  const vocab = yield* json("vocab.json")
  const merges = yield* files.optional(files.readText(path, `${folder}/merges.txt`))
  return yield* Tokenizer.make({ ...common, vocab, ...(merges === undefined ? {} : { merges }) })
})

/**
 * The scheduler of a repository, from `scheduler/scheduler_config.json`. To take another one, leave this layer out and
 * use `Scheduler.layer`.
 */
export const layerScheduler = (
  source: Source
): Layer.Layer<Scheduler.Scheduler, RepositoryError | Scheduler.SchedulerError> =>
  Layer.effect(
    Scheduler.Scheduler,
    Effect.gen(function* () {
      const { path } = yield* opened(source)
      const text = yield* files.readText(path, "scheduler/scheduler_config.json")
      return yield* Effect.fromResult(Result.flatMap(Scheduler.parseConfig(text), Scheduler.fromConfig))
    })
  )

type Make<Shape> = (
  store: ModelStore["Service"],
  repository: Repository
) => Effect.Effect<Shape, RepositoryError>

const component = <Identifier, Shape>(
  service: Context.Key<Identifier, Shape>,
  source: Source,
  make: Make<Shape>
): Layer.Layer<Identifier, RepositoryError, ModelStore> =>
  Layer.effect(
    service,
    Effect.flatMap(ModelStore, (store) => Effect.flatMap(opened(source), (repository) => make(store, repository)))
  )

/** the first of these files that exists */
const config = <A>(
  path: string,
  schema: Schema.Codec<A, any>,
  names: readonly [string, ...ReadonlyArray<string>]
): Effect.Effect<A, RepositoryError> =>
  Effect.gen(function* () {
    for (const name of names) {
      const json = yield* files.optional(files.readJson(path, name))
      if (json !== undefined) return yield* decode(name, schema, json)
    }
    return yield* new RepositoryError({
      file: names[0],
      reason: "Missing",
      detail: "no such file",
      expected: names.join(" or ")
    })
  })

/** The text encoder of a repository, from `text_encoder/model.onnx`. */
export const layerTextEncoder = (source: Source): Layer.Layer<TextEncoder, RepositoryError, ModelStore> =>
  component(TextEncoder, source, (store, { path }) => onnx.textEncoder(store, path, "text_encoder"))

/** The UNet of a repository, from `unet/model.onnx` and `unet/config.json`. */
export const layerUnet = (source: Source): Layer.Layer<Unet, RepositoryError, ModelStore> =>
  component(Unet, source, (store, { path }) =>
    Effect.flatMap(config(path, configs.Unet, ["unet/config.json"]), (config) => onnx.unet(store, path, "unet", config))
  )

/** The encoder of pictures of a repository, from `vae_encoder/model.onnx` and `config.json` there or in `vae/`. */
export const layerVaeEncoder = (source: Source): Layer.Layer<VaeEncoder, RepositoryError, ModelStore> =>
  component(VaeEncoder, source, (store, { path }) =>
    Effect.flatMap(config(path, configs.Vae, ["vae_encoder/config.json", "vae/config.json"]), (config) =>
      onnx.vaeEncoder(store, path, "vae_encoder", config)
    )
  )

/** The decoder of latents of a repository, from `vae_decoder/model.onnx` and `config.json` there or in `vae/`. */
export const layerVaeDecoder = (source: Source): Layer.Layer<VaeDecoder, RepositoryError, ModelStore> =>
  component(VaeDecoder, source, (store, { path }) =>
    Effect.flatMap(config(path, configs.Vae, ["vae_decoder/config.json", "vae/config.json"]), (config) =>
      onnx.vaeDecoder(store, path, "vae_decoder", config)
    )
  )

/** The guider that a pipeline has if none is given: classifier-free guidance with a scale of 7.5. */
const layerGuider: Layer.Layer<Guider.Guider> = Layer.orDie(Guider.layer({ _class_name: "ClassifierFreeGuidance" }))

/** Components to take from elsewhere: another repository's layer, another scheduler, a fake. */
export interface Overrides {
  readonly tokenizer?: Layer.Layer<Tokenizer.Tokenizer, unknown, unknown>
  readonly textEncoder?: Layer.Layer<TextEncoder, unknown, unknown>
  readonly unet?: Layer.Layer<Unet, unknown, unknown>
  readonly vaeEncoder?: Layer.Layer<VaeEncoder, unknown, unknown>
  readonly vaeDecoder?: Layer.Layer<VaeDecoder, unknown, unknown>
  readonly scheduler?: Layer.Layer<Scheduler.Scheduler, unknown, unknown>
  readonly guider?: Layer.Layer<Guider.Guider, unknown, unknown>
}
type ErrorOf<O> = { readonly [K in keyof O]: O[K] extends Layer.Layer<infer _A, infer E, infer _R> ? E : never }[keyof O]
type NeedsOf<O> = { readonly [K in keyof O]: O[K] extends Layer.Layer<infer _A, infer _E, infer R> ? R : never }[keyof O]

/**
 * All components of a repository, as one layer over a `ModelStore`. A component that is overridden is not looked for in
 * the folder.
 *
 * ```ts
 * import { Unet } from "@effect-blocks/diffusion/Components"
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as ModelStore from "@effect-blocks/ops/ModelStore"
 * import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import assert from "node:assert"
 *
 * const components = Repository.layer(EmojiDiffusion.path, {
 *   scheduler: Scheduler.layer({ _class_name: "EulerDiscreteScheduler", prediction_type: "v_prediction" })
 * }).pipe(Layer.provide(ModelStore.layer({ budget: 2 ** 28 })), Layer.provide(OnnxRuntime.layerCpu))
 *
 * const about = Effect.all([Unet, Scheduler.Scheduler])
 * const [unet, scheduler] = await Effect.runPromise(Effect.provide(about, components))
 * assert.equal(unet.inChannels, 4)
 * assert.equal(scheduler.className, "EulerDiscreteScheduler")
 * ```
 */
export const layer = <const O extends Overrides = {}>(
  source: Source,
  overrides?: O
): Layer.Layer<Components, RepositoryError | Scheduler.SchedulerError | ErrorOf<O>, ModelStore | NeedsOf<O>> => {
  const own = (repository: Repository) => {
    const { guider, scheduler, textEncoder, tokenizer, unet, vaeDecoder, vaeEncoder }: Overrides = overrides ?? {}
    return Layer.mergeAll(
      tokenizer ?? layerTokenizer(repository),
      textEncoder ?? layerTextEncoder(repository),
      unet ?? layerUnet(repository),
      vaeEncoder ?? layerVaeEncoder(repository),
      vaeDecoder ?? layerVaeDecoder(repository),
      scheduler ?? layerScheduler(repository),
      guider ?? layerGuider
    )
  }
  return unwrap(Effect.map(opened(source), own))
}
