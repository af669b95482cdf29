/** What guiders compute, in torch's order of float32 operations. */
import { like } from "../scheduler/arithmetic.ts"
import type { CommonOptions } from "./define.ts"
import type { Latents } from "./model.ts"

const f = Math.fround

/** x - y */
export const minus = (x: Float32Array, y: Float32Array): Float32Array => {
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = x[i]! - y[i]!
  return out
}

/** base + scale * (conditional - unconditional): base is the conditional prediction in the original formulation. */
export const extrapolated = (
  options: Pick<CommonOptions, "guidance_scale" | "use_original_formulation">,
  conditional: Latents,
  unconditional: Latents
): Latents => {
  const c = conditional.data
  const u = unconditional.data
  const base = options.use_original_formulation ? c : u
  const scale = f(options.guidance_scale)
  const out = new Float32Array(c.length)
  for (let i = 0; i < out.length; i++) out[i] = base[i]! + Math.fround(scale * Math.fround(c[i]! - u[i]!))
  return like(conditional, out)
}

/** The standard deviation (unbiased) of each batch item. */
const deviations = ({ data, shape }: Latents): ReadonlyArray<number> => {
  const size = data.length / shape[0]!
  return Array.from({ length: shape[0]! }, (_, item) => {
    const values = data.subarray(item * size, (item + 1) * size)
    const mean = values.reduce((sum, value) => sum + value, 0) / size
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
    return f(Math.sqrt(squares / (size - 1)))
  })
}

/** Pulls a guided prediction back to the spread of the conditional one (arXiv 2305.08891, section 3.4). */
export const rescaled = (amount: number, guided: Latents, conditional: Latents): Latents => {
  if (amount <= 0) return guided
  const want = deviations(conditional)
  const have = deviations(guided)
  const x = guided.data
  const size = x.length / have.length
  const kept = f(1 - amount)
  const out = new Float32Array(x.length)
  for (let item = 0; item < have.length; item++) {
    const ratio = Math.fround(want[item]! / have[item]!)
    for (let i = item * size; i < (item + 1) * size; i++)
      out[i] = Math.fround(Math.fround(amount) * Math.fround(x[i]! * ratio)) + Math.fround(kept * x[i]!)
  }
  return like(guided, out)
}
