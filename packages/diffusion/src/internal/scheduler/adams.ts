/** The Adams-Bashforth combinations of PNDM and IPNDM. */
import { addInto, divideInto, like, scaled, scaleInto } from "./arithmetic.ts"
import type { Latents } from "./model.ts"

const combination = (weights: ReadonlyArray<number>, newestFirst: ReadonlyArray<Latents>): Float32Array => {
  const out = scaled(weights[0]!, newestFirst[0]!.data)
  for (let k = 1; k < weights.length; k++) addInto(out, weights[k]!, newestFirst[k]!.data)
  return out
}

/** The slope of order 1 to 4 from the last predictions, newest last. */
export const adams = (outputs: ReadonlyArray<Latents>): Latents => {
  const past = outputs.toReversed()
  const newest = past[0]!
  switch (past.length) {
    case 1:
      return newest
    case 2:
      return like(newest, divideInto(combination([3, -1], past), 2))
    case 3:
      return like(newest, divideInto(combination([23, -16, 5], past), 12))
    default:
      return like(newest, scaleInto(combination([55, -59, 37, -9], past), 1 / 24))
  }
}

/** (a + b) / 2 */
export const average = (a: Latents, b: Latents): Latents => like(a, divideInto(combination([1, 1], [a, b]), 2))
