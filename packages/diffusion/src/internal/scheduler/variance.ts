/** Noise whose variance the model says, in the second half of its output's channels. */
import { outOfLine } from "./arithmetic.ts"
import { exp32 } from "./exp.ts"
import type { Latents } from "./model.ts"

/**
 * out = out + deviation * noise, the variance being what the output says (`learned`), or where between two logarithms (-1: the
 * lower, 1: the higher) its own lies (`learned_range`).
 */
export const addLearned = (
  out: Float32Array,
  output: Latents,
  noise: Float32Array,
  range: readonly [low: number, high: number] | undefined
): void => {
  const items = output.shape[0]!
  const size = Math.trunc(out.length / items)
  for (let item = 0; item < items; item++) {
    // an item's mean and variance follow each other
    const said = output.data.subarray((2 * item + 1) * size, (2 * item + 2) * size)
    const [part, drawn] = [out, noise].map((data) => data.subarray(item * size, (item + 1) * size))
    if (range === undefined) addByVariance(part!, said, drawn!)
    else addByLogarithm(part!, said, drawn!, range[0], range[1])
  }
}

const addByVariance = outOfLine((out: Float32Array, variance: Float32Array, noise: Float32Array): void => {
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + Math.fround(Math.fround(Math.sqrt(variance[i]!)) * noise[i]!)
})

const addByLogarithm = outOfLine(
  (out: Float32Array, place: Float32Array, noise: Float32Array, lowest: number, highest: number): void => {
    const low = Math.fround(lowest)
    const high = Math.fround(highest)
    for (let i = 0; i < out.length; i++) {
      // halves need no rounding
      const share = Math.fround(place[i]! + 1) / 2
      const log = Math.fround(Math.fround(share * high) + Math.fround(Math.fround(1 - share) * low))
      out[i] = out[i]! + Math.fround(exp32(log / 2) * noise[i]!)
    }
  }
)
