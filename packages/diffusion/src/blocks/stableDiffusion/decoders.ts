/**
 * From latents to pictures: diffusers' `decoders.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import { VaeDecoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { checkFinite } from "../../internal/finite.ts"

const f = Math.fround

/**
 * Latents to pixels of about -1..1. Fails with `NotFinite` where either are NaN or Infinity.
 *
 * ```ts
 * import { decodeLatents } from "@effect-blocks/diffusion/blocks/stableDiffusion/decoders"
 * import { VaeDecoder } from "@effect-blocks/diffusion/Components"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const vae = {
 *   scaleFactor: 1,
 *   latentChannels: 3,
 *   scalingFactor: 0.5,
 *   decode: (latents: Tensor.Tensor<"float32">) => Effect.succeed(latents)
 * }
 * const latents = Tensor.make("float32", [1, 3, 1, 1], Float32Array.of(0.25, 0, -0.25))
 * const { decoded } = Effect.runSync(Effect.provideService(decodeLatents.run({ latents }), VaeDecoder, vae))
 * assert.deepEqual([...decoded.data], [0.5, 0, -0.5])
 * ```
 */
export const decodeLatents = Block.make("decodeLatents", {
  description: "Decodes the latents",
  inputs: { latents: Fields.latents },
  outputs: { decoded: Fields.decoded },
  components: { vae: VaeDecoder },
  run: Effect.fnUntraced(function* ({ latents }, { vae }) {
    yield* checkFinite(latents, "latents", "the end of denoising")
    const factor = f(vae.scalingFactor)
    const scaled = latents.data.map((x) => x / factor)
    const decoded = yield* vae.decode(Tensor.make("float32", latents.shape, scaled))
    yield* checkFinite(decoded, "vae", "decoding")
    return { decoded }
  })
})

/**
 * Pixels of -1..1 to 8-bit pictures, rounded half to even as numpy rounds.
 *
 * ```ts
 * import { postprocess } from "@effect-blocks/diffusion/blocks/stableDiffusion/decoders"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const decoded = Tensor.make("float32", [1, 3, 1, 1], Float32Array.of(-1, 0, 1))
 * const { images } = Effect.runSync(postprocess.run({ decoded }))
 * assert.deepEqual([...images[0].data], [0, 128, 255])
 * ```
 */
export const postprocess = Block.make("postprocess", {
  description: "Makes 8-bit pictures",
  inputs: { decoded: Fields.decoded },
  outputs: { images: Fields.images },
  run: ({ decoded }) =>
    Effect.map(Effect.fromResult(ImageProcessor.postprocess(decoded)), ([first, ...rest]) => ({
      images: [first!, ...rest] as const
    }))
})

/**
 * Puts the drawn part back into the picture, where the mask is white; pictures of runs that drew the whole stay as they
 * are. diffusers' `apply_overlay`.
 *
 * ```ts
 * import { applyOverlay } from "@effect-blocks/diffusion/blocks/stableDiffusion/decoders"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const grey = (width: number, levels: ReadonlyArray<number>) =>
 *   Tensor.make("uint8", [1, width, levels.length / width], Uint8Array.from(levels))
 * const overlay = {
 *   original: grey(3, [1, 1, 1, 2, 2, 2, 3, 3, 3]),
 *   mask: grey(3, [0, 0, 255]),
 *   box: [1, 0, 3, 1] as const
 * }
 * const run = applyOverlay.run({ images: [grey(2, [8, 8, 8, 9, 9, 9])], overlay })
 * assert.deepEqual([...Effect.runSync(run).images[0].data], [1, 1, 1, 2, 2, 2, 9, 9, 9])
 * ```
 */
export const applyOverlay = Block.make("applyOverlay", {
  description: "Puts the drawn part back into the picture, if only a part was drawn",
  inputs: { images: Fields.images, overlay: Fields.overlay },
  outputs: { images: Fields.images },
  run: ({ images, overlay }) =>
    overlay === null
      ? Effect.succeed({ images })
      : Effect.map(
          Effect.forEach(images, (image) => Effect.fromResult(ImageProcessor.applyOverlay({ ...overlay, image }))),
          (images) => ({ images })
        )
})
