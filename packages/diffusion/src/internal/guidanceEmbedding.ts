import * as Tensor from "@effect-blocks/ops/Tensor"

const f = Math.fround

/** narrower ones have no frequencies to spread: diffusers' formula divides by zero */
export const narrowest = 4

/**
 * Sines and cosines of how strongly the prompt counts: `[batch, width]`, rounded where torch rounds. diffusers'
 * `get_guidance_scale_embedding` of `guidance_scale - 1`; an odd width ends in a zero.
 */
export const guidanceEmbedding = (guidanceScale: number, width: number, batch: number): Tensor.Tensor<"float32"> => {
  const half = Math.floor(width / 2)
  const scaled = f(f(guidanceScale - 1) * 1000)
  const falloff = f(f(Math.log(10_000)) / (half - 1))
  const row = new Float32Array(width)
  for (let i = 0; i < half; i++) {
    const angle = f(scaled * f(Math.exp(f(i * -falloff))))
    row[i] = Math.sin(angle)
    row[half + i] = Math.cos(angle)
  }
  const data = new Float32Array(batch * width)
  for (let item = 0; item < batch; item++) data.set(row, item * width)
  return Tensor.make("float32", [batch, width], data)
}
