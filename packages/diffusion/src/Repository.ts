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
import * as Schema from "effect/Schema"
import type { TextEncoderShape } from "./Components.ts"
import { TextEncoder, TextEncoder2, Unet, VaeDecoder, VaeEncoder } from "./Components.ts"
import { ForceZerosForEmptyPrompt } from "./ForceZerosForEmptyPrompt.ts"
import * as Guider from "./Guider.ts"
import * as configs from "./internal/configs.ts"
import * as files from "./internal/files.ts"
import { variantFiles } from "./internal/hub/listing.ts"
import { unwrap } from "./internal/layers.ts"
import { checkNames } from "./internal/names.ts"
import * as onnx from "./internal/onnxComponents.ts"
import { suggest } from "./internal/suggest.ts"
import * as LatentConsistency from "./pipelines/LatentConsistency.ts"
import * as StableDiffusion from "./pipelines/StableDiffusion.ts"
import * as StableDiffusionXL from "./pipelines/StableDiffusionXL.ts"
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
  /** SDXL: whether a negative prompt that is not given counts as zeros */
  readonly forceZerosForEmptyPrompt: boolean
}

/** The components of a Stable Diffusion or latent-consistency pipeline. */
export type Components =
  | Tokenizer.Tokenizer
  | TextEncoder
  | Unet
  | VaeEncoder
  | VaeDecoder
  | Scheduler.Scheduler
  | Guider.Guider

/** The components of an SDXL pipeline. */
export type ComponentsXL = Components | Tokenizer.Tokenizer2 | TextEncoder2

// ------------------------------------------------------------------ opening

/** The pipelines that repositories are of. */
export type Family = "stableDiffusion" | "stableDiffusionXL" | "latentConsistency"

/** classes differ in the task too, which a pipeline here reads off its inputs */
const families: ReadonlyMap<string, Family> = new Map(
  ["", "Onnx", "ORT"].flatMap((prefix) => [
    ...["Pipeline", "Img2ImgPipeline", "InpaintPipeline"].flatMap((task) => [
      [`${prefix}StableDiffusion${task}`, "stableDiffusion"] as const,
      [`${prefix}StableDiffusionXL${task}`, "stableDiffusionXL"] as const
    ]),
    ...["Pipeline", "Img2ImgPipeline"].map(
      (task) => [`${prefix}LatentConsistencyModel${task}`, "latentConsistency"] as const
    )
  ])
)

/** The `_class_name`s of `model_index.json` that have a pipeline here. */
export const classNames: ReadonlyArray<string> = [...families.keys()]

/**
 * The family of a `_class_name`, if there is one: classes of one differ in their task, which a pipeline here reads off its
 * inputs.
 *
 * ```ts
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import assert from "node:assert"
 *
 * assert.equal(Repository.familyOf("OnnxStableDiffusionInpaintPipeline"), "stableDiffusion")
 * assert.equal(Repository.familyOf("FluxPipeline"), undefined)
 * ```
 */
export const familyOf = (className: string): Family | undefined => families.get(className)

const known = ({ className }: Repository): Effect.Effect<Family, RepositoryError> => {
  const family = familyOf(className)
  return family === undefined
    ? Effect.fail(
        new RepositoryError({
          file: indexFile,
          reason: "UnknownClass",
          detail: `there is no pipeline for the class '${className}'${suggest(className, classNames)}`,
          expected: `a pipeline of Stable Diffusion 1 or 2, Stable Diffusion XL or a latent-consistency model: one of ${classNames.join(", ")}`
        })
      )
    : Effect.succeed(family)
}

const indexFile = "model_index.json"

