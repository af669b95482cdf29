import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/** Where fields that are large arrays put their bytes while a snapshot is encoded, and where they find them again. */
export interface Blobs {
  readonly put: (bytes: Uint8Array) => Effect.Effect<string>
  readonly get: (ref: string) => Effect.Effect<Uint8Array>
}
export const Blobs = Context.Reference<Blobs | null>("effect-blocks/Blobs", { defaultValue: () => null })
