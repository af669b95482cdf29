/** Training noise schedules in float32, as torch computes them. */
import { sqrt } from "./arithmetic.ts"
import { cumprod32, linspace32 } from "./numeric.ts"

const f = Math.fround

export interface BetaOptions {
  readonly num_train_timesteps: number
  readonly beta_start: number
  readonly beta_end: number
  readonly beta_schedule: "linear" | "scaled_linear" | "squaredcos_cap_v2" | "laplace" | "exp" | "sigmoid"
  readonly trained_betas: ReadonlyArray<number> | null
  readonly rescale_betas_zero_snr?: boolean
}

/** Betas whose products follow a curve of alpha-bar over [0, 1]. */
const following = (n: number, alphaBar: (t: number) => number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.min(1 - alphaBar((i + 1) / n) / alphaBar(i / n), 0.999))

const cosine = (t: number): number => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2

const laplace = (t: number): number => {
  const side = 0.5 - t >= 0 ? 1 : -1
  const snr = Math.exp(-0.5 * side * Math.log(1 - 2 * Math.abs(0.5 - t) + 1e-6))
  return Math.sqrt(snr / (1 + snr))
}

const sigmoid = (x: number): number => f(1 / f(1 + f(Math.exp(-x))))

const betas = (options: BetaOptions): Float32Array => {
  const { beta_start: start, beta_end: end, num_train_timesteps: n } = options
  if (options.trained_betas !== null) return Float32Array.from(options.trained_betas)
  switch (options.beta_schedule) {
    case "linear":
      return linspace32(start, end, n)
    case "scaled_linear":
      return linspace32(start ** 0.5, end ** 0.5, n).map((x) => x * x)
    case "squaredcos_cap_v2":
      return following(n, cosine)
    case "laplace":
      return following(n, laplace)
    case "exp":
      return following(n, (t) => Math.exp(t * -12))
    case "sigmoid":
      return linspace32(-6, 6, n).map((x) => f(sigmoid(x) * f(end - start)) + f(start))
  }
}

/** Zero terminal signal-to-noise ratio (Lin et al., arXiv 2305.08891, algorithm 1). */
const zeroTerminalSnr = (betas: Float32Array): Float32Array => {
  const roots = cumprod32(betas.map((beta) => 1 - beta)).map(Math.sqrt)
  const first = roots[0]!
  const last = roots[roots.length - 1]!
  const stretch = f(first / f(first - last))
  const bar = roots.map((x) => f(f(x - last) * stretch) ** 2)
  return bar.map((x, i) => 1 - (i === 0 ? x : f(x / bar[i - 1]!)))
}

/** The products of the alphas. `floor`: the last one is kept from zero, for solvers that divide by it. */
export const alphasCumprod = (options: BetaOptions, floor = false): Float32Array => {
  const zero = options.rescale_betas_zero_snr === true
  const table = cumprod32((zero ? zeroTerminalSnr(betas(options)) : betas(options)).map((beta) => 1 - beta))
  if (zero && floor) table[table.length - 1] = 2 ** -24
  return table
}

/** sqrt((1 - alpha) / alpha), by training timestep. */
export const trainingSigmas = (alphas: Float32Array): Float32Array =>
  alphas.map((alpha) => sqrt(f(f(1 - alpha) / alpha)))
