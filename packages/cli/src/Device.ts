/**
 * Where models run, by the names of `--device`.
 *
 * @module
 */
import type { OnnxRuntime } from "@effect-blocks/ops/OnnxRuntime"
import * as Runtime from "@effect-blocks/ops/OnnxRuntime"
import type * as Layer from "effect/Layer"
import type { LoadError } from "@effect-blocks/ops/OnnxError"

/**
 * The names that `--device` takes.
 *
 * ```ts
 * import * as Device from "@effect-blocks/cli/Device"
 * import assert from "node:assert"
 *
 * assert.deepEqual(Device.names, ["auto", "cpu", "workers", "webgpu", "cuda", "coreml", "dml"])
 * ```
 */
export const names = ["auto", "cpu", "workers", "webgpu", "cuda", "coreml", "dml"] as const
export type Name = (typeof names)[number]

/**
 * The layer for a name: `cpu` runs models in this thread, `workers` in a thread of its own, `auto` on the best provider
 * that starts, the others on that provider or not at all.
 *
 * ```ts
 * import * as Device from "@effect-blocks/cli/Device"
 * import { OnnxRuntime } from "@effect-blocks/ops/OnnxRuntime"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const status = Effect.flatMap(OnnxRuntime, (runtime) => runtime.status)
 * const { provider } = await Effect.runPromise(Effect.provide(status, Device.layer("cpu")))
 * assert.equal(provider, "cpu")
 * ```
 */
export const layer = (name: Name): Layer.Layer<OnnxRuntime, LoadError> => {
  switch (name) {
    case "cpu":
      return Runtime.layerCpu
    case "workers":
      return Runtime.layerWorkers()
    case "auto":
      return Runtime.layerAuto()
    default:
      return Runtime.layerGpu({ provider: name })
  }
}
