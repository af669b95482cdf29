/**
 * What a component is, as a short text: its weights, its configuration. Two components of one fingerprint compute the
 * same. `Block.cached` keeps results apart by it.
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import type { Fingerprinted } from "@effect-blocks/core/Fingerprint"
 *
 * interface UnetShape extends Fingerprinted {
 *   readonly predict: (x: number) => Effect.Effect<number>
 * }
 * class Unet extends Context.Service<Unet, UnetShape>()("Unet") {}
 * const unet = Unet.of({ fingerprint: "sha256:90af", predict: Effect.succeed })
 * ```
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
