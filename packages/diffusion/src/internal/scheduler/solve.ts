/** `torch.linalg.solve` of a tiny float32 system. */

const f = Math.fround

/** A coefficient and what it multiplies. */
type Term = readonly [a: number, b: number]

/** y less a sum of products: one is fused with the subtraction, more are summed first, each fused with the sum so far. */
const less = (y: number, terms: ReadonlyArray<Term>): number => {
  const [first, ...others] = terms
  if (first === undefined) return y
  if (others.length === 0) return f(y - first[0] * first[1])
  return f(y - others.reduce((sum, [a, b]) => f(a * b + sum), f(first[0] * first[1])))
}

/**
 * LAPACK's factorisation with partial pivoting and its two substitutions, rounded as MKL rounds them on the systems of 2 and
 * 3 unknowns that solvers have. null: singular.
 */
export const solve32 = (
  matrix: ReadonlyArray<ReadonlyArray<number>>,
  rhs: ReadonlyArray<number>
): ReadonlyArray<number> | null => {
  const n = rhs.length
  const rows = matrix.map((row, i) => ({ lu: [...row], b: rhs[i]! }))
  for (let c = 0; c < n; c++) {
    let pivot = c
    for (let r = c + 1; r < n; r++) if (Math.abs(rows[r]!.lu[c]!) > Math.abs(rows[pivot]!.lu[c]!)) pivot = r
    const top = rows[pivot]!
    if (top.lu[c] === 0) return null
    rows[pivot] = rows[c]!
    rows[c] = top
    for (const { lu } of rows.slice(c + 1)) {
      lu[c] = f(lu[c]! / top.lu[c]!)
      for (let k = c + 1; k < n; k++) lu[k] = f(lu[k]! - lu[c]! * top.lu[k]!)
    }
  }
  const y: Array<number> = []
  for (const { b, lu } of rows) y.push(less(b, y.map((value, k): Term => [lu[k]!, value]).toReversed()))
  const x: Array<number> = []
  for (const [r, { lu }] of [...rows.entries()].toReversed()) {
    const rest = less(
      y[r]!,
      x.map((value, k): Term => [lu[r + 1 + k]!, value])
    )
    // two unknowns have a kernel of their own
    x.unshift(n === 2 ? f(rest * f(1 / lu[r]!)) : f(rest / lu[r]!))
  }
  return x
}
