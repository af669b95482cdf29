/** The golden data's model: (1.2 x) / (1 + x x) + (0.2 x) (t / 1000), one float32 rounding per operation. */
import * as Tensor from "@effect-blocks/ops/Tensor"

type Latents = Tensor.Tensor<"float32">

const f = Math.fround

/** `learned`: with the second half of the channels that a learned variance has, (0.5 x) / (1 + x x). */
export const fakeModel = (x: Latents, timestep: number, learned = false): Latents => {
  const a = f(1.2)
  const b = f(0.2)
  const share = f(f(timestep) / f(1000))
  const mean = x.data.map((v) => f(f(a * v) / f(1 + f(v * v))) + f(f(b * v) * share))
  if (!learned) return Tensor.make("float32", x.shape, mean)
  const [batch = 1, channels = 1, ...rest] = x.shape
  const size = x.data.length / batch
  const out = new Float32Array(2 * x.data.length)
  for (let item = 0; item < batch; item++) {
    const from = item * size
    out.set(mean.subarray(from, from + size), 2 * from)
    const variance = x.data.subarray(from, from + size).map((v) => f(0.5 * v) / f(1 + f(v * v)))
    out.set(variance, 2 * from + size)
  }
  return Tensor.make("float32", [batch, 2 * channels, ...rest], out)
}
