/** A GPU behind one permit, with the CPU behind it where a fallback was asked for. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ProviderUnavailableError } from "../OnnxError.ts"
import type { GpuOptions } from "../OnnxRuntime.ts"
import { type Backend, deviceGate, localBackend } from "./backend.ts"
import { defaultThreads } from "./options.ts"
import { makePool } from "./pool.ts"
import type { ProviderConfig } from "./protocol.ts"
import * as runtime from "./runtime.ts"

/** the providers of onnxruntime-node that take a device number; the others refuse the option */
const numbered: ReadonlySet<string> = new Set(["cuda", "tensorrt", "dml"])

export const providerConfig = ({ deviceId, provider, providerOptions }: GpuOptions): ProviderConfig => {
  if (deviceId !== undefined && !numbered.has(provider)) {
    throw new RangeError(`OnnxRuntime.layerGpu: ${provider} takes no deviceId, got ${deviceId}`)
  }
  return { ...providerOptions, name: provider, ...(deviceId === undefined ? {} : { deviceId }) }
}

const backendOf = (options: GpuOptions): Effect.Effect<Backend> => {
  const gate = deviceGate(options.provider, options.deviceId ?? 0)
  return options.thread === "main"
    ? Effect.map(
        Effect.promise(() => import("./session.ts")),
        ({ create }) => localBackend(options.provider, create, gate)
      )
    : Effect.sync(() => makePool({ provider: options.provider, size: 1, gate: () => gate }))
}

export const makeGpu = (options: GpuOptions): Effect.Effect<runtime.Runtime, never, Scope.Scope> =>
  Effect.gen(function* () {
    const providers = [providerConfig(options)]
    const gpu = yield* runtime.make(yield* backendOf(options), { providers })
    return options.fallback === undefined ? gpu : yield* withFallback(gpu, options.provider)
  })

const withFallback = (gpu: runtime.Runtime, provider: string): Effect.Effect<runtime.Runtime, never, Scope.Scope> =>
  Effect.gen(function* () {
    const cpu = yield* runtime.make(makePool({ provider: "cpu", size: 1 }), { threads: defaultThreads(1) })
    // a provider that did not start once does not start later: do not try (and let it print to stderr) at every load
    let missing: ProviderUnavailableError | undefined
    return {
      load: (source, options) =>
        Effect.suspend(() =>
          missing !== undefined
            ? cpu.load(source, options)
            : Effect.catchTag(gpu.load(source, options), "ProviderUnavailableError", (error) => {
                missing = error
                return Effect.andThen(
                  Effect.logWarning(`${error.message}; ${provider} models run on the CPU instead`),
                  cpu.load(source, options)
                )
              })
        ),
      status: Effect.map(Effect.all([gpu.status, cpu.status]), ([a, b]) => ({
        provider: missing === undefined ? a.provider : b.provider,
        workers: a.workers + b.workers,
        models: a.models + b.models,
        bytes: a.bytes + b.bytes,
        queued: a.queued + b.queued,
        running: a.running + b.running
      }))
    }
  })
