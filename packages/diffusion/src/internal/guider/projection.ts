/** Differences of predictions, kept within a norm and split along and across the conditional prediction. */
import type { Latents } from "./model.ts"

const f = Math.fround

/** Which group each element belongs to, where the given axes are summed over. */
export interface Groups {
  readonly count: number
  readonly at: Int32Array
}

/** Are these different axes of a shape; -1 is the last. */
export const areAxesOf = (shape: ReadonlyArray<number>, axes: ReadonlyArray<number>): boolean => {
  const rank = shape.length
  const known = axes.filter((axis) => axis >= -rank && axis < rank)
  return known.length === axes.length && new Set(known.map((axis) => (axis + rank) % rank)).size === axes.length
}

/** No axes are all of them, as torch has it. */
export const groupsOf = (shape: ReadonlyArray<number>, axes: ReadonlyArray<number>): Groups => {
  const rank = shape.length
  const summed = new Set(axes.length === 0 ? shape.keys() : axes.map((axis) => (axis + rank) % rank))
  const strides = shape.map(() => 0)
  let count = 1
  for (let axis = rank - 1; axis >= 0; axis--) {
    if (summed.has(axis)) continue
    strides[axis] = count
    count *= shape[axis]!
  }
  const at = new Int32Array(shape.reduce((size, length) => size * length, 1))
  for (let i = 0; i < at.length; i++) {
    let rest = i
    for (let axis = rank - 1; axis >= 0; axis--) {
      at[i]! += (rest % shape[axis]!) * strides[axis]!
      rest = Math.floor(rest / shape[axis]!)
    }
  }
  return { at, count }
}

/** All axes but the first. */
export const perItem = (shape: ReadonlyArray<number>): ReadonlyArray<number> => shape.slice(1).map((_, i) => i + 1)

/** Scales each group down to a norm that it exceeds. */
export const withinNorm = (x: Float32Array, limit: number, { at, count }: Groups): Float32Array => {
  const factors = new Float64Array(count)
  for (let i = 0; i < x.length; i++) factors[at[i]!]! += x[i]! * x[i]!
  for (let g = 0; g < count; g++) factors[g] = Math.min(1, f(f(limit) / f(Math.sqrt(factors[g]!))))
  return x.map((value, i) => value * factors[at[i]!]!)
}

/** across + weight * along: x split by the direction of each group of `onto`, in float64. */
export const reweighted = (
  x: Float32Array,
  onto: Float32Array,
  weight: number,
  { at, count }: Groups
): Float32Array => {
  const lengths = new Float64Array(count)
  const along = new Float64Array(count)
  for (let i = 0; i < x.length; i++) lengths[at[i]!]! += onto[i]! * onto[i]!
  for (let g = 0; g < count; g++) lengths[g] = Math.max(Math.sqrt(lengths[g]!), 1e-12)
  for (let i = 0; i < x.length; i++) along[at[i]!]! += x[i]! * (onto[i]! / lengths[at[i]!]!)
  const w = f(weight)
  return x.map((value, i) => {
    const parallel = along[at[i]!]! * (onto[i]! / lengths[at[i]!]!)
    return f(value - parallel) + f(w * f(parallel))
  })
}

/** base + scale * shift */
export const shifted = (base: Latents, scale: number, shift: Float32Array): Float32Array => {
  const s = f(scale)
  return base.data.map((value, i) => value + Math.fround(s * shift[i]!))
}
