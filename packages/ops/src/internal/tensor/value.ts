/** The tensor as a value: what TypeScript cannot see of typed arrays by dtype is settled here, once. */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import type { DataOf, DType, Dim, NumericDType, Tensor } from "../../Tensor.ts"

/** A symbol: no JSON can pretend to be a tensor. */
export const TypeId: unique symbol = Symbol.for("effect-blocks/Tensor")

export const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  string: Array
} as const

export const isDType = (u: unknown): u is DType => typeof u === "string" && Object.hasOwn(constructors, u)

export const sizeOf = (shape: ReadonlyArray<number>): number => {
  let size = 1
  for (const length of shape) size *= length
  return size
}

export const show = (dtype: string, dims: ReadonlyArray<Dim> | undefined): string =>
  dims === undefined ? dtype : `${dtype}[${dims.join(", ")}]`

/** the bytes of a tensor's elements, without copying */
export const bytesOf = (data: DataOf[NumericDType]): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

export const equals = (self: Tensor, that: Tensor): boolean => {
  if (self === that) return true
  if (self.dtype !== that.dtype || self.shape.length !== that.shape.length) return false
  if (self.shape.some((length, axis) => length !== that.shape[axis])) return false
  if (self.data === that.data) return true
  if (self.dtype === "string") {
    return (self.data as ReadonlyArray<string>).every((text, i) => text === that.data[i])
  }
  return Buffer.compare(bytesOf(self.data as Uint8Array), bytesOf(that.data as Uint8Array)) === 0
}

class TensorImpl<D extends DType> implements Tensor<D> {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly dtype: D
  readonly shape: ReadonlyArray<number>
  readonly data: DataOf[D]
  constructor(dtype: D, shape: ReadonlyArray<number>, data: DataOf[D]) {
    this.dtype = dtype
    this.shape = shape
    this.data = data
  }
  toString() {
    return show(this.dtype, this.shape)
  }
  toJSON() {
    return { _id: "Tensor", dtype: this.dtype, shape: this.shape }
  }
  [Symbol.for("nodejs.util.inspect.custom")]() {
    return `Tensor ${this.toString()}`
  }
  [Equal.symbol](that: unknown): boolean {
    return isTensor(that) && equals(this as unknown as Tensor, that)
  }
  // A few elements are enough to tell most tensors apart: a hash must be cheap, and equality decides.
  [Hash.symbol](): number {
    const { data, shape } = this
    let hash = Hash.combine(Hash.string(this.dtype), Hash.array(shape))
    const step = Math.max(1, Math.floor(data.length / 16))
    for (let i = 0; i < data.length; i += step) hash = Hash.combine(hash, Hash.string(String(data[i])))
    return hash
  }
}

export const isTensor = (u: unknown): u is Tensor => typeof u === "object" && u !== null && TypeId in u

export const unsafeMake = <D extends DType>(dtype: D, shape: ReadonlyArray<number>, data: DataOf[D]): Tensor<D> =>
  new TensorImpl(dtype, shape, data)

/** why these three do not make a tensor; undefined = they do */
export const invalid = (dtype: DType, shape: ReadonlyArray<number>, data: unknown): string | undefined => {
  if (!isDType(dtype)) return `'${String(dtype)}' is not a dtype (one of ${Object.keys(constructors).join(", ")})`
  const Data = constructors[dtype]
  if (!(data instanceof Data)) {
    const got = (data as { constructor?: { name?: string } } | null)?.constructor?.name ?? String(data)
    return `${dtype} needs ${dtype === "string" ? "an array of strings" : `a ${Data.name}`}, got ${got}`
  }
  const problem = invalidShape(shape)
  if (problem !== undefined) return problem
  const size = sizeOf(shape)
  return size === data.length ? undefined : `[${shape.join(", ")}] holds ${size} elements, data has ${data.length}`
}

export const invalidShape = (shape: ReadonlyArray<number>): string | undefined =>
  shape.every((length) => Number.isSafeInteger(length) && length >= 0) && Number.isSafeInteger(sizeOf(shape))
    ? undefined
    : `[${shape.join(", ")}] is not a shape`

export const invalidBytes = (dtype: NumericDType, shape: ReadonlyArray<number>, got: number): string | undefined => {
  const problem = invalidShape(shape)
  if (problem !== undefined) return problem
  const needed = sizeOf(shape) * constructors[dtype].BYTES_PER_ELEMENT
  return got === needed ? undefined : `${show(dtype, shape)} needs ${needed} bytes, got ${got}`
}

export const dataOf = <D extends DType>(_dtype: D, data: unknown): DataOf[D] => data as DataOf[D]

export const allocate = <D extends NumericDType>(dtype: D, size: number): DataOf[D] =>
  new constructors[dtype](size) as unknown as DataOf[D]

/** a view of elements [from, to) */
export const subarray = <D extends DType>(tensor: Tensor<D>, from: number, to: number): DataOf[D] =>
  (tensor.dtype === "string"
    ? (tensor.data as ReadonlyArray<string>).slice(from, to)
    : (tensor.data as Float32Array).subarray(from, to)) as DataOf[D]

/**
 * An own, aligned copy: a view of another element size needs an aligned offset, which a Buffer from Node's pool rarely
 * has, and `Buffer.slice` would share the pool.
 */
export const fromBytes = <D extends NumericDType>(dtype: D, bytes: Uint8Array): DataOf[D] =>
  new constructors[dtype](new Uint8Array(bytes).buffer) as unknown as DataOf[D]

/** joins blocks: part k contributes `runs[k]` elements to each of `count` rows */
export const interleave = <D extends DType>(
  parts: ReadonlyArray<Tensor<D>>,
  runs: ReadonlyArray<number>,
  count: number
): DataOf[D] => {
  const total = runs.reduce((sum, run) => sum + run, 0) * count
  const dtype = parts[0]!.dtype
  if (dtype === "string") {
    const out: Array<string> = []
    for (let row = 0; row < count; row++) {
      parts.forEach((part, k) =>
        out.push(...(subarray(part, row * runs[k]!, (row + 1) * runs[k]!) as unknown as Array<string>))
      )
    }
    return out as unknown as DataOf[D]
  }
  const out = new constructors[dtype as NumericDType](total) as Float32Array
  let at = 0
  for (let row = 0; row < count; row++) {
    for (let k = 0; k < parts.length; k++) {
      const run = runs[k]!
      out.set((parts[k]!.data as Float32Array).subarray(row * run, (row + 1) * run), at)
      at += run
    }
  }
  return out as DataOf[D]
}

/** elements [from, to) of each of `count` rows of `run` elements: a view where that is one stretch */
export const section = <D extends DType>(
  tensor: Tensor<D>,
  from: number,
  to: number,
  run: number,
  count: number
): DataOf[D] => {
  if (count === 1) return subarray(tensor, from, to)
  if (tensor.dtype === "string") {
    const rows = Array.from({ length: count }, (_, row) => subarray(tensor, row * run + from, row * run + to))
    return (rows as unknown as Array<Array<string>>).flat() as unknown as DataOf[D]
  }
  const out = new constructors[tensor.dtype as NumericDType]((to - from) * count) as Float32Array
  for (let row = 0; row < count; row++) {
    out.set(subarray(tensor, row * run + from, row * run + to) as Float32Array, row * (to - from))
  }
  return out as DataOf[D]
}
