/**
 * Pillow's resize, bit for bit (Resample.c, and Geometry.c for nearest): separable convolution whose kernel widens when
 * shrinking, coefficients with 22 fractional bits, the intermediate picture rounded to 8 bits.
 */
import { hasAlpha, premultiply, unpremultiply, type Pixels } from "./pixels.ts"

export type Filter = "lanczos" | "bicubic" | "bilinear" | "nearest" | "hamming" | "box"
export type Box = readonly [left: number, top: number, right: number, bottom: number]

interface Kernel {
  readonly support: number
  readonly weight: (x: number) => number
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI))

const kernels: { readonly [F in Exclude<Filter, "nearest">]: Kernel } = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: {
    support: 1,
    weight: (x) => {
      const distance = Math.abs(x)
      return distance < 1 ? 1 - distance : 0
    }
  },
  hamming: {
    support: 1,
    weight: (x) => {
      const distance = Math.abs(x)
      if (distance === 0) return 1
      if (distance >= 1) return 0
      const angle = distance * Math.PI
      return (Math.sin(angle) / angle) * (0.54 + 0.46 * Math.cos(angle))
    }
  },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5
      const d = Math.abs(x)
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0
    }
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) }
}

const fraction = 22
const half = 2 ** (fraction - 1)

/** for each output position where its input starts, how many there are, and their integer weights */
interface Coefficients {
  readonly starts: Int32Array
  readonly counts: Int32Array
  readonly weights: Int32Array
  /** weights kept per output position */
  readonly size: number
}

const coefficients = (kernel: Kernel, inSize: number, from: number, to: number, outSize: number): Coefficients => {
  const scale = (to - from) / outSize
  const filterScale = Math.max(scale, 1)
  const support = kernel.support * filterScale
  const size = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(outSize)
  const counts = new Int32Array(outSize)
  const weights = new Int32Array(outSize * size)
  const row = new Float64Array(size)
  const step = 1 / filterScale
  for (let i = 0; i < outSize; i++) {
    const center = from + (i + 0.5) * scale
    const start = Math.max(0, Math.trunc(center - support + 0.5))
    const count = Math.min(inSize, Math.trunc(center + support + 0.5)) - start
    let sum = 0
    for (let k = 0; k < count; k++) {
      row[k] = kernel.weight((k + start - center + 0.5) * step)
      sum += row[k]!
    }
    for (let k = 0; k < count; k++) {
      const weight = (sum === 0 ? row[k]! : row[k]! / sum) * 2 ** fraction
      weights[i * size + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    }
    starts[i] = start
    counts[i] = count
  }
  return { starts, counts, weights, size }
}

const clip = (value: number): number => {
  const level = value >> fraction
  return level < 0 ? 0 : level > 255 ? 255 : level
}

const horizontal = (self: Pixels, width: number, { counts, size, starts, weights }: Coefficients): Pixels => {
  const { channels, data: input, height } = self
  const data = new Uint8Array(width * height * channels)
  let to = 0
  for (let y = 0; y < height; y++) {
    const line = y * self.width * channels
    for (let x = 0; x < width; x++) {
      const first = line + starts[x]! * channels
      const from = x * size
      const end = from + counts[x]!
      if (channels === 3) {
        let red = half
        let green = half
        let blue = half
        for (let k = from, at = first; k < end; k++, at += 3) {
          const weight = weights[k]!
          red += input[at]! * weight
          green += input[at + 1]! * weight
          blue += input[at + 2]! * weight
        }
        data[to] = clip(red)
        data[to + 1] = clip(green)
        data[to + 2] = clip(blue)
        to += 3
        continue
      }
      for (let c = 0; c < channels; c++) {
        let sum = half
        for (let k = from, at = first + c; k < end; k++, at += channels) sum += input[at]! * weights[k]!
        data[to++] = clip(sum)
      }
    }
  }
  return { width, height, channels, data }
}

/** line by line, as the picture lies in memory */
const vertical = (self: Pixels, height: number, { counts, size, starts, weights }: Coefficients): Pixels => {
  const { channels, data: input, width } = self
  const line = width * channels
  const data = new Uint8Array(line * height)
  const sums = new Int32Array(line)
  for (let y = 0; y < height; y++) {
    sums.fill(half)
    for (let k = 0; k < counts[y]!; k++) {
      const weight = weights[y * size + k]!
      const from = (starts[y]! + k) * line
      for (let i = 0; i < line; i++) sums[i] = (sums[i]! + Math.imul(input[from + i]!, weight)) | 0
    }
    const to = y * line
    for (let i = 0; i < line; i++) data[to + i] = clip(sums[i]!)
  }
  return { width, height, channels, data }
}

/** the input position of each output position; Pillow adds up the step, and its rounding */
const positions = (from: number, to: number, inSize: number, outSize: number): Int32Array => {
  const step = (to - from) / outSize
  const out = new Int32Array(outSize)
  let at = from + step * 0.5
  for (let i = 0; i < outSize; i++, at += step) out[i] = at < 0 || at >= inSize ? -1 : Math.trunc(at)
  return out
}

const nearest = (self: Pixels, width: number, height: number, box: Box): Pixels => {
  const { channels } = self
  const data = new Uint8Array(width * height * channels)
  const xs = positions(box[0], box[2], self.width, width)
  const ys = positions(box[1], box[3], self.height, height)
  let to = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += channels) {
      if (xs[x]! < 0 || ys[y]! < 0) continue
      const from = (ys[y]! * self.width + xs[x]!) * channels
      for (let c = 0; c < channels; c++) data[to + c] = self.data[from + c]!
    }
  }
  return { width, height, channels, data }
}

