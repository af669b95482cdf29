/**
 * Random numbers: `node packages/ops/benchmark/rng.ts`. Ratios to a loop written by hand over `Math.random`,
 * which can be neither seeded nor stored.
 */
import * as Rng from "../src/Rng.ts"
import { measure, print } from "./support/rounds.ts"

const million = 2 ** 20
const latents = [1, 4, 64, 64]

const byHand = (n: number): Float32Array => {
  const out = new Float32Array(n)
  for (let i = 0; i < n; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - Math.random()))
    const theta = 2 * Math.PI * Math.random()
    out[i] = radius * Math.cos(theta)
    out[i + 1] = radius * Math.sin(theta)
  }
  return out
}

const start = Rng.make(7)
const [, middle] = Rng.uniform(start, [million])
const stored = (): Rng.Rng => ({ ...middle })

print(
  "2^20 numbers",
  await measure({
    "Box-Muller by hand, Math.random": () => byHand(million),
    "normal, float32": () => Rng.normal(start, [million]),
    "normal, float16": () => Rng.normal(start, [million], "float16"),
    "uniform, float32": () => Rng.uniform(start, [million]),
    "uniform, float64": () => Rng.uniform(start, [million], "float64"),
    "integers below 1000": () => Rng.integers(start, 0, 1000, [million]),
    "integers below 2^40": () => Rng.integers(start, 0, 2 ** 40, [million])
  })
)

print(
  "latents of a 512 x 512 picture (16,384 normals)",
  await measure({
    "Box-Muller by hand, Math.random": () => byHand(16_384),
    "from the start": () => Rng.normal(start, latents),
    "going on after 2^20 words": () => Rng.normal(middle, latents),
    "going on after 2^20 words, from storage": () => Rng.normal(stored(), latents),
    "float64, rounded as glibc does": () => Rng.normal(start, latents, "float64"),
    "four generators, one per picture": () =>
      Rng.normalBatch([start, Rng.make(8), Rng.make(9), Rng.make(10)], [4, 4, 64, 64])
  })
)
