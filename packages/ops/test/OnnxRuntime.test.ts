import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ModelStore from "../src/ModelStore.ts"
import { ModelRunError } from "../src/OnnxError.ts"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import * as Tensor from "../src/Tensor.ts"
import { fakesOf } from "./support/fakes.ts"
import { add, float32 } from "./support/graphs.ts"
import { layerSuite } from "./support/layerSuite.ts"

layerSuite("layerCpu", OnnxRuntime.layerCpu, { provider: "cpu" })
layerSuite("layerWorkers", OnnxRuntime.layerWorkers({ workers: 1 }), { provider: "cpu" })
layerSuite("layerWorkers, two", OnnxRuntime.layerWorkers({ workers: 2, threadsPerWorker: 1 }), { provider: "cpu" })
layerSuite("layerFake", OnnxRuntime.layerFake(fakesOf), { provider: "fake" })

const logged = (lines: Array<string>) =>
  Logger.layer([
    Logger.make(({ message }) => void lines.push(Array.isArray(message) ? message.join(" ") : String(message)))
  ])

describe("layerGpu", () => {
  // no build of onnxruntime-node has both
  const missing = process.platform === "darwin" ? "dml" : "coreml"

  it.effect("fails to load where the provider is not there", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(OnnxGraph.load(add))
      assert.strictEqual(error._tag, "ProviderUnavailableError")
      assert.include(error.message, `execution provider '${missing}' does not start: `)
    }).pipe(Effect.provide(OnnxRuntime.layerGpu({ provider: missing })))
  )

  it.effect("falls back to the CPU where it was told to, says so once, and the models say it too", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      for (let i = 0; i < 2; i++) {
        const model = yield* OnnxGraph.load(add)
        assert.strictEqual(model.provider, "cpu")
        assert.deepStrictEqual([...(yield* model.run({ a: float32(1), b: float32(2) })).c.data], [3])
      }
      const status = yield* OnnxRuntime.OnnxRuntime.use((runtime) => runtime.status)
      assert.deepInclude(status, { provider: "cpu", models: 2 })
      assert.strictEqual(lines.filter((line) => line.includes(missing)).length, 1)
      assert.include(lines.join(), `${missing} models run on the CPU instead`)
    }).pipe(Effect.provide(OnnxRuntime.layerGpu({ provider: missing, fallback: "cpu" })), Effect.provide(logged(lines)))
  })

  it.effect("does not fall back because of the model", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(OnnxRuntime.load("nowhere.onnx"))
      assert.strictEqual(error.message, "cannot load nowhere.onnx (not-found): no such file")
    }).pipe(Effect.provide(OnnxRuntime.layerGpu({ provider: "webgpu", fallback: "cpu" })))
  )
})

describe("layerAuto", () => {
  it.effect("runs on the CPU where no candidate starts, and says why", () => {
    const lines: Array<string> = []
    const candidates = process.platform === "darwin" ? (["dml"] as const) : (["coreml"] as const)
    return Effect.gen(function* () {
      const model = yield* OnnxGraph.load(add)
      assert.strictEqual(model.provider, "cpu")
      const line = lines.find((_) => _.startsWith("OnnxRuntime.layerAuto"))
      assert.match(line!, /(coreml|dml) does not start: this build of onnxruntime-node has cpu.*models run on the CPU/)
    }).pipe(Effect.provide(OnnxRuntime.layerAuto({ candidates })), Effect.provide(logged(lines)))
  })

  it.effect("does not wait for a candidate that does not answer", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      assert.strictEqual((yield* OnnxGraph.load(add)).provider, "cpu")
      assert.include(lines.join(), "webgpu does not start: no answer within 1 ms; models run on the CPU")
    }).pipe(
      Effect.provide(OnnxRuntime.layerAuto({ candidates: ["webgpu"], timeout: 1 })),
      Effect.provide(logged(lines))
    )
  })
})

