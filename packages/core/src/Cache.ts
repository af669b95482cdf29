/** Where `Block.cached` keeps results. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"

/** How a result is written by caches that keep bytes. */
export type Codec = Schema.Codec<{ readonly [name: string]: unknown }, unknown>

/**
 * Results by key. A cache that cannot answer says so in the log and counts as a miss: it never fails a run.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Layer, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import { Cache } from "@effect-blocks/core/Cache"
 *
 * // one of your own: everything, for ever
 * const results = new Map<string, { readonly [name: string]: unknown }>()
 * const forever = Layer.succeed(Cache, {
 *   get: (key) => Effect.sync(() => results.get(key)),
 *   set: (key, _codec, value) => Effect.sync(() => { results.set(key, value) })
 * })
 * const double = Block.pure("double", { inputs: { x: Schema.Number }, outputs: { y: Schema.Number }, run: ({ x }) => ({ y: 2 * x }) })
 * await Effect.runPromise(Effect.provide(Block.cached(double).run({ x: 1 }), forever))
 * assert.deepEqual([...results.values()], [{ y: 2 }])
 * ```
 */
export class Cache extends Context.Service<
  Cache,
  {
    /** The result under a key; `undefined` where there is none. A cache of bytes decodes it with the codec. */
    readonly get: (key: string, codec: Codec) => Effect.Effect<{ readonly [name: string]: unknown } | undefined>
    /** Keeps a result, encoded with the codec where bytes are kept. */
    readonly set: (key: string, codec: Codec, value: { readonly [name: string]: unknown }) => Effect.Effect<void>
  }
>()("effect-blocks/Cache") {}

/**
 * Keeps the results used last, in memory and as they are.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Cache from "@effect-blocks/core/Cache"
 *
 * let runs = 0
 * const slow = Block.pure("slow", { inputs: { x: Schema.Number }, outputs: { y: Schema.Number }, run: ({ x }) => ({ y: x + ++runs }) })
 * const twice = Effect.gen(function* () {
 *   return [yield* Block.cached(slow).run({ x: 1 }), yield* Block.cached(slow).run({ x: 1 })]
 * })
 * const out = await Effect.runPromise(Effect.provide(twice, Cache.layerMemory({ capacity: 100 })))
 * assert.deepEqual(out, [{ y: 2 }, { y: 2 }])
 * ```
 */
export const layerMemory = (options: {
  /** How many results are kept. */
  readonly capacity: number
}): Layer.Layer<Cache> =>
  Layer.sync(Cache, () => {
    // a Map keeps the order of insertion: the first key is the one used longest ago
    const entries = new Map<string, { readonly [name: string]: unknown }>()
    return Cache.of({
      get: (key) =>
        Effect.sync(() => {
          const value = entries.get(key)
          if (value !== undefined) {
            entries.delete(key)
            entries.set(key, value)
          }
          return value
        }),
      set: (key, _codec, value) =>
        Effect.sync(() => {
          entries.delete(key)
          entries.set(key, value)
          for (const oldest of entries.keys()) {
            if (entries.size <= options.capacity) break
            entries.delete(oldest)
          }
        })
    })
  })
