/**
 * The one door to ONNX Runtime. Blocks ask for the service; a Layer says which thread or device runs the models, and
 * swapping it changes no block.
 *
 * | layer | a run | the event loop |
 * | --- | --- | --- |
 * | `layerCpu` | in this thread: the least overhead | stands still while a model runs |
 * | `layerWorkers` | on the CPU, in worker threads | stays free: for anything that serves, or shows progress |
 * | `layerGpu` | on cuda, webgpu, coreml or dml, one run at a time per device | stays free |
 * | `layerAuto` | on the best of these that really starts, else in workers | stays free |
 * | `layerFake` | in JavaScript functions, for tests | |
 *
 * All have one meaning. Runs of a model are in order. Interrupting a run frees the caller at once: a run that waits is
 * cancelled, one that has started goes on in the background (ONNX Runtime cannot stop in the middle) and is waited for
 * before its model is released. Nothing stays open when the scope ends, whichever way it ends.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { choose } from "./internal/auto.ts"
import { localBackend } from "./internal/backend.ts"
import { fakeBackend } from "./internal/fake.ts"
import { makeGpu } from "./internal/gpu.ts"
import * as internalMetrics from "./internal/metrics.ts"
import { defaultThreads, positiveInteger } from "./internal/options.ts"
import { makePool } from "./internal/pool.ts"
import * as runtime from "./internal/runtime.ts"
import type { Contract, Model } from "./Model.ts"
import type { LoadError, ModelRunError } from "./OnnxError.ts"

/** A path, or the bytes of a model. */
export type Source = string | Uint8Array

/** How a model is loaded; all of it may be left to the layer. */
export interface LoadOptions {
  /** how errors, spans and metrics call the model; the path when absent */
  readonly name?: string | undefined
  /** threads inside one run; the layer decides when absent */
  readonly threads?: number | undefined
  /** ONNX Runtime's graph optimisation, "all" when absent */
  readonly optimization?: "disabled" | "basic" | "extended" | "all" | undefined
  /** copies of the model, each on the worker with the fewest: as many runs at once. 1 when absent */
  readonly replicas?: number | undefined
  /** weights for a model given as bytes: the location written in the model, and the file or bytes to take */
  readonly externalData?: { readonly [location: string]: string | Uint8Array } | undefined
  /** "ignore" for files whose exporter gave one name to sizes that differ */
  readonly symbolicDims?: "strict" | "ignore" | undefined
}

/** What a runtime is doing. */
export interface Status {
  /** the execution provider that models run on */
  readonly provider: string
  /** worker threads it may use; 0 when it runs in this thread */
  readonly workers: number
  /** models that are open, and their bytes */
  readonly models: number
  readonly bytes: number
  /** runs that wait for their turn, and runs that are on */
  readonly queued: number
  readonly running: number
}

/**
 * The service: ask for it with `yield* OnnxRuntime.OnnxRuntime`, or call `OnnxRuntime.load`.
 *
 * ```ts
 * import { OnnxRuntime } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const program = Effect.gen(function*() {
 *   const runtime = yield* OnnxRuntime.OnnxRuntime
 *   return (yield* runtime.status).provider
 * })
 * assert.equal(await Effect.runPromise(Effect.provide(program, OnnxRuntime.layerCpu)), "cpu")
 * ```
 */
export class OnnxRuntime extends Context.Service<
  OnnxRuntime,
  {
    /** Loads a model into a scope. Interrupting frees the caller at once; what the load opened is released. */
    readonly load: (source: Source, options?: LoadOptions) => Effect.Effect<Model, LoadError, Scope.Scope>
    /** What it is doing now. */
    readonly status: Effect.Effect<Status>
  }
>()("effect-blocks/ops/OnnxRuntime") {}

/**
 * Loads a model into the current scope.
 *
 * ```ts
 * import { OnnxRuntime } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const error = await OnnxRuntime.load("missing.onnx").pipe(
 *   Effect.scoped,
 *   Effect.flip,
 *   Effect.provide(OnnxRuntime.layerCpu),
 *   Effect.runPromise
 * )
 * assert.equal(error.message, "cannot load missing.onnx (not-found): no such file")
 * ```
 */
export const load = (
  source: Source,
  options?: LoadOptions
): Effect.Effect<Model, LoadError, Scope.Scope | OnnxRuntime> => OnnxRuntime.use((_) => _.load(source, options))

/** How models run in this thread. */
export interface CpuOptions {
  /** threads inside one run; ONNX Runtime takes one a core when absent */
  readonly threads?: number | undefined
}

/**
 * Runs models in this thread, with options. Simplest and fastest, but every load and run holds up the event loop for its
 * whole length, and runs of different models wait for each other.
 *
 * ```ts
 * import { OnnxRuntime } from "@effect-blocks/ops"
 *
 * const layer = OnnxRuntime.layerCpuWith({ threads: 1 })
 * ```
 */
