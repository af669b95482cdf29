/** `torch.linalg.solve` of a tiny float32 system. */
import { f } from "./arithmetic.ts"

/**
 * torch factors the transpose of a contiguous matrix (column-major to LAPACK) with partial pivoting and solves with the
 * transposed factors: P A' = L U, so U' L' P x = b. null: singular.
 */
export const solve32 = (
  matrix: ReadonlyArray<ReadonlyArray<number>>,
  rhs: ReadonlyArray<number>
): ReadonlyArray<number> | null => {
  const n = rhs.length
  const lu = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => matrix[j]![i]!))
  const order = Array.from({ length: n }, (_, i) => i)
  for (let c = 0; c < n; c++) {
    let pivot = c
    for (let r = c + 1; r < n; r++) if (Math.abs(lu[r]![c]!) > Math.abs(lu[pivot]![c]!)) pivot = r
    if (lu[pivot]![c] === 0) return null
    ;[lu[c], lu[pivot]] = [lu[pivot]!, lu[c]!]
    ;[order[c], order[pivot]] = [order[pivot]!, order[c]!]
    for (let r = c + 1; r < n; r++) {
      const factor = f(lu[r]![c]! / lu[c]![c]!)
      lu[r]![c] = factor
      for (let k = c + 1; k < n; k++) lu[r]![k] = f(lu[r]![k]! - factor * lu[c]![k]!)
    }
  }
  // U' y = b from the top, L' z = y from the bottom; x is z put back in order
  const y = [...rhs]
  for (let r = 0; r < n; r++) {
    for (let k = 0; k < r; k++) y[r] = f(y[r]! - lu[k]![r]! * y[k]!)
    y[r] = f(y[r]! / lu[r]![r]!)
  }
  for (let r = n - 1; r >= 0; r--) for (let k = r + 1; k < n; k++) y[r] = f(y[r]! - lu[k]![r]! * y[k]!)
  const x = Array.from({ length: n }, () => 0)
  order.forEach((at, i) => (x[at] = y[i]!))
  return x
}