/** what a sum of so many levels is multiplied by for their mean in the upper 8 bits: float32, as in C */
const meanMultiplier = (count: number): number => Math.trunc(Math.fround(2 ** 32 / (256 * count)))

/**
 * Means of `across` x `down` pixels (Reduce.c); at the right and lower edge of those that are left. Beyond 2^32 the
 * product wraps, as in C.
 */
const reduce = (self: Pixels, across: number, down: number): Pixels => {
  const { channels, data: input } = self
  const width = Math.ceil(self.width / across)
  const height = Math.ceil(self.height / down)
  const data = new Uint8Array(width * height * channels)
  let to = 0
  for (let top = 0; top < self.height; top += down) {
    const bottom = Math.min(top + down, self.height)
    for (let left = 0; left < self.width; left += across) {
      const right = Math.min(left + across, self.width)
      const count = (right - left) * (bottom - top)
      const multiplier = meanMultiplier(count)
      for (let c = 0; c < channels; c++) {
        let sum = count >> 1
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += input[(y * self.width + x) * channels + c]!
        }
        data[to++] = Math.imul(sum, multiplier) >>> 24
      }
    }
  }
  return { width, height, channels, data }
}

export const isFilter = (name: string): name is Filter => name === "nearest" || Object.hasOwn(kernels, name)

/**
 * A picture at another size, of which first as much as leaves `gap` times that size is done by means of whole pixels.
 * Pillow does so only without alpha.
 */
export const resizeByReducing = (self: Pixels, width: number, height: number, filter: Filter, gap: number): Pixels => {
  const across = Math.trunc(self.width / width / gap) || 1
  const down = Math.trunc(self.height / height / gap) || 1
  return filter === "nearest" || hasAlpha(self.channels) || (across === 1 && down === 1)
    ? resize(self, width, height, filter)
    : resize(reduce(self, across, down), width, height, filter, [0, 0, self.width / across, self.height / down])
}

/** the box of the picture at another size; colours are weighted by alpha where there is one */
export const resize = (
  self: Pixels,
  width: number,
  height: number,
  filter: Filter,
  box: Box = [0, 0, self.width, self.height]
): Pixels => {
  const whole = box[0] === 0 && box[1] === 0 && box[2] === self.width && box[3] === self.height
  if (whole && width === self.width && height === self.height) return self
  if (filter === "nearest") return nearest(self, width, height, box)
  if (hasAlpha(self.channels)) {
    return unpremultiply(convolve(premultiply(self), width, height, kernels[filter], box))
  }
  return convolve(self, width, height, kernels[filter], box)
}

const convolve = (self: Pixels, width: number, height: number, kernel: Kernel, box: Box): Pixels => {
  const wide =
    width === self.width && box[0] === 0 && box[2] === width
      ? self
      : horizontal(self, width, coefficients(kernel, self.width, box[0], box[2], width))
  return height === self.height && box[1] === 0 && box[3] === height
    ? wide
    : vertical(wide, height, coefficients(kernel, self.height, box[1], box[3], height))
}
