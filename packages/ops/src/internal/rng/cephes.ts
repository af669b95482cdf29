/**
 * log, sin and cos as torch's vectorised normal fill computes them: the single-precision polynomials of Cephes, every
 * multiply-add fused (a product of two float32 is exact in float64, so one rounding at the end is the fused result).
 */
const f = Math.fround

const float = new Float32Array(1)
const word = new Int32Array(float.buffer)

const p0 = f(7.0376836292e-2)
const p1 = f(-1.151461031e-1)
const p2 = f(1.167699874e-1)
const p3 = f(-1.2420140846e-1)
const p4 = f(1.4249322787e-1)
const p5 = f(-1.6668057665e-1)
const p6 = f(2.0000714765e-1)
const p7 = f(-2.4999993993e-1)
const p8 = f(3.3333331174e-1)
const q1 = f(-2.1219444e-4)
const q2 = 0.693359375
const sqrtHalf = f(Math.SQRT1_2)
const smallest = 2 ** -126

/** the natural logarithm of a float32 x > 0 */
export const log32 = (x: number): number => {
  float[0] = Math.max(x, smallest)
  let exponent = (word[0]! >>> 23) - 0x7e
  word[0] = (word[0]! & 0x007fffff) | 0x3f000000
  let m = float[0]!
  if (m < sqrtHalf) {
    exponent -= 1
    m = f(f(m - 1) + m)
  } else m = f(m - 1)
  const z = f(m * m)
  let y = f(p0 * m + p1)
  y = f(y * m + p2)
  y = f(y * m + p3)
  y = f(y * m + p4)
  y = f(y * m + p5)
  y = f(y * m + p6)
  y = f(y * m + p7)
  y = f(y * m + p8)
  y = f(f(y * m) * z + f(exponent * q1))
  y = f(y - z * 0.5)
  return f(exponent * q2 + f(m + y))
}

const fourOverPi = f(1.27323954473516)
const d1 = -0.78515625
const d2 = f(-2.4187564849853515625e-4)
const d3 = f(-3.774894977445941e-8)
const s0 = f(-1.9515295891e-4)
const s1 = f(8.3321608736e-3)
const s2 = f(-1.6666654611e-1)
const c0 = f(2.443315711809948e-5)
const c1 = f(-1.388731625493765e-3)
const c2 = f(4.166664568298827e-2)

/** sine and cosine of a float32 x >= 0 into out[0] and out[1] */
export const sinCos32 = (x: number, out: Float32Array): void => {
  const octant = ((f(x * fourOverPi) | 0) + 1) & ~1
  let r = f(octant * d1 + x)
  r = f(octant * d2 + r)
  r = f(octant * d3 + r)
  const z = f(r * r)
  let cos = f(c0 * z + c1)
  cos = f(cos * z + c2)
  cos = f(f(f(cos * z) * z - z * 0.5) + 1)
  let sin = f(s0 * z + s1)
  sin = f(sin * z + s2)
  sin = f(sin * z)
  sin = f(sin * r + r)
  const swap = (octant & 2) !== 0
  const s = swap ? cos : sin
  const c = swap ? sin : cos
  out[0] = (octant & 4) !== 0 ? -s : s
  out[1] = ((octant - 2) & 4) === 0 ? -c : c
}
