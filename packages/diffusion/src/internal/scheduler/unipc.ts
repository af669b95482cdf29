/** The updates of UniPC (arXiv 2302.04867, algorithms 5 to 8): predictor and corrector share their form. */
import { like, outOfLine } from "./arithmetic.ts"
import type { Mark } from "./lambda.ts"
import type { Latents } from "./model.ts"
import { solve32 } from "./solve.ts"

const f = Math.fround

/**
 * next = keep * x - pull * m0 - scale * (sum of rho_k * (m_k - m0) / r_k); the corrector adds rho * (newest - m0), the
 * last of the rhos.
 */
export interface UniPcUpdate {
  readonly keep: number
  readonly pull: number
  readonly scale: number
  readonly ratios: ReadonlyArray<number>
  readonly rhos: ReadonlyArray<number>
}

export interface UniPcOptions {
  readonly predict_x0: boolean
  readonly solver_type: string
}

/** The update from one level to the next; `at(k)` is the mark k levels on. null: the system is singular. */
export const updateOf = (
  options: UniPcOptions,
  at: (k: number) => Mark,
  order: number,
  corrects: boolean
): UniPcUpdate | null => {
  const to = at(1)
  const from = at(0)
  const h = f(to.lambda - from.lambda)
  const hh = options.predict_x0 ? -h : h
  const ratios = Array.from({ length: order - 1 }, (_, i) => f(f(at(-1 - i).lambda - from.lambda) / h))
  const phi = f(Math.expm1(hh))
  const scale = options.solver_type === "bh1" ? hh : phi
  const points = [...ratios, 1]

  const matrix: Array<ReadonlyArray<number>> = []
  const rhs: Array<number> = []
  let phiK = f(f(phi / hh) - 1)
  let factorial = 1
  for (let i = 1; i <= order; i++) {
    matrix.push(points.map((point) => Math.fround(point ** (i - 1))))
    rhs.push(Math.fround(Math.fround(phiK * factorial) / scale))
    factorial *= i + 1
    phiK = Math.fround(Math.fround(phiK / hh) - Math.fround(1 / factorial))
  }
  const rhos = corrects
    ? order === 1
      ? [0.5]
      : solve32(matrix, rhs)
    : order <= 2
      ? [0.5].slice(0, order - 1)
      : solve32(
          matrix.slice(0, -1).map((row) => row.slice(0, -1)),
          rhs.slice(0, -1)
        )
  if (rhos === null) return null
  const outer = options.predict_x0 ? to.alpha : to.sigma
  const keep = options.predict_x0 ? f(to.sigma / from.sigma) : f(to.alpha / from.alpha)
  return { keep, pull: f(outer * phi), scale: f(outer * scale), ratios, rhos }
}

/** `outputs`: newest last; `newest`: the output at the end of the step, for the corrector. */
export const applyUniPc = (
  update: UniPcUpdate,
  sample: Latents,
  outputs: ReadonlyArray<Latents>,
  newest?: Latents
): Latents => {
  const { ratios, rhos } = update
  const [m0, ...earlier] = outputs
    .slice(-ratios.length - 1)
    .map((output) => output.data)
    .toReversed()
  if (newest === undefined && rhos[0] === 0.5 && rhos.length === 1)
    return like(sample, predicted(update, sample.data, m0!, earlier[0]!))
  const inverses = ratios.map((ratio) => 1 / Math.fround(ratio))
  const out = new Float32Array(sample.data.length)
  if (newest !== undefined && earlier.length === 1)
    bendToInto(out, m0!, rhos[0]!, earlier[0]!, inverses[0]!, rhos[1]!, newest.data)
  else {
    const together = earlier.length < 2 ? 0 : 2
    if (together === 2) bendInto(out, m0!, rhos[0]!, earlier[0]!, inverses[0]!, rhos[1]!, earlier[1]!, inverses[1]!)
    for (let k = together; k < earlier.length; k++) addBendInto(out, m0!, rhos[k]!, earlier[k]!, inverses[k]!)
    // the output at the end of the step stands at distance one
    if (newest !== undefined) addBendInto(out, m0!, rhos[ratios.length]!, newest.data, 1)
  }
  return like(sample, finishInto(out, update, sample.data, m0!))
}

/** The predictor of order two, in one pass. Its rho is a half: what is halved needs no rounding. */
const predicted = outOfLine(
  (update: UniPcUpdate, x: Float32Array, m0: Float32Array, m1: Float32Array): Float32Array => {
    const keep = Math.fround(update.keep)
    const pull = Math.fround(update.pull)
    const half = Math.fround(update.scale) / 2
    const inverse = 1 / Math.fround(update.ratios[0]!)
    const out = new Float32Array(x.length)
    for (let i = 0; i < out.length; i++) {
      const here = m0[i]!
      const slope = Math.fround(Math.fround(m1[i]! - here) * inverse)
      out[i] = Math.fround(Math.fround(keep * x[i]!) - Math.fround(pull * here)) - Math.fround(half * slope)
    }
    return out
  }
)

/** out = r1 * ((m1 - m0) * i1) + r2 * ((m2 - m0) * i2) */
const bendInto = outOfLine(
  (
    out: Float32Array,
    m0: Float32Array,
    ofFirst: number,
    m1: Float32Array,
    i1: number,
    ofSecond: number,
    m2: Float32Array,
    i2: number
  ): void => {
    const r1 = Math.fround(ofFirst)
    const r2 = Math.fround(ofSecond)
    for (let i = 0; i < out.length; i++) {
      const here = m0[i]!
      const first = Math.fround(r1 * Math.fround(Math.fround(m1[i]! - here) * i1))
      out[i] = first + Math.fround(r2 * Math.fround(Math.fround(m2[i]! - here) * i2))
    }
  }
)

/** out = r1 * ((m1 - m0) * i1) + r2 * (m2 - m0): of the corrector of order two. */
const bendToInto = outOfLine(
  (
    out: Float32Array,
    m0: Float32Array,
    ofFirst: number,
    m1: Float32Array,
    i1: number,
    ofSecond: number,
    m2: Float32Array
  ): void => {
    const r1 = Math.fround(ofFirst)
    const r2 = Math.fround(ofSecond)
    for (let i = 0; i < out.length; i++) {
      const here = m0[i]!
      const first = Math.fround(r1 * Math.fround(Math.fround(m1[i]! - here) * i1))
      out[i] = first + Math.fround(r2 * Math.fround(m2[i]! - here))
    }
  }
)

/** out = out + r * ((m - m0) * inverse) */
const addBendInto = outOfLine(
  (out: Float32Array, m0: Float32Array, rho: number, m: Float32Array, inverse: number): void => {
    const r = Math.fround(rho)
    for (let i = 0; i < out.length; i++)
      out[i] = out[i]! + Math.fround(r * Math.fround(Math.fround(m[i]! - m0[i]!) * inverse))
  }
)

/**
 * out = keep * x - pull * m0 - scale * out. A pass of its own: all in one would be no faster, as it is roundings that take the
 * time, and needs a loop for each order.
 */
const finishInto = outOfLine(
  (out: Float32Array, update: UniPcUpdate, x: Float32Array, m0: Float32Array): Float32Array => {
    const keep = Math.fround(update.keep)
    const pull = Math.fround(update.pull)
    const scale = Math.fround(update.scale)
    for (let i = 0; i < out.length; i++)
      out[i] = Math.fround(Math.fround(keep * x[i]!) - Math.fround(pull * m0[i]!)) - Math.fround(scale * out[i]!)
    return out
  }
)