describe("options", () => {
  const building = (layer: ReturnType<typeof OnnxRuntime.layerWorkers>) =>
    Effect.map(Effect.sandbox(Effect.provide(Effect.void, layer)).pipe(Effect.flip), (cause) => String(cause))

  it.effect("that make no sense are refused when the layer is built", () =>
    Effect.gen(function* () {
      assert.include(
        yield* building(OnnxRuntime.layerWorkers({ workers: 0 })),
        "layerWorkers: workers: expected a positive integer, got 0"
      )
      assert.include(
        yield* building(OnnxRuntime.layerCpuWith({ threads: 1.5 })),
        "layerCpuWith: threads: expected a positive integer, got 1.5"
      )
      assert.include(
        yield* building(OnnxRuntime.layerGpu({ provider: "webgpu", deviceId: 1 })),
        "webgpu takes no deviceId, got 1"
      )
      const store = Layer.provide(ModelStore.layer({ budget: Number.NaN }), OnnxRuntime.layerFake({}))
      const refused = yield* Effect.flip(Effect.sandbox(Effect.provide(Effect.void, store)))
      assert.include(String(refused), "ModelStore.layer: budget: expected a number of bytes, got NaN")
    })
  )

  it.effect("of a load too", () =>
    Effect.gen(function* () {
      const load = (options: OnnxRuntime.LoadOptions) =>
        Effect.map(Effect.flip(Effect.sandbox(Effect.scoped(OnnxGraph.load(add, options)))), String)
      assert.include(yield* load({ replicas: 0 }), "load: replicas: expected a positive integer, got 0")
      assert.include(yield* load({ threads: -1 }), "load: threads: expected a positive integer, got -1")
    }).pipe(Effect.provide(OnnxRuntime.layerCpu))
  )
})

describe("layerFake", () => {
  const x = float32(1)
  const declared = { inputs: { x: Tensor.float32("n") }, outputs: { y: Tensor.float32("n") } }

  it.effect("fails as files do where there is no fake", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(OnnxRuntime.load("b.onnx"))
      assert.strictEqual(error.message, "cannot load b.onnx (not-found): no such fake")
    }).pipe(Effect.provide(OnnxRuntime.layerFake({ "a.onnx": { ...declared, run: ({ x }) => ({ y: x! }) } })))
  )

  it.effect("holds fakes to what they declare", () =>
    Effect.gen(function* () {
      const model = yield* OnnxRuntime.load("a.onnx")
      const error = yield* Effect.flip(model.run({ x }))
      assert.strictEqual(
        error.message,
        "a.onnx failed: the fake breaks its own declaration: output 'y': expected float32[n], got int32[1] (dtype)"
      )
      const missing = yield* Effect.flip((yield* OnnxRuntime.load("b.onnx")).run({ x }))
      assert.include(missing.message, "output 'y' is missing, expected float32[n]")
    }).pipe(
      Effect.provide(
        OnnxRuntime.layerFake({
          "a.onnx": { ...declared, run: () => ({ y: Tensor.zeros("int32", [1]) }) },
          "b.onnx": { ...declared, run: () => ({}) }
        })
      )
    )
  )

  it.effect("fails, throws and waits as the fake says", () =>
    Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const layer = OnnxRuntime.layerFake({
        fails: { ...declared, run: () => Effect.fail(new ModelRunError({ model: "fails", detail: "on purpose" })) },
        throws: {
          ...declared,
          run: () => {
            throw new Error("a bug")
          }
        },
        waits: OnnxRuntime.fake({ ...declared, run: ({ x }) => Effect.as(Deferred.await(latch), { y: x }) })
      })
      yield* Effect.gen(function* () {
        const run = (path: string) => Effect.flatMap(OnnxRuntime.load(path), (model) => model.run({ x }))
        assert.strictEqual((yield* Effect.flip(run("fails"))).message, "fails failed: on purpose")
        assert.strictEqual((yield* Effect.flip(run("throws"))).message, "throws failed: a bug")
        const waiting = yield* Effect.forkChild(run("waits"), { startImmediately: true })
        yield* Deferred.succeed(latch, undefined)
        assert.deepStrictEqual([...(yield* Fiber.join(waiting))["y"]!.data], [1])
      }).pipe(Effect.provide(layer))
    })
  )
})
