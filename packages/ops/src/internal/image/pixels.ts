/** 8-bit pictures as plain data, and Pillow's conversions between their modes (Convert.c), in its integer arithmetic. */

import * as Tensor from "../../Tensor.ts"

/** channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; rows from the top, channels interleaved */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: Uint8Array
}

export const toTensor = ({ channels, data, height, width }: Pixels): Tensor.Tensor<"uint8"> =>
  Tensor.make("uint8", [height, width, channels], data)

/** a picture without a channel axis is grey; a string says why it is no picture */
export const fromTensor = ({ data, dtype, shape }: Tensor.Tensor<"uint8">): Pixels | string => {
  const [height = 0, width = 0, channels = 1] = shape
  const fits = dtype === "uint8" && (shape.length === 2 || shape.length === 3) && channels >= 1 && channels <= 4
  return fits && height > 0 && width > 0
    ? { width, height, channels, data }
    : `expected uint8[height, width, 1 to 4 channels] with at least one pixel, got ${Tensor.show(dtype, shape)}`
}

/** division by 255, rounded */
export const div255 = (value: number): number => {
  const biased = value + 128
  return (biased + (biased >>> 8)) >>> 8
}

export const hasAlpha = (channels: number): boolean => channels === 2 || channels === 4

const mapPixels = (
  self: Pixels,
  channels: number,
  write: (out: Uint8Array, to: number, from: number) => void
): Pixels => {
  const count = self.width * self.height
  const data = new Uint8Array(count * channels)
  for (let i = 0; i < count; i++) write(data, i * channels, i * self.channels)
  return { width: self.width, height: self.height, channels, data }
}

/** ITU-R 601 luma with 16 fractional bits; alpha is dropped */
export const toGray = (self: Pixels): Pixels => {
  const { channels, data } = self
  if (channels === 1) return self
  return mapPixels(self, 1, (out, to, from) => {
    out[to] =
      channels === 2
        ? data[from]!
        : (data[from]! * 19595 + data[from + 1]! * 38470 + data[from + 2]! * 7471 + 0x8000) >>> 16
  })
}

/** alpha is dropped, not composited: a transparent pixel keeps the colour that it stores */
export const toRgb = (self: Pixels): Pixels => {
  const { channels, data } = self
  if (channels === 3) return self
  return mapPixels(self, 3, (out, to, from) => {
    for (let c = 0; c < 3; c++) out[to + c] = data[from + (channels < 3 ? 0 : c)]!
  })
}

export const toGrayAlpha = (self: Pixels): Pixels => {
  const { channels, data } = self
  if (channels === 2) return self
  const gray = toGray(self).data
  return mapPixels(self, 2, (out, to, from) => {
    out[to] = gray[to / 2]!
    out[to + 1] = channels === 4 ? data[from + 3]! : 255
  })
}

export const toRgba = (self: Pixels): Pixels => {
  const { channels, data } = self
  if (channels === 4) return self
  return mapPixels(self, 4, (out, to, from) => {
    for (let c = 0; c < 3; c++) out[to + c] = data[from + (channels < 3 ? 0 : c)]!
    out[to + 3] = channels === 2 ? data[from + 1]! : 255
  })
}

/** RGBA to RGBa, LA to La: colours multiplied by alpha */
export const premultiply = (self: Pixels): Pixels => {
  const { channels, data } = self
  return mapPixels(self, channels, (out, to, from) => {
    const alpha = data[from + channels - 1]!
    for (let c = 0; c < channels - 1; c++) out[to + c] = div255(data[from + c]! * alpha)
    out[to + channels - 1] = alpha
  })
}

export const unpremultiply = (self: Pixels): Pixels => {
  const { channels, data } = self
  return mapPixels(self, channels, (out, to, from) => {
    const alpha = data[from + channels - 1]!
    const keep = alpha === 0 || alpha === 255
    for (let c = 0; c < channels - 1; c++) {
      const value = data[from + c]!
      out[to + c] = keep ? value : Math.min(255, Math.trunc((255 * value) / alpha))
    }
    out[to + channels - 1] = alpha
  })
}

