/**
 * Passes over float32 arrays with torch's rounding: each operation is rounded once, left to right.
 * A function that returns an array makes exactly one; a function named `...Into` writes into the fresh array it is given.
 *
 * In loops over arrays `Math.fround` is spelled out, and numbers that came in are rounded before them: V8 then computes in
 * registers, where a call of an alias or a number on the heap costs up to ten times as much (benchmark/schedulers.ts).
 *
 * V8's middle compiler rounds by calls, and what it inlines into a solver's step stays there for thousands of calls: three
 * times slower. So loops with roundings are `outOfLine`, where they reach the last compiler by themselves.
 *
 * Division by a number is multiplication by its float64 reciprocal. Rounded to float32 the result is the same: a quotient of
 * two float32 numbers is never closer than 2^-49 of itself to the middle of two others, and the product is within 2^-52.
 */
import * as Tensor from "@effect-blocks/ops/Tensor"
import type { Latents } from "./model.ts"

const f = Math.fround

export const sqrt = (x: number): number => f(Math.sqrt(x))
export const exp = (x: number): number => f(Math.exp(x))
export const log = (x: number): number => f(Math.log(x))
export const square = (x: number): number => f(x * x)

/** Other data under the shape of `tensor`. */
export const like = (tensor: Latents, data: Float32Array): Latents => Tensor.make("float32", tensor.shape, data)

/** The same function, never inlined: what it calls is another one for each that is made here. */
export const outOfLine =
  <A extends ReadonlyArray<unknown>, R>(loop: (...args: A) => R) =>
  (...args: A): R =>
    loop(...args)

/** a * x */
export const scaled = outOfLine((a: number, x: Float32Array): Float32Array => {
  const w = Math.fround(a)
  const size = x.length
  const out = new Float32Array(size)
  for (let i = 0; i < size; i++) out[i] = w * x[i]!
  return out
})

/** x / d */
export const divided = outOfLine((x: Float32Array, d: number): Float32Array => {
  const inverse = 1 / Math.fround(d)
  const size = x.length
  const out = new Float32Array(size)
  for (let i = 0; i < size; i++) out[i] = x[i]! * inverse
  return out
})

/** out = out / d */
export const divideInto = outOfLine((out: Float32Array, d: number): Float32Array => {
  const inverse = 1 / Math.fround(d)
  for (let i = 0; i < out.length; i++) out[i] = out[i]! * inverse
  return out
})

/** a * x + b * y */
export const mixed = outOfLine((a: number, x: Float32Array, b: number, y: Float32Array): Float32Array => {
  const v = Math.fround(a)
  const w = Math.fround(b)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(v * x[i]!) + Math.fround(w * y[i]!)
  return out
})

/** a * x + y / d */
export const mixedWithQuotient = outOfLine((a: number, x: Float32Array, y: Float32Array, d: number): Float32Array => {
  const w = Math.fround(a)
  const inverse = 1 / Math.fround(d)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(w * x[i]!) + Math.fround(y[i]! * inverse)
  return out
})

/** x + a * y */
export const moved = outOfLine((x: Float32Array, a: number, y: Float32Array): Float32Array => {
  const w = Math.fround(a)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = x[i]! + Math.fround(w * y[i]!)
  return out
})

/** (x - a * y) / d: the clean sample of noise, or the noise of a clean sample, in one pass. */
export const unmixed = outOfLine((x: Float32Array, a: number, y: Float32Array, d: number): Float32Array => {
  const w = Math.fround(a)
  const inverse = 1 / Math.fround(d)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(x[i]! - Math.fround(w * y[i]!)) * inverse
  return out
})

/** out = (x - a * out) / d */
export const unmixInto = outOfLine((out: Float32Array, x: Float32Array, a: number, d: number): Float32Array => {
  const w = Math.fround(a)
  const inverse = 1 / Math.fround(d)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(x[i]! - Math.fround(w * out[i]!)) * inverse
  return out
})

/** out = a * out + b * x */
export const mixInto = outOfLine((out: Float32Array, a: number, b: number, x: Float32Array): Float32Array => {
  const v = Math.fround(a)
  const w = Math.fround(b)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(v * out[i]!) + Math.fround(w * x[i]!)
  return out
})

/** out = (a * x + b * y) + out */
export const addMixedInto = outOfLine(
  (out: Float32Array, a: number, x: Float32Array, b: number, y: Float32Array): Float32Array => {
    const v = Math.fround(a)
    const w = Math.fround(b)
    for (let i = 0; i < out.length; i++) out[i] = Math.fround(Math.fround(v * x[i]!) + Math.fround(w * y[i]!)) + out[i]!
    return out
  }
)

/** out = out + a * x */
export const addInto = outOfLine((out: Float32Array, a: number, x: Float32Array): Float32Array => {
  const w = Math.fround(a)
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + Math.fround(w * x[i]!)
  return out
})

/** out = out + (x * a) * b: two roundings, as where noise is scaled by `s_noise` first. */
export const addScaledInto = outOfLine((out: Float32Array, a: number, b: number, x: Float32Array): Float32Array => {
  const v = Math.fround(a)
  const w = Math.fround(b)
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + Math.fround(Math.fround(x[i]! * v) * w)
  return out
})

/** (x - clean) / sigma: the slope of the probability-flow ODE in sigma. */
export const slope = outOfLine((x: Float32Array, clean: Float32Array, sigma: number): Float32Array => {
  const inverse = 1 / Math.fround(sigma)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(x[i]! - clean[i]!) * inverse
  return out
})

/** from + ((x - clean) / sigma) * dt: one Euler step in sigma. */
export const eulerStep = outOfLine(
  (from: Float32Array, x: Float32Array, clean: Float32Array, sigma: number, dt: number): Float32Array => {
    const inverse = 1 / Math.fround(sigma)
    const step = Math.fround(dt)
    const out = new Float32Array(x.length)
    for (let i = 0; i < out.length; i++)
      out[i] = from[i]! + Math.fround(Math.fround(Math.fround(x[i]! - clean[i]!) * inverse) * step)
    return out
  }
)
