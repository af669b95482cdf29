/** Components over ONNX files: each says what its graph must look like, and adapts to the variants that exporters make. */
import type * as Model from "@effect-blocks/ops/Model"
import type { ModelStore } from "@effect-blocks/ops/ModelStore"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type {
  ComponentError,
  TextEncoderShape,
  UnetShape,
  VaeDecoderShape,
  VaeEncoderShape,
  VaeGeometry
} from "../Components.ts"
import { RepositoryError } from "../RepositoryError.ts"
import type * as configs from "./configs.ts"
import type { Signature } from "./onnxFile.ts"
import { NotOnnx, readSignature } from "./onnxFile.ts"
import * as files from "./files.ts"

type Float = Tensor.Tensor<"float32">
type Store = ModelStore["Service"]

interface Graph {
  readonly file: string
  readonly path: string
  readonly signature: Signature
}

const found = (folder: string, file: string): Effect.Effect<string, RepositoryError> =>
  Effect.catch(files.resolve(folder, file), (error) =>
    error.reason === "Missing" ? files.missingGraph(folder, error) : Effect.fail(error)
  )

/** The graph of a file, from the file itself; nothing native is loaded. */
const openGraph = (folder: string, file: string): Effect.Effect<Graph, RepositoryError> =>
  Effect.flatMap(found(folder, file), (path) =>
    files.attempt(file, async () => {
      try {
        return { file, path, signature: await readSignature(path) }
      } catch (error) {
        if (!(error instanceof NotOnnx)) throw error
        throw new RepositoryError({
          file,
          reason: "CorruptModel",
          detail: error.message,
          expected: "a whole ONNX model"
        })
      }
    })
  )

// ------------------------------------------------------------------ what a graph must be

interface Wanted {
  readonly dtypes: ReadonlyArray<Tensor.DType>
  readonly dims: ReadonlyArray<Tensor.Dim>
  readonly optional?: boolean
}
const float: ReadonlyArray<Tensor.DType> = ["float32", "float16"]

const fits = (value: Model.ValueInfo, wanted: Wanted): boolean =>
  wanted.dtypes.includes(value.dtype) &&
  // [] is a scalar or says nothing
  (value.shape.length === 0 ||
    (value.shape.length === wanted.dims.length &&
      value.shape.every((dim, axis) => {
        const want = wanted.dims[axis]!
        return typeof dim === "string" || typeof want === "string" || dim === want
      })))

const show = (wanted: Wanted): string => Tensor.show(wanted.dtypes[0]!, wanted.dims)

/** every input of the graph is one that will be given, every wanted one is there, and all have the right dtype and shape */
const check = (
  { file, signature }: Graph,
  inputs: Readonly<Record<string, Wanted>>,
  outputs: Readonly<Record<string, Wanted>>
): Effect.Effect<void, RepositoryError> => {
  const problems: Array<string> = []
  const compare = (
    kind: "input" | "output",
    have: ReadonlyArray<Model.ValueInfo>,
    want: Readonly<Record<string, Wanted>>
  ) => {
    for (const [name, wanted] of Object.entries(want)) {
      const value = have.find((value) => value.name === name)
      if (value === undefined) {
        if (wanted.optional !== true) problems.push(`there is no ${kind} '${name}'`)
      } else if (!fits(value, wanted)) {
        problems.push(`${kind} '${name}' is ${Tensor.show(value.dtype, value.shape)}, not ${show(wanted)}`)
      }
    }
  }
  compare("input", signature.inputs, inputs)
  for (const { name } of signature.inputs) {
    if (!Object.hasOwn(inputs, name)) problems.push(`there is an input '${name}' that nothing is given for`)
  }
  compare("output", signature.outputs, outputs)
  if (problems.length === 0) return Effect.void
  const required = (of: Readonly<Record<string, Wanted>>) =>
    Object.entries(of)
      .filter(([, wanted]) => wanted.optional !== true)
      .map(([name, wanted]) => `${name} ${show(wanted)}`)
      .join(", ")
  return Effect.fail(
    new RepositoryError({
      file,
      reason: "WrongModel",
      detail: problems.join("; "),
      expected: `inputs ${required(inputs)} and outputs ${required(outputs)}`
    })
  )
}

// ------------------------------------------------------------------ runs

const input = (graph: Graph, name: string): Model.ValueInfo | undefined =>
  graph.signature.inputs.find((value) => value.name === name)

const asFloat32 = (tensor: Tensor.Tensor): Float => Tensor.cast(tensor as Tensor.Tensor<"float32">, "float32")

