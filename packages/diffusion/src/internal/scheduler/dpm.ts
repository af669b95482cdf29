/** The updates of DPM-Solver's multistep family (arXiv 2206.00927, 2211.01095): multistep, its inverse, EDM's. */
import { addInto, exp, outOfLine, sqrt } from "./arithmetic.ts"
import type { Mark } from "./lambda.ts"
import type { Latents, Plan, SchedulerState } from "./model.ts"

const f = Math.fround

export type Algorithm = "dpmsolver" | "dpmsolver++" | "sde-dpmsolver" | "sde-dpmsolver++"

/** diffusers takes `deis` for `dpmsolver++` here. */
export const algorithmOf = <A extends Algorithm>(type: A | "deis"): A | "dpmsolver++" =>
  type === "deis" ? "dpmsolver++" : type

/**
 * next = a * x + c0 * d0 + c1 * d1 + c2 * d2 + z * noise, the d being divided differences of the last outputs:
 * `ratios` are 1 / r0, 1 / r1, r0 / (r0 + r1) and 1 / (r0 + r1).
 */
export interface Update {
  readonly order: number
  readonly a: number
  readonly c: readonly [c0: number, c1: number, c2: number]
  readonly z: number
  readonly ratios: readonly [number, number, number, number]
}

export interface OrderOptions {
  readonly solver_order: number
  readonly lower_order_final: boolean
  readonly euler_at_final: boolean
  readonly final_sigmas_type: "zero" | "sigma_min"
}

/** A run works its way up from order one, and back down at the end of a short schedule. */
export const orderAt = (options: OrderOptions, plan: Plan, { begin, index }: SchedulerState): number => {
  const calls = plan.timesteps.length
  const lowers = options.lower_order_final && calls < 15
  const single = options.euler_at_final || lowers || options.final_sigmas_type === "zero"
  if (index === calls - 1 && single) return 1
  return Math.min(options.solver_order, index - begin + 1, index === calls - 2 && lowers ? 2 : 3)
}

/** Coefficients in torch's float32. `at(k)`: the mark k levels on from where the step begins. */
export const updateOf = (algorithm: Algorithm, heun: boolean, order: number, at: (k: number) => Mark): Update => {
  const to = at(1)
  const from = at(0)
  const h = f(to.lambda - from.lambda)
  const r0 = order > 1 ? f(f(from.lambda - at(-1).lambda) / h) : 1
  const r1 = order > 2 ? f(f(at(-1).lambda - at(-2).lambda) / h) : 1
  const ratios = [f(1 / r0), f(1 / r1), f(r0 / f(r0 + r1)), f(1 / f(r0 + r1))] as const
  return { order, ratios, ...coefficients[algorithm](from, to, h, order === 3 || heun) }
}

type Coefficients = Pick<Update, "a" | "c" | "z">

/** `curved`: the second coefficient is the integral rather than half of the first. */
const coefficients: {
  readonly [A in Algorithm]: (from: Mark, to: Mark, h: number, curved: boolean) => Coefficients
} = {
  "dpmsolver++": (from, to, h, curved) => {
    const e = f(exp(-h) - 1)
    const first = f(to.alpha * e)
    const second = curved ? f(to.alpha * f(f(e / h) + 1)) : -f(0.5 * first)
    return { a: f(to.sigma / from.sigma), z: 0, c: [-first, second, -f(to.alpha * f(f(f(e + h) / f(h * h)) - 0.5))] }
  },
  dpmsolver: (from, to, h, curved) => {
    const e = f(exp(h) - 1)
    const first = f(to.sigma * e)
    const second = curved ? -f(to.sigma * f(f(e / h) - 1)) : -f(0.5 * first)
    return { a: f(to.alpha / from.alpha), z: 0, c: [-first, second, -f(to.sigma * f(f(f(e - h) / f(h * h)) - 0.5))] }
  },
  "sde-dpmsolver++": (from, to, h, curved) => {
    const hh = f(2 * h)
    const e = f(1 - exp(-hh))
    const first = f(to.alpha * e)
    const second = curved ? f(to.alpha * f(f(e / -hh) + 1)) : f(0.5 * first)
    return {
      a: f(f(to.sigma / from.sigma) * exp(-h)),
      z: f(to.sigma * sqrt(e)),
      c: [first, second, f(to.alpha * f(f(f(e - hh) / f(hh * hh)) - 0.5))]
    }
  },
  "sde-dpmsolver": (from, to, h, curved) => {
    const e = f(exp(h) - 1)
    const first = f(to.sigma * e)
    const second = curved ? -f(2 * f(to.sigma * f(f(e / h) - 1))) : -first
    return {
      a: f(to.alpha / from.alpha),
      z: f(to.sigma * sqrt(f(exp(f(2 * h)) - 1))),
      c: [-f(2 * first), second, 0]
    }
  }
}

/** One pass over the arrays. `outputs`: newest last. */
export const applyUpdate = outOfLine(
  (
    { a: ofSample, c, order, ratios, z }: Update,
    sample: Latents,
    outputs: ReadonlyArray<Latents>,
    noise: Latents | undefined
  ): Float32Array => {
    const x = sample.data
    const [m0, m1, m2] = outputs.map((output) => output.data).toReversed()
    const a = Math.fround(ofSample)
    const c0 = Math.fround(c[0])
    const c1 = Math.fround(c[1])
    const c2 = Math.fround(c[2])
    const i0 = Math.fround(ratios[0])
    const i1 = Math.fround(ratios[1])
    const k = Math.fround(ratios[2])
    const q = Math.fround(ratios[3])
    const out = new Float32Array(x.length)
    if (order === 1) {
      for (let i = 0; i < out.length; i++) out[i] = Math.fround(a * x[i]!) + Math.fround(c0 * m0![i]!)
    } else if (order === 2) {
      for (let i = 0; i < out.length; i++) {
        const first = Math.fround(Math.fround(a * x[i]!) + Math.fround(c0 * m0![i]!))
        out[i] = first + Math.fround(c1 * Math.fround(i0 * Math.fround(m0![i]! - m1![i]!)))
      }
    } else {
      for (let i = 0; i < out.length; i++) {
        const first = Math.fround(Math.fround(a * x[i]!) + Math.fround(c0 * m0![i]!))
        const newer = Math.fround(i0 * Math.fround(m0![i]! - m1![i]!))
        const bend = Math.fround(newer - Math.fround(i1 * Math.fround(m1![i]! - m2![i]!)))
        out[i] =
          Math.fround(first + Math.fround(c1 * Math.fround(newer + Math.fround(k * bend)))) +
          Math.fround(c2 * Math.fround(q * bend))
      }
    }
    return noise === undefined ? out : addInto(out, z, noise.data)
  }
)
