const f = Math.fround

/**
 * `torch.quantile(x.abs(), ratio)` (linear, float32) in linear time: the bits of magnitudes are in the order of their
 * values, so the one of a rank is found digit by digit with counts, without sorting or copying.
 */
export const quantileOfMagnitudes = (x: Float32Array, ratio: number): number => {
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length)
  const rank = f(f(ratio) * f(x.length - 1))
  const below = Math.floor(rank)
  const { atMost, value: low } = select(bits, below)
  if (!(low <= Infinity)) return NaN
  const high = Math.ceil(rank) < atMost ? low : leastAbove(bits, low)
  const weight = f(rank - below)
  return weight < 0.5 ? f(low + f(weight * f(high - low))) : f(high - f(f(high - low) * f(1 - weight)))
}

const MAGNITUDE = 0x7fffffff
const INFINITE = 0x7f800000

/** The 31 bits of a magnitude, in digits from the highest. */
const digits = [
  { shift: 20, width: 11 },
  { shift: 10, width: 10 },
  { shift: 0, width: 10 }
] as const

const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)

const toFloat = (magnitude: number): number => {
  word[0] = magnitude
  return float[0]!
}

/** The value of a rank, and how many values do not exceed it; not a number where one of them is none. */
const select = (bits: Uint32Array, rank: number): { readonly value: number; readonly atMost: number } => {
  let prefix = 0
  let smaller = 0
  let equal = 0
  for (const { shift, width } of digits) {
    const counts = new Uint32Array(2 ** width)
    const mask = counts.length - 1
    const above = shift + width
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i]! & MAGNITUDE
      if (magnitude > INFINITE) return { value: NaN, atMost: 0 }
      if (magnitude >>> above === prefix) counts[(magnitude >>> shift) & mask]!++
    }
    let digit = 0
    while (smaller + counts[digit]! <= rank) smaller += counts[digit++]!
    equal = counts[digit]!
    prefix = (prefix << width) | digit
  }
  return { value: toFloat(prefix), atMost: smaller + equal }
}

const leastAbove = (bits: Uint32Array, value: number): number => {
  float[0] = value
  const limit = word[0]!
  let least = MAGNITUDE
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & MAGNITUDE
    if (magnitude > limit && magnitude < least) least = magnitude
  }
  return toFloat(least)
}
