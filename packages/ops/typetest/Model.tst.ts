import { expect, test } from "tstyche"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Model from "@effect-blocks/ops/Model"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import type { LoadError, ModelLoadError, RunError } from "@effect-blocks/ops/OnnxError"
import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"

declare const model: Model.Model
declare const ids: Tensor.Tensor<"int64">
declare const latents: Tensor.Tensor<"float32">

const contract = { inputs: { ids: Tensor.int64("batch", 77) }, outputs: { states: Tensor.float32("batch", 77, 768) } }

declare const run: Model.TypedModel<typeof contract.inputs, typeof contract.outputs>["run"]

test("a typed model has the names and dtypes of its contract", () => {
  const typed = Model.typed(model, contract)
  expect(typed).type.toBe<
    Effect.Effect<Model.TypedModel<typeof contract.inputs, typeof contract.outputs>, ModelLoadError>
  >()
  type Typed = Effect.Success<typeof typed>
  expect<Parameters<Typed["run"]>[0]>().type.toBe<Model.Contract.Values<typeof contract.inputs>>()
  expect<Effect.Success<ReturnType<Typed["run"]>>["states"]>().type.toBe<Tensor.Tensor<"float32">>()
  expect<Effect.Error<ReturnType<Typed["run"]>>>().type.toBe<RunError>()
})

test("feeds of another dtype or name do not compile", () => {
  expect(run).type.toBeCallableWith({ ids })
  expect(run).type.not.toBeCallableWith({ ids: latents })
  expect(run).type.not.toBeCallableWith({ tokens: ids })
  expect(run).type.not.toBeCallableWith({})
})

test("a graph is typed by the Schemas that declare it", () => {
  const graph = OnnxGraph.make("g", { ...contract, nodes: [] })
  const loaded = OnnxGraph.load(graph)
  expect(loaded).type.toBe<
    Effect.Effect<
      Model.TypedModel<typeof contract.inputs, typeof contract.outputs>,
      LoadError,
      Scope.Scope | OnnxRuntime.OnnxRuntime
    >
  >()
})

test("loading asks for the runtime and a scope", () => {
  expect(OnnxRuntime.load("unet.onnx")).type.toBe<
    Effect.Effect<Model.Model, LoadError, Scope.Scope | OnnxRuntime.OnnxRuntime>
  >()
})

test("a stored model needs the store alone, and its runs may fail to load", () => {
  const stored = ModelStore.typed("unet.onnx", contract)
  expect<Effect.Services<typeof stored>>().type.toBe<ModelStore.ModelStore>()
  type Run = ReturnType<Effect.Success<typeof stored>["run"]>
  expect<Effect.Error<Run>>().type.toBe<LoadError | RunError>()
  expect<Effect.Services<Run>>().type.toBe<never>()
})

test("fakes of every contract make one layer; a fake that gives another dtype does not compile", () => {
  const fake = OnnxRuntime.fake({ ...contract, run: () => ({ states: latents }) })
  expect(OnnxRuntime.layerFake).type.toBeCallableWith({ "a.onnx": fake })
  expect(OnnxRuntime.fake).type.not.toBeCallableWith({ ...contract, run: () => ({ states: ids }) })
  expect(OnnxRuntime.fake).type.not.toBeCallableWith({ ...contract, run: () => ({}) })
})

test("providers are known by name", () => {
  expect(OnnxRuntime.layerGpu).type.toBeCallableWith({ provider: "cuda", fallback: "cpu" })
  expect(OnnxRuntime.layerGpu).type.not.toBeCallableWith({ provider: "vulkan" })
})
