/** Tensors whose first axis is the batch. */
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"

type Float = Tensor.Tensor<"float32">

/** the items at these places, in this order */
export const pick = (tensor: Float, places: ReadonlyArray<number>): Float => {
  const per = tensor.data.length / tensor.shape[0]!
  const data = new Float32Array(per * places.length)
  places.forEach((place, i) => data.set(tensor.data.subarray(place * per, (place + 1) * per), i * per))
  return Tensor.make("float32", [places.length, ...tensor.shape.slice(1)], data)
}

/** the whole batch again and again until there are `batch` items */
export const fill = (tensor: Float, batch: number): Float => {
  const own = tensor.shape[0]!
  return own === batch
    ? tensor
    : pick(
        tensor,
        Array.from({ length: batch }, (_, i) => i % own)
      )
}

/** along the channel axis of `[batch, channels, height, width]`; smaller batches serve the items in turn */
export const concatChannels = (tensors: ReadonlyArray<Float>): Float => {
  const batch = Math.max(...tensors.map((tensor) => tensor.shape[0]!))
  const channels = tensors.reduce((total, tensor) => total + tensor.shape[1]!, 0)
  const [, , height, width] = tensors[0]!.shape as [number, number, number, number]
  const data = new Float32Array(batch * channels * height * width)
  let at = 0
  for (let item = 0; item < batch; item++) {
    for (const tensor of tensors) {
      const per = tensor.data.length / tensor.shape[0]!
      const from = (item % tensor.shape[0]!) * per
      data.set(tensor.data.subarray(from, from + per), at)
      at += per
    }
  }
  return Tensor.make("float32", [batch, channels, height, width], data)
}

/** every element times one number, rounded as torch does */
export const scale = (tensor: Float, by: number): Float => {
  const factor = Math.fround(by)
  return factor === 1
    ? tensor
    : Tensor.make(
        "float32",
        tensor.shape,
        tensor.data.map((x) => x * factor)
      )
}

/**
 * Standard normals of this shape, as diffusers' `randn_tensor`: one generator draws the whole tensor, several draw one
 * batch item each.
 */
export const normals = (
  rng: ReadonlyArray<Rng.Rng>,
  shape: ReadonlyArray<number>
): readonly [noise: Float, rng: ReadonlyArray<Rng.Rng>] => {
  const drawn = rng.map((one) => Rng.normal(one, rng.length === 1 ? shape : [1, ...shape.slice(1)]))
  const noise = drawn.length === 1 ? drawn[0]![0] : Tensor.concat(drawn.map(([one]) => one))
  return [noise, drawn.map(([, after]) => after)]
}

/**
 * As `normals`, for pictures that were given: of several generators only as many draw as there are pictures, the first of
 * them. So diffusers draws for the posterior in inpainting and in SDXL.
 */
export const normalsPerPicture = (
  rng: ReadonlyArray<Rng.Rng>,
  shape: ReadonlyArray<number>
): readonly [noise: Float, rng: ReadonlyArray<Rng.Rng>] => {
  if (rng.length === 1) return normals(rng, shape)
  const pictures = shape[0]!
  const [noise, after] = normals(rng.slice(0, pictures), shape)
  return [noise, [...after, ...rng.slice(pictures)]]
}
