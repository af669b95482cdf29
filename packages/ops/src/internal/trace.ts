import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

/** A span, but nothing at all unless a tracer was installed: recording what nobody reads costs more than a small run. */
export const traced = <A, E, R>(
  name: string,
  attributes: () => Record<string, unknown>,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.tracer, (tracer): Effect.Effect<A, E, R> =>
    tracer === Tracer.nativeTracer
      ? self
      : (Effect.withSpan(self, name, { attributes: attributes(), kind: "internal" }) as Effect.Effect<A, E, R>)
  )
