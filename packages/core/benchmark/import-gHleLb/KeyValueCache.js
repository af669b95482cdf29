/** A `Cache` in a KeyValueStore of Effect: files, SQL, memory. Results go through the Schemas of the outputs. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as KeyValueStore from "effect/persistence/KeyValueStore";
import * as Schema from "effect/Schema";
import { Cache } from "./Cache.js";
/**
 * Keeps results under keys that begin with `prefix`. It has no bound of its own: clear the prefix, or use a store that
 * has one.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Layer, Schema } from "effect"
 * import * as KeyValueStore from "effect/persistence/KeyValueStore"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as KeyValueCache from "@effect-blocks/core/KeyValueCache"
 *
 * let runs = 0
 * const slow = Block.pure("slow", { inputs: { x: Schema.Number }, outputs: { at: Schema.Date }, run: ({ x }) => ({ at: new Date(x + ++runs) }) })
 * const cached = Block.cached(slow)
 * const layer = Layer.provide(KeyValueCache.layer({ prefix: "blocks/" }), KeyValueStore.layerMemory)
 * const twice = Effect.gen(function* () {
 *   yield* cached.run({ x: 1 })
 *   return yield* cached.run({ x: 1 })
 * })
 * assert.deepEqual(await Effect.runPromise(Effect.provide(twice, layer)), { at: new Date(2) })
 * ```
 */
export const layer = (options) => Layer.effect(Cache, Effect.map(KeyValueStore.KeyValueStore, (all) => {
    const store = KeyValueStore.prefix(all, options.prefix);
    const json = (codec) => Schema.fromJsonString(codec);
    return Cache.of({
        get: (key, codec) => Effect.gen(function* () {
            const text = yield* store.get(key);
            return text === undefined ? undefined : yield* Schema.decodeUnknownEffect(json(codec))(text);
        }).pipe(Effect.catch((error) => Effect.as(Effect.logWarning("a cached result cannot be read", error), undefined))),
        set: (key, codec, value) => Schema.encodeEffect(json(codec))(value).pipe(Effect.flatMap((text) => store.set(key, text)), Effect.catch((error) => Effect.logWarning("a result cannot be cached", error)))
    });
}));
