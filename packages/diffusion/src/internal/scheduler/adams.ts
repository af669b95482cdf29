/** The Adams-Bashforth combinations of PNDM and IPNDM, each in one pass. */
import { like, outOfLine } from "./arithmetic.ts"
import type { Latents } from "./model.ts"

const f = Math.fround

/** The slope of order 1 to 4 from the last predictions, newest last. */
export const adams = (outputs: ReadonlyArray<Latents>): Latents => {
  const newest = outputs[outputs.length - 1]!
  return outputs.length === 1 ? newest : like(newest, combined(outputs.map((output) => output.data).toReversed()))
}

const combined = outOfLine(([e0, e1, e2, e3]: ReadonlyArray<Float32Array>): Float32Array => {
  const out = new Float32Array(e0!.length)
  if (e2 === undefined) {
    for (let i = 0; i < out.length; i++) out[i] = Math.fround(Math.fround(3 * e0![i]!) - e1![i]!) / 2
  } else if (e3 === undefined) {
    for (let i = 0; i < out.length; i++)
      out[i] =
        Math.fround(Math.fround(Math.fround(23 * e0![i]!) - Math.fround(16 * e1![i]!)) + Math.fround(5 * e2[i]!)) / 12
  } else {
    const share = f(1 / 24)
    for (let i = 0; i < out.length; i++) {
      const sum = Math.fround(
        Math.fround(Math.fround(55 * e0![i]!) - Math.fround(59 * e1![i]!)) + Math.fround(37 * e2[i]!)
      )
      out[i] = share * Math.fround(sum - Math.fround(9 * e3[i]!))
    }
  }
  return out
})

/** (a + b) / 2 */
export const average = (a: Latents, b: Latents): Latents => like(a, mean(a.data, b.data))

const mean = outOfLine((a: Float32Array, b: Float32Array): Float32Array => {
  const out = new Float32Array(a.length)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(a[i]! + b[i]!) / 2
  return out
})
