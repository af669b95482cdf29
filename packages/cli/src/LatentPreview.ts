/**
 * Small pictures from latents, for looking on while a run goes: nothing is decoded.
 *
 * @module
 */
import * as Tensor from "@effect-blocks/ops/Tensor"

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
