import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/**
 * Where tensors put their bytes while they are encoded, and find them while they are decoded: `null` (the default)
 * writes base64 into the JSON. A snapshot file provides one, so that bytes are stored raw and once. The key is known to
 * `@effect-blocks/core`, which this package must not import.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const stored: Array<Uint8Array> = []
 * const encoded = Schema.encodeEffect(Schema.toCodecJson(Tensor.float32("n")))(Tensor.zeros("float32", [2])).pipe(
 *   Effect.provideService(Tensor.Blobs, {
 *     put: (bytes) => Effect.sync(() => String(stored.push(bytes) - 1)),
 *     get: (ref) => Effect.sync(() => stored[Number(ref)] ?? new Uint8Array())
 *   })
 * )
 * assert.deepEqual(Effect.runSync(encoded), { dtype: "float32", shape: [2], data: "ref:0" })
 * assert.equal(stored[0]?.byteLength, 8)
 * ```
 */
export interface Blobs {
  readonly put: (bytes: Uint8Array) => Effect.Effect<string>
  readonly get: (ref: string) => Effect.Effect<Uint8Array>
}

export const Blobs = Context.Reference<Blobs | null>("effect-blocks/Blobs", { defaultValue: () => null })
