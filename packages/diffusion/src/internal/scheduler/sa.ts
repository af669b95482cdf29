/** The stochastic Adams updates of SA-Solver (arXiv 2309.05019, equations 14 to 17). */
import { exp, like, sqrt, square } from "./arithmetic.ts"
import type { Mark } from "./lambda.ts"
import type { Latents } from "./model.ts"
import { weightedSum } from "./sum.ts"

const f = Math.fround

export interface AdamsInput {
  readonly predictsClean: boolean
  /** Adams-Moulton (the output at the end is among `outputs`) rather than Adams-Bashforth. */
  readonly corrects: boolean
  readonly tau: 0 | 1
  readonly order: number
  readonly from: Mark
  readonly to: Mark
  /** The marks that the polynomial goes through, the newest for k = 0. */
  readonly points: (k: number) => Mark
  readonly sample: Latents
  /** Newest last. */
  readonly outputs: ReadonlyArray<Latents>
  readonly noise: Latents
}

/** The coefficients of each Lagrange basis polynomial through the points, highest power first. */
const lagrange = (points: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> => {
  if (points.length === 1) return [[1]]
  return points.map((point, i) => {
    const others = points.filter((_, k) => k !== i)
    const below = others.reduce((product, other, k) => (k === 0 ? f(point - other) : f(product * f(point - other))), 1)
    return symmetric(others).map((value) => f(value / below))
  })
}

/** The coefficients of the product of (x - a), (x - b), ... */
const symmetric = (roots: ReadonlyArray<number>): ReadonlyArray<number> => {
  const [a = 0, b, c] = roots
  if (b === undefined) return [1, -a]
  if (c === undefined) return [1, f(-a - b), f(a * b)]
  const pairs = f(f(f(a * b) + f(a * c)) + f(b * c))
  return [1, f(f(-a - b) - c), pairs, f(f(-a * b) * c)]
}

const polynomials: ReadonlyArray<(x: number, sign: 1 | -1) => number> = [
  () => 1,
  (x, sign) => f(x + sign),
  (x, sign) => f(f(square(x) + sign * f(2 * x)) + 2),
  (x, sign) => f(f(f(f(square(x) * x) + sign * f(3 * square(x))) + f(6 * x)) + sign * 6)
]

/** The integral of x^k against the exponential weight of the clean sample's equation. */
const positive = (k: number, from: number, to: number, tau: 0 | 1): number => {
  const c = 1 + tau * tau
  const end = f(c * to)
  const start = f(c * from)
  const p = polynomials[k]!
  const rest = f(p(end, -1) - f(p(start, -1) * exp(-f(end - start))))
  return f(f(exp(end) * rest) / c ** (k + 1))
}

/** The integral of x^k against the exponential weight of the noise's equation. */
const negative = (k: number, from: number, to: number): number => {
  const p = polynomials[k]!
  return f(exp(-to) * f(f(p(from, 1) * exp(f(to - from))) - p(to, 1)))
}

/** The second-order correction that diffusers adds for few steps, as UniPC does. */
const correction = (tau: 0 | 1, h: number, lambda: number, corrects: boolean, gap: number): number => {
  const c = 1 + tau * tau
  const tail = f(f(f(h * c) - 1) + exp(f(c * -h)))
  if (corrects) return f(exp(f(c * lambda)) * f(f(h / 2) - f(tail / f(c * c * h))))
  return f(f(exp(f(c * lambda)) * f(f(square(h) / 2) - f(tail / (c * c)))) / gap)
}

const weightsOf = ({ corrects, from, order, points, predictsClean, tau, to }: AdamsInput): ReadonlyArray<number> => {
  const lambdas = Array.from({ length: order }, (_, k) => points(k).lambda)
  const integral = (k: number) =>
    predictsClean ? positive(k, from.lambda, to.lambda, tau) : negative(k, from.lambda, to.lambda)
  const weights = lagrange(lambdas).map((coefficients) =>
    coefficients.reduce((sum, coefficient, j) => f(sum + f(coefficient * integral(order - 1 - j))), 0)
  )
  if (!predictsClean || order !== 2) return weights
  const h = f(to.lambda - from.lambda)
  const gap = f(from.lambda - lambdas[1]!)
  const extra = correction(tau, h, to.lambda, corrects, gap)
  return [f(weights[0]! + extra), f(weights[1]! - extra)]
}

/** One update, in one pass. */
export const stochasticAdams = (input: AdamsInput): Latents => {
  const { from, noise, outputs, predictsClean, sample, tau, to } = input
  const h = f(to.lambda - from.lambda)
  const c = 1 + tau * tau
  const outer = predictsClean ? f(f(c * to.sigma) * exp(f(-tau * to.lambda))) : f(-c * to.alpha)
  const keep = predictsClean ? f(exp(f(-tau * h)) * f(to.sigma / from.sigma)) : f(to.alpha / from.alpha)
  const deviation = predictsClean
    ? f(to.sigma * sqrt(f(1 - exp(f(-2 * tau * h)))))
    : f(f(tau * to.sigma) * sqrt(f(exp(f(2 * h)) - 1)))
  const weights = weightsOf(input).map((weight) => f(outer * weight))
  const newest = outputs.slice(outputs.length - weights.length).map((output) => output.data)
  const terms = [...newest.toReversed(), sample.data]
  // without weight the noise changes nothing: a sum that starts from zero is never the negative one
  return like(
    sample,
    deviation === 0
      ? weightedSum([...weights, keep], terms)
      : weightedSum([...weights, keep, deviation], [...terms, noise.data])
  )
}
