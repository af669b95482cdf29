/** Sums of many arrays. */
import { outOfLine } from "./arithmetic.ts"

/**
 * w0 * x0 + w1 * x1 + ... of two arrays or more with torch's rounding, added up from zero, left to right.
 *
 * Up to four in one pass and then two at a time: a pass a term would read and write the sum too often, one pass for more of them
 * has so many operations in a row that the processor no longer sees those of the next element beside them.
 */
export const weightedSum = (weights: ReadonlyArray<number>, terms: ReadonlyArray<Float32Array>): Float32Array => {
  const together = terms.length <= 4 ? terms.length : 4 - (terms.length % 2)
  const out = sumOf(together, weights, terms)
  for (let k = together; k < terms.length; k += 2)
    addTwoInto(out, weights[k]!, terms[k]!, weights[k + 1]!, terms[k + 1]!)
  return out
}

/** The sum of the first two, three or four: a loop each, as one with conditions takes a third longer. */
const sumOf = outOfLine(
  (count: number, weights: ReadonlyArray<number>, terms: ReadonlyArray<Float32Array>): Float32Array => {
    const w0 = Math.fround(weights[0]!)
    const w1 = Math.fround(weights[1]!)
    const w2 = Math.fround(weights[2] ?? 0)
    const w3 = Math.fround(weights[3] ?? 0)
    const [x0, x1, x2, x3] = terms
    const out = new Float32Array(x0!.length)
    if (count === 2)
      for (let i = 0; i < out.length; i++) out[i] = 0 + Math.fround(w0 * x0![i]!) + Math.fround(w1 * x1![i]!)
    else if (count === 3)
      for (let i = 0; i < out.length; i++) {
        const sum = Math.fround(0 + Math.fround(w0 * x0![i]!) + Math.fround(w1 * x1![i]!))
        out[i] = sum + Math.fround(w2 * x2![i]!)
      }
    else
      for (let i = 0; i < out.length; i++) {
        let sum = Math.fround(0 + Math.fround(w0 * x0![i]!) + Math.fround(w1 * x1![i]!))
        sum = Math.fround(sum + Math.fround(w2 * x2![i]!))
        out[i] = sum + Math.fround(w3 * x3![i]!)
      }
    return out
  }
)

/** out = out + a * x + b * y */
const addTwoInto = outOfLine((out: Float32Array, a: number, x: Float32Array, b: number, y: Float32Array): void => {
  const v = Math.fround(a)
  const w = Math.fround(b)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(out[i]! + Math.fround(v * x[i]!)) + Math.fround(w * y[i]!)
})