/**
 * Opens a folder: reads its `model_index.json` and the configurations of its components, and checks them. Nothing native
 * is loaded, and a component that is not there is missed only when its layer is built.
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
export const open = Effect.fnUntraced(function* (folder: string): Effect.fn.Return<Repository, RepositoryError> {
  const path = yield* files.openFolder(folder)
  const index = yield* files.readConfig(path, indexFile, configs.ModelIndex)
  const read = <A>(schema: Schema.Codec<A, unknown>, ...names: ReadonlyArray<string>) =>
    Effect.forEach(names, (file) => files.optional(files.readConfig(path, file, schema)))
  yield* Effect.all(
    [
      read(configs.Unet, unetConfig),
      read(configs.Vae, ...vaeConfigs("vae_encoder"), "vae_decoder/config.json"),
      read(Schema.Record(Schema.String, Schema.Unknown), schedulerConfig, "tokenizer/tokenizer_config.json")
    ],
    { concurrency: "unbounded", discard: true }
  )
  return {
    path,
    className: index._class_name,
    forceZerosForEmptyPrompt: index.force_zeros_for_empty_prompt ?? true
  }
})

type Source = string | Repository
/** a single component needs no index */
const located = (source: Source): Effect.Effect<string, RepositoryError> =>
  typeof source === "string" ? files.openFolder(source) : Effect.succeed(source.path)
const opened = (source: Source): Effect.Effect<Repository, RepositoryError> =>
  typeof source === "string" ? open(source) : Effect.succeed(source)

/** A pipeline with the components that it needs; `family` says which it is. */
export type Loaded =
  | {
      readonly family: "stableDiffusion"
      readonly pipeline: typeof StableDiffusion.pipeline
      readonly components: ReturnType<typeof layer<{}>>
    }
  | {
      readonly family: "stableDiffusionXL"
      readonly pipeline: typeof StableDiffusionXL.pipeline
      readonly components: ReturnType<typeof layerXL<{}>>
    }
  | {
      readonly family: "latentConsistency"
      readonly pipeline: typeof LatentConsistency.pipeline
      readonly components: ReturnType<typeof layer<{}>>
    }

/**
 * The pipeline of a repository, picked by the `_class_name` of its `model_index.json`, with its components as a layer.
 *
 * ```ts
 * import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const loaded = await Effect.runPromise(Repository.pipeline(EmojiDiffusion.path))
 * assert.equal(loaded.family, "stableDiffusion")
 * assert.equal(loaded.pipeline, StableDiffusion.pipeline)
 * ```
 */
export const pipeline = Effect.fnUntraced(function* (
  source: Source,
  variants: Variants = {}
): Effect.fn.Return<Loaded, RepositoryError> {
  const repository = yield* opened(source)
  const family = yield* known(repository)
  switch (family) {
    case "stableDiffusion":
      return { family, pipeline: StableDiffusion.pipeline, components: layer(repository, {}, variants) }
    case "stableDiffusionXL":
      return { family, pipeline: StableDiffusionXL.pipeline, components: layerXL(repository, {}, variants) }
    case "latentConsistency":
      return { family, pipeline: LatentConsistency.pipeline, components: layer(repository, {}, variants) }
  }
})

// ------------------------------------------------------------------ one component each

/** Where a component lies in its repository, where it is not where diffusers and optimum put it. */
export interface Place {
  /** relative to the repository; `""` is the repository itself */
  readonly folder?: string | undefined
  /** `fp16` takes `model.fp16.onnx` or `model_fp16.onnx` in place of `model.onnx` */
  readonly variant?: string | undefined
}

const join = (folder: string, file: string): string => (folder === "" ? file : `${folder}/${file}`)

const unetConfig = "unet/config.json"
const schedulerConfig = "scheduler/scheduler_config.json"
/** optimum writes a configuration beside each half; plain exports have one for both */
const vaeConfigs = (half: string) => [join(half, "config.json"), "vae/config.json"] as const

