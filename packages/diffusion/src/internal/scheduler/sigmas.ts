/** Noise-level schedules and the way back from a level to a timestep, in float64 as numpy computes them. */
import { betaQuantile } from "./beta.ts"
import { interpolate, linspace } from "./numeric.ts"
import { log32 } from "./numpyLog.ts"

const same = (x: number): number => x

/** Karras et al., arXiv 2206.00364, equation 5, at positions from 0 (most noise) to 1. */
export const karrasAt = (ramp: ReadonlyArray<number>, min: number, max: number, rho: number): Array<number> => {
  const first = max ** (1 / rho)
  const last = min ** (1 / rho)
  return ramp.map((at) => (first + at * (last - first)) ** rho)
}

/** The same at n even positions. */
export const karras = (min: number, max: number, n: number, rho = 7): Array<number> =>
  karrasAt(linspace(0, 1, n), min, max, rho)

/** Even in log sigma. */
export const exponential = (min: number, max: number, n: number): Array<number> =>
  linspace(Math.log(max), Math.log(min), n).map(Math.exp)

/** Quantiles of a beta distribution ("Beta Sampling is All You Need", arXiv 2407.12173). */
export const beta = (min: number, max: number, n: number, a = 0.6, b = 0.6): Array<number> =>
  linspace(0, 1, n).map((x) => min + betaQuantile(1 - x, a, b) * (max - min))

/** Even in lambda, from a table of log sigmas (Lu et al., arXiv 2206.00927). */
export const lu = (logs: Float32Array, n: number): Array<number> => {
  const first = logs[logs.length - 1]!
  const last = logs[0]!
  return linspace(0, 1, n).map((ramp) => Math.exp(first + ramp * (last - first)))
}

export const interpolated = (timesteps: ReadonlyArray<number>, table: Float32Array): Array<number> =>
  timesteps.map((t) => interpolate(t, table))

/** Rounds after each operation of a look-up: numpy keeps float32, but goes to float64 where integers come in. */
interface Rounding {
  readonly log: (x: number) => number
  readonly share: (x: number) => number
  readonly position: (x: number) => number
}

/** Logarithms of noise levels: of the training's in float32, of a caller's own in float64. */
type Logs = Float32Array | Float64Array

const float64: Rounding = { log: Math.log, share: same, position: same }
const numpyFloat32: Rounding = { log: log32, share: Math.fround, position: same }
const torchFloat32: Rounding = { log: log32, share: Math.fround, position: Math.fround }

/** The (fractional) training timestep whose noise level is sigma, linear in log sigma. */
export const sigmaToTimestep = (sigma: number, logs: Logs): number => timestepIn(sigma, logs, float64)

/** The same for float32 levels in numpy. */
export const sigmaToTimestep32 = (sigma: number, logs: Float32Array): number => timestepIn(sigma, logs, numpyFloat32)

/** The same for float32 levels in torch. */
export const sigmaToTimestepTorch = (sigma: number, logs: Float32Array): number => timestepIn(sigma, logs, torchFloat32)

const timestepIn = (sigma: number, logs: Logs, { log, position, share }: Rounding): number => {
  const level = log(Math.max(sigma, 1e-10))
  let count = 0
  let most = 0
  let low = 0 // numpy's argmax of the running count of levels not above: its first maximum
  for (let i = 0; i < logs.length; i++) {
    if (level - logs[i]! >= 0) count++
    if (count > most) {
      most = count
      low = i
    }
  }
  low = Math.min(low, logs.length - 2)
  const below = logs[low]!
  // a difference of two entries has the precision of the table, whatever the level's is
  const gap = logs instanceof Float32Array ? Math.fround(below - logs[low + 1]!) : below - logs[low + 1]!
  const weight = Math.min(1, Math.max(0, share(share(below - level) / gap)))
  return position(position(share(1 - weight) * low) + position(weight * (low + 1)))
}

export interface RespacingOptions {
  readonly use_karras_sigmas?: boolean
  readonly use_exponential_sigmas?: boolean
  readonly use_beta_sigmas?: boolean
  readonly sigma_min?: number | null
  readonly sigma_max?: number | null
}

/** The configured respacing of a falling schedule, or undefined where there is none. */
export const respaced = (
  options: RespacingOptions,
  first: number,
  last: number,
  n: number
): Array<number> | undefined => {
  const min = options.sigma_min ?? last
  const max = options.sigma_max ?? first
  if (options.use_karras_sigmas === true) return karras(min, max, n)
  if (options.use_exponential_sigmas === true) return exponential(min, max, n)
  if (options.use_beta_sigmas === true) return beta(min, max, n)
  return undefined
}

export const isRespaced = (options: RespacingOptions): boolean =>
  options.use_karras_sigmas === true || options.use_exponential_sigmas === true || options.use_beta_sigmas === true

/**
 * The schedule of k-diffusion's family: levels at the timesteps, respaced where configured, which moves the timesteps.
 * `steps` as asked for: rounding can make one timestep more (61 trailing ones), of which respacing knows nothing.
 */
export const sigmaSchedule = (
  options: RespacingOptions,
  table: Float32Array,
  logs: Float32Array,
  timesteps: ReadonlyArray<number>,
  roundKarras: (t: number) => number = same,
  steps: number = timesteps.length
): { readonly timesteps: ReadonlyArray<number>; readonly sigmas: ReadonlyArray<number> } => {
  const sigmas = interpolated(timesteps, table)
  const other = respaced(options, sigmas[0]!, sigmas[sigmas.length - 1]!, steps)
  if (other === undefined) return { timesteps, sigmas }
  const round = options.use_karras_sigmas === true ? roundKarras : same
  return { sigmas: other, timesteps: other.map((sigma) => round(sigmaToTimestep(sigma, logs))) }
}

/** a, b, b, c, c, ...: the levels of solvers that call the model twice a step. */
export const doubled = (values: ReadonlyArray<number>): Array<number> =>
  values.flatMap((value, i) => (i === 0 ? [value] : [value, value]))

/** The standard deviation of the initial noise: sigma_max, or sqrt(sigma_max^2 + 1) where timesteps lead. */
export const initialSigma = (spacing: string, sigmas: ReadonlyArray<number>): number => {
  const f = Math.fround
  const max = Math.max(...sigmas)
  return spacing === "leading" ? f(Math.sqrt(f(f(max * max) + 1))) : max
}

/** The levels of flow matching with its shift (Esser et al., arXiv 2403.03206, equation 23), from 1 down. */
export const flowSigmas = (trainingTimesteps: number, shift: number, n: number): Array<number> =>
  linspace(1, 1 / trainingTimesteps, n + 1)
    .map((alpha) => 1 - alpha)
    .map((sigma) => (shift * sigma) / (1 + (shift - 1) * sigma))
    .toReversed()
    .slice(0, -1)
