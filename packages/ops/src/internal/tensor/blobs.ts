import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/**
 * Where tensors put their bytes while they are encoded, and find them while they are decoded: `null` (the default)
 * writes base64 into the JSON. A snapshot file provides one, so that bytes are stored raw and once. The key is known to
 * `@effect-blocks/core`, which this package must not import.
 */
export interface Blobs {
  readonly put: (bytes: Uint8Array) => Effect.Effect<string>
  readonly get: (ref: string) => Effect.Effect<Uint8Array>
}

export const Blobs = Context.Reference<Blobs | null>("effect-blocks/Blobs", { defaultValue: () => null })
