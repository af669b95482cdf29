/**
 * Immutable n-dimensional arrays and their Schemas.
 *
 * A tensor is a dtype, a shape and a typed array in row-major order. Nothing writes into `data` once a tensor is made:
 * that is a contract (JavaScript cannot freeze typed arrays), and it is why passing tensors around never copies.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { cast as castData } from "./internal/tensor/cast.ts"
import * as codec from "./internal/tensor/codec.ts"
import * as value from "./internal/tensor/value.ts"

/** The array that holds the elements of each dtype. float16 and bfloat16 are kept as their 16 raw bits. */
export interface DataOf {
  readonly float32: Float32Array
  readonly float64: Float64Array
  readonly float16: Uint16Array
  readonly bfloat16: Uint16Array
  readonly int8: Int8Array
  readonly uint8: Uint8Array
  readonly int16: Int16Array
  readonly uint16: Uint16Array
  readonly int32: Int32Array
  readonly uint32: Uint32Array
  readonly int64: BigInt64Array
  readonly uint64: BigUint64Array
  readonly bool: Uint8Array
  readonly string: ReadonlyArray<string>
}

/** The element types of ONNX that ONNX Runtime's Node binding carries, and bfloat16, which it does not take as input. */
export type DType = keyof DataOf

/** Every dtype whose elements are bytes: all but `string`. */
export type NumericDType = Exclude<DType, "string">

export interface Tensor<out D extends DType = DType> {
  readonly [value.TypeId]: typeof value.TypeId
  readonly dtype: D
  readonly shape: ReadonlyArray<number>
  readonly data: DataOf[D]
}

export class TensorError extends Schema.TaggedError<TensorError>()("TensorError", {
  operation: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `Tensor.${this.operation}: ${this.problem}`
  }
}

const fail = (operation: string, problem: string): never => {
  throw new TensorError({ operation, problem })
}

export const isTensor: (u: unknown) => u is Tensor = value.isTensor

export const validate = <D extends DType>(
  dtype: D,
  shape: ReadonlyArray<number>,
  data: DataOf[D]
): Result.Result<Tensor<D>, TensorError> => {
  const problem = value.invalid(dtype, shape, data)
  return problem === undefined
    ? Result.succeed(value.unsafeMake(dtype, shape, data))
    : Result.fail(new TensorError({ operation: "validate", problem }))
}

export const make = <D extends DType>(dtype: D, shape: ReadonlyArray<number>, data: DataOf[D]): Tensor<D> => {
  const problem = value.invalid(dtype, shape, data)
  return problem === undefined ? value.unsafeMake(dtype, shape, data) : fail("make", problem)
}

export const sizeOf: (shape: ReadonlyArray<number>) => number = value.sizeOf

export const zeros = <D extends NumericDType>(dtype: D, shape: ReadonlyArray<number>): Tensor<D> =>
  make(dtype, shape, value.allocate(dtype, sizeOf(shape)))

export const reshape = <D extends DType>(self: Tensor<D>, shape: ReadonlyArray<number>): Tensor<D> => {
  const problem = value.invalid(self.dtype, shape, self.data)
  return problem === undefined ? value.unsafeMake(self.dtype, shape, self.data) : fail("reshape", problem)
}

export const equals = (self: Tensor, that: Tensor): boolean => value.equals(self, that)

export const bytes = (self: Tensor<NumericDType>): Uint8Array => value.bytesOf(self.data)

export const fromBytes = <D extends NumericDType>(
  dtype: D,
  shape: ReadonlyArray<number>,
  bytes: Uint8Array
): Tensor<D> => {
  const needed = sizeOf(shape) * value.constructors[dtype].BYTES_PER_ELEMENT
  return bytes.byteLength === needed
    ? make(dtype, shape, value.fromBytes(dtype, bytes))
    : fail("fromBytes", `${show(dtype, shape)} needs ${needed} bytes, got ${bytes.byteLength}`)
}

export const cast = <D extends NumericDType>(self: Tensor<NumericDType>, dtype: D): Tensor<D> =>
  value.unsafeMake(dtype, self.shape, castData(self, dtype))

const axisOf = (operation: string, self: Tensor, axis: number): number => {
  const rank = self.shape.length
  const at = axis < 0 ? axis + rank : axis
  return Number.isInteger(axis) && at >= 0 && at < rank ? at : fail(operation, `${self} has no axis ${axis}`)
}

