/** Noise whose variance the model says, in the second half of its output's channels. */
import { outOfLine } from "./arithmetic.ts"
import { exp32 } from "./exp.ts"
import type { Latents } from "./model.ts"

/**
 * deviation * noise, the variance being what the output says (`learned`), or where between two logarithms (-1: the lower, 1: the
 * higher) its own lies (`learned_range`).
 */
export const learnedNoise = (
  output: Latents,
  noise: Float32Array,
  range: readonly [low: number, high: number] | undefined
): Float32Array => {
  const items = output.shape[0]!
  const out = new Float32Array(noise.length)
  const size = Math.trunc(out.length / items)
  for (let item = 0; item < items; item++) {
    // an item's mean and variance follow each other
    const said = output.data.subarray((2 * item + 1) * size, (2 * item + 2) * size)
    const part = out.subarray(item * size, (item + 1) * size)
    const drawn = noise.subarray(item * size, (item + 1) * size)
    if (range === undefined) byVarianceInto(part, said, drawn)
    else byLogarithmInto(halfLogarithmsInto(part, said, range[0], range[1]), drawn)
  }
  return out
}

const byVarianceInto = outOfLine((out: Float32Array, variance: Float32Array, noise: Float32Array): void => {
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(Math.sqrt(variance[i]!)) * noise[i]!
})

/** out = (share * high + (1 - share) * low) / 2, the share from 0 to 1 where the place is from -1 to 1; halves need no rounding. */
const halfLogarithmsInto = outOfLine(
  (out: Float32Array, place: Float32Array, lowest: number, highest: number): Float32Array => {
    const low = Math.fround(lowest)
    const high = Math.fround(highest)
    for (let i = 0; i < out.length; i++) {
      const share = Math.fround(place[i]! + 1) / 2
      out[i] = Math.fround(Math.fround(share * high) + Math.fround(Math.fround(1 - share) * low)) / 2
    }
    return out
  }
)

/** out = e^out * noise */
const byLogarithmInto = outOfLine((out: Float32Array, noise: Float32Array): void => {
  for (let i = 0; i < out.length; i++) out[i] = exp32(out[i]!) * noise[i]!
})
