/** The arithmetic of diffusers' VaeImageProcessor on checked arguments. */
import { draw, filled, toRgb, type Pixels } from "./pixels.ts"
import { resize, type Box } from "./resample.ts"

const f = Math.fround

interface Size {
  readonly width: number
  readonly height: number
}

/** the largest size of the picture's shape that fits into (`fill`), or the smallest that covers (`crop`), the target */
export const innerSize = (mode: "fill" | "crop", own: Size, target: Size): Size => {
  const ratio = target.width / target.height
  const ownRatio = own.width / own.height
  const fullWidth = mode === "fill" ? ratio < ownRatio : ratio > ownRatio
  const fullHeight = mode === "fill" ? ratio >= ownRatio : ratio <= ownRatio
  return {
    width: fullWidth ? target.width : Math.floor((own.width * target.height) / own.height),
    height: fullHeight ? target.height : Math.floor((own.height * target.width) / own.width)
  }
}

/** in the middle of an RGB canvas; `fill` repeats the first and last line (by Pillow's resize of an empty box) */
export const place = (mode: "fill" | "crop", image: Pixels, own: Size, { height, width }: Size): Pixels => {
  const canvas = filled(width, height, [0, 0, 0])
  const left = (width >> 1) - (image.width >> 1)
  const top = (height >> 1) - (image.height >> 1)
  draw(canvas, toRgb(image), left, top)
  if (mode === "crop") return canvas
  const edge = (w: number, h: number, box: Box, x: number, y: number) =>
    draw(canvas, toRgb(resize(image, w, h, "bicubic", box)), x, y)
  const ratio = width / height
  const ownRatio = own.width / own.height
  if (ratio < ownRatio && top > 0) {
    edge(width, top, [0, 0, width, 0], 0, 0)
    edge(width, top, [0, image.height, width, image.height], 0, top + image.height)
  } else if (ratio > ownRatio && left > 0) {
    edge(left, height, [0, 0, 0, height], 0, 0)
    edge(left, height, [image.width, 0, image.width, height], left + image.width, 0)
  }
  return canvas
}

/** channels first, levels divided by 255, written at `at` */
export const writePlanes = ({ channels, data, height, width }: Pixels, out: Float32Array, at: number): void => {
  const plane = width * height
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) out[at + c * plane + i] = data[i * channels + c]! / 255
  }
}

export const normalize = (data: Float32Array): Float32Array => data.map((x) => f(2 * x) - 1)
export const binarize = (data: Float32Array): Float32Array => data.map((x) => (x < 0.5 ? 0 : x >= 0.5 ? 1 : x))

/** [-1, 1] to [0, 1], cut off at both ends; NaN stays, as torch's clamp leaves it */
export const denormalize = (x: number): number => {
  const value = f(f(x * 0.5) + 0.5)
  return value < 0 ? 0 : value > 1 ? 1 : value
}

/** [0, 1] to a level: the product in float32, a half goes to the even level */
export const toLevel = (x: number): number => {
  const value = f(x * 255)
  const floor = Math.floor(value)
  const rest = value - floor
  const level = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
  return level < 0 ? 0 : level > 255 ? 255 : level
}

/** `[count, height, width]` planes to another size, as torch's nearest: the position is rounded in float32, then down */
export const nearestPlanes = (data: Float32Array, count: number, own: Size, target: Size): Float32Array => {
  const out = new Float32Array(count * target.width * target.height)
  const sources = (from: number, to: number) => {
    const scale = f(from / to)
    return Int32Array.from({ length: to }, (_, i) => Math.min(Math.floor(f(i * scale)), from - 1))
  }
  const xs = sources(own.width, target.width)
  const ys = sources(own.height, target.height)
  let to = 0
  for (let plane = 0; plane < count; plane++) {
    for (const y of ys) {
      const line = (plane * own.height + y) * own.width
      for (const x of xs) out[to++] = data[line + x]!
    }
  }
  return out
}

/** `[channels, pixels]` to `[pixels, channels]` for each of a batch */
export const channelsLast = <A extends Float32Array | Uint8Array>(
  data: Float32Array,
  out: A,
  channels: number,
  plane: number,
  value: (x: number) => number
): A => {
  const item = channels * plane
  for (let at = 0; at < data.length; at += item) {
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < channels; c++) out[at + i * channels + c] = value(data[at + c * plane + i]!)
    }
  }
  return out
}

/** one axis of a region grown by `extra` on both sides, then moved back into [0, limit] */
const grow = (from: number, to: number, extra: number, limit: number): readonly [number, number] => {
  let low = from - Math.floor(extra / 2)
  let high = to + extra - Math.floor(extra / 2)
  if (high >= limit) {
    low -= high - limit
    high = limit
  }
  if (low < 0) {
    high -= low
    low = 0
  }
  return [low, Math.min(high, limit)]
}

/** the box of what is not zero, padded, and grown to the shape of the target; undefined = all is zero */
export const cropRegion = (mask: Pixels, target: Size, padding: number): Box | undefined => {
  const { data, height, width } = mask
  let left = width
  let top = height
  let right = 0
  let bottom = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] === 0) continue
      left = Math.min(left, x)
      right = Math.max(right, x + 1)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y + 1)
    }
  }
  if (right === 0) return undefined
  left = Math.max(left - padding, 0)
  top = Math.max(top - padding, 0)
  right = Math.min(right + padding, width)
  bottom = Math.min(bottom + padding, height)
  const ratio = target.width / target.height
  if ((right - left) / (bottom - top) > ratio) {
    const extra = Math.trunc((right - left) / ratio - (bottom - top))
    ;[top, bottom] = grow(top, bottom, extra, height)
  } else {
    const extra = Math.trunc((bottom - top) * ratio - (right - left))
    ;[left, right] = grow(left, right, extra, width)
  }
  return [left, top, right, bottom]
}
