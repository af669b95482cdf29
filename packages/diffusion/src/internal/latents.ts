/** Arithmetic on latents, rounded after every operation as torch rounds. */
import type * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import type { LatentDistribution } from "../Components.ts"
import { fill, normals, normalsPerPicture, scale } from "./batch.ts"

type Float = Tensor.Tensor<"float32">
const f = Math.fround

/** whether a picture is given as latents: as numbers, and not of the channels of pixels (diffusers looks at that too) */
export const isLatents = (image: Tensor.Tensor<"uint8"> | Float): image is Float =>
  image.dtype === "float32" && image.shape[1]! > 3

/**
 * A sample of what the encoder knows, scaled. `perItem`: where each item has its generator, a sample for each of them
 * (Stable Diffusion's image to image); else one for each picture. An encoder that samples by itself draws nothing here.
 */
export const samplePosterior = (
  { mean, logVariance }: LatentDistribution,
  scalingFactor: number,
  rng: ReadonlyArray<Rng.Rng>,
  options: { readonly perItem: boolean } = { perItem: false }
): readonly [latents: Float, rng: ReadonlyArray<Rng.Rng>] => {
  if (logVariance === undefined) return [scale(mean, scalingFactor), rng]
  const batch = options.perItem ? Math.max(mean.shape[0]!, rng.length) : mean.shape[0]!
  const draw = options.perItem ? normals : normalsPerPicture
  const [noise, after] = draw(rng, [batch, ...mean.shape.slice(1)])
  const means = fill(mean, batch).data
  const logs = fill(logVariance, batch).data
  const factor = f(scalingFactor)
  const data = new Float32Array(means.length)
  for (let i = 0; i < data.length; i++) {
    // diffusers' DiagonalGaussianDistribution keeps the log-variance within -30..20
    const deviation = f(Math.exp(f(0.5 * Math.min(20, Math.max(-30, logs[i]!)))))
    data[i] = f(f(means[i]! + f(deviation * noise.data[i]!)) * factor)
  }
  return [Tensor.make("float32", noise.shape, data), after]
}

/** `drawn` where the mask is 1, `kept` where it is 0; a mask of one item and one channel serves all */
export const blend = (mask: Float, kept: Float, drawn: Float): Float => {
  const data = new Float32Array(drawn.data.length)
  const plane = mask.shape[2]! * mask.shape[3]!
  const perItem = data.length / drawn.shape[0]!
  const perMask = mask.shape[0] === 1 ? 0 : plane
  const keptPer = kept.shape[0] === 1 ? 0 : perItem
  for (let i = 0; i < data.length; i++) {
    const item = Math.floor(i / perItem)
    const m = mask.data[item * perMask + (i % plane)]!
    data[i] = f(f(f(1 - m) * kept.data[item * keptPer + (i % perItem)]!) + f(m * drawn.data[i]!))
  }
  return Tensor.make("float32", drawn.shape, data)
}

/** every `factor`th pixel each way: torch's nearest interpolation to a size that divides */
export const shrinkMask = (mask: Float, factor: number): Float => {
  const [batch, channels, height, width] = mask.shape as [number, number, number, number]
  const shape = [batch, channels, height / factor, width / factor] as const
  const data = new Float32Array(Tensor.sizeOf(shape))
  let at = 0
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let y = 0; y < height; y += factor) {
      for (let x = 0; x < width; x += factor) data[at++] = mask.data[(plane * height + y) * width + x]!
    }
  }
  return Tensor.make("float32", shape, data)
}

/** the picture with 0 (grey) where the mask is 1 */
export const hole = (pixels: Float, mask: Float): Float => {
  const plane = mask.shape[2]! * mask.shape[3]!
  return Tensor.make(
    "float32",
    pixels.shape,
    pixels.data.map((x, i) => (mask.data[i % plane]! < 0.5 ? x : 0))
  )
}
