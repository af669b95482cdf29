/** The updates of DPM-Solver's singlestep form (arXiv 2206.00927, algorithms 1 and 2; 2211.01095, algorithm 1). */
import { addInto, exp, mixed, outOfLine, sqrt } from "./arithmetic.ts"
import type { Algorithm } from "./dpm.ts"
import type { Mark } from "./lambda.ts"
import type { Latents } from "./model.ts"

const f = Math.fround

/** The order of each call: groups that count up to `order`, the last one cut short where the end asks for it. */
export const ordersOf = (
  steps: number,
  order: number,
  lowersFinal: boolean,
  zeroEnd: boolean
): ReadonlyArray<number> => {
  const group = Array.from({ length: order }, (_, i) => i + 1)
  const groups = (n: number) => Array.from({ length: n }, () => group).flat()
  const rest = steps % order
  const orders =
    !lowersFinal || order === 1
      ? groups(Math.floor(steps / order))
      : rest === 0
        ? [...groups(steps / order - 1), ...group.slice(0, -1), 1]
        : [...groups(Math.floor(steps / order)), ...group.slice(0, rest)]
  if (zeroEnd) orders[orders.length - 1] = 1
  return orders
}

/** out = out + a * (r * (y - x)) */
const addLineInto = outOfLine(
  (out: Float32Array, a: number, r: number, x: Float32Array, y: Float32Array): Float32Array => {
    const v = Math.fround(a)
    const w = Math.fround(r)
    for (let i = 0; i < out.length; i++) out[i] = out[i]! + Math.fround(v * Math.fround(w * Math.fround(y[i]! - x[i]!)))
    return out
  }
)

/** Adds what the parabola through three outputs has beside the oldest, m0; `r0` and `r1` are where the others lie. */
const addParabolaInto = outOfLine(
  (
    out: Float32Array,
    by: { readonly r0: number; readonly r1: number; readonly integral: number; readonly curved: number },
    m0: Float32Array,
    m1: Float32Array,
    m2: Float32Array
  ): Float32Array => {
    const r0 = Math.fround(by.r0)
    const r1 = Math.fround(by.r1)
    const integral = Math.fround(by.integral)
    const curved = Math.fround(by.curved)
    const i0 = Math.fround(1 / r0)
    const i1 = Math.fround(1 / r1)
    const inverse = 1 / Math.fround(r0 - r1)
    for (let i = 0; i < out.length; i++) {
      const near = Math.fround(i1 * Math.fround(m1[i]! - m0[i]!))
      const far = Math.fround(i0 * Math.fround(m2[i]! - m0[i]!))
      const line = Math.fround(Math.fround(Math.fround(r0 * near) - Math.fround(r1 * far)) * inverse)
      const bend = Math.fround(Math.fround(2 * Math.fround(far - near)) * inverse)
      out[i] = Math.fround(out[i]! + Math.fround(integral * line)) + Math.fround(curved * bend)
    }
    return out
  }
)

/**
 * The last call of a group of `order`: from `start`, where the group began, to the next level. `at(k)` is the mark k
 * levels on from this call, `outputs` are newest last.
 */
export const applySinglestep = (
  algorithm: Exclude<Algorithm, "sde-dpmsolver">,
  heun: boolean,
  order: number,
  at: (k: number) => Mark,
  start: Latents,
  outputs: ReadonlyArray<Latents>,
  noise: Latents | undefined
): Float32Array => {
  const plus = algorithm !== "dpmsolver"
  const sde = algorithm === "sde-dpmsolver++"
  const next = at(1)
  const origin = at(1 - order)
  const h = f(next.lambda - origin.lambda)
  const hh = f(2 * h)
  const e = plus ? f(exp(-h) - 1) : f(exp(h) - 1)
  const e2 = f(1 - exp(-hh))
  const outer = plus ? next.alpha : next.sigma
  const ratio = plus ? f(next.sigma / origin.sigma) : f(next.alpha / origin.alpha)
  const a = sde ? f(ratio * exp(-h)) : ratio

  // the integrals of 1, of a line and of a parabola against the exponential weight
  const c0 = sde ? f(outer * e2) : -f(outer * e)
  const integral = sde ? f(outer * f(f(e2 / -hh) + 1)) : plus ? f(outer * f(f(e / h) + 1)) : -f(outer * f(f(e / h) - 1))
  const curved = sde
    ? f(outer * f(f(f(e2 - hh) / f(hh * hh)) - 0.5))
    : -f(outer * f(f(f(plus ? f(e + h) : f(e - h)) / f(h * h)) - 0.5))
  const half = sde ? f(0.5 * c0) : -f(0.5 * f(outer * e))

  // oldest of the group first: that is where the group began
  const [m0, m1, m2] = outputs.slice(outputs.length - order).map((output) => output.data)
  const out = mixed(a, start.data, c0, m0!)
  if (order === 2) {
    const c1 = heun ? integral : half
    const r = f(1 / f(f(at(0).lambda - origin.lambda) / h))
    addLineInto(out, c1, r, m0!, m1!)
  } else if (order === 3) {
    const r0 = f(f(at(0).lambda - origin.lambda) / h)
    const r1 = f(f(at(-1).lambda - origin.lambda) / h)
    if (heun) addParabolaInto(out, { r0, r1, integral, curved }, m0!, m1!, m2!)
    else addLineInto(out, integral, f(1 / r0), m0!, m2!)
  }
  return noise === undefined ? out : addInto(out, f(next.sigma * sqrt(e2)), noise.data)
}
