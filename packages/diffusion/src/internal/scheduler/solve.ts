/** `torch.linalg.solve` of a tiny float32 system. */
import { f } from "./arithmetic.ts"

/**
 * LAPACK's factorisation with partial pivoting, rounded as MKL rounds it on the systems of 2 and 3 unknowns that solvers
 * have: fused multiply-adds, and the diagonal's reciprocal in the back substitution. null: singular.
 */
export const solve32 = (
  matrix: ReadonlyArray<ReadonlyArray<number>>,
  rhs: ReadonlyArray<number>
): ReadonlyArray<number> | null => {
  const n = rhs.length
  const rows = matrix.map((row, i) => ({ lu: [...row], y: rhs[i]! }))
  for (let c = 0; c < n; c++) {
    let pivot = c
    for (let r = c + 1; r < n; r++) if (Math.abs(rows[r]!.lu[c]!) > Math.abs(rows[pivot]!.lu[c]!)) pivot = r
    const top = rows[pivot]!
    if (top.lu[c] === 0) return null
    rows[pivot] = rows[c]!
    rows[c] = top
    for (const row of rows.slice(c + 1)) {
      const factor = f(row.lu[c]! / top.lu[c]!)
      for (let k = c + 1; k < n; k++) row.lu[k] = f(row.lu[k]! - factor * top.lu[k]!)
      row.y = f(row.y - factor * top.y)
    }
  }
  const x = Array.from({ length: n }, () => 0)
  for (let r = n - 1; r >= 0; r--) {
    const { lu, y } = rows[r]!
    const rest = x.slice(r + 1).map((value, k) => [lu[r + 1 + k]!, value] as const)
    const [first, ...others] = rest
    const known = first === undefined ? 0 : others.reduce((sum, [a, b]) => f(a * b + sum), first[0] * first[1])
    x[r] = f((others.length === 0 ? f(y - known) : f(y - f(known))) * f(1 / lu[r]!))
  }
  return x
}
