/** The coefficients of DEIS: integrals of the Lagrange basis in log rho (arXiv 2204.13902, equation 15). */
import { outOfLine } from "./arithmetic.ts"
import type { Mark } from "./lambda.ts"
import type { Latents } from "./model.ts"
import { log32 } from "./numpyLog.ts"

const f = Math.fround

const rhoOf = ({ alpha, sigma }: Mark): number => f(sigma / alpha)

/** The antiderivative at t of the basis polynomial that is 1 at b and 0 at c. */
const linear = (t: number, b: number, c: number): number =>
  f(f(t * f(f(-log32(c) + log32(t)) - 1)) / f(log32(b) - log32(c)))

/** The antiderivative at t of the basis polynomial that is 1 at b and 0 at c and d. */
const quadratic = (t: number, b: number, c: number, d: number): number => {
  const logT = log32(t)
  const logC = log32(c)
  const logD = log32(d)
  const product = f(f(f(logC * f(f(logD - logT) + 1)) - f(logD * logT)) + logD)
  const polynomial = f(f(f(product + f(logT * logT)) - f(2 * logT)) + 2)
  return f(f(t * polynomial) / f(f(log32(b) - logC) * f(log32(b) - logD)))
}

/** The weights of the outputs at `levels` (2 or 3, newest first) for a step to `to`. */
export const coefficientsOf = (to: Mark, levels: ReadonlyArray<Mark>): ReadonlyArray<number> => {
  const end = rhoOf(to)
  const [r0 = 0, r1 = 0, r2] = levels.map(rhoOf)
  if (r2 === undefined)
    return [f(linear(end, r0, r1) - linear(r0, r0, r1)), f(linear(end, r1, r0) - linear(r0, r1, r0))]
  return [
    f(quadratic(end, r0, r1, r2) - quadratic(r0, r0, r1, r2)),
    f(quadratic(end, r1, r2, r0) - quadratic(r0, r1, r2, r0)),
    f(quadratic(end, r2, r0, r1) - quadratic(r0, r2, r0, r1))
  ]
}

/** to.alpha * (sample / from.alpha + c0 * m0 + c1 * m1 (+ c2 * m2)) in one pass; `outputs`: newest last. */
export const applyDeis = outOfLine(
  (
    to: Mark,
    from: Mark,
    weights: ReadonlyArray<number>,
    x: Float32Array,
    outputs: ReadonlyArray<Latents>
  ): Float32Array => {
    const [m0, m1, m2] = outputs
      .slice(-weights.length)
      .map((output) => output.data)
      .toReversed()
    const c0 = Math.fround(weights[0] ?? 0)
    const c1 = Math.fround(weights[1] ?? 0)
    const c2 = Math.fround(weights[2] ?? 0)
    const after = Math.fround(to.alpha)
    const inverse = 1 / Math.fround(from.alpha)
    const out = new Float32Array(x.length)
    if (m2 === undefined) {
      for (let i = 0; i < out.length; i++) {
        const one = Math.fround(Math.fround(x[i]! * inverse) + Math.fround(c0 * m0![i]!))
        out[i] = after * Math.fround(one + Math.fround(c1 * m1![i]!))
      }
    } else {
      for (let i = 0; i < out.length; i++) {
        const one = Math.fround(Math.fround(x[i]! * inverse) + Math.fround(c0 * m0![i]!))
        const two = Math.fround(one + Math.fround(c1 * m1![i]!))
        out[i] = after * Math.fround(two + Math.fround(c2 * m2[i]!))
      }
    }
    return out
  }
)
