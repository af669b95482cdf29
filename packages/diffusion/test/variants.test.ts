/** What exporters vary: dtypes and shapes of the same components, as small graphs that ONNX Runtime really runs. */
import { TextEncoder, Unet, VaeEncoder } from "@effect-blocks/diffusion/Components"
import * as Repository from "@effect-blocks/diffusion/Repository"
import type * as Model from "@effect-blocks/ops/Model"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { temporary } from "./support/folder.ts"

const store = ModelStore.layer({ budget: 2 ** 24 }).pipe(Layer.provide(OnnxRuntime.layerCpu))
/** a repository of this one component */
const withGraph = (component: string, graph: OnnxGraph.AnyGraph, config?: object) =>
  Effect.tap(temporary("effect-blocks-variants-"), (folder) =>
    Effect.promise(async () => {
      await mkdir(join(folder, component))
      await writeFile(join(folder, "model_index.json"), `{"_class_name": "StableDiffusionPipeline"}`)
      await writeFile(join(folder, component, "model.onnx"), OnnxGraph.encode(graph))
      if (config !== undefined) await writeFile(join(folder, component, "config.json"), JSON.stringify(config))
    })
  )

const unetGraph = (float: "float32" | "float16", timestep: Tensor.TensorSchema<Tensor.DType>, state = "length") => {
  const inputs: Model.Contract.Fields = {
    sample: Tensor[float]("batch", 4, "height", "width"),
    timestep,
    encoder_hidden_states: Tensor[float]("batch", state, 2)
  }
  const outputs: Model.Contract.Fields = { out_sample: Tensor[float]("batch", 4, "height", "width") }
  // sample + the sum of timestep: one for all and one for each item are told apart by the sum
  return OnnxGraph.make("unet", {
    inputs,
    outputs,
    nodes: [
      OnnxGraph.node("Cast", ["timestep"], ["time"], {
        attributes: { to: OnnxGraph.int(float === "float32" ? 1 : 10) }
      }),
      OnnxGraph.node("ReduceSum", ["time"], ["sum"], { attributes: { keepdims: OnnxGraph.int(0) } }),
      OnnxGraph.node("Add", ["sample", "sum"], ["out_sample"])
    ]
  })
}
const config = { in_channels: 4, out_channels: 4, block_out_channels: [1], sample_size: 2, cross_attention_dim: 2 }

const timesteps: ReadonlyArray<readonly [what: string, schema: Tensor.TensorSchema<Tensor.DType>, sum: number]> = [
  ["float32, one for all", Tensor.float32("steps"), 5],
  ["float32 of size 1", Tensor.float32(1), 5],
  ["int64, one for all", Tensor.int64("steps"), 5],
  ["float32, one for each", Tensor.float32("batch"), 15],
  ["int64, one for each", Tensor.int64("batch"), 15],
  ["an int64 scalar", Tensor.int64(), 5],
  ["float16", Tensor.float16("steps"), 5]
]

describe("a UNet's timestep", () => {
  for (const float of ["float32", "float16"] as const) {
    for (const [what, schema, sum] of timesteps) {
      it.effect(`may be ${what}, with ${float} latents`, () =>
        Effect.gen(function* () {
          const folder = yield* withGraph("unet", unetGraph(float, schema), config)
          const predict = Effect.flatMap(Unet, (unet) =>
            unet.predict({
              sample: Tensor.zeros("float32", [3, 4, 2, 2]),
              timestep: 5,
              encoderHiddenStates: Tensor.zeros("float32", [3, 1, 2])
            })
          )
          const out = yield* Effect.provide(predict, Repository.layerUnet(folder).pipe(Layer.provide(store)))
          assert.strictEqual(out.dtype, "float32")
          assert.deepStrictEqual(out.data, new Float32Array(48).fill(sum))
        })
      )
    }
  }

  it.effect("goes to a graph of whole numbers as the nearest", () =>
    Effect.gen(function* () {
      const folder = yield* withGraph("unet", unetGraph("float32", Tensor.int64("steps")), config)
      const predict = Effect.flatMap(Unet, (unet) =>
        unet.predict({
          sample: Tensor.zeros("float32", [1, 4, 2, 2]),
          // what KDPM2 makes of 667
          timestep: 666.9999389648438,
          encoderHiddenStates: Tensor.zeros("float32", [1, 1, 2])
        })
      )
      const out = yield* Effect.provide(predict, Repository.layerUnet(folder).pipe(Layer.provide(store)))
      assert.strictEqual(out.data[0], 667)
    })
  )

  it.effect("must be a number", () =>
    Effect.gen(function* () {
      const folder = yield* withGraph("unet", unetGraph("float32", Tensor.bool("steps")), config)
      const error = yield* Effect.flip(
        Effect.scoped(Layer.build(Repository.layerUnet(folder).pipe(Layer.provide(store))))
      )
      assert.match(error.message, /input 'timestep' is bool\[steps\], not float32\[steps\]/)
    })
  )
})

