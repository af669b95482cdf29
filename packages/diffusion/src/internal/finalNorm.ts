/**
 * The norm after a text encoder's last layer, for states of an earlier one (diffusers' `clip_skip`). Exported graphs do not
 * offer it, but they give what goes into it (the last layer's states) and what comes out: per channel, out = weight x
 * normalised in + bias, over all tokens. Two unknowns and at least 77 equations: a least-squares fit recovers them to
 * float32's precision.
 */
import * as Tensor from "@effect-blocks/ops/Tensor"

type Float = Tensor.Tensor<"float32">

/** torch's default, and CLIP's */
const EPSILON = 1e-5

/** each token to mean 0 and variance 1 over its channels */
const normalise = ({ data, shape }: Float): Float64Array => {
  const width = shape.at(-1)!
  const out = new Float64Array(data.length)
  for (let start = 0; start < data.length; start += width) {
    let mean = 0
    for (let c = 0; c < width; c++) mean += data[start + c]!
    mean /= width
    let variance = 0
    for (let c = 0; c < width; c++) variance += (data[start + c]! - mean) ** 2
    const deviation = Math.sqrt(variance / width + EPSILON)
    for (let c = 0; c < width; c++) out[start + c] = (data[start + c]! - mean) / deviation
  }
  return out
}

/** `states` through the norm that made `after` of `before`; all `[texts, tokens, width]` */
export const applyNormOf = (before: Float, after: Float, states: Float): Float => {
  const width = after.shape.at(-1)!
  const tokens = after.data.length / width
  const known = normalise(before)
  const wanted = normalise(states)
  const out = new Float32Array(wanted.length)
  for (let c = 0; c < width; c++) {
    let meanX = 0
    let meanY = 0
    for (let at = c; at < known.length; at += width) {
      meanX += known[at]!
      meanY += after.data[at]!
    }
    meanX /= tokens
    meanY /= tokens
    let variance = 0
    let covariance = 0
    for (let at = c; at < known.length; at += width) {
      const x = known[at]! - meanX
      variance += x * x
      covariance += x * (after.data[at]! - meanY)
    }
    const weight = variance > 0 ? covariance / variance : 1
    const bias = meanY - weight * meanX
    for (let at = c; at < wanted.length; at += width) out[at] = weight * wanted[at]! + bias
  }
  return Tensor.make("float32", states.shape, out)
}
