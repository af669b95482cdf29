/** The runtime over any backend. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Model } from "../Model.ts"
import { type LoadError, ModelLoadError } from "../OnnxError.ts"
import type { LoadOptions, Source, Status } from "../OnnxRuntime.ts"
import type { Backend } from "./backend.ts"
import { type Counts, type Handle, makeHandle } from "./handle.ts"
import { positiveInteger } from "./options.ts"
import type { SessionOptions } from "./protocol.ts"
import { traced } from "./trace.ts"

export interface Runtime {
  readonly load: (source: Source, options?: LoadOptions) => Effect.Effect<Model, LoadError, Scope.Scope>
  readonly status: Effect.Effect<Status>
}

/** Everything it opens is closed with the scope of `make`, models whose own scope is still open included. */
export const make = (backend: Backend, defaults: SessionOptions = {}): Effect.Effect<Runtime, never, Scope.Scope> =>
  Effect.gen(function* () {
    const open = new Map<Handle, Fiber.Fiber<Model, LoadError>>()
    const counts: Counts = { models: 0, bytes: 0, queued: 0, running: 0 }
    let closed = false

    yield* Effect.addFinalizer(() => {
      closed = true
      const all = Effect.forEach(open, ([handle, fiber]) => Effect.andThen(Fiber.interrupt(fiber), handle.close), {
        concurrency: "unbounded",
        discard: true
      })
      return Effect.andThen(
        all,
        Effect.promise(() => backend.close())
      )
    })

    const load = (source: Source, options: LoadOptions = {}): Effect.Effect<Model, LoadError, Scope.Scope> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const handle = makeHandle({
            backend,
            source,
            load: options,
            counts,
            session: sessionOptions(defaults, options)
          })
          if (closed)
            return yield* new ModelLoadError({
              model: handle.name,
              reason: "other",
              detail: "the layer it was asked of is closed"
            })
          const span = traced(
            "OnnxRuntime.load",
            () => ({ model: handle.name, provider: backend.provider }),
            handle.open
          )
          const fiber = yield* Effect.forkDetach(span, { startImmediately: true })
          open.set(handle, fiber)
          const close = Effect.andThen(
            handle.close,
            Effect.sync(() => open.delete(handle))
          )
          const exit = yield* Effect.exit(restore(Fiber.join(fiber)))
          if (Exit.isSuccess(exit)) {
            yield* Scope.addFinalizer(yield* Effect.scope, close)
            yield* Effect.logDebug(`loaded ${handle.name}: ${backend.provider}, ${exit.value.bytes} bytes`)
            return exit.value
          }
          // Interrupted while it loads: the caller goes, the load ends by itself, and what it opened is released there.
          fiber.interruptUnsafe()
          yield* Effect.forkDetach(Effect.andThen(Fiber.await(fiber), close))
          return yield* exit
        })
      )

    const status = Effect.sync((): Status => ({ provider: backend.provider, workers: backend.workers, ...counts }))
    return { load, status }
  })

const sessionOptions = (defaults: SessionOptions, options: LoadOptions): SessionOptions => ({
  ...defaults,
  ...(options.threads === undefined ? {} : { threads: positiveInteger("load: threads", options.threads) }),
  ...(options.optimization === undefined ? {} : { optimization: options.optimization }),
  ...(options.externalData === undefined ? {} : { externalData: options.externalData })
})
