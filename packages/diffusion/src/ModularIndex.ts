/**
 * `modular_model_index.json`, which diffusers' modular pipelines read and write: for each component the repository that
 * it comes from, its folder there, its revision and its variant. So a pipeline is put together from several repositories.
 *
 * @module
 */
import type { ModelStore } from "@effect-blocks/ops/ModelStore"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { join } from "node:path"
import { ForceZerosForEmptyPrompt } from "./ForceZerosForEmptyPrompt.ts"
import * as Guider from "./Guider.ts"
import * as Hub from "./Hub.ts"
import * as files from "./internal/files.ts"
import * as atomic from "./internal/hub/atomic.ts"
import * as modular from "./internal/hub/modular.ts"
import * as Repository from "./Repository.ts"
import { RepositoryError } from "./RepositoryError.ts"
import type { SchedulerError } from "./SchedulerError.ts"

/** The name of the file. */
export const fileName = "modular_model_index.json"

/** Where one component comes from. */
export interface Component {
  /** the Python library and class that load it there */
  readonly library: string | null
  readonly className: string | null
  /** `organisation/name` of a hub, or `./...` beside the index; `null`: beside the index, under the component's name */
  readonly repo: string | null
  /** its folder there; `""` is the repository itself */
  readonly subfolder: string
  /** such as `fp16` */
  readonly variant: string | null
  /** branch, tag or commit; `null` is `main` */
  readonly revision: string | null
  /** library and class that its pipeline wants */
  readonly typeHint: readonly [library: string, className: string] | null
}

/** What a `modular_model_index.json` says. */
export interface ModularIndex {
  /** such as `StableDiffusionXLModularPipeline` */
  readonly className: string
  /** such as `StableDiffusionXLAutoBlocks` */
  readonly blocksClassName: string | null
  readonly diffusersVersion: string | null
  readonly components: Readonly<Record<string, Component>>
  /** what else it says of the pipeline, such as `force_zeros_for_empty_prompt` */
  readonly config: Readonly<Record<string, Schema.Json>>
}

const Text = Schema.NullOr(Schema.String)
const TypeHint = Schema.NullOr(Schema.Tuple([Schema.String, Schema.String]))
const absent = Schema.optionalKey

/** as in the file: `[library, class, where]` */
const Triple = Schema.Tuple([
  Text,
  Text,
  Schema.Struct({
    pretrained_model_name_or_path: absent(Text),
    /** its name in earlier versions of diffusers */
    repo: absent(Text),
    revision: absent(Text),
    subfolder: absent(Text),
    type_hint: absent(TypeHint),
    variant: absent(Text)
  })
])

const Component: Schema.Codec<Component, typeof Triple.Encoded> = Triple.pipe(
  Schema.decodeTo(
    Schema.Struct({
      library: Text,
      className: Text,
      repo: Text,
      subfolder: Schema.String,
      variant: Text,
      revision: Text,
      typeHint: TypeHint
    }),
    SchemaTransformation.transform<Component, typeof Triple.Type>({
      decode: ([library, className, where]) => ({
        library,
        className,
        repo: where.pretrained_model_name_or_path ?? where.repo ?? null,
        subfolder: where.subfolder ?? "",
        variant: where.variant ?? null,
        revision: where.revision ?? null,
        typeHint: where.type_hint ?? null
      }),
      encode: ({ className, library, repo, revision, subfolder, typeHint, variant }) => [
        library,
        className,
        { pretrained_model_name_or_path: repo, revision, subfolder, type_hint: typeHint, variant }
      ]
    })
  )
)

const Parts = Schema.Struct({
  className: Schema.String,
  blocksClassName: Text,
  diffusersVersion: Text,
  components: Schema.Record(Schema.String, Component),
  config: Schema.Record(Schema.String, Schema.Json)
})

/** an array that ends in an object is a component; other values are the pipeline's own */
const isComponent = (name: string, value: Schema.Json): boolean =>
  !name.startsWith("_") && Array.isArray(value) && typeof value[2] === "object" && value[2] !== null

/**
 * The file as a Schema: decoding gives the index, encoding what diffusers reads.
 *
 * ```ts
 * import { ModularIndex } from "@effect-blocks/diffusion/ModularIndex"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const json = {
 *   _class_name: "StableDiffusionModularPipeline",
 *   _blocks_class_name: "StableDiffusionAutoBlocks",
 *   _diffusers_version: "0.40.0",
 *   unet: ["diffusers", "UNet2DConditionModel", {
 *     pretrained_model_name_or_path: "org/name",
 *     revision: null,
 *     subfolder: "unet",
 *     type_hint: ["diffusers", "UNet2DConditionModel"],
 *     variant: "fp16"
 *   }]
 * }
 * const index = Schema.decodeUnknownSync(ModularIndex)(json)
 * assert.equal(index.components["unet"]?.repo, "org/name")
 * assert.deepEqual(Schema.encodeSync(ModularIndex)(index), json)
 * ```
 */
