/** Half log signal-to-noise ratios in float32: the clock of DPM-Solver, UniPC, DEIS. */
import { log, sqrt, square } from "./arithmetic.ts"

const f = Math.fround

export interface Mark {
  readonly alpha: number
  readonly sigma: number
  readonly lambda: number
}

/** alpha, sigma and log(alpha / sigma) at a noise level. `flow`: alpha = 1 - sigma. */
export const mark = (level: number, flow: boolean): Mark => {
  const alpha = flow ? f(1 - level) : f(1 / sqrt(f(square(level) + 1)))
  const sigma = flow ? level : f(level * alpha)
  return { alpha, sigma, lambda: f(log(alpha) - log(sigma)) }
}

/** How many training timesteps lie below a least lambda: those the solver must not visit. */
export const clippedAway = (alphas: Float32Array, least: number): number =>
  alphas.reduce((count, alpha) => count + (f(log(sqrt(alpha)) - log(sqrt(f(1 - alpha)))) < least ? 1 : 0), 0)
