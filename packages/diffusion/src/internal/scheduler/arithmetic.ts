/**
 * Passes over float32 arrays with torch's rounding: each operation is rounded once, left to right.
 * A function that returns an array makes exactly one; a function named `...Into` writes into the fresh array it is given.
 */
import * as Tensor from "@effect-blocks/ops/Tensor"
import type { Latents } from "./model.ts"

/** Rounds to float32. */
export const f = Math.fround
export const sqrt = (x: number): number => f(Math.sqrt(x))
export const exp = (x: number): number => f(Math.exp(x))
export const log = (x: number): number => f(Math.log(x))
export const square = (x: number): number => f(x * x)

/** Other data under the shape of `tensor`. */
export const like = (tensor: Latents, data: Float32Array): Latents => Tensor.make("float32", tensor.shape, data)

/** a * x */
export const scaled = (a: number, x: Float32Array): Float32Array => {
  const w = f(a)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = w * x[i]!
  return out
}

/** x / d */
export const divided = (x: Float32Array, d: number): Float32Array => {
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = x[i]! / d
  return out
}

/** a * x + b * y */
export const mixed = (a: number, x: Float32Array, b: number, y: Float32Array): Float32Array => {
  const v = f(a)
  const w = f(b)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = f(v * x[i]!) + f(w * y[i]!)
  return out
}

/** (x - a * y) / d: the clean sample of noise, or the noise of a clean sample, in one pass. */
export const unmixed = (x: Float32Array, a: number, y: Float32Array, d: number): Float32Array => {
  const w = f(a)
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = f(x[i]! - f(w * y[i]!)) / d
  return out
}

/** out = (x - a * out) / d */
export const unmixInto = (out: Float32Array, x: Float32Array, a: number, d: number): Float32Array => {
  const w = f(a)
  for (let i = 0; i < out.length; i++) out[i] = f(x[i]! - f(w * out[i]!)) / d
  return out
}

/** out = a * out + b * x */
export const mixInto = (out: Float32Array, a: number, b: number, x: Float32Array): Float32Array => {
  const v = f(a)
  const w = f(b)
  for (let i = 0; i < out.length; i++) out[i] = f(v * out[i]!) + f(w * x[i]!)
  return out
}

/** out = out + a * x */
export const addInto = (out: Float32Array, a: number, x: Float32Array): Float32Array => {
  const w = f(a)
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + f(w * x[i]!)
  return out
}

/** out = out + (x * a) * b: two roundings, as where noise is scaled by `s_noise` first. */
export const addScaledInto = (out: Float32Array, a: number, b: number, x: Float32Array): Float32Array => {
  const v = f(a)
  const w = f(b)
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + f(f(x[i]! * v) * w)
  return out
}

/** (x - clean) / sigma: the slope of the probability-flow ODE in sigma. */
export const slope = (x: Float32Array, clean: Float32Array, sigma: number): Float32Array => {
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = f(x[i]! - clean[i]!) / sigma
  return out
}

/** from + ((x - clean) / sigma) * dt: one Euler step in sigma. */
export const eulerStep = (
  from: Float32Array,
  x: Float32Array,
  clean: Float32Array,
  sigma: number,
  dt: number
): Float32Array => {
  const out = new Float32Array(x.length)
  for (let i = 0; i < out.length; i++) out[i] = from[i]! + f(f(f(x[i]! - clean[i]!) / sigma) * dt)
  return out
}