export const ModularIndex: Schema.Codec<ModularIndex, Readonly<Record<string, Schema.Json>>> = Schema.Record(
  Schema.String,
  Schema.Json
).pipe(Schema.decodeTo(Parts, SchemaTransformation.transform(modular.parts(isComponent))))

const problem = (detail: string, expected?: string): RepositoryError =>
  new RepositoryError({
    file: fileName,
    reason: "InvalidConfig",
    detail,
    ...(expected === undefined ? {} : { expected })
  })

/**
 * Reads the index of a folder.
 *
 * ```ts
 * import * as ModularIndex from "@effect-blocks/diffusion/ModularIndex"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 * import { tmpdir } from "node:os"
 *
 * const missing = await Effect.runPromise(Effect.flip(ModularIndex.read(tmpdir())))
 * assert.equal(missing.message, "modular_model_index.json: no such file")
 * ```
 */
export const read = (folder: string): Effect.Effect<ModularIndex, RepositoryError> =>
  Effect.flatMap(files.openFolder(folder), (path) => files.readConfig(path, fileName, ModularIndex))

/**
 * Writes the index of a folder, as diffusers does: keys in order, two spaces. A reader sees the old file or the new one.
 *
 * ```ts
 * import * as ModularIndex from "@effect-blocks/diffusion/ModularIndex"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 * import { mkdtempSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const folder = mkdtempSync(join(tmpdir(), "index-"))
 * const index = ModularIndex.make("StableDiffusionModularPipeline", { unet: { repo: "org/name", subfolder: "unet" } })
 * await Effect.runPromise(ModularIndex.write(folder, index))
 * assert.deepEqual(await Effect.runPromise(ModularIndex.read(folder)), index)
 * rmSync(folder, { recursive: true })
 * ```
 */
export const write = Effect.fnUntraced(function* (
  folder: string,
  index: ModularIndex
): Effect.fn.Return<void, RepositoryError> {
  const json = yield* Effect.mapError(Schema.encodeEffect(ModularIndex)(index), (error) => problem(error.message))
  yield* atomic.write(
    join(folder, fileName),
    `${JSON.stringify(modular.sorted(json), null, 2)}\n`,
    (error) =>
      new RepositoryError({
        file: fileName,
        reason: "Unreadable",
        detail: error instanceof Error ? error.message : String(error),
        expected: "a folder that may be written"
      })
  )
})

/**
 * An index of components, each with what is known of where it comes from.
 *
 * ```ts
 * import * as ModularIndex from "@effect-blocks/diffusion/ModularIndex"
 * import assert from "node:assert"
 *
 * const index = ModularIndex.make("StableDiffusionModularPipeline", { unet: { repo: "org/name", subfolder: "unet" } })
 * assert.equal(index.components["unet"]?.variant, null)
 * ```
 */
export const make = (
  className: string,
  components: Readonly<Record<string, Partial<Component>>>,
  config: Readonly<Record<string, Schema.Json>> = {}
): ModularIndex => ({
  className,
  blocksClassName: null,
  diffusersVersion: null,
  components: Object.fromEntries(
    Object.entries(components).map(([name, given]) => [
      name,
      {
        library: null,
        className: null,
        repo: null,
        subfolder: "",
        variant: null,
        revision: null,
        typeHint: null,
        ...given
      }
    ])
  ),
  config
})

// ------------------------------------------------------------------ layers

/** Numbers that the graph of a component computes with, as diffusers' `torch_dtype` names them. */
export type Precision = "float32" | "float16" | "bfloat16" | "int8" | "uint8"

/** How components are had. */
export interface Options {
  /** the folder of the index: where components without a repository, and those of `./...`, are; nothing outside it is read */
  readonly folder?: string | undefined
  /**
   * by component, or for all by `default`: `{ unet: "float16", default: "float32" }`. It says which file is taken
   * (`model.fp16.onnx` or `model_fp16.onnx`), whatever variant the index names.
   */
  readonly dtypes?: Readonly<Record<string, Precision>> | undefined
  /** of the downloads: cache, token, endpoint and whatever else is not of one repository */
  readonly hub?: Omit<Hub.Options, "repo" | "revision" | "folders" | "files" | "variants" | "without"> | undefined
}