describe("a text encoder's ids", () => {
  for (const dtype of ["int32", "int64"] as const) {
    it.effect(`may be ${dtype}, and a mask may be asked for`, () =>
      Effect.gen(function* () {
        const graph = OnnxGraph.make("text_encoder", {
          inputs: { input_ids: Tensor[dtype]("batch", "length"), attention_mask: Tensor[dtype]("batch", "length") },
          outputs: { last_hidden_state: Tensor.float32("batch", "length", 1) },
          nodes: [
            OnnxGraph.node("Add", ["input_ids", "attention_mask"], ["both"]),
            OnnxGraph.node("Cast", ["both"], ["numbers"], { attributes: { to: OnnxGraph.int(1) } }),
            OnnxGraph.node("Unsqueeze", ["numbers", "axis"], ["last_hidden_state"])
          ],
          initializers: { axis: Tensor.make("int64", [1], BigInt64Array.of(2n)) }
        })
        const folder = yield* withGraph("text_encoder", graph)
        const encode = Effect.flatMap(TextEncoder, (encoder) =>
          encoder.encode(Tensor.make("int32", [1, 3], Int32Array.of(7, 8, 9)))
        )
        const out = yield* Effect.provide(encode, Repository.layerTextEncoder(folder).pipe(Layer.provide(store)))
        assert.deepStrictEqual([...out.lastHiddenState.data], [8, 9, 10])
        assert.deepStrictEqual(out.hiddenStates, [])
        assert.isUndefined(out.pooled)
      })
    )
  }
})

describe("an encoder of pictures", () => {
  const encode = Effect.flatMap(VaeEncoder, (vae) => vae.encode(Tensor.zeros("float32", [1, 3, 2, 2])))
  const geometry = { block_out_channels: [1], latent_channels: 3, scaling_factor: 1 }
  it.effect("may give a sample that is drawn in the graph", () =>
    Effect.gen(function* () {
      const picture = Tensor.float32("batch", 3, "height", "width")
      const graph = OnnxGraph.make("vae_encoder", {
        inputs: { sample: picture },
        outputs: { latent_sample: picture },
        nodes: [OnnxGraph.node("Identity", ["sample"], ["latent_sample"])]
      })
      const folder = yield* withGraph("vae_encoder", graph, geometry)
      const out = yield* Effect.provide(encode, Repository.layerVaeEncoder(folder).pipe(Layer.provide(store)))
      assert.deepStrictEqual(out.mean.shape, [1, 3, 2, 2])
      assert.isUndefined(out.logVariance)
    })
  )

  it.effect("or mean and log-variance", () =>
    Effect.gen(function* () {
      const graph = OnnxGraph.make("vae_encoder", {
        inputs: { sample: Tensor.float32("batch", 3, "height", "width") },
        outputs: { latent_parameters: Tensor.float32("batch", 6, "height", "width") },
        nodes: [
          OnnxGraph.node("Add", ["sample", "one"], ["spread"]),
          OnnxGraph.node("Concat", ["sample", "spread"], ["latent_parameters"], {
            attributes: { axis: OnnxGraph.int(1) }
          })
        ],
        initializers: { one: Tensor.make("float32", [1], Float32Array.of(1)) }
      })
      const folder = yield* withGraph("vae_encoder", graph, geometry)
      const out = yield* Effect.provide(encode, Repository.layerVaeEncoder(folder).pipe(Layer.provide(store)))
      assert.deepStrictEqual(out.mean.data, new Float32Array(12))
      assert.deepStrictEqual(out.logVariance?.data, new Float32Array(12).fill(1))
    })
  )
})
