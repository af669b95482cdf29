/** Where `Block.cached` keeps results. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
/** Results by key. A cache that cannot answer says so in the log and counts as a miss: it never fails a run. */
export class Cache extends Context.Service()("effect-blocks/Cache") {
}
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
export const layerMemory = (options) => Layer.sync(Cache, () => {
    // a Map keeps the order of insertion: the first key is the one used longest ago
    const entries = new Map();
    return Cache.of({
        get: (key) => Effect.sync(() => {
            const value = entries.get(key);
            if (value !== undefined) {
                entries.delete(key);
                entries.set(key, value);
            }
            return value;
        }),
        set: (key, _codec, value) => Effect.sync(() => {
            entries.delete(key);
            entries.set(key, value);
            for (const oldest of entries.keys()) {
                if (entries.size <= options.capacity)
                    break;
                entries.delete(oldest);
            }
        })
    });
});
