/**
 * The one door to ONNX Runtime. Blocks ask for the service; which thread or device runs the models is a Layer, and swapping
 * it changes no block.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { localBackend } from "./internal/backend.ts"
import * as metricsOf from "./internal/metrics.ts"
import { makePool } from "./internal/pool.ts"
import * as runtime from "./internal/runtime.ts"
import { defaultThreads, positiveInteger } from "./internal/options.ts"
import type { Model } from "./Model.ts"
import type { LoadError } from "./OnnxError.ts"

/** A path, or the bytes of a model. */
export type Source = string | Uint8Array

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
  readonly provider: string
  readonly workers: number
  /** models that are open, and their bytes */
  readonly models: number
  readonly bytes: number
  /** runs that wait for their turn, and runs that are on */
  readonly queued: number
  readonly running: number
}

export class OnnxRuntime extends Context.Service<OnnxRuntime, {
  /** Loads a model into a scope. Interrupting frees the caller at once; what the load opened is released. */
  readonly load: (source: Source, options?: LoadOptions) => Effect.Effect<Model, LoadError, Scope.Scope>
  readonly status: Effect.Effect<Status>
}>()("effect-blocks/ops/OnnxRuntime") {}

export const load = (source: Source, options?: LoadOptions): Effect.Effect<Model, LoadError, Scope.Scope | OnnxRuntime> =>
  OnnxRuntime.use((_) => _.load(source, options))

const session = Effect.promise(() => import("./internal/session.ts"))

export interface CpuOptions {
  readonly threads?: number | undefined
}

export const layerCpuWith = (options: CpuOptions): Layer.Layer<OnnxRuntime> =>
  Layer.effect(
    OnnxRuntime,
    Effect.flatMap(session, ({ create }) => runtime.make(localBackend("cpu", create), { threads: positiveInteger("layerCpu: threads", options.threads) }))
  )

export const layerCpu: Layer.Layer<OnnxRuntime> = layerCpuWith({})

export interface WorkersOptions {
  readonly workers?: number | undefined
  readonly threadsPerWorker?: number | undefined
}

export const layerWorkers = (options: WorkersOptions = {}): Layer.Layer<OnnxRuntime> =>
  Layer.effect(
    OnnxRuntime,
    Effect.suspend(() => {
      const workers = positiveInteger("layerWorkers: workers", options.workers) ?? 1
      const threads = positiveInteger("layerWorkers: threadsPerWorker", options.threadsPerWorker) ?? defaultThreads(workers)
      return runtime.make(makePool({ provider: "cpu", size: workers }), { threads })
    })
  )
export const metrics = metricsOf
