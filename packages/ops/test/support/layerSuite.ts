/** What every layer of OnnxRuntime must do, run over each of them. */
import { assert, layer as sharing } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Model } from "../../src/Model.ts"
import * as OnnxGraph from "../../src/OnnxGraph.ts"
import * as OnnxRuntime from "../../src/OnnxRuntime.ts"
import * as Tensor from "../../src/Tensor.ts"
import { add, arithmetic, float32, heavy, network, networkByHand, ramp } from "./graphs.ts"

export interface SuiteOptions {
  /** what models say they run on */
  readonly provider: string
  /** matrix products that take long enough to be interrupted; fewer on slow devices */
  readonly heavyLayers?: number
  /** and smaller ones: rows and columns */
  readonly heavySize?: number
  /** dtypes that the device has no kernels for */
  readonly without?: ReadonlyArray<Tensor.DType>
  /** largest difference from the loops in double precision, relative to values around 1 */
  readonly tolerance?: number
}

const samples: ReadonlyArray<Tensor.Tensor> = [
  Tensor.make("float32", [2], Float32Array.of(1.5, -0)),
  Tensor.make("float64", [2], Float64Array.of(Math.PI, -1e300)),
  Tensor.make("float16", [2], Uint16Array.of(0x3c00, 0xfbff)),
  Tensor.make("int8", [2], Int8Array.of(-128, 127)),
  Tensor.make("uint8", [2], Uint8Array.of(0, 255)),
  Tensor.make("int16", [2], Int16Array.of(-32768, 32767)),
  Tensor.make("uint16", [2], Uint16Array.of(0, 65535)),
  Tensor.make("int32", [2], Int32Array.of(-(2 ** 31), 2 ** 31 - 1)),
  Tensor.make("uint32", [2], Uint32Array.of(0, 2 ** 32 - 1)),
  Tensor.make("int64", [2], BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)),
  Tensor.make("uint64", [2], BigUint64Array.of(0n, 2n ** 64n - 1n)),
  Tensor.make("bool", [2], Uint8Array.of(1, 0)),
  Tensor.make("string", [2], ["", "grüße"])
]

export const identity = (dtype: Tensor.DType) =>
  OnnxGraph.make(`identity of ${dtype}`, {
    inputs: { x: Tensor[dtype]("n") },
    outputs: { y: Tensor[dtype]("n") },
    nodes: [OnnxGraph.node("Identity", ["x"], ["y"])]
  })

const status = OnnxRuntime.OnnxRuntime.use((runtime) => runtime.status)

/** Waits until the runtime says so; each look lets the event loop turn once. */
const until = (holds: (status: OnnxRuntime.Status) => boolean) =>
  Effect.gen(function* () {
    while (!holds(yield* status)) yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
  })