const variants: Readonly<Record<Precision, string | undefined>> = {
  float32: undefined,
  float16: "fp16",
  bfloat16: "bf16",
  int8: "int8",
  uint8: "uint8"
}

/** a component, there: the folder of its repository, and its place in it */
const locate = Effect.fnUntraced(function* (
  index: ModularIndex,
  options: Options,
  name: string
): Effect.fn.Return<
  { readonly source: string; readonly place: Repository.Place },
  RepositoryError | Hub.HubError,
  HttpClient.HttpClient
> {
  const half = modular.halves.has(name)
  const own = Object.hasOwn(index.components, name)
  const found = Object.hasOwn(index.components, own ? name : "vae") && (own || half)
  const component = found ? index.components[own ? name : "vae"] : undefined
  if (component === undefined) {
    return yield* problem(`it names no component '${name}'`, `one in it, or a layer for it`)
  }
  const { repo, revision, subfolder } = component
  const folder = own
    ? subfolder || (repo === null ? name : "")
    : // optimum exports the halves of a VAE apart
      modular.sibling(subfolder, name)
  const dtype = options.dtypes?.[name] ?? (own ? undefined : options.dtypes?.["vae"]) ?? options.dtypes?.["default"]
  const variant = dtype === undefined ? (component.variant ?? undefined) : variants[dtype]
  const place: Repository.Place = { folder, ...(modular.graphs.has(name) ? { variant } : {}) }
  if (repo === null || modular.isLocal(repo)) {
    if (options.folder === undefined) {
      return yield* problem(
        repo === null ? `it does not say where '${name}' comes from` : `'${name}' lies in a folder: ${repo}`,
        "a repository of a hub, or the index's folder in the options"
      )
    }
    return { source: yield* modular.folderWithin(options.folder, repo ?? "."), place }
  }
  const source = yield* Hub.download({
    ...options.hub,
    repo,
    ...(revision === null ? {} : { revision }),
    folders: [folder, ...(half ? [modular.sibling(folder, "vae")] : [])],
    variants: place.variant === undefined ? {} : { [folder]: place.variant }
  })
  return { source, place }
})

type Failure = RepositoryError | Hub.HubError | SchedulerError

/**
 * The components of an index as a layer: each from its repository, in its precision. Only what is of that component is
 * downloaded.
 *
 * ```ts no-run
 * import * as ModularIndex from "@effect-blocks/diffusion/ModularIndex"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const folder = "./my-pipeline"
 * const components = Effect.map(ModularIndex.read(folder), (index) =>
 *   ModularIndex.layer(index, { folder, dtypes: { unet: "float16", default: "float32" } })
 * ).pipe(Layer.unwrap)
 * ```
 */
export const layer = (
  index: ModularIndex,
  options: Options = {}
): Layer.Layer<Repository.Components, Failure, ModelStore | HttpClient.HttpClient> => {
  const from = at(index, options)
  return Layer.mergeAll(
    from("tokenizer", Repository.layerTokenizer),
    from("text_encoder", Repository.layerTextEncoder),
    from("unet", Repository.layerUnet),
    from("vae_encoder", Repository.layerVaeEncoder),
    from("vae_decoder", Repository.layerVaeDecoder),
    from("scheduler", Repository.layerScheduler),
    layerGuider
  )
}

/** The components of an SDXL index as a layer: those of `layer`, a second tokenizer and a second text encoder. */
export const layerXL = (
  index: ModularIndex,
  options: Options = {}
): Layer.Layer<Repository.ComponentsXL, Failure, ModelStore | HttpClient.HttpClient> => {
  const from = at(index, options)
  return Layer.mergeAll(
    layer(index, options),
    from("tokenizer_2", Repository.layerTokenizer2),
    from("text_encoder_2", Repository.layerTextEncoder2),
    Layer.succeed(ForceZerosForEmptyPrompt, index.config["force_zeros_for_empty_prompt"] !== false)
  )
}

const at =
  (index: ModularIndex, options: Options) =>
  <A, E, R>(name: string, make: (source: string, place: Repository.Place) => Layer.Layer<A, E, R>) =>
    Layer.unwrap(Effect.map(locate(index, options, name), ({ place, source }) => make(source, place)))

const layerGuider: Layer.Layer<Guider.Guider> = Layer.orDie(Guider.layer({ _class_name: "ClassifierFreeGuidance" }))
