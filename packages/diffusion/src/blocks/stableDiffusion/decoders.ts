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

const f = Math.fround

/** Latents to pixels of about -1..1. */
export const decodeLatents = Block.make("decodeLatents", {
  description: "Decodes the latents",
  inputs: { latents: Fields.latents },
  outputs: { decoded: Fields.decoded },
  components: { vae: VaeDecoder },
  run: ({ latents }, { vae }) => {
    const factor = f(vae.scalingFactor)
    const scaled = latents.data.map((x) => x / factor)
    return Effect.map(vae.decode(Tensor.make("float32", latents.shape, scaled)), (decoded) => ({ decoded }))
  }
})

/** Pixels of -1..1 to 8-bit pictures, rounded half to even as numpy rounds. */
export const postprocess = Block.make("postprocess", {
  description: "Makes 8-bit pictures",
  inputs: { decoded: Fields.decoded },
  outputs: { images: Fields.images },
  run: ({ decoded }) =>
    Effect.map(Effect.fromResult(ImageProcessor.postprocess(decoded)), ([first, ...rest]) => ({
      images: [first!, ...rest] as const
    }))
})
