const f = Math.fround

/**
 * `torch.quantile(x.abs(), ratio)` (linear, float32) in linear time: the bits of magnitudes are in the order of their
 * values, so the one of a rank is found digit by digit with counts, without sorting. A high quantile, the usual one, has few
 * at or above its first digit: the other digits are counted among these.
 */
export const quantileOfMagnitudes = (x: Float32Array, ratio: number): number => {
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length)
  const rank = f(f(ratio) * f(x.length - 1))
  const below = Math.floor(rank)
  const { atMost, candidates, value: low } = select(bits, below)
  if (!(low <= Infinity)) return NaN
  const high = Math.ceil(rank) < atMost ? low : leastAbove(candidates, low)
  const weight = f(rank - below)
  return weight < 0.5 ? f(low + f(weight * f(high - low))) : f(high - f(f(high - low) * f(1 - weight)))
}

const MAGNITUDE = 0x7fffffff
const INFINITE = 0x7f800000

/** The 31 bits of a magnitude in digits, from the highest: 11 bits, 10 and 10. */
const FIRST_SHIFT = 20
const WIDTH = 10
const otherShifts = [10, 0]

const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)

const toFloat = (magnitude: number): number => {
  word[0] = magnitude
  return float[0]!
}

interface Selected {
  readonly value: number
  /** How many do not exceed the value. */
  readonly atMost: number
  /** All that are not below the value, and others. */
  readonly candidates: Uint32Array
}

/** The value of a rank; not a number where one of them is none. */
const select = (bits: Uint32Array, rank: number): Selected => {
  let counts = firstDigits(bits)
  if (hasNaN(bits, counts)) return { value: NaN, atMost: 0, candidates: bits }
  let smaller = 0
  let digit = 0
  while (smaller + counts[digit]! <= rank) smaller += counts[digit++]!
  let prefix = digit
  const rest = bits.length - smaller
  const candidates = rest < bits.length / 8 ? atLeast(bits, prefix << FIRST_SHIFT, rest) : bits
  for (const shift of otherShifts) {
    counts = digitsAfter(candidates, prefix, shift)
    digit = 0
    while (smaller + counts[digit]! <= rank) smaller += counts[digit++]!
    prefix = (prefix << WIDTH) | digit
  }
  return { value: toFloat(prefix), atMost: smaller + counts[digit]!, candidates }
}

/** How often each first digit occurs: a loop of its own, as it sees every value and takes half the time where all is constant. */
const firstDigits = (bits: Uint32Array): Uint32Array => {
  const counts = new Uint32Array(2 ** 11)
  for (let i = 0; i < bits.length; i++) counts[(bits[i]! & MAGNITUDE) >>> FIRST_SHIFT]!++
  return counts
}

/** How often each digit occurs in the magnitudes with a prefix. */
const digitsAfter = (bits: Uint32Array, prefix: number, shift: number): Uint32Array => {
  const counts = new Uint32Array(2 ** WIDTH)
  for (let i = 0; i < bits.length; i++) {
    const digits = (bits[i]! & MAGNITUDE) >>> shift
    if (digits >>> WIDTH === prefix) counts[digits & (2 ** WIDTH - 1)]!++
  }
  return counts
}

/** Infinity and what is not a number begin with the same digits. */
const hasNaN = (bits: Uint32Array, counts: Uint32Array): boolean =>
  counts.subarray(INFINITE >>> FIRST_SHIFT).some((count) => count > 0) &&
  bits.some((value) => (value & MAGNITUDE) > INFINITE)

/** The `count` magnitudes that are not below a limit. */
const atLeast = (bits: Uint32Array, limit: number, count: number): Uint32Array => {
  const out = new Uint32Array(count)
  let at = 0
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & MAGNITUDE
    if (magnitude >= limit) out[at++] = magnitude
  }
  return out
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
