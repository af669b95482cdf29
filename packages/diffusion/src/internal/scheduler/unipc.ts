/** The updates of UniPC (arXiv 2302.04867, algorithms 5 to 8): predictor and corrector share their form. */
import { like } from "./arithmetic.ts"
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
  { keep: ofSample, pull: ofOutput, ratios, rhos, scale: ofSum }: UniPcUpdate,
  sample: Latents,
  outputs: ReadonlyArray<Latents>,
  newest?: Latents
): Latents => {
  const x = sample.data
  const m0 = outputs[outputs.length - 1]!.data
  const keep = Math.fround(ofSample)
  const pull = Math.fround(ofOutput)
  const scale = Math.fround(ofSum)
  const rhoOfNewest = Math.fround(rhos[ratios.length] ?? 0)
  const out = new Float32Array(x.length)
  const m = newest?.data
  if (ratios.length === 1) {
    // order two, the usual one, in one pass
    const m1 = outputs[outputs.length - 2]!.data
    const inverse = 1 / Math.fround(ratios[0]!)
    const rho = Math.fround(rhos[0]!)
    for (let i = 0; i < out.length; i++) {
      const bend = Math.fround(rho * Math.fround(Math.fround(m1[i]! - m0[i]!) * inverse))
      const sum = m === undefined ? bend : Math.fround(bend + Math.fround(rhoOfNewest * Math.fround(m[i]! - m0[i]!)))
      out[i] = Math.fround(Math.fround(keep * x[i]!) - Math.fround(pull * m0[i]!)) - Math.fround(scale * sum)
    }
    return like(sample, out)
  }
  ratios.forEach((ratio, k) => {
    const mk = outputs[outputs.length - 2 - k]!.data
    const inverse = 1 / Math.fround(ratio)
    const rho = Math.fround(rhos[k]!)
    for (let i = 0; i < out.length; i++)
      out[i] = out[i]! + Math.fround(rho * Math.fround(Math.fround(mk[i]! - m0[i]!) * inverse))
  })
  for (let i = 0; i < out.length; i++) {
    const sum =
      m === undefined ? out[i]! : Math.fround(out[i]! + Math.fround(rhoOfNewest * Math.fround(m[i]! - m0[i]!)))
    out[i] = Math.fround(Math.fround(keep * x[i]!) - Math.fround(pull * m0[i]!)) - Math.fround(scale * sum)
  }
  return like(sample, out)
}