export const concat = <D extends DType>(tensors: ReadonlyArray<Tensor<D>>, axis = 0): Tensor<D> => {
  const [first] = tensors
  if (first === undefined) return fail("concat", "no tensors")
  const at = axisOf("concat", first, axis)
  for (const tensor of tensors) {
    const fits =
      tensor.dtype === first.dtype &&
      tensor.shape.length === first.shape.length &&
      tensor.shape.every((length, i) => i === at || length === first.shape[i])
    if (!fits) return fail("concat", `${tensor} does not fit ${first} along axis ${at}`)
  }
  if (tensors.length === 1) return first
  const inner = sizeOf(first.shape.slice(at + 1))
  const lengths = tensors.map((tensor) => tensor.shape[at] ?? 0)
  const shape = first.shape.with(
    at,
    lengths.reduce((sum, length) => sum + length, 0)
  )
  const data = value.interleave(
    tensors,
    lengths.map((length) => length * inner),
    sizeOf(first.shape.slice(0, at))
  )
  return value.unsafeMake(first.dtype, shape, data)
}

export const slice = <D extends DType>(self: Tensor<D>, from: number, to: number, axis = 0): Tensor<D> => {
  const at = axisOf("slice", self, axis)
  const length = self.shape[at] ?? 0
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from || to > length) {
    return fail("slice", `[${from}, ${to}) is not a range of axis ${at} of ${self}`)
  }
  const inner = sizeOf(self.shape.slice(at + 1))
  const outer = sizeOf(self.shape.slice(0, at))
  return value.unsafeMake(
    self.dtype,
    self.shape.with(at, to - from),
    value.section(self, from * inner, to * inner, length * inner, outer)
  )
}

export const split = <D extends DType>(
  self: Tensor<D>,
  sections: number | ReadonlyArray<number>,
  axis = 0
): Array<Tensor<D>> => {
  const at = axisOf("split", self, axis)
  const length = self.shape[at] ?? 0
  const sizes = typeof sections === "number" ? Array.from({ length: sections }, () => length / sections) : sections
  if (sizes.some((size) => !Number.isInteger(size)) || sizes.reduce((sum, size) => sum + size, 0) !== length) {
    return fail(
      "split",
      `axis ${at} of ${self} does not divide into ${typeof sections === "number" ? `${sections} equal parts` : `[${sections.join(", ")}]`}`
    )
  }
  let from = 0
  return sizes.map((size) => slice(self, from, (from += size), at))
}

export const stack = <D extends DType>(tensors: ReadonlyArray<Tensor<D>>): Tensor<D> => {
  const [first] = tensors
  if (first === undefined) return fail("stack", "no tensors")
  for (const tensor of tensors) {
    if (String(tensor) !== String(first)) return fail("stack", `${tensor} is not like ${first}`)
  }
  return concat(tensors.map((tensor) => reshape(tensor, [1, ...tensor.shape])))
}

export const repeat = <D extends DType>(self: Tensor<D>, count: number, axis = 0): Tensor<D> =>
  concat(
    split(
      self,
      Array.from({ length: self.shape[axisOf("repeat", self, axis)] ?? 0 }, () => 1),
      axis
    ).flatMap((part) => Array.from({ length: count }, () => part)),
    axis
  )

export type Dim = number | string
export interface Spec {
  readonly dtype: DType
  readonly dims: ReadonlyArray<Dim> | undefined
}
export interface TensorSchema<D extends DType> extends Schema.declare<Tensor<D>> {
  readonly Rebuild: TensorSchema<D>
}
export const mismatch: (tensor: Tensor, dtype: DType, dims: ReadonlyArray<Dim> | undefined) => string | undefined =
  codec.mismatch
export const specOf: (schema: Schema.Constraint) => Spec | undefined = codec.specOf
export const show: (dtype: DType, dims: ReadonlyArray<Dim> | undefined) => string = value.show

export { Blobs } from "./internal/tensor/blobs.ts"

const of =
  <D extends DType>(dtype: D) =>
  (...dims: ReadonlyArray<Dim>): TensorSchema<D> =>
    codec.schema(dtype, dims)

export const any = <D extends DType>(dtype: D): TensorSchema<D> => codec.schema(dtype, undefined)
export const float32 = of("float32")
export const float64 = of("float64")
export const float16 = of("float16")
export const bfloat16 = of("bfloat16")
export const int8 = of("int8")
export const uint8 = of("uint8")
export const int16 = of("int16")
export const uint16 = of("uint16")
export const int32 = of("int32")
export const uint32 = of("uint32")
export const int64 = of("int64")
export const uint64 = of("uint64")
export const bool = of("bool")
export const string = of("string")
