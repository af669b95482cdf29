/**
 * Pictures from latents, for looking on while a run goes.
 *
 * @module
 */
import { VaeDecoder } from "@effect-blocks/diffusion/Components"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/**
 * Maps latents of shape `[batch, channels, height, width]` to the picture `[height, width, 3]` of their first item, pixel by
 * pixel: `map` has a row for each channel and one for a constant, and columns for red, green and blue of 0..255.
 *
 * ```ts
 * import * as LatentPreview from "@effect-blocks/cli/LatentPreview"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import assert from "node:assert"
 *
 * const latents = Tensor.make("float32", [1, 1, 1, 2], Float32Array.of(-9, 1))
 * const picture = LatentPreview.linear(latents, [[100, 0, 1], [50, 60, 70]])
 * assert.deepEqual([...picture.data], [0, 60, 61, 150, 60, 71])
 * ```
 */
export const linear = (
  latents: Tensor.Tensor<"float32">,
  map: ReadonlyArray<ReadonlyArray<number>>
): Tensor.Tensor<"uint8"> => {
  const [, channels = 0, height = 0, width = 0] = latents.shape
  const plane = height * width
  const data = new Uint8ClampedArray(3 * plane)
  for (let at = 0; at < plane; at++) {
    for (let colour = 0; colour < 3; colour++) {
      let value = map[channels]?.[colour] ?? 0
      for (let channel = 0; channel < channels; channel++)
        value += latents.data[channel * plane + at]! * (map[channel]?.[colour] ?? 0)
      data[3 * at + colour] = value
    }
  }
  return Tensor.make("uint8", [height, width, 3], new Uint8Array(data.buffer))
}

/** Of the time of a run, how much previews may take. */
const share = 0.1

/**
 * Previews by the model's own decoder, for models without a linear map: a function from latents to the picture
 * `[height, width, 3]` of their first item. It decodes only while decoding has taken less than a tenth of the time since it was
 * made, and otherwise, or if the decoder fails, gives `undefined`.
 *
 * ```ts
 * import * as LatentPreview from "@effect-blocks/cli/LatentPreview"
 * import { VaeDecoder } from "@effect-blocks/diffusion/Components"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const decoder = VaeDecoder.of({
 *   scaleFactor: 1,
 *   latentChannels: 3,
 *   scalingFactor: 0.5,
 *   decode: (latents) => Effect.succeed(latents)
 * })
 * const program = Effect.flatMap(LatentPreview.decoded, (preview) =>
 *   preview(Tensor.make("float32", [1, 3, 1, 1], Float32Array.of(-0.5, 0, 0.5)))
 * )
 * const picture = await Effect.runPromise(Effect.provideService(program, VaeDecoder, decoder))
 * assert.deepEqual([...picture!.data], [0, 128, 255])
 * ```
 */
export const decoded = Effect.gen(function* () {
  const vae = yield* VaeDecoder
  const startedAt = yield* Clock.currentTimeMillis
  let spent = 0
  let cost = 0
  return (latents: Tensor.Tensor<"float32">): Effect.Effect<Tensor.Tensor<"uint8"> | undefined> =>
    Effect.gen(function* () {
      const before = yield* Clock.currentTimeMillis
      if (spent + cost > share * (before - startedAt)) return undefined
      const first = Tensor.slice(latents, 0, 1)
      const scaled = Tensor.make(
        "float32",
        first.shape,
        first.data.map((x) => x / vae.scalingFactor)
      )
      const { data, shape } = yield* vae.decode(scaled)
      cost = (yield* Clock.currentTimeMillis) - before
      spent += cost
      const [, , height = 0, width = 0] = shape
      const plane = height * width
      const pixels = new Uint8ClampedArray(3 * plane)
      for (let at = 0; at < plane; at++) {
        for (let colour = 0; colour < 3; colour++)
          pixels[3 * at + colour] = (data[colour * plane + at]! / 2 + 0.5) * 255
      }
      return Tensor.make("uint8", [height, width, 3], new Uint8Array(pixels.buffer))
    }).pipe(Effect.catchCause(() => Effect.succeed(undefined)))
})
