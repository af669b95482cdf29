import { f } from "./arithmetic.ts"

/** `torch.quantile(x.abs(), ratio)` (linear, float32) by selection: expected linear time, one scratch array. */
export const quantileOfMagnitudes = (x: Float32Array, ratio: number): number => {
  const magnitudes = new Float32Array(x.length)
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!
    if (Number.isNaN(value)) return NaN
    magnitudes[i] = value < 0 ? -value : value
  }
  const rank = f(f(ratio) * f(x.length - 1))
  const below = Math.floor(rank)
  const low = select(magnitudes, below)
  // after the selection everything above `below` is not smaller: its least is the next in order
  const high = Math.ceil(rank) === below ? low : least(magnitudes, below + 1)
  const weight = f(rank - below)
  return weight < 0.5 ? f(low + f(weight * f(high - low))) : f(high - f(f(high - low) * f(1 - weight)))
}

const least = (values: Float32Array, from: number): number => {
  let result = Infinity
  for (let i = from; i < values.length; i++) if (values[i]! < result) result = values[i]!
  return result
}

/** The k-th smallest value (Hoare's selection); reorders `values`. */
const select = (values: Float32Array, k: number): number => {
  let left = 0
  let right = values.length - 1
  while (left < right) {
    const pivot = medianOfThree(values[left]!, values[(left + right) >> 1]!, values[right]!)
    let i = left
    let j = right
    while (i <= j) {
      while (values[i]! < pivot) i++
      while (values[j]! > pivot) j--
      if (i <= j) {
        const swap = values[i]!
        values[i] = values[j]!
        values[j] = swap
        i++
        j--
      }
    }
    if (k <= j) right = j
    else if (k >= i) left = i
    else break
  }
  return values[k]!
}

const medianOfThree = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