/** the model is held only while it runs, so the store may evict it in between */
const runner = (store: Store, graph: Graph, outputs: ReadonlyArray<string>) => {
  return (
    feeds: Readonly<Record<string, Tensor.Tensor<Tensor.NumericDType>>>
  ): Effect.Effect<Model.Results, ComponentError> => {
    const given: Record<string, Tensor.Tensor> = {}
    for (const { name, dtype } of graph.signature.inputs) {
      const tensor = feeds[name]
      // the model says what it misses
      if (tensor === undefined) continue
      given[name] = tensor.dtype === dtype ? tensor : Tensor.cast(tensor, dtype as Tensor.NumericDType)
    }
    return Effect.scoped(Effect.flatMap(store.get(graph.path), (model) => model.run(given, { outputs })))
  }
}

export const textEncoder = Effect.fnUntraced(function* (
  store: Store,
  folder: string,
  file: string,
  config: typeof configs.TextEncoder.Type
) {
  const graph = yield* openGraph(folder, file)
  const ids: Wanted = { dtypes: ["int32", "int64"], dims: ["batch", "length"] }
  const states: Wanted = { dtypes: float, dims: ["batch", "length", "width"] }
  const pooled: Wanted = { dtypes: float, dims: ["batch", "width"], optional: true }
  yield* check(
    graph,
    { input_ids: ids, attention_mask: { ...ids, optional: true } },
    { last_hidden_state: states, text_embeds: pooled, pooler_output: pooled }
  )
  const has = (output: string) => graph.signature.outputs.some((value) => value.name === output)
  const hidden: Array<string> = []
  while (has(`hidden_states.${hidden.length}`)) hidden.push(`hidden_states.${hidden.length}`)
  const pooledName = ["text_embeds", "pooler_output"].find(has)
  const outputs = ["last_hidden_state", ...hidden, ...(pooledName === undefined ? [] : [pooledName])]
  const run = runner(store, graph, outputs)
  const width = graph.signature.outputs.find((value) => value.name === "last_hidden_state")!.shape[2]
  const shape: TextEncoderShape = {
    width: typeof width === "number" ? width : 0,
    layers: hidden.length,
    ...(typeof config.vocab_size === "number" ? { vocabSize: config.vocab_size } : {}),
    ...(typeof config.max_position_embeddings === "number" ? { maxLength: config.max_position_embeddings } : {}),
    encode: (inputIds) =>
      Effect.map(
        run({
          input_ids: inputIds,
          attention_mask: Tensor.make("int32", inputIds.shape, new Int32Array(inputIds.data.length).fill(1))
        }),
        (out) => ({
          lastHiddenState: asFloat32(out["last_hidden_state"]!),
          hiddenStates: hidden.map((output) => asFloat32(out[output]!)),
          ...(pooledName === undefined ? {} : { pooled: asFloat32(out[pooledName]!) })
        })
      )
  }
  return shape
})

