/** Given pictures as the models want them. */
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"

type Float = Tensor.Tensor<"float32">
type Picture = Tensor.Tensor<"uint8">
const f = Math.fround

export const toPixels = (image: Picture | Float, height: number, width: number): Effect.Effect<Float> => Effect.sync(() => {
  if (image.dtype === "float32") return Tensor.make("float32", image.shape, (image as Float).data.map((x) => f(2 * x) - 1))
  const c = image.shape[2]!, plane = height * width, out = new Float32Array(3 * plane)
  for (let p = 0; p < plane; p++) for (let k = 0; k < 3; k++) out[k * plane + p] = f(2 * f((image as Picture).data[p * c + (c === 1 ? 0 : k)]! / 255)) - 1
  return Tensor.make("float32", [1, 3, height, width], out)
})
export const toMask = (mask: Picture, height: number, width: number): Effect.Effect<Float> => Effect.sync(() => {
  const c = mask.shape[2]!
  return Tensor.make("float32", [1, 1, height, width], Float32Array.from({ length: height * width }, (_, p) => mask.data[p * c]! >= 128 ? 1 : 0))
})
