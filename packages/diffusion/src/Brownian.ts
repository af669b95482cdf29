/**
 * Brownian paths as pure functions of a seed: a virtual Brownian tree (Li et al., arXiv 2001.01328; Kidger, arXiv
 * 2202.02435). Nothing of a path is stored; a point is found by halving the interval, with normals of their own for every
 * midpoint. So noise depends on the times it is asked for and not on how many steps a solver takes: more steps refine the
 * same picture.
 *
 * For the same reason as diffusers' `BrownianTreeNoiseSampler`, but not with torchsde's numbers.
 */
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Schema from "effect/Schema"

/**
 * A path over the times from `start` to `end`, which are noise levels when a solver asks. Plain data.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Brownian from "@effect-blocks/diffusion/Brownian"
 *
 * const path = Brownian.make(7, 0, 14.6)
 * assert.deepStrictEqual(path, { seed: 7, start: 0, end: 14.6, tolerance: 1e-6 })
 * ```
 */
export const Path = Schema.Struct({
  seed: Schema.Int,
  start: Schema.Finite,
  end: Schema.Finite,
  tolerance: Schema.Finite
}).annotate({ title: "BrownianPath" })
export type Path = typeof Path.Type

type Latents = Tensor.Tensor<"float32">

/**
 * A path of a seed. Times are found to `tolerance` (a share of the interval, default 1e-6).
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Brownian from "@effect-blocks/diffusion/Brownian"
 *
 * assert.throws(() => Brownian.make(7, 1, 1), RangeError)
 * ```
 */
export const make = (seed: number, start: number, end: number, tolerance = 1e-6): Path => {
  if (!(start < end)) throw new RangeError(`Brownian.make: start ${start} must be before end ${end}`)
  return { seed, start, end, tolerance }
}

/** A seed for each node of the tree: the root is 1, the halves of node n are 2n and 2n + 1 (splitmix's mixing). */
const seedOf = (seed: number, node: number): number => {
  let x =
    (Math.imul(seed | 0, 0x9e3779b1) + Math.imul((node % 2 ** 32) | 0, 0x85ebca77) + Math.floor(node / 2 ** 32)) | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

const normalsOf = (path: Path, node: number, shape: ReadonlyArray<number>): Float32Array =>
  Rng.normal(Rng.make(seedOf(path.seed, node)), shape)[0].data

/** The path's value at a time, zero at its start. */
const valueAt = (path: Path, time: number, shape: ReadonlyArray<number>): Float64Array => {
  const span = path.end - path.start
  const at = Math.min(Math.max((time - path.start) / span, 0), 1)
  const left = new Float64Array(Tensor.sizeOf(shape))
  const right = Float64Array.from(normalsOf(path, 0, shape), (z) => z * Math.sqrt(span))
  if (at === 0) return left
  if (at === 1) return right
  let low = 0
  let width = 1
  let node = 1
  // a Brownian bridge: its middle is normal around the mean of its ends, with a quarter of its length as variance
  while (width > path.tolerance) {
    const deviation = Math.sqrt((width * span) / 4)
    const normals = normalsOf(path, node, shape)
    width /= 2
    const inLeft = at < low + width
    const ends = inLeft ? right : left
    for (let i = 0; i < ends.length; i++) ends[i] = (left[i]! + right[i]!) / 2 + deviation * normals[i]!
    node = 2 * node + (inLeft ? 0 : 1)
    if (!inLeft) low += width
  }
  const share = (at - low) / width
  return left.map((value, i) => value + share * (right[i]! - value))
}

/**
 * Normals for a step between two times: the path's increment over the root of their distance.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Brownian from "@effect-blocks/diffusion/Brownian"
 *
 * const path = Brownian.make(7, 0, 16)
 * const whole = Brownian.noise(path, 16, 4, [1]).data[0]! * Math.sqrt(12)
 * const halves = Brownian.noise(path, 16, 9, [1]).data[0]! * Math.sqrt(7) + Brownian.noise(path, 9, 4, [1]).data[0]! * Math.sqrt(5)
 * assert.ok(Math.abs(whole - halves) < 1e-5) // the same path, however many steps
 * ```
 */
export const noise = (path: Path, from: number, to: number, shape: ReadonlyArray<number>): Latents => {
  if (from === to) throw new RangeError(`Brownian.noise: no time passes from ${from} to ${to}`)
  const before = valueAt(path, from, shape)
  const after = valueAt(path, to, shape)
  const scale = 1 / Math.sqrt(Math.abs(to - from))
  return Tensor.make(
    "float32",
    shape,
    Float32Array.from(after, (value, i) => (value - before[i]!) * scale)
  )
}