export const layerCpuWith = (options: CpuOptions): Layer.Layer<OnnxRuntime> =>
  Layer.effect(
    OnnxRuntime,
    Effect.gen(function* () {
      const threads = positiveInteger("layerCpuWith: threads", options.threads)
      // imported here, so that a program that only uses workers does not load it in its main thread
      const { create } = yield* Effect.promise(() => import("./internal/session.ts"))
      return yield* runtime.make(localBackend("cpu", create), { threads })
    })
  )

/**
 * Runs models in this thread: `layerCpuWith` without options.
 *
 * ```ts
 * import { OnnxGraph, OnnxRuntime, Tensor } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const sum = OnnxGraph.make("sum", {
 *   inputs: { a: Tensor.float32("n"), b: Tensor.float32("n") },
 *   outputs: { c: Tensor.float32("n") },
 *   nodes: [OnnxGraph.node("Add", ["a", "b"], ["c"])]
 * })
 * const one = Tensor.make("float32", [1], Float32Array.of(1))
 * const program = Effect.flatMap(OnnxGraph.load(sum), (model) => model.run({ a: one, b: one }))
 * const { c } = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(OnnxRuntime.layerCpu)))
 * assert.deepEqual([...c.data], [2])
 * ```
 */
export const layerCpu: Layer.Layer<OnnxRuntime> = layerCpuWith({})

/** How models are spread over worker threads. */
export interface WorkersOptions {
  /** threads that own models; models are spread over them, and those on different workers run side by side. 1 when absent */
  readonly workers?: number | undefined
  /** threads inside one run; the cores divided among the workers when absent */
  readonly threadsPerWorker?: number | undefined
}

/**
 * Runs models on the CPU in worker threads, so that this thread stays free. Workers start when the first model is loaded and
 * are drained before they close. When one dies, the run that is on fails with `WorkerCrashedError`, and the next one starts
 * another and loads its model again.
 *
 * ```ts
 * import { OnnxRuntime } from "@effect-blocks/ops"
 *
 * const layer = OnnxRuntime.layerWorkers({ workers: 2, threadsPerWorker: 1 })
 * ```
 */
export const layerWorkers = (options: WorkersOptions = {}): Layer.Layer<OnnxRuntime> =>
  Layer.effect(
    OnnxRuntime,
    Effect.suspend(() => {
      const workers = positiveInteger("layerWorkers: workers", options.workers) ?? 1
      const threads =
        positiveInteger("layerWorkers: threadsPerWorker", options.threadsPerWorker) ?? defaultThreads(workers)
      return runtime.make(makePool({ provider: "cpu", size: workers }), { threads })
    })
  )

/** The execution providers that onnxruntime-node may bring besides the CPU. */
export type Provider = "cuda" | "webgpu" | "coreml" | "dml"

/** Which device runs models, and what if it does not start. */
export interface GpuOptions {
  readonly provider: Provider
  /** "cpu": models run in a worker thread on the CPU where the provider does not start, and the log says so */
  readonly fallback?: "cpu" | undefined
  /** which of several devices (cuda and dml only) */
  readonly deviceId?: number | undefined
  /** passed to the provider as they are, such as webgpu's `preferredLayout` */
  readonly providerOptions?: { readonly [option: string]: unknown } | undefined
  /** "main" saves the way to the worker, but every run holds up the event loop. "worker" when absent */
  readonly thread?: "worker" | "main" | undefined
}

/**
 * Runs models on a GPU, one run at a time per device of this process, as concurrent runs crash some providers. A provider
 * that does not start fails the load with `ProviderUnavailableError`, unless a fallback is given.
 *
 * Sessions live in a worker thread: a run keeps its JavaScript thread busy on every provider, and the way to the worker is
 * small beside what a GPU run takes.
 *
 * ```ts
 * import { OnnxGraph, OnnxRuntime, Tensor } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const identity = OnnxGraph.make("identity", {
 *   inputs: { x: Tensor.float32("n") },
 *   outputs: { y: Tensor.float32("n") },
 *   nodes: [OnnxGraph.node("Identity", ["x"], ["y"])]
 * })
 * const provider = await OnnxGraph.load(identity).pipe(
 *   Effect.map((model) => model.provider),
 *   Effect.scoped,
 *   Effect.provide(OnnxRuntime.layerGpu({ provider: "cuda", fallback: "cpu" })),
 *   Effect.runPromise
 * )
 * assert.ok(provider === "cuda" || provider === "cpu")
 * ```
 */
export const layerGpu = (options: GpuOptions): Layer.Layer<OnnxRuntime> =>
  Layer.effect(
    OnnxRuntime,
    Effect.suspend(() => makeGpu(options))
  )

/** What is tried, and how models run where only the CPU is left. */
export interface AutoOptions extends WorkersOptions {
  /** what to try, best first; what makes sense on the platform when absent */
  readonly candidates?: ReadonlyArray<Provider> | undefined
  /** how long the providers may take to answer, in ms; 20,000 when absent */
  readonly timeout?: number | undefined
}

