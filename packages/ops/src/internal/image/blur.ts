/** Pillow's Gaussian blur (BoxBlur.c): three box blurs of fractional radius in fixed point, float32 where C has float. */
import type { Pixels } from "./pixels.ts"

const f = Math.fround
const passes = 3

/** the box radius whose three passes have this standard deviation (Gwosdek et al. 2011, eq. 7, 11, 14) */
const boxRadius = (sigma: number): number => {
  const variance = f(f(sigma * sigma) / passes)
  const length = f(Math.sqrt(12 * variance + 1))
  const whole = f(Math.floor((length - 1) / 2))
  const numerator = f(f(2 * whole + 1) * f(f(whole * f(whole + 1)) - f(3 * variance)))
  const denominator = f(6 * f(variance - f(f(whole + 1) * f(whole + 1))))
  return f(whole + f(numerator / denominator))
}

/** One pass over values that lie `stride` apart. Beyond the ends the last value goes on: `line` holds them so extended. */
const blurLine = (
  input: Uint8Array,
  out: Uint8Array,
  at: number,
  stride: number,
  line: Int32Array,
  margin: number,
  weight: number,
  edgeWeight: number
): void => {
  const length = line.length - 2 * margin
  for (let x = 0; x < length; x++) line[margin + x] = input[at + x * stride]!
  line.fill(line[margin]!, 0, margin)
  line.fill(line[margin + length - 1]!, margin + length)
  let sum = 0
  for (let i = 0; i < 2 * margin - 1; i++) sum += line[i]!
  for (let x = 0; x < length; x++) {
    const left = line[x]!
    sum += line[x + 2 * margin - 1]! - left
    const bulk = sum * weight + (left + line[x + 2 * margin]!) * edgeWeight
    out[at + x * stride] = Math.floor((bulk + 2 ** 23) / 2 ** 24)
  }
}

/** sigma >= 0, in pixels */
export const gaussianBlur = (self: Pixels, sigma: number): Pixels => {
  const radius = boxRadius(f(sigma))
  if (!(radius > 0)) return self
  const { channels, height, width } = self
  const whole = Math.trunc(radius)
  const weight = Math.trunc(f(2 ** 24 / f(f(radius * 2) + 1)))
  const edgeWeight = Math.trunc((2 ** 24 - (whole * 2 + 1) * weight) / 2)
  let from: Uint8Array = self.data
  let to: Uint8Array = new Uint8Array(from.length)
  const margin = whole + 1
  const sweep = (lines: number, start: (line: number) => number, stride: number, length: number) => {
    const buffer = new Int32Array(length + 2 * margin)
    for (let pass = 0; pass < passes; pass++) {
      for (let line = 0; line < lines; line++) {
        blurLine(from, to, start(line), stride, buffer, margin, weight, edgeWeight)
      }
      const spare = from === self.data ? new Uint8Array(from.length) : from
      from = to
      to = spare
    }
  }
  sweep(
    height * channels,
    (line) => Math.floor(line / channels) * width * channels + (line % channels),
    channels,
    width
  )
  sweep(width * channels, (line) => line, width * channels, height)
  return { width, height, channels, data: from }
}
