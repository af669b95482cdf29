/** numpy's and torch's ways of computing small tables, so that schedules come out on the same bits. */

const f = Math.fround

/** Rounds half to even, as numpy and torch do. */
export const roundHalfEven = (x: number): number => {
  const rounded = Math.round(x)
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** `numpy.linspace` in float64. */
export const linspace = (start: number, stop: number, n: number): Array<number> => {
  const step = (stop - start) / (n - 1)
  const out = Array.from({ length: n }, (_, i) => (n > 1 ? i * step + start : start))
  if (n > 1) out[n - 1] = stop
  return out
}

/** `numpy.arange` with a float step: the increment is (start + step) - start, the length is rounded up. */
export const arange = (start: number, stop: number, step: number): Array<number> => {
  const increment = start + step - start
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, i) => start + i * increment)
}

/**
 * `torch.linspace` in float32: counted from the start in the first half and from the end in the second, each by a fused
 * multiply-add, so with one rounding.
 */
export const linspace32 = (start: number, end: number, n: number): Float32Array => {
  const first = f(start)
  const last = f(end)
  if (n === 1) return Float32Array.of(first)
  const step = f(f(last - first) / f(n - 1))
  const half = Math.floor(n / 2)
  return Float32Array.from({ length: n }, (_, i) => (i < half ? first + step * i : last - step * (n - i - 1)))
}

/** `torch.cumprod` in float32: accumulated in float64, stored rounded. */
export const cumprod32 = (x: Float32Array): Float32Array => {
  let product = 1
  return x.map((value) => (product *= value))
}

/** `numpy.interp` over x = 0, 1, 2, ... in float64. */
export const interpolate = (x: number, table: Float32Array): number => {
  const last = table.length - 1
  if (x <= 0) return table[0]!
  if (x >= last) return table[last]!
  const below = Math.floor(x)
  const value = table[below]!
  // between equal values, infinite ones included, there is nothing else
  const next = table[below + 1]!
  return x === below || next === value ? value : (next - value) * (x - below) + value
}
