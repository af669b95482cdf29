/** Conversions of 16-bit floats as bits: round to nearest, ties to even; infinities and NaN payloads survive. */
const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)

/** float16 bits of the float32 with these bits */
export const float16FromWord = (x: number): number => {
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff)
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    const bits = (magnitude - 0x38000000) >>> 13
    const rest = magnitude & 0x1fff
    return sign | (rest > 0x1000 || (rest === 0x1000 && (bits & 1) === 1) ? bits + 1 : bits)
  }
  if (magnitude < 0x33000000) return sign
  const shift = 126 - (magnitude >>> 23)
  const mantissa = (magnitude & 0x7fffff) | 0x800000
  const bits = mantissa >>> shift
  const rest = mantissa & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (rest > half || (rest === half && (bits & 1) === 1) ? bits + 1 : bits)
}

/** float32 bits of a float16 given by its bits */
export const wordFromFloat16 = (bits: number): number => {
  const sign = (bits & 0x8000) << 16
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0
  if (mantissa === 0) return sign >>> 0
  const zeros = Math.clz32(mantissa) - 21
  return (sign | ((113 - zeros) << 23) | ((mantissa << (zeros + 13)) & 0x7fffff)) >>> 0
}

/** bfloat16 bits of the float32 with these bits */
export const bfloat16FromWord = (x: number): number =>
  (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 0x40 : ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff

/** float32 bits of a bfloat16 given by its bits */
export const wordFromBfloat16 = (bits: number): number => (bits << 16) >>> 0

export const toFloat16 = (value: number): number => {
  float[0] = value
  return float16FromWord(word[0]!)
}
export const fromFloat16 = (bits: number): number => {
  word[0] = wordFromFloat16(bits)
  return float[0]!
}
export const toBfloat16 = (value: number): number => {
  float[0] = value
  return bfloat16FromWord(word[0]!)
}
export const fromBfloat16 = (bits: number): number => {
  word[0] = wordFromBfloat16(bits)
  return float[0]!
}
