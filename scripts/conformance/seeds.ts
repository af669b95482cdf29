/** The normals that a case began with. Its seed is not recorded, only that of its noise, which is 7 more. */
import * as Rng from "@effect-blocks/ops/Rng"
import type * as Tensor from "@effect-blocks/ops/Tensor"

/** Seeds that are tried where none is known: the usual one first. */
const most = 10_000

/** From 16 normals on, the first are the same however many are drawn. */
const few = 16

/**
 * The normals that give these first latents, of the first seed that fits. Where none does, those of the seed that the noise's
 * seed says; undefined where it says none: then only their scale can be compared, which `init_noise_sigma` is.
 */
export const initialNormals = (
  noiseSeed: number | null | undefined,
  latents: Tensor.Tensor<"float32">,
  scale: number
): Tensor.Tensor<"float32"> | undefined => {
  const drawn = (seed: number, shape: ReadonlyArray<number>) => Rng.normal(Rng.make(seed), shape)[0]
  const said = typeof noiseSeed === "number" ? noiseSeed - 7 : undefined
  const tried = latents.data.length > 2 * few ? [few] : latents.shape
  const fits = (seed: number) => {
    const { data } = drawn(seed, tried)
    const count = Math.min(data.length, few)
    return data.every((value, i) => i >= count || Math.abs(value * scale - latents.data[i]!) <= 1e-5 * scale)
  }
  if (said !== undefined && fits(said)) return drawn(said, latents.shape)
  for (let seed = 0; seed < most; seed++) if (fits(seed)) return drawn(seed, latents.shape)
  return said === undefined ? undefined : drawn(said, latents.shape)
}
