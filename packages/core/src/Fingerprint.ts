/**
 * What a component is, as a short text: its weights, its configuration. Two components of one fingerprint compute the
 * same. `Block.cached` keeps results apart by it.
 */
import type * as Effect from "effect/Effect"

/** A service that can tell what it is. Give your service interface this property to let its blocks be cached. */
export interface Fingerprinted {
  /** such as the digest of a model's file and of its configuration */
  readonly fingerprint: string | Effect.Effect<string>
}

/** The components of `R` that cannot tell what they are. */
export type Missing<R> = R extends { readonly key: infer Key; readonly Service: infer S }
  ? S extends Fingerprinted
    ? never
    : Key
  : R extends unknown
    ? "a component whose type does not tell its service"
    : never
