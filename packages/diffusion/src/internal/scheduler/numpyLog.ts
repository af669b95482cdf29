/**
 * numpy's logarithm of float32 values, which diffusers uses for tables of noise levels and in DEIS. It is a rational
 * approximation up to 4 units off in the last place (`simd_log_FLOAT` of numpy's `loops_exponent_log.dispatch.c.src`),
 * so timesteps found by interpolation in log sigma come out on diffusers' bits only with the same approximation.
 */

const f = Math.fround

/** A fused multiply-add in float32: the product is exact in float64, the sum is rounded once more at the end. */
const fma = (a: number, b: number, c: number): number => f(a * b + c)

const numerator = [
  0.025899791179079226, 0.3808837741388408, 1.4800006335765066, 2.112677543073053, 0.9999999999999999, 0
].map(f)

const denominator = [
  0.005875095403124574, 0.15464763749839067, 0.9864942958519419, 2.453006071784736, 2.6126775430731093, 1
].map(f)

const ln2 = f(Math.LN2)
const rootOfHalf = f(Math.SQRT1_2)

const polynomial = (coefficients: ReadonlyArray<number>, x: number): number =>
  coefficients.reduce((sum, coefficient) => fma(sum, x, coefficient))

/** log(x) of a float32 `x`. */
export const log32 = (x: number): number => {
  if (!(x > 0) || x === Infinity) return Math.log(x)
  // x = mantissa * 2^exponent with the mantissa in [0.5, 1)
  let exponent = Math.floor(Math.log2(x)) + 1
  let mantissa = x / 2 ** exponent
  if (mantissa >= 1) {
    mantissa /= 2
    exponent += 1
  } else if (mantissa < 0.5) {
    mantissa *= 2
    exponent -= 1
  }
  if (mantissa <= rootOfHalf) {
    mantissa *= 2
    exponent -= 1
  }
  const rest = f(mantissa - 1)
  return fma(exponent, ln2, f(polynomial(numerator, rest) / polynomial(denominator, rest)))
}

/** The logarithms of a table. */
export const logTable = (table: Float32Array): Float32Array => table.map(log32)