/**
 * Runs models on the best provider that really starts here. A process of its own (some drivers abort instead of failing)
 * creates a small model on each candidate in turn, compares its numbers with the CPU's and times it; the first that starts, is
 * right and is not far slower than the CPU is taken. Otherwise models run in workers on the CPU. The log says which was taken
 * and why others were not.
 *
 * ```ts
 * import { OnnxRuntime } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const provider = await OnnxRuntime.OnnxRuntime.pipe(
 *   Effect.flatMap((runtime) => runtime.status),
 *   Effect.provide(OnnxRuntime.layerAuto({ candidates: [] })),
 *   Effect.runPromise
 * )
 * assert.equal(provider.provider, "cpu")
 * ```
 */
export const layerAuto = (options: AutoOptions = {}): Layer.Layer<OnnxRuntime> =>
  Layer.unwrap(
    Effect.map(choose(options), (provider) =>
      provider === undefined ? layerWorkers(options) : layerGpu({ provider, fallback: "cpu" })
    )
  )

/** A model made of a function: what it declares is checked as the metadata of a file would be. */
export interface Fake<I extends Contract.Fields, O extends Contract.Fields> extends Contract<I, O> {
  /** results, or an Effect that gives them: it may wait on a latch, or fail as a model does */
  readonly run: (feeds: Contract.Values<I>) => Contract.Values<O> | Effect.Effect<Contract.Values<O>, ModelRunError>
}
/** A fake of any contract. */
export interface AnyFake extends Contract<Contract.Fields, Contract.Fields> {
  // a method, so that fakes of every contract are assignable: feeds are checked against `inputs` before it is called
  run(
    feeds: Contract.Values<Contract.Fields>
  ): Contract.Values<Contract.Fields> | Effect.Effect<Contract.Values<Contract.Fields>, ModelRunError>
}

/**
 * Types a fake by its contract.
 *
 * ```ts
 * import { OnnxRuntime, Tensor } from "@effect-blocks/ops"
 *
 * const unet = OnnxRuntime.fake({
 *   inputs: { sample: Tensor.float32("batch", 4, "height", "width"), timestep: Tensor.float32(1) },
 *   outputs: { out_sample: Tensor.float32("batch", 4, "height", "width") },
 *   run: ({ sample }) => ({ out_sample: sample })
 * })
 * ```
 */
export const fake = <const I extends Contract.Fields, const O extends Contract.Fields>(self: Fake<I, O>): Fake<I, O> =>
  self

/**
 * Models made of functions, by path (or found by a function): for tests. Missing paths fail as missing files do; feeds and
 * results are checked as those of real models are. Fakes run side by side.
 *
 * ```ts
 * import { OnnxRuntime, Tensor } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const layer = OnnxRuntime.layerFake({
 *   "double.onnx": OnnxRuntime.fake({
 *     inputs: { x: Tensor.float32("n") },
 *     outputs: { y: Tensor.float32("n") },
 *     run: ({ x }) => ({ y: Tensor.make("float32", x.shape, x.data.map((_) => 2 * _)) })
 *   })
 * })
 * const program = Effect.gen(function*() {
 *   const model = yield* OnnxRuntime.load("double.onnx")
 *   return yield* model.run({ x: Tensor.make("float32", [1], Float32Array.of(4)) })
 * })
 * const { y } = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layer)))
 * assert.deepEqual([...y!.data], [8])
 * ```
 */
export const layerFake = (
  models: { readonly [path: string]: AnyFake } | ((source: Source) => AnyFake | undefined)
): Layer.Layer<OnnxRuntime> =>
  Layer.effect(
    OnnxRuntime,
    Effect.suspend(() =>
      runtime.make(
        fakeBackend(
          typeof models === "function"
            ? models
            : (source) => (typeof source === "string" && Object.hasOwn(models, source) ? models[source] : undefined)
        )
      )
    )
  )

/**
 * What every layer counts, under the attributes `model` and `provider` (and `outcome` for the counters):
 * runs and loads that have ended, their durations in ms, open models and their bytes, and runs that wait.
 *
 * ```ts
 * import { OnnxRuntime } from "@effect-blocks/ops"
 * import assert from "node:assert"
 *
 * assert.deepEqual(Object.values(OnnxRuntime.metrics).map((metric) => metric.id), [
 *   "onnx_runs", "onnx_run_duration_ms", "onnx_loads", "onnx_load_duration_ms",
 *   "onnx_open_models", "onnx_loaded_bytes", "onnx_queue_length"
 * ])
 * ```
 */
export const metrics: {
  readonly runs: Metric.Counter<number>
  readonly runDuration: Metric.Histogram<number>
  readonly loads: Metric.Counter<number>
  readonly loadDuration: Metric.Histogram<number>
  readonly openModels: Metric.Gauge<number>
  readonly loadedBytes: Metric.Gauge<number>
  readonly queueLength: Metric.Gauge<number>
} = {
  runs: internalMetrics.runs,
  runDuration: internalMetrics.runDuration,
  loads: internalMetrics.loads,
  loadDuration: internalMetrics.loadDuration,
  openModels: internalMetrics.openModels,
  loadedBytes: internalMetrics.loadedBytes,
  queueLength: internalMetrics.queueLength
}
