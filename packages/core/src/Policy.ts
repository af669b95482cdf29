/** Policies: a block with a layer, retries, a time limit, a cache, hooks. Everything here is also in `Block`. */
import type * as Layer from "effect/Layer"
import type { Any, Error, In, Name, Out, Services, Wrapped } from "./Block.ts"
import * as internalProvide from "./internal/provide.ts"

/** A block with a layer of its own. */
export type Provided<B, A, E2, R2> = Wrapped<"provide", In<B>, Out<B>, Error<B> | E2, Exclude<Services<B>, A> | R2, Name<B>, B>

/**
 * Gives components to one block only. The layer is built when a run comes to the block and closed when it leaves it. A
 * run can be left and re-entered inside: the layer is then built again.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Context, Effect, Layer, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * class Unet extends Context.Service<Unet, { readonly predict: (x: number) => number }>()("Unet") {}
 * const unet = Block.make("unet", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, components: { unet: Unet }, run: ({ x }, { unet }) => Effect.succeed({ x: unet.predict(x) }) })
 * const onGpu = unet.pipe(Block.provide(Layer.succeed(Unet, { predict: (x) => x * 2 })))
 * assert.deepEqual(Effect.runSync(onGpu.run({ x: 4 })), { x: 8 })
 * ```
 */
export const provide: {
  <A, E2, R2>(layer: Layer.Layer<A, E2, R2>): <B extends Any>(self: B) => Provided<B, A, E2, R2>
  <B extends Any, A, E2, R2>(self: B, layer: Layer.Layer<A, E2, R2>): Provided<B, A, E2, R2>
} = internalProvide.provide
