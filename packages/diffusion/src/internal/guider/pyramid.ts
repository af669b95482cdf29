/** Laplacian pyramids of [batch, channels, height, width], as kornia builds them. */
import * as Tensor from "@effect-blocks/ops/Tensor"
import { like } from "../scheduler/arithmetic.ts"
import { interpolateTo } from "../scheduler/resize.ts"
import { minus } from "./arithmetic.ts"
import type { Latents } from "./model.ts"

const binomial = [1, 4, 6, 4, 1].map((weight) => weight / 16)

/** An index beyond an edge, reflected without repeating the edge. */
const reflected = (index: number, size: number): number => {
  if (size === 1) return 0
  const inside = Math.abs(index)
  return inside < size ? inside : 2 * (size - 1) - inside
}

const sizesOf = ({ shape }: Latents): readonly [height: number, width: number] => [shape.at(-2)!, shape.at(-1)!]

/** A 5 x 5 binomial blur: its two passes in float64, rounded once. */
const blur = (tensor: Latents): Latents => {
  const [height, width] = sizesOf(tensor)
  const { data } = tensor
  const rows = new Float64Array(data.length)
  const out = new Float32Array(data.length)
  const taps = (i: number, size: number) => binomial.map((weight, k) => [reflected(i + k - 2, size), weight] as const)
  const columns = Array.from({ length: width }, (_, x) => taps(x, width))
  const lines = Array.from({ length: height }, (_, y) => taps(y, height))
  for (let start = 0; start < data.length; start += height * width) {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (const [at, weight] of columns[x]!) rows[start + y * width + x]! += weight * data[start + y * width + at]!
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0
        for (const [at, weight] of lines[y]!) sum += weight * rows[start + at * width + x]!
        out[start + y * width + x] = sum
      }
  }
  return like(tensor, out)
}

const resized = (tensor: Latents, height: number, width: number): Latents =>
  interpolateTo("bilinear", tensor, [...tensor.shape.slice(0, -2), height, width])

const halved = (tensor: Latents): Latents => {
  const [height, width] = sizesOf(tensor)
  return resized(blur(tensor), Math.floor(height / 2), Math.floor(width / 2))
}

const twice = (tensor: Latents): Latents => {
  const [height, width] = sizesOf(tensor)
  return blur(resized(tensor, height * 2, width * 2))
}

const isPowerOfTwo = (n: number): boolean => (n & (n - 1)) === 0

/** Reflected at the right and below up to powers of two, where neither side is one. */
const padded = (tensor: Latents): Latents => {
  const [height, width] = sizesOf(tensor)
  if (isPowerOfTwo(height) || isPowerOfTwo(width)) return tensor
  const newHeight = 2 ** Math.ceil(Math.log2(height))
  const newWidth = 2 ** Math.ceil(Math.log2(width))
  const planes = tensor.data.length / (height * width)
  const out = new Float32Array(planes * newHeight * newWidth)
  let at = 0
  for (let plane = 0; plane < planes; plane++)
    for (let y = 0; y < newHeight; y++) {
      const line = (plane * height + reflected(y, height)) * width
      for (let x = 0; x < newWidth; x++) out[at++] = tensor.data[line + reflected(x, width)]!
    }
  return Tensor.make("float32", [...tensor.shape.slice(0, -2), newHeight, newWidth], out)
}

/** Can a pyramid of so many levels be built of this shape, and the picture again of it? */
export const fits = (shape: ReadonlyArray<number>, levels: number): boolean => {
  if (shape.length !== 4) return false
  const sides = shape.slice(2)
  const sizes = sides.some(isPowerOfTwo) ? sides : sides.map((side) => 2 ** Math.ceil(Math.log2(side)))
  // a blur reflects two values at each edge, so what is made half must have three of them
  return levels === 1 || sizes.every((size) => size % 2 ** (levels - 1) === 0 && size / 2 ** (levels - 2) > 2)
}

/** Details from fine to coarse, the rest last. */
export const laplacian = (tensor: Latents, levels: number): ReadonlyArray<Latents> => {
  const gaussian = [padded(tensor)]
  for (let level = 1; level < levels; level++) gaussian.push(halved(gaussian[level - 1]!))
  return gaussian.map((level, i) =>
    i === levels - 1 ? level : like(level, minus(level.data, twice(gaussian[i + 1]!).data))
  )
}

/** The picture of a pyramid. */
export const collapse = (pyramid: ReadonlyArray<Latents>): Latents =>
  pyramid.toReversed().reduce((coarse, detail) => {
    const up = twice(coarse).data
    return like(
      detail,
      detail.data.map((value, i) => up[i]! + value)
    )
  })

/** The left upper part of a size. */
export const cropped = (tensor: Latents, shape: ReadonlyArray<number>): Latents =>
  Tensor.slice(Tensor.slice(tensor, 0, shape[2]!, 2), 0, shape[3]!, 3)