/** the part of the picture in a box that may reach beyond it; what lies outside is zero */
export const crop = (self: Pixels, [left, top, right, bottom]: readonly [number, number, number, number]): Pixels => {
  const width = right - left
  const height = bottom - top
  return paste(
    { width, height, channels: self.channels, data: new Uint8Array(width * height * self.channels) },
    self,
    -left,
    -top
  )
}

/** a copy of `self` with `image` (same number of channels) put at (x, y); what does not fit is cut off */
export const paste = (self: Pixels, image: Pixels, x: number, y: number): Pixels => {
  const copy = { ...self, data: self.data.slice() }
  draw(copy, image, x, y)
  return copy
}

/** `paste` into a picture that is still being made */
export const draw = (into: Pixels, image: Pixels, x: number, y: number): void => {
  const { channels, data, height, width } = into
  const left = Math.max(0, x)
  const right = Math.min(width, x + image.width)
  if (right <= left) return
  for (let row = Math.max(0, y); row < Math.min(height, y + image.height); row++) {
    const from = ((row - y) * image.width + left - x) * channels
    data.set(image.data.subarray(from, from + (right - left) * channels), (row * width + left) * channels)
  }
}

export const filled = (width: number, height: number, color: ReadonlyArray<number>): Pixels => {
  const channels = color.length
  const data = new Uint8Array(width * height * channels)
  for (let i = 0; i < data.length; i++) data[i] = color[i % channels]!
  return { width, height, channels, data }
}

/** Pillow's alpha_composite (AlphaComposite.c) of two RGBA pictures of one size */
export const alphaComposite = (below: Pixels, above: Pixels): Pixels => {
  const d = below.data
  const s = above.data
  return mapPixels(below, 4, (out, to, from) => {
    const alpha = s[from + 3]!
    if (alpha === 0) {
      for (let c = 0; c < 4; c++) out[to + c] = d[from + c]!
      return
    }
    const blend = d[from + 3]! * (255 - alpha)
    const alpha255 = alpha * 255 + blend
    const over = Math.trunc((alpha * 255 * 255 * 128) / alpha255)
    const under = 255 * 128 - over
    for (let c = 0; c < 3; c++) {
      const value = s[from + c]! * over + d[from + c]! * under + (0x80 << 7)
      out[to + c] = (((value >>> 8) + value) >>> 8) >>> 7
    }
    out[to + 3] = div255(alpha255)
  })
}

/** `self` over black and transparent, weighted by a grey mask of the same size, as Pillow pastes through a mask */
export const masked = (self: Pixels, mask: Pixels): Pixels => {
  const { channels, data } = self
  const weights = mask.data
  return mapPixels(self, channels, (out, to, from) => {
    const weight = weights[from / channels]!
    for (let c = 0; c < channels; c++) out[to + c] = div255(data[from + c]! * weight)
  })
}

export const invert = (self: Pixels): Pixels => ({ ...self, data: self.data.map((value) => 255 - value) })

/** another number of channels */
export const inChannels = (image: Pixels, channels: number): Pixels => {
  switch (channels) {
    case 1:
      return toGray(image)
    case 2:
      return toGrayAlpha(image)
    case 3:
      return toRgb(image)
    default:
      return toRgba(image)
  }
}

/** equally large cells in rows, `gap` between and around them, each picture in the middle of its cell */
export const sheet = (
  parts: ReadonlyArray<Pixels>,
  columns: number,
  gap: number,
  background: ReadonlyArray<number>
): { readonly width: number; readonly height: number; readonly draw: () => Pixels } => {
  const cellWidth = Math.max(...parts.map((part) => part.width))
  const cellHeight = Math.max(...parts.map((part) => part.height))
  const width = Math.min(columns, parts.length) * (cellWidth + gap) + gap
  const height = Math.ceil(parts.length / columns) * (cellHeight + gap) + gap
  const drawn = () => {
    const whole = filled(width, height, background)
    parts.forEach((part, i) => {
      const x = gap + (i % columns) * (cellWidth + gap) + ((cellWidth - part.width) >> 1)
      const y = gap + Math.floor(i / columns) * (cellHeight + gap) + ((cellHeight - part.height) >> 1)
      draw(whole, part, x, y)
    })
    return whole
  }
  return { width, height, draw: drawn }
}
