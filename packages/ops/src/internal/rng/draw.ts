/** torch's CPU kernels over a reader of the twister (ATen/native/cpu/DistributionTemplates.h, DistributionsHelper.h). */
import type { DataOf } from "../../Tensor.ts"
import * as Tensor from "../../Tensor.ts"
import * as half from "../tensor/half.ts"
import { log32, sinCos32 } from "./cephes.ts"
import { log64, sinCos64 } from "./libm.ts"
import { Reader, type Block } from "./twister.ts"

export interface State {
  readonly seed: number
  readonly drawn: number
  readonly spare: number | null
}

const pair64 = new Float64Array(2)

/** Remembered by value for speed only: a state that went through JSON finds its block by counting. */
const blocks = new WeakMap<State, Block>()

export class Source {
  readonly reader: Reader
  private readonly seed: number
  private spare: number | null

  constructor(state: State) {
    this.seed = state.seed
    this.spare = state.spare
    this.reader = new Reader(state.seed, state.drawn, blocks.get(state))
  }

  /** Box-Muller in float64; the second value of a pair waits for the next small draw */
  normal(): number {
    if (this.spare !== null) {
      const value = this.spare
      this.spare = null
      return value
    }
    const u1 = this.reader.uniform53()
    const u2 = this.reader.uniform53()
    const radius = Math.sqrt(-2 * Math.log1p(-u2))
    sinCos64(2 * Math.PI * u1, pair64)
    this.spare = radius * pair64[0]!
    return radius * pair64[1]!
  }

  end(): State {
    const state: State = { seed: this.seed, drawn: this.reader.drawn, spare: this.spare }
    const block = this.reader.block()
    if (block !== undefined) blocks.set(state, block)
    return state
  }
}

/** Below this many, torch draws normals one by one. */
const scalarLimit = 16

/** whole blocks of 16; of a ragged end the last 16 are drawn again */
const inBlocks = (n: number, fill: (from: number, to: number) => void, block: (at: number) => void): void => {
  fill(0, n)
  for (let at = 0; at + 16 <= n; at += 16) block(at)
  if (n % 16 !== 0) {
    fill(n - 16, n)
    block(n - 16)
  }
}

const f = Math.fround
const twoPi = f(2 * Math.PI)
const pair = new Float32Array(2)

export const normal32 = (source: Source, out: Float32Array): void => {
  const n = out.length
  if (n < scalarLimit) {
    for (let i = 0; i < n; i++) out[i] = source.normal()
    return
  }
  inBlocks(
    n,
    (from, to) => source.reader.uniforms(out, from, to, 24),
    (at) => {
      for (let j = at; j < at + 8; j++) {
        const radius = f(Math.sqrt(f(-2 * log32(f(1 - out[j]!)))))
        sinCos32(f(twoPi * out[j + 8]!), pair)
        out[j] = radius * pair[1]!
        out[j + 8] = radius * pair[0]!
      }
    }
  )
}

export const uniform64 = (source: Source, out: Float64Array, from = 0, to = out.length): void => {
  for (let i = from; i < to; i++) out[i] = source.reader.uniform53()
}

export const normal64 = (source: Source, out: Float64Array): void => {
  const n = out.length
  if (n < scalarLimit) {
    for (let i = 0; i < n; i++) out[i] = source.normal()
    return
  }
  inBlocks(
    n,
    (from, to) => uniform64(source, out, from, to),
    (at) => {
      for (let j = at; j < at + 8; j++) {
        const radius = Math.sqrt(-2 * log64(1 - out[j]!))
        sinCos64(2 * Math.PI * out[j + 8]!, pair64)
        out[j] = radius * pair64[1]!
        out[j + 8] = radius * pair64[0]!
      }
    }
  )
}

/** A 16-bit float type: every operation rounds to it. `bits` is its precision. */
interface Half {
  readonly bits: number
  readonly encode: (value: number) => number
  readonly decode: (bits: number) => number
}
export const halves = {
  float16: { bits: 11, encode: half.toFloat16, decode: half.fromFloat16 },
  bfloat16: { bits: 8, encode: half.toBfloat16, decode: half.fromBfloat16 }
} as const satisfies Record<string, Half>

export const uniform16 = (source: Source, out: Uint16Array, { bits, encode }: Half): void => {
  const values = new Float32Array(out.length)
  source.reader.uniforms(values, 0, values.length, bits)
  for (let i = 0; i < out.length; i++) out[i] = encode(values[i]!)
}

export const normal16 = (source: Source, out: Uint16Array, { bits, decode, encode }: Half): void => {
  const n = out.length
  if (n < scalarLimit) {
    for (let i = 0; i < n; i++) out[i] = encode(source.normal())
    return
  }
  const round = (value: number) => decode(encode(value))
  const values = new Float32Array(n)
  inBlocks(
    n,
    (from, to) => source.reader.uniforms(values, from, to, bits),
    (at) => {
      for (let j = at; j < at + 8; j++) {
        const radius = round(Math.sqrt(round(-2 * round(Math.log(round(1 - values[j]!))))))
        const theta = round(2 * Math.PI * values[j + 8]!)
        values[j] = round(radius * round(Math.cos(theta)))
        values[j + 8] = round(radius * round(Math.sin(theta)))
      }
    }
  )
  for (let i = 0; i < n; i++) out[i] = encode(values[i]!)
}

/** From this range on torch draws 64 bits a number, to keep the skew of the remainder small. */
const wideRange = 1n << 28n

/** low + draw mod range */
export const integers = (source: Source, low: bigint, range: bigint, out: BigInt64Array): void => {
  if (range >= wideRange) {
    for (let i = 0; i < out.length; i++) out[i] = low + (source.reader.next64() % range)
    return
  }
  const narrow = Number(range)
  for (let i = 0; i < out.length; i++) out[i] = low + BigInt(source.reader.next() % narrow)
}

/** Fisher-Yates from the front */
export const permutation = (source: Source, out: BigInt64Array): void => {
  const n = out.length
  for (let i = 0; i < n; i++) out[i] = BigInt(i)
  for (let i = 0; i < n - 1; i++) {
    const z = i + (source.reader.next() % (n - i))
    const value = out[i]!
    out[i] = out[z]!
    out[z] = value
  }
}

type FloatDType = "float32" | "float64" | "float16" | "bfloat16"

type Kernels = { readonly [D in FloatDType]: (source: Source, out: DataOf[D]) => void }

export const normals: Kernels = {
  float32: normal32,
  float64: normal64,
  float16: (source, out) => normal16(source, out, halves.float16),
  bfloat16: (source, out) => normal16(source, out, halves.bfloat16)
}

export const uniforms: Kernels = {
  float32: (source, out) => source.reader.uniforms(out, 0, out.length, 24),
  float64: (source, out) => uniform64(source, out),
  float16: (source, out) => uniform16(source, out, halves.float16),
  bfloat16: (source, out) => uniform16(source, out, halves.bfloat16)
}

export const floats = <D extends FloatDType>(
  state: State,
  shape: ReadonlyArray<number>,
  dtype: D,
  kernels: Kernels
): readonly [Tensor.Tensor<D>, State] => {
  const tensor = Tensor.zeros(dtype, shape)
  const source = new Source(state)
  kernels[dtype](source, tensor.data)
  return [tensor, source.end()]
}

export const int64 = (
  state: State,
  shape: ReadonlyArray<number>,
  fill: (source: Source, out: BigInt64Array) => void
): readonly [Tensor.Tensor<"int64">, State] => {
  const tensor = Tensor.zeros("int64", shape)
  const source = new Source(state)
  fill(source, tensor.data)
  return [tensor, source.end()]
}
