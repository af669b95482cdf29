/**
 * From latents to pictures: diffusers' `decoders.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
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

/** Pixels of -1..1 to 8 bits, rounded half to even as numpy rounds. */
export const postprocess = Block.pure("postprocess", {
  description: "Makes 8-bit pictures",
  inputs: { decoded: Fields.decoded },
  outputs: { images: Fields.images },
  run: ({ decoded }) => {
    const [batch, channels, height, width] = decoded.shape as [number, number, number, number]
    const plane = height * width
    // Uint8ClampedArray rounds half to even and clamps
    const pixels = new Uint8ClampedArray(decoded.data.length)
    for (let item = 0; item < batch; item++) {
      const start = item * channels * plane
      for (let c = 0; c < channels; c++) {
        const from = start + c * plane
        for (let p = 0; p < plane; p++) {
          pixels[start + p * channels + c] = f(f(f(decoded.data[from + p]! / 2) + 0.5) * 255)
        }
      }
    }
    return { images: Tensor.make("uint8", [batch, height, width, 3], new Uint8Array(pixels.buffer)) }
  }
})
