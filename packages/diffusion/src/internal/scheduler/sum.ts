/** Sums of many arrays. */
import { addInto, outOfLine } from "./arithmetic.ts"

const MOST = 6

/**
 * w0 * x0 + w1 * x1 + ... of two arrays or more with torch's rounding, added up from zero, left to right.
 *
 * A loop for each number of terms up to six: the sum stays in a register, where a pass a term would read and write it each
 * time, and one loop with conditions for the later terms takes a third longer.
 */
export const weightedSum = outOfLine(
  (weights: ReadonlyArray<number>, terms: ReadonlyArray<Float32Array>): Float32Array => {
    const w0 = Math.fround(weights[0] ?? 0)
    const w1 = Math.fround(weights[1] ?? 0)
    const w2 = Math.fround(weights[2] ?? 0)
    const w3 = Math.fround(weights[3] ?? 0)
    const w4 = Math.fround(weights[4] ?? 0)
    const w5 = Math.fround(weights[5] ?? 0)
    const [x0, x1, x2, x3, x4, x5] = terms
    const out = new Float32Array(x0!.length)
    const size = out.length
    switch (Math.min(terms.length, MOST)) {
      case 2:
        for (let i = 0; i < size; i++) {
          out[i] = 0 + Math.fround(w0 * x0![i]!) + Math.fround(w1 * x1![i]!)
        }
        break
      case 3:
        for (let i = 0; i < size; i++) {
          let sum = 0 + Math.fround(w0 * x0![i]!)
          sum = Math.fround(sum + Math.fround(w1 * x1![i]!))
          out[i] = sum + Math.fround(w2 * x2![i]!)
        }
        break
      case 4:
        for (let i = 0; i < size; i++) {
          let sum = 0 + Math.fround(w0 * x0![i]!)
          sum = Math.fround(sum + Math.fround(w1 * x1![i]!))
          sum = Math.fround(sum + Math.fround(w2 * x2![i]!))
          out[i] = sum + Math.fround(w3 * x3![i]!)
        }
        break
      case 5:
        for (let i = 0; i < size; i++) {
          let sum = 0 + Math.fround(w0 * x0![i]!)
          sum = Math.fround(sum + Math.fround(w1 * x1![i]!))
          sum = Math.fround(sum + Math.fround(w2 * x2![i]!))
          sum = Math.fround(sum + Math.fround(w3 * x3![i]!))
          out[i] = sum + Math.fround(w4 * x4![i]!)
        }
        break
      case 6:
        for (let i = 0; i < size; i++) {
          let sum = 0 + Math.fround(w0 * x0![i]!)
          sum = Math.fround(sum + Math.fround(w1 * x1![i]!))
          sum = Math.fround(sum + Math.fround(w2 * x2![i]!))
          sum = Math.fround(sum + Math.fround(w3 * x3![i]!))
          sum = Math.fround(sum + Math.fround(w4 * x4![i]!))
          out[i] = sum + Math.fround(w5 * x5![i]!)
        }
        break
    }
    for (let k = MOST; k < terms.length; k++) addInto(out, weights[k]!, terms[k]!)
    return out
  }
)