export const layerSuite = (name: string, layer: Layer.Layer<OnnxRuntime.OnnxRuntime>, options: SuiteOptions): void => {
  const layers = options.heavyLayers ?? 60
  const size = options.heavySize ?? 256
  const x = ramp([size, size])
  const loadAdd = OnnxRuntime.load(OnnxGraph.encode(add), { name: "add" })
  const loadHeavy = OnnxRuntime.load(OnnxGraph.encode(heavy(layers, size)), { name: "heavy" })

  sharing(layer)(name, (it) => {
    it.effect("knows what it loaded", () =>
      Effect.gen(function* () {
        const bytes = OnnxGraph.encode(arithmetic)
        const model = yield* OnnxRuntime.load(bytes, { name: "arithmetic" })
        assert.strictEqual(model.name, "arithmetic")
        assert.strictEqual(model.provider, options.provider)
        assert.strictEqual(model.bytes, bytes.byteLength)
        assert.deepStrictEqual(model.inputs, [
          { name: "a", dtype: "float32", shape: ["batch", 2] },
          { name: "b", dtype: "float32", shape: ["batch", 2] }
        ])
        assert.deepStrictEqual(
          model.outputs.map((_) => _.name),
          ["sum", "product"]
        )
      })
    )

    it.effect("runs, and gives only the outputs asked for", () =>
      Effect.gen(function* () {
        const model = yield* OnnxRuntime.load(OnnxGraph.encode(arithmetic))
        const a = Tensor.make("float32", [1, 2], Float32Array.of(2, 3))
        const b = Tensor.make("float32", [1, 2], Float32Array.of(5, 7))
        const all = yield* model.run({ a, b })
        assert.deepStrictEqual([...all["sum"]!.data], [7, 10])
        assert.deepStrictEqual([...all["product"]!.data], [10, 21])
        assert.deepStrictEqual(all["sum"]!.shape, [1, 2])
        const one = yield* model.run({ a, b }, { outputs: ["product"] })
        assert.deepStrictEqual(Object.keys(one), ["product"])
        assert.deepStrictEqual([...one["product"]!.data], [10, 21])
        assert.deepStrictEqual([...a.data, ...b.data], [2, 3, 5, 7])
      })
    )

    it.effect("agrees with plain loops", () =>
      Effect.gen(function* () {
        const model = yield* OnnxGraph.load(network())
        const input = ramp([2, 4, 8, 8])
        const { y } = yield* model.run({ x: input })
        const expected = networkByHand(input)
        const worst = y.data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
        assert.isBelow(worst, options.tolerance ?? 1e-5)
        assert.isAbove(Math.max(...y.data), 0.1)
      })
    )

    it.effect("carries every dtype", () =>
      Effect.gen(function* () {
        for (const sample of samples) {
          if (options.without?.includes(sample.dtype)) continue
          const model = yield* OnnxRuntime.load(OnnxGraph.encode(identity(sample.dtype)))
          const { y } = yield* model.run({ x: sample })
          assert.strictEqual(y!.dtype, sample.dtype)
          assert.deepStrictEqual(y!.data, sample.data, sample.dtype)
        }
      })
    )

    it.effect("takes views of larger buffers, empty tensors and tensors of 8 MB", () =>
      Effect.gen(function* () {
        const model = yield* OnnxGraph.load(add)
        const base = Float32Array.from({ length: 12 }, (_, i) => i)
        const view = Tensor.make("float32", [3], base.subarray(4, 7))
        assert.deepStrictEqual([...(yield* model.run({ a: view, b: view })).c.data], [8, 10, 12])
        const empty = Tensor.zeros("float32", [0])
        assert.deepStrictEqual((yield* model.run({ a: empty, b: empty })).c.shape, [0])
        const large = Tensor.make("float32", [2 ** 21 + 1], new Float32Array(2 ** 21 + 1).fill(3))
        const { c } = yield* model.run({ a: large, b: large })
        assert.strictEqual(c.shape[0], 2 ** 21 + 1)
        assert.isTrue(c.data.every((value) => value === 6))
        assert.strictEqual(base[4], 4)
      })
    )

    it.effect("refuses feeds that do not fit, all problems at once, and runs nothing", () =>
      Effect.gen(function* () {
        const model = yield* OnnxRuntime.load(OnnxGraph.encode(arithmetic), { name: "arithmetic" })
        const error = yield* Effect.flip(model.run({ a: Tensor.zeros("int32", [1, 2]), c: float32(1) }))
        assert.strictEqual(
          error.message,
          "arithmetic refuses its inputs: 'a': expected float32[batch, 2], got int32[1, 2] (dtype); " +
            "'b': missing, expected float32[batch, 2]; 'c': no such input; it has 'a', 'b'"
        )
        const shared = yield* Effect.flip(
          model.run({ a: Tensor.zeros("float32", [1, 2]), b: Tensor.zeros("float32", [3, 2]) })
        )
        assert.include(shared.message, "'b': axis 0 ('batch') is 3, but 1 in 'a'")
        const output = yield* Effect.flip(
          model.run({ a: Tensor.zeros("float32", [1, 2]), b: Tensor.zeros("float32", [1, 2]) }, { outputs: ["sums"] })
        )
        assert.include(output.message, "'sums': no such output; it has 'sum', 'product'")
        const metrics = yield* Metric.snapshot
        assert.isFalse(metrics.some((metric) => metric.id === "onnx_runs"))
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    )

    it.effect("keeps the order and the results of concurrent runs", () =>
      Effect.gen(function* () {
        const model = yield* loadAdd
        const order: Array<number> = []
        const results = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          (i) =>
            Effect.map(model.run({ a: float32(i), b: float32(100) }), ({ c }) => {
              order.push(i)
              return c!.data[0]
            }),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          results,
          Array.from({ length: 20 }, (_, i) => i + 100)
        )
        assert.deepStrictEqual(
          order,
          Array.from({ length: 20 }, (_, i) => i)
        )
      })
    )

    it.effect("frees an interrupted caller at once, cancels what waits, and goes on", () =>
      Effect.gen(function* () {
        const model = yield* loadHeavy
        const running = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
        const waiting = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
        assert.deepInclude(yield* status, { queued: 1, running: 1 })
        yield* Fiber.interrupt(waiting)
        yield* until((_) => _.queued === 0)
        yield* Fiber.interrupt(running)
        // the caller is free while the run it began is still on
        assert.deepInclude(yield* status, { queued: 0, running: 1 })
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(running)))
        const { y } = yield* model.run({ x })
        assert.deepStrictEqual(y!.shape, [size, size])
        assert.deepInclude(yield* status, { queued: 0, running: 0 })
      })
    )

    it.effect("drains a run before its model is released; runs that waited fail as closed", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const model = yield* Scope.provide(loadHeavy, scope)
        const running = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
        const waiting = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(running)))
        const closed = yield* Fiber.await(waiting)
        assert.isTrue(Exit.isFailure(closed) && Cause.squash(closed.cause) instanceof Error)
        assert.strictEqual((yield* Effect.flip(Fiber.join(waiting)))._tag, "ModelClosedError")
        assert.deepInclude(yield* status, { models: 0, bytes: 0, queued: 0, running: 0 })
        assert.strictEqual((yield* Effect.flip(model.run({ x })))._tag, "ModelClosedError")
      })
    )

    it.effect("closes what is still open when the layer closes", () =>
      Effect.gen(function* () {
        const outer = yield* Effect.scope
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
        const model: Model = yield* Effect.provide(Scope.provide(loadAdd, outer), context)
        const runtime = yield* Effect.provide(OnnxRuntime.OnnxRuntime, context)
        yield* Scope.close(scope, Exit.void)
        assert.deepInclude(yield* runtime.status, { models: 0, bytes: 0 })
        assert.strictEqual((yield* Effect.flip(model.run({ a: float32(1), b: float32(1) })))._tag, "ModelClosedError")
        const late = yield* Effect.flip(runtime.load(OnnxGraph.encode(add), { name: "late" }))
        assert.strictEqual(late.message, "cannot load late (other): the layer it was asked of is closed")
      })
    )

    it.effect("leaves nothing behind when a load fails or is interrupted", () =>
      Effect.gen(function* () {
        const bad = yield* Effect.flip(OnnxRuntime.load(Uint8Array.of(1, 2, 3), { name: "junk" }))
        assert.strictEqual(bad._tag, "ModelLoadError")
        const loading = yield* Effect.forkChild(Effect.scoped(loadHeavy), { startImmediately: true })
        yield* Fiber.interrupt(loading)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(loading)))
        // what the interrupted load opened is released in the background
        yield* until((_) => _.models === 0)
        const model = yield* loadAdd
        assert.deepStrictEqual([...(yield* model.run({ a: float32(1), b: float32(2) }))["c"]!.data], [3])
        assert.deepInclude(yield* status, { models: 1 })
      })
    )

    it.effect("loads one source several times at once", () =>
      Effect.gen(function* () {
        const models = yield* Effect.all(
          Array.from({ length: 5 }, () => loadAdd),
          { concurrency: "unbounded" }
        )
        assert.deepInclude(yield* status, { models: 5 })
        for (const model of models) {
          assert.deepStrictEqual([...(yield* model.run({ a: float32(1), b: float32(2) }))["c"]!.data], [3])
        }
      })
    )

    it.effect("has spans with a tracer and none without", () =>
      Effect.gen(function* () {
        const spans: Array<Tracer.NativeSpan> = []
        const tracer = Tracer.make({
          span: (given) => {
            const span = new Tracer.NativeSpan(given)
            spans.push(span)
            return span
          }
        })
        const model = yield* Effect.withTracer(
          OnnxRuntime.load(OnnxGraph.encode(arithmetic), { name: "arithmetic" }),
          tracer
        )
        const a = Tensor.zeros("float32", [3, 2])
        yield* Effect.withTracer(model.run({ a, b: a }), tracer)
        yield* model.run({ a, b: a })
        assert.deepStrictEqual(
          spans.map((span) => span.name),
          ["OnnxRuntime.load", "OnnxRuntime.run"]
        )
        assert.deepStrictEqual(Object.fromEntries(spans[1]!.attributes), {
          model: "arithmetic",
          provider: options.provider,
          batch: 3
        })
      })
    )

    it.effect("counts runs, loads, bytes and failures", () =>
      Effect.gen(function* () {
        const bytes = OnnxGraph.encode(add)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const model = yield* OnnxRuntime.load(bytes, { name: "add" })
            yield* model.run({ a: float32(1), b: float32(2) })
            yield* model.run({ a: float32(1), b: float32(2) })
            assert.strictEqual((yield* Metric.value(OnnxRuntime.metrics.openModels)).value, 1)
            assert.strictEqual((yield* Metric.value(OnnxRuntime.metrics.loadedBytes)).value, bytes.byteLength)
          })
        )
        yield* Effect.ignore(OnnxRuntime.load(Uint8Array.of(1), { name: "junk" }))
        assert.strictEqual((yield* Metric.value(OnnxRuntime.metrics.openModels)).value, 0)
        assert.strictEqual((yield* Metric.value(OnnxRuntime.metrics.loadedBytes)).value, 0)
        assert.strictEqual((yield* Metric.value(OnnxRuntime.metrics.queueLength)).value, 0)
        const of = { model: "add", provider: options.provider }
        const runs = Metric.withAttributes(OnnxRuntime.metrics.runs, { ...of, outcome: "success" })
        assert.strictEqual((yield* Metric.value(runs)).count, 2)
        assert.strictEqual((yield* Metric.value(Metric.withAttributes(OnnxRuntime.metrics.runDuration, of))).count, 2)
        const failed = Metric.withAttributes(OnnxRuntime.metrics.loads, {
          model: "junk",
          provider: options.provider,
          outcome: "failure"
        })
        assert.strictEqual((yield* Metric.value(failed)).count, 1)
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    )
  })
}