/** the graph of a component: where a variant is wanted, the first of its names that is there */
const graphFile = Effect.fnUntraced(function* (path: string, folder: string, variant: string | undefined) {
  if (variant === undefined) return join(folder, "model.onnx")
  const names = variantFiles(variant).map((name) => join(folder, name))
  for (const name of names) {
    if ((yield* files.optional(files.resolve(path, name))) !== undefined) return name
  }
  return yield* new RepositoryError({
    file: names[0]!,
    reason: "Missing",
    detail: "no such file",
    expected: names.join(" or ")
  })
})

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
 * const shape = Effect.map(Tokenizer, (tokenizer) => tokenizer.encode(["red heart"]).inputIds.shape)
 * const layer = Repository.layerTokenizer(EmojiDiffusion.path)
 * assert.deepEqual(await Effect.runPromise(Effect.provide(shape, layer)), [1, 32])
 * ```
 */
export const layerTokenizer = (
  source: Source,
  { folder = "tokenizer" }: Place = {}
): Layer.Layer<Tokenizer.Tokenizer, RepositoryError> =>
  Layer.effect(
    Tokenizer.Tokenizer,
    Effect.flatMap(located(source), (path) => tokenizer(path, folder))
  )

/** The second tokenizer of an SDXL repository, from `tokenizer_2/`. */
export const layerTokenizer2 = (
  source: Source,
  { folder = "tokenizer_2" }: Place = {}
): Layer.Layer<Tokenizer.Tokenizer2, RepositoryError> =>
  Layer.effect(
    Tokenizer.Tokenizer2,
    Effect.flatMap(located(source), (path) => tokenizer(path, folder))
  )

const tokenizer = Effect.fnUntraced(function* (path: string, folder: string) {
  const json = (name: string) => files.optional(files.readJson(path, join(folder, name)))
  const [tokenizerJson, tokenizerConfig, specialTokensMap] = yield* Effect.all(
    [json("tokenizer.json"), json("tokenizer_config.json"), json("special_tokens_map.json")],
    { concurrency: "unbounded" }
  )
  const common = { folder, tokenizerConfig, specialTokensMap }
  if (tokenizerJson !== undefined) return yield* Tokenizer.make({ ...common, tokenizerJson })
  const vocab = yield* json("vocab.json")
  const merges = yield* files.optional(files.readText(path, join(folder, "merges.txt")))
  return yield* Tokenizer.make({ ...common, vocab, ...(merges === undefined ? {} : { merges }) })
})

/**
 * The scheduler of a repository, from `scheduler/scheduler_config.json`.
 *
 * ```ts
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import { Scheduler } from "@effect-blocks/diffusion/Scheduler"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const name = Effect.map(Scheduler, ({ className }) => className)
 * const layer = Repository.layerScheduler(EmojiDiffusion.path)
 * assert.equal(await Effect.runPromise(Effect.provide(name, layer)), "DDIMScheduler")
 * ```
 */
export const layerScheduler = (
  source: Source,
  { folder = "scheduler" }: Place = {}
): Layer.Layer<Scheduler.Scheduler, RepositoryError | Scheduler.SchedulerError> => schedulerOf(source, folder, {})

/** the scheduler of a folder, some of its options set */
const schedulerOf = (source: Source, folder: string, options: Scheduler.Config) =>
  Layer.effect(
    Scheduler.Scheduler,
    Effect.gen(function* () {
      const path = yield* located(source)
      const file = join(folder, "scheduler_config.json")
      const config = yield* files.readConfig(path, file, Schema.Record(Schema.String, Schema.Unknown))
      return yield* Effect.mapError(
        Effect.fromResult(Scheduler.fromConfig({ ...config, ...options })),
        (error) => new Scheduler.SchedulerError({ ...error, message: `${file}: ${error.message}` })
      )
    })
  )

/**
 * What diffusers' pipelines of Stable Diffusion set on the scheduler that they are made with. The files of old
 * repositories lack these options, and the defaults of the scheduler classes are others. StableDiffusionInpaintPipeline
 * alone leaves `clip_sample` and skips PNDM's Runge-Kutta steps; its ONNX form is as the others are.
 */
const settledBy = (className: string): Scheduler.Config => ({
  steps_offset: 1,
  ...(className.endsWith("InpaintPipeline") && !className.startsWith("Onnx")
    ? { skip_prk_steps: true }
    : { clip_sample: false })
})

/** a component over an ONNX file, with the first of these JSON files that is there */
const component = <Identifier, Shape, Config>(
  service: Context.Key<Identifier, Shape>,
  source: Source,
  place: { readonly folder: string; readonly variant?: string | undefined },
  schema: Schema.Codec<Config, unknown>,
  names: ReadonlyArray<string>,
  make: (
    store: ModelStore["Service"],
    path: string,
    file: string,
    config: Config
  ) => Effect.Effect<Shape, RepositoryError>
): Layer.Layer<Identifier, RepositoryError, ModelStore> =>
  Layer.effect(
    service,
    Effect.gen(function* () {
      const store = yield* ModelStore
      const path = yield* located(source)
      const file = yield* graphFile(path, place.folder, place.variant)
      for (const name of names) {
        const config = yield* files.optional(files.readConfig(path, name, schema))
        if (config !== undefined) return yield* make(store, path, file, config)
      }
      return yield* new RepositoryError({
        file: names[0]!,
        reason: "Missing",
        detail: "no such file",
        ...(names.length > 1 ? { expected: names.join(" or ") } : {})
      })
    })
  )

const encoder = <Identifier>(
  service: Context.Key<Identifier, TextEncoderShape>,
  source: Source,
  folder: string,
  variant: string | undefined
): Layer.Layer<Identifier, RepositoryError, ModelStore> =>
  Layer.effect(
    service,
    Effect.gen(function* () {
      const path = yield* located(source)
      const file = yield* graphFile(path, folder, variant)
      // that of a plain export may be missing
      const config = yield* files.optional(files.readConfig(path, join(folder, "config.json"), configs.TextEncoder))
      return yield* onnx.textEncoder(yield* ModelStore, path, file, config ?? {})
    })
  )

/** The text encoder of a repository, from `text_encoder/model.onnx`. */
export const layerTextEncoder = (
  source: Source,
  { folder = "text_encoder", variant }: Place = {}
): Layer.Layer<TextEncoder, RepositoryError, ModelStore> => encoder(TextEncoder, source, folder, variant)

/** The second text encoder of an SDXL repository, from `text_encoder_2/model.onnx`. */
export const layerTextEncoder2 = (
  source: Source,
  { folder = "text_encoder_2", variant }: Place = {}
): Layer.Layer<TextEncoder2, RepositoryError, ModelStore> => encoder(TextEncoder2, source, folder, variant)

/** The UNet of a repository, from `unet/model.onnx` and `unet/config.json`. */
export const layerUnet = (
  source: Source,
  { folder = "unet", variant }: Place = {}
): Layer.Layer<Unet, RepositoryError, ModelStore> =>
  component(Unet, source, { folder, variant }, configs.Unet, [join(folder, "config.json")], onnx.unet)

/**
 * The encoder of pictures of a repository, from `vae_encoder/model.onnx` and the `config.json` beside it or in `vae/`.
 * A repository without one draws from words alone: what is missing is reported when a picture is to be encoded.
 */
export const layerVaeEncoder = (
  source: Source,
  { folder = "vae_encoder", variant }: Place = {}
): Layer.Layer<VaeEncoder, RepositoryError, ModelStore> =>
  component(
    VaeEncoder,
    source,
    { folder, variant },
    configs.Vae,
    [...vaeConfigs(folder), "vae_decoder/config.json"],
    onnx.vaeEncoder
  )

/** The decoder of latents of a repository, from `vae_decoder/model.onnx` and the `config.json` beside it or in `vae/`. */
export const layerVaeDecoder = (
  source: Source,
  { folder = "vae_decoder", variant }: Place = {}
): Layer.Layer<VaeDecoder, RepositoryError, ModelStore> =>
  component(VaeDecoder, source, { folder, variant }, configs.Vae, vaeConfigs(folder), onnx.vaeDecoder)

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
/** by folder, the variant of a component's graph: `{ unet: "fp16" }` */
export interface Variants {
  readonly text_encoder?: string | undefined
  readonly text_encoder_2?: string | undefined
  readonly unet?: string | undefined
  readonly vae_encoder?: string | undefined
  readonly vae_decoder?: string | undefined
}

/** what is no override: it would be ignored, so it does not compile */
export type Known<O, All> = { readonly [K in Exclude<keyof O, keyof All>]: never }

type ErrorOf<O> = {
  readonly [K in keyof O]: O[K] extends Layer.Layer<infer _A, infer E, infer _R> ? E : never
}[keyof O]
type NeedsOf<O> = {
  readonly [K in keyof O]: O[K] extends Layer.Layer<infer _A, infer _E, infer R> ? R : never
}[keyof O]

/**
 * All components of a repository, as one layer over a `ModelStore`. A component that is overridden is not looked for in
 * the folder; of one with a variant, that file is taken: `{ unet: "fp16" }`. The scheduler of a Stable Diffusion
 * repository has `steps_offset` 1 and `clip_sample` false (of StableDiffusionInpaintPipeline `skip_prk_steps` true instead),
 * whatever its file says, as in diffusers; `layerScheduler` and overrides are taken as they are.
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
  overrides?: O & Known<O, Overrides>,
  variants: Variants = {}
): Layer.Layer<Components, RepositoryError | Scheduler.SchedulerError | ErrorOf<O>, ModelStore | NeedsOf<O>> => {
  return unwrap(
    Effect.gen(function* () {
      yield* checkNames(overrides, variants, "plain")
      const repository = yield* ofFamily(source, ["stableDiffusion", "latentConsistency"])
      const family = yield* known(repository)
      const settled = family === "stableDiffusion" ? settledBy(repository.className) : {}
      return shared(repository, overrides ?? {}, variants, settled)
    })
  )
}

/** Components of an SDXL pipeline to take from elsewhere. */
export interface OverridesXL extends Overrides {
  readonly tokenizer2?: Layer.Layer<Tokenizer.Tokenizer2, unknown, unknown>
  readonly textEncoder2?: Layer.Layer<TextEncoder2, unknown, unknown>
}

/**
 * All components of an SDXL repository: those of `layer`, a second tokenizer and a second text encoder.
 *
 * ```ts
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as ModelStore from "@effect-blocks/ops/ModelStore"
 * import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import assert from "node:assert"
 *
 * const layer = Repository.layerXL(EmojiDiffusion.path).pipe(
 *   Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
 *   Layer.provide(OnnxRuntime.layerCpu)
 * )
 * const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(layer))))
 * assert.match(error.message, /OnnxStableDiffusionPipeline/)
 * ```
 */
export const layerXL = <const O extends OverridesXL = {}>(
  source: Source,
  overrides?: O & Known<O, OverridesXL>,
  variants: Variants = {}
): Layer.Layer<ComponentsXL, RepositoryError | Scheduler.SchedulerError | ErrorOf<O>, ModelStore | NeedsOf<O>> =>
  unwrap(
    Effect.gen(function* () {
      yield* checkNames(overrides, variants, "xl")
      const repository = yield* ofFamily(source, ["stableDiffusionXL"])
      const { textEncoder2, tokenizer2 }: OverridesXL = overrides ?? {}
      return Layer.mergeAll(
        shared(repository, overrides ?? {}, variants, {}),
        tokenizer2 ?? layerTokenizer2(repository),
        textEncoder2 ?? layerTextEncoder2(repository, { variant: variants.text_encoder_2 }),
        Layer.succeed(ForceZerosForEmptyPrompt, repository.forceZerosForEmptyPrompt)
      )
    })
  )

/** the repository, where it is of a family that is asked for */
const ofFamily = Effect.fnUntraced(function* (source: Source, wanted: ReadonlyArray<Family>) {
  const repository = yield* opened(source)
  if (wanted.includes(yield* known(repository))) return repository
  return yield* new RepositoryError({
    file: indexFile,
    reason: "UnknownClass",
    detail: `'${repository.className}' has not the components of ${wanted.join(" and ")}`,
    expected: `one of ${[...families].flatMap(([name, family]) => (wanted.includes(family) ? [name] : [])).join(", ")}`
  })
})

/** what all families have, each from elsewhere or from the repository */
const shared = (repository: Repository, overrides: Overrides, variants: Variants, settled: Scheduler.Config) => {
  const of = (folder: keyof Variants): Place => ({ variant: variants[folder] })
  const { guider, scheduler, textEncoder, tokenizer, unet, vaeDecoder, vaeEncoder } = overrides
  return Layer.mergeAll(
    tokenizer ?? layerTokenizer(repository),
    textEncoder ?? layerTextEncoder(repository, of("text_encoder")),
    unet ?? layerUnet(repository, of("unet")),
    vaeEncoder ?? layerVaeEncoder(repository, of("vae_encoder")),
    vaeDecoder ?? layerVaeDecoder(repository, of("vae_decoder")),
    scheduler ?? schedulerOf(repository, "scheduler", settled),
    guider ?? layerGuider
  )
}