export const unet = Effect.fnUntraced(function* (
  store: Store,
  folder: string,
  file: string,
  config: typeof configs.Unet.Type
) {
  const graph = yield* openGraph(folder, file)
  const { in_channels: inChannels, out_channels: outChannels } = config
  const crossAttentionDim =
    typeof config.cross_attention_dim === "number" ? config.cross_attention_dim : config.cross_attention_dim[0]!
  const sizeConditioned = config.addition_embed_type === "text_time"
  const graphWidth = input(graph, "timestep_cond")?.shape[1]
  const timeCondProjDim = config.time_cond_proj_dim ?? (typeof graphWidth === "number" ? graphWidth : undefined)
  const added: Readonly<Record<string, Wanted>> = {
    ...(sizeConditioned
      ? {
          text_embeds: { dtypes: float, dims: ["batch", "width"] },
          time_ids: { dtypes: float, dims: ["batch", "ids"] }
        }
      : {}),
    ...(timeCondProjDim === undefined ? {} : { timestep_cond: { dtypes: float, dims: ["batch", timeCondProjDim] } })
  }
  yield* check(
    graph,
    {
      sample: { dtypes: float, dims: ["batch", inChannels, "height", "width"] },
      timestep: { dtypes: ["float32", "int64", "float16", "int32", "float64"], dims: ["steps"] },
      encoder_hidden_states: { dtypes: float, dims: ["batch", "length", crossAttentionDim] },
      ...added
    },
    { out_sample: { dtypes: float, dims: ["batch", outChannels, "height", "width"] } }
  )
  const run = runner(store, graph, ["out_sample"])
  const { dtype: timestepType, shape: timestepDims } = input(graph, "timestep")!
  const [timestepDim] = timestepDims
  const whole = timestepType === "int64" || timestepType === "int32"
  const batchDim = input(graph, "sample")!.shape[0]
  /** a scalar, one for all, or one for each item where the graph calls both axes the same */
  const timestepShape = (batch: number): ReadonlyArray<number> => {
    if (timestepDim === undefined) return []
    if (typeof timestepDim === "number") return [timestepDim]
    return [timestepDim !== "" && timestepDim === batchDim ? batch : 1]
  }
  const side = config.sample_size ?? 64
  const shape: UnetShape = {
    inChannels,
    outChannels,
    sampleSize: typeof side === "number" ? side : side[0],
    sizeMultiple: 2 ** (config.block_out_channels.length - 1),
    crossAttentionDim,
    sizeConditioned,
    ...(timeCondProjDim === undefined ? {} : { timeCondProjDim }),
    predict: ({ added, encoderHiddenStates, sample, timestep, timestepCond }) => {
      const dims = timestepShape(sample.shape[0]!)
      // the model itself takes fractions: a graph of whole timesteps is nearest to it at the nearest one (666.99994 is 667)
      const data = new Float64Array(Tensor.sizeOf(dims)).fill(whole ? Math.round(timestep) : timestep)
      return Effect.map(
        run({
          sample,
          timestep: Tensor.make("float64", dims, data),
          encoder_hidden_states: encoderHiddenStates,
          ...(added === undefined ? {} : { text_embeds: added.textEmbeds, time_ids: added.timeIds }),
          ...(timestepCond === undefined ? {} : { timestep_cond: timestepCond })
        }),
        (out) => asFloat32(out["out_sample"]!)
      )
    }
  }
  return shape
})

const geometry = (config: typeof configs.Vae.Type): VaeGeometry => ({
  scaleFactor: 2 ** (config.block_out_channels.length - 1),
  latentChannels: config.latent_channels,
  scalingFactor: config.scaling_factor
})

export const vaeDecoder = Effect.fnUntraced(function* (
  store: Store,
  folder: string,
  file: string,
  config: typeof configs.Vae.Type
) {
  const graph = yield* openGraph(folder, file)
  yield* check(
    graph,
    { latent_sample: { dtypes: float, dims: ["batch", config.latent_channels, "height", "width"] } },
    { sample: { dtypes: float, dims: ["batch", 3, "height", "width"] } }
  )
  const run = runner(store, graph, ["sample"])
  const shape: VaeDecoderShape = {
    ...geometry(config),
    decode: (latents) => Effect.map(run({ latent_sample: latents }), (out) => asFloat32(out["sample"]!))
  }
  return shape
})

export const vaeEncoder = Effect.fnUntraced(function* (
  store: Store,
  folder: string,
  file: string,
  config: typeof configs.Vae.Type
) {
  const found = yield* Effect.result(openGraph(folder, file))
  if (Result.isFailure(found)) {
    if (found.failure.reason !== "Missing") return yield* found.failure
    // drawing from words alone needs none
    const missing: VaeEncoderShape = { ...geometry(config), encode: () => Effect.fail(found.failure) }
    return missing
  }
  const graph = found.success
  const channels = config.latent_channels
  // older exports draw the sample inside the graph
  const drawn = graph.signature.outputs.some((value) => value.name === "latent_sample")
  const output = drawn ? "latent_sample" : "latent_parameters"
  yield* check(
    graph,
    { sample: { dtypes: float, dims: ["batch", 3, "height", "width"] } },
    { [output]: { dtypes: float, dims: ["batch", drawn ? channels : 2 * channels, "height", "width"] } }
  )
  const run = runner(store, graph, [output])
  const shape: VaeEncoderShape = {
    ...geometry(config),
    encode: (sample) =>
      Effect.map(run({ sample }), (out) => {
        const all = asFloat32(out[output]!)
        return drawn ? { mean: all } : { mean: half(all, channels, 0), logVariance: half(all, channels, 1) }
      })
  }
  return shape
})

/** the first or second half of the channels */
const half = (tensor: Float, channels: number, which: 0 | 1): Float => {
  const [batch, , height, width] = tensor.shape as [number, number, number, number]
  const per = channels * height * width
  const data = new Float32Array(batch * per)
  for (let item = 0; item < batch; item++) {
    const from = (2 * item + which) * per
    data.set(tensor.data.subarray(from, from + per), item * per)
  }
  return Tensor.make("float32", [batch, channels, height, width], data)
}
