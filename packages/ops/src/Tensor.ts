/**
 * Immutable n-dimensional arrays and their Schemas.
 *
 * A tensor is a dtype, a shape and a typed array in row-major order. Nothing writes into `data` once a tensor is made:
 * that is a contract (JavaScript cannot freeze typed arrays), and it is why passing tensors around never copies.
 *
 * Functions here throw `TensorError` where their arguments do not fit together, which is a mistake of the program;
 * `attempt` makes a `Result` of it where arguments come from outside. Tensors from outside are best decoded by a Schema.
 */
import { dual } from "effect/Function"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { cast as castData, fromValues, toValues, type Value } from "./internal/tensor/cast.ts"
import * as codec from "./internal/tensor/codec.ts"
import * as value from "./internal/tensor/value.ts"

// --------------------------------------------------------------------------------------------------------- model

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
  /** one byte each, 0 or 1 */
  readonly bool: Uint8Array
  readonly string: ReadonlyArray<string>
}

/** The element types of ONNX that ONNX Runtime's Node binding carries, and bfloat16, which it does not take as input. */
export type DType = keyof DataOf

/** Every dtype whose elements are bytes: all but `string`. */
export type NumericDType = Exclude<DType, "string">

/**
 * An immutable array of any rank. `shape` is `[]` for a scalar; a length may be 0. Printing one, also as JSON, shows dtype
 * and shape only: to store it, encode it by its Schema.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const latents: Tensor.Tensor<"float32"> = Tensor.zeros("float32", [1, 4, 8, 8])
 * assert.equal(String(latents), "float32[1, 4, 8, 8]")
 * ```
 */
export interface Tensor<out D extends DType = DType> {
  readonly [value.TypeId]: typeof value.TypeId
  readonly dtype: D
  /** the length of each axis */
  readonly shape: ReadonlyArray<number>
  /** the elements, the last axis moving fastest; not to be written to */
  readonly data: DataOf[D]
}

/**
 * Arguments that do not fit together: which operation refused them, and why.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * assert.throws(() => Tensor.make("float32", [2, 2], new Float32Array(3)), {
 *   message: "Tensor.make: [2, 2] holds 4 elements, data has 3"
 * })
 * ```
 */
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

/**
 * Runs a computation on tensors and gives a `TensorError` as a failure. Anything else that it throws is thrown on.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const row = Tensor.zeros("float32", [1, 3])
 * const wide = Tensor.zeros("float32", [1, 4])
 * assert.ok(Result.isFailure(Tensor.attempt(() => Tensor.concat([row, wide]))))
 * ```
 */
export const attempt = <A>(compute: () => A): Result.Result<A, TensorError> => {
  try {
    return Result.succeed(compute())
  } catch (error) {
    if (error instanceof TensorError) return Result.fail(error)
    throw error
  }
}

/**
 * Whether a value is a tensor, of this dtype if one is given.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * assert.ok(Tensor.isTensor(Tensor.zeros("int64", [1])))
 * assert.ok(!Tensor.isTensor(Tensor.zeros("int64", [1]), "float32"))
 * assert.ok(!Tensor.isTensor({ dtype: "float32", shape: [] }))
 * ```
 */
export const isTensor: {
  (u: unknown): u is Tensor
  <D extends DType>(u: unknown, dtype: D): u is Tensor<D>
} = (u: unknown, dtype?: DType): u is never => value.isTensor(u) && (dtype === undefined || u.dtype === dtype)

// -------------------------------------------------------------------------------------------------- constructors

/**
 * A tensor of this array, which is taken as it is: nothing may write into it from now on.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const matrix = Tensor.make("float32", [2, 2], Float32Array.of(1, 2, 3, 4))
 * assert.equal(matrix.data[3], 4)
 * ```
 */
export const make = <D extends DType>(dtype: D, shape: ReadonlyArray<number>, data: DataOf[D]): Tensor<D> => {
  const problem = value.invalid(dtype, shape, data)
  return problem === undefined ? value.unsafeMake(dtype, shape, data) : fail("make", problem)
}

/**
 * All zeros.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * assert.deepEqual([...Tensor.zeros("int64", [2]).data], [0n, 0n])
 * ```
 */
export const zeros = <D extends NumericDType>(dtype: D, shape: ReadonlyArray<number>): Tensor<D> => {
  const problem = value.invalidShape(shape)
  return problem === undefined
    ? value.unsafeMake(dtype, shape, value.allocate(dtype, value.sizeOf(shape)))
    : fail("zeros", problem)
}

/**
 * Plain values, converted to the dtype: numbers are rounded to nearest even, `true` is 1.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const ids = Tensor.fromArray("int64", [1, 3], [49406, 320, 49407])
 * assert.deepEqual([...ids.data], [49406n, 320n, 49407n])
 * ```
 */
export const fromArray = <D extends DType>(
  dtype: D,
  shape: ReadonlyArray<number>,
  values: ReadonlyArray<Value>
): Tensor<D> => {
  const data = fromValues(dtype, values)
  const problem = typeof data === "string" ? data : value.invalid(dtype, shape, data)
  return problem === undefined ? value.unsafeMake(dtype, shape, value.dataOf(dtype, data)) : fail("fromArray", problem)
}

/**
 * The elements as plain values, 16-bit floats as the numbers that they stand for.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * assert.deepEqual(Tensor.toArray(Tensor.fromArray("float16", [2], [0.5, 1 / 3])), [0.5, 0.333251953125])
 * ```
 */
export const toArray = (self: Tensor): Array<Value> => toValues(self)

/**
 * The elements' bytes, row-major and little-endian, without copying.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * assert.deepEqual([...Tensor.bytes(Tensor.fromArray("int16", [2], [1, -1]))], [1, 0, 255, 255])
 * ```
 */
export const bytes = (self: Tensor<NumericDType>): Uint8Array => value.bytesOf(self.data)

/**
 * A tensor of a copy of these bytes, which may lie anywhere in their buffer.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const file = Buffer.from([9, 0, 0, 128, 63])
 * assert.deepEqual([...Tensor.fromBytes("float32", [1], file.subarray(1)).data], [1])
 * ```
 */
export const fromBytes = <D extends NumericDType>(
  dtype: D,
  shape: ReadonlyArray<number>,
  bytes: Uint8Array
): Tensor<D> => {
  const problem = value.invalidBytes(dtype, shape, bytes.byteLength)
  return problem === undefined
    ? value.unsafeMake(dtype, shape, value.fromBytes(dtype, bytes))
    : fail("fromBytes", problem)
}

// ---------------------------------------------------------------------------------------------------- operations

/**
 * The number of elements of a shape.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * assert.equal(Tensor.sizeOf([1, 4, 8, 8]), 256)
 * assert.equal(Tensor.sizeOf([]), 1)
 * ```
 */
export const sizeOf: (shape: ReadonlyArray<number>) => number = value.sizeOf

/**
 * Whether two tensors have the same dtype, shape and bits: a NaN equals itself, -0 and 0 differ. `Equal.equals` asks this.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Equal from "effect/Equal"
 *
 * const nan = Tensor.fromArray("float32", [1], [NaN])
 * assert.ok(Tensor.equals(nan, Tensor.fromArray("float32", [1], [NaN])))
 * assert.ok(!Equal.equals(nan, Tensor.zeros("float32", [1])))
 * ```
 */
export const equals: {
  (that: Tensor): (self: Tensor) => boolean
  (self: Tensor, that: Tensor): boolean
} = dual(2, value.equals)

/**
 * The same data under another shape of as many elements.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const row = Tensor.reshape(Tensor.zeros("float32", [2, 3]), [1, 6])
 * assert.deepEqual(row.shape, [1, 6])
 * ```
 */
export const reshape: {
  (shape: ReadonlyArray<number>): <D extends DType>(self: Tensor<D>) => Tensor<D>
  <D extends DType>(self: Tensor<D>, shape: ReadonlyArray<number>): Tensor<D>
} = dual(2, <D extends DType>(self: Tensor<D>, shape: ReadonlyArray<number>): Tensor<D> => {
  const problem = value.invalid(self.dtype, shape, self.data)
  return problem === undefined ? value.unsafeMake(self.dtype, shape, self.data) : fail("reshape", problem)
})

/**
 * Every element converted: to floats rounded to nearest even (through float32 for 16 bits), to integers cut off towards
 * zero and wrapped, to bool 0 or 1. Of the same dtype it is the tensor itself.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const half = Tensor.cast(Tensor.fromArray("float32", [2], [1, 65504]), "float16")
 * assert.deepEqual([...half.data], [0x3c00, 0x7bff])
 * assert.deepEqual([...Tensor.cast(half, "float32").data], [1, 65504])
 * ```
 */
export const cast: {
  <D extends NumericDType>(dtype: D): (self: Tensor<NumericDType>) => Tensor<D>
  <D extends NumericDType>(self: Tensor<NumericDType>, dtype: D): Tensor<D>
} = dual(2, <D extends NumericDType>(self: Tensor<NumericDType>, dtype: D): Tensor<D> => {
  if (isTensor(self, dtype)) return self
  return value.unsafeMake(dtype, self.shape, castData(self, dtype))
})

const axisOf = (operation: string, self: Tensor, axis: number): number => {
  const rank = self.shape.length
  const at = axis < 0 ? axis + rank : axis
  return Number.isInteger(axis) && at >= 0 && at < rank ? at : fail(operation, `${self} has no axis ${axis}`)
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, n) => total + n, 0)

/**
 * Tensors joined along an axis (default the first, negative counts from the end); their other axes must agree.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const unconditional = Tensor.zeros("float32", [1, 77, 768])
 * const batch = Tensor.concat([unconditional, Tensor.zeros("float32", [1, 77, 768])])
 * assert.deepEqual(batch.shape, [2, 77, 768])
 * ```
 */
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
  const lengths = tensors.map((tensor) => tensor.shape[at] ?? 0)
  const inner = sizeOf(first.shape.slice(at + 1))
  const runs = lengths.map((length) => length * inner)
  const data = value.interleave(tensors, runs, sizeOf(first.shape.slice(0, at)))
  return value.unsafeMake(first.dtype, first.shape.with(at, sum(lengths)), data)
}

/**
 * Positions `from` to `to` (excluded) of an axis (default the first). Along the first axis nothing is copied.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const batch = Tensor.fromArray("float32", [3, 2], [1, 2, 3, 4, 5, 6])
 * assert.deepEqual([...Tensor.slice(batch, 1, 3).data], [3, 4, 5, 6])
 * assert.deepEqual([...Tensor.slice(batch, 0, 1, 1).data], [1, 3, 5])
 * ```
 */
export const slice: {
  (from: number, to: number, axis?: number): <D extends DType>(self: Tensor<D>) => Tensor<D>
  <D extends DType>(self: Tensor<D>, from: number, to: number, axis?: number): Tensor<D>
} = dual(
  (args) => value.isTensor(args[0]),
  <D extends DType>(self: Tensor<D>, from: number, to: number, axis = 0): Tensor<D> => {
    const at = axisOf("slice", self, axis)
    const length = self.shape[at] ?? 0
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from || to > length) {
      return fail("slice", `[${from}, ${to}) is not a range of axis ${at} of ${self}`)
    }
    const inner = sizeOf(self.shape.slice(at + 1))
    const outer = sizeOf(self.shape.slice(0, at))
    const data = value.section(self, from * inner, to * inner, length * inner, outer)
    return value.unsafeMake(self.dtype, self.shape.with(at, to - from), data)
  }
)

/**
 * An axis (default the first) cut into so many equal parts (not more than it is long), or into parts of these lengths.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const [unconditional, conditional] = Tensor.split(Tensor.zeros("float32", [2, 4, 8, 8]), 2)
 * assert.deepEqual(unconditional?.shape, [1, 4, 8, 8])
 * assert.deepEqual(conditional?.shape, [1, 4, 8, 8])
 * ```
 */
export const split: {
  (parts: number | ReadonlyArray<number>, axis?: number): <D extends DType>(self: Tensor<D>) => Array<Tensor<D>>
  <D extends DType>(self: Tensor<D>, parts: number | ReadonlyArray<number>, axis?: number): Array<Tensor<D>>
} = dual(
  (args) => value.isTensor(args[0]),
  <D extends DType>(self: Tensor<D>, parts: number | ReadonlyArray<number>, axis = 0): Array<Tensor<D>> => {
    const at = axisOf("split", self, axis)
    const length = self.shape[at] ?? 0
    const equal = typeof parts === "number"
    const count = equal && parts > 0 && length % parts === 0 && parts <= length ? parts : 0
    const lengths = equal ? Array.from({ length: count }, () => length / count) : parts
    if (lengths.some((n) => !Number.isInteger(n) || n < 0) || sum(lengths) !== length || lengths.length === 0) {
      const wanted = equal ? `${parts} equal parts` : `parts of [${parts.join(", ")}]`
      return fail("split", `axis ${at} of ${self} does not divide into ${wanted}`)
    }
    let from = 0
    return lengths.map((n) => slice(self, from, (from += n), at))
  }
)

/**
 * Tensors of one shape under a new first axis.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const image = Tensor.zeros("uint8", [64, 64, 3])
 * assert.deepEqual(Tensor.stack([image, image]).shape, [2, 64, 64, 3])
 * ```
 */
export const stack = <D extends DType>(tensors: ReadonlyArray<Tensor<D>>): Tensor<D> => {
  const [first] = tensors
  if (first === undefined) return fail("stack", "no tensors")
  for (const tensor of tensors) {
    if (String(tensor) !== String(first)) return fail("stack", `${tensor} is not like ${first}`)
  }
  return concat(tensors.map((tensor) => reshape(tensor, [1, ...tensor.shape])))
}

/**
 * Every item of an axis (default the first) `count` times in a row, as torch's `repeat_interleave`: one prompt's
 * embeddings for several pictures.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const prompts = Tensor.fromArray("float32", [2, 1], [1, 2])
 * assert.deepEqual([...Tensor.repeat(prompts, 2).data], [1, 1, 2, 2])
 * ```
 */
export const repeat: {
  (count: number, axis?: number): <D extends DType>(self: Tensor<D>) => Tensor<D>
  <D extends DType>(self: Tensor<D>, count: number, axis?: number): Tensor<D>
} = dual(
  (args) => value.isTensor(args[0]),
  <D extends DType>(self: Tensor<D>, count: number, axis = 0): Tensor<D> => {
    const at = axisOf("repeat", self, axis)
    if (!Number.isInteger(count) || count < 1) return fail("repeat", `${count} is not a positive whole number`)
    const length = self.shape[at] ?? 0
    if (count === 1 || length === 0) return self
    const items = Array.from({ length }, (_, i) => slice(self, i, i + 1, at))
    return concat(
      items.flatMap((item) => Array.from({ length: count }, () => item)),
      at
    )
  }
)

// ------------------------------------------------------------------------------------------------------- schemas

/** A length that is fixed, or a name: axes of one name in one tensor must have the same length. `""` is any length. */
export type Dim = number | string

/** What a tensor's Schema asks for; `dims` is undefined for any shape. */
export interface Spec {
  readonly dtype: DType
  /** a length or a name for each axis */
  readonly dims: ReadonlyArray<Dim> | undefined
}

/**
 * The Schema of a tensor. It checks dtype, rank, fixed lengths and equal names. Its JSON form is
 * `{ dtype, shape, data }` with the elements' bytes in base64 (of strings, an array), or a reference to where `Blobs`
 * put them; every bit survives.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * const Latents = Tensor.float32("batch", 4, "height", "width").annotate({ description: "what is denoised" })
 * const Json = Schema.toCodecJson(Latents)
 * const latents = Tensor.zeros("float32", [1, 4, 1, 1])
 * const json = Schema.encodeSync(Json)(latents)
 * assert.deepEqual(json, { dtype: "float32", shape: [1, 4, 1, 1], data: "AAAAAAAAAAAAAAAAAAAAAA==" })
 * assert.ok(Tensor.equals(Schema.decodeUnknownSync(Json)(json), latents))
 * ```
 */
export interface TensorSchema<D extends DType> extends Schema.declare<Tensor<D>> {
  readonly Rebuild: TensorSchema<D>
}

/**
 * Why a tensor does not fit, or undefined: the rule of the Schemas and of what models are fed with.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const tensor = Tensor.zeros("float32", [1, 3, 8, 8])
 * assert.equal(
 *   Tensor.mismatch(tensor, "float32", ["batch", 4, "height", "width"]),
 *   "expected float32[batch, 4, height, width], got float32[1, 3, 8, 8] (axis 1: 3 instead of 4)"
 * )
 * ```
 */
export const mismatch: (tensor: Tensor, dtype: DType, dims: ReadonlyArray<Dim> | undefined) => string | undefined =
  codec.mismatch

/**
 * The dtype and dims of a tensor's Schema, also after `.annotate`; undefined for other Schemas.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * assert.deepEqual(Tensor.specOf(Tensor.int64("batch", 77)), { dtype: "int64", dims: ["batch", 77] })
 * assert.equal(Tensor.specOf(Schema.String), undefined)
 * ```
 */
export const specOf: (schema: Schema.Constraint) => Spec | undefined = codec.specOf

/**
 * A dtype and dims in the notation of error messages.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * assert.equal(Tensor.show("float32", ["batch", 4]), "float32[batch, 4]")
 * assert.equal(Tensor.show("float32", undefined), "float32")
 * ```
 */
export const show: (dtype: DType, dims: ReadonlyArray<Dim> | undefined) => string = value.show

export { Blobs } from "./internal/tensor/blobs.ts"

const of =
  <D extends DType>(dtype: D) =>
  (...dims: ReadonlyArray<Dim>): TensorSchema<D> => {
    const wrong = dims.find((dim) => typeof dim === "number" && !(Number.isSafeInteger(dim) && dim >= 0))
    return wrong === undefined ? codec.schema(dtype, dims) : fail(dtype, `${wrong} is not a length`)
  }

/**
 * The Schema of tensors of a dtype and any shape.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * assert.ok(Schema.is(Tensor.any("float32"))(Tensor.zeros("float32", [])))
 * ```
 */
export const any = <D extends DType>(dtype: D): TensorSchema<D> => codec.schema(dtype, undefined)

/**
 * `float32(...dims)` and its kin: the Schema of tensors of that dtype and shape, each dim a length or a name.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * const Square = Tensor.float32("n", "n")
 * assert.ok(Schema.is(Square)(Tensor.zeros("float32", [3, 3])))
 * assert.ok(!Schema.is(Square)(Tensor.zeros("float32", [3, 4])))
 * ```
 */
export const float32 = of("float32")
/**
 * The Schema of tensors of double precision; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"float64"> = Tensor.float64("batch", 2)
 * ```
 */
export const float64 = of("float64")
/**
 * The Schema of tensors of half precision, as bits; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"float16"> = Tensor.float16("batch", 2)
 * ```
 */
export const float16 = of("float16")
/**
 * The Schema of tensors of bfloat16, as bits; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"bfloat16"> = Tensor.bfloat16("batch", 2)
 * ```
 */
export const bfloat16 = of("bfloat16")
/**
 * The Schema of tensors of int8 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"int8"> = Tensor.int8("batch", 2)
 * ```
 */
export const int8 = of("int8")
/**
 * The Schema of tensors of uint8 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"uint8"> = Tensor.uint8("batch", 2)
 * ```
 */
export const uint8 = of("uint8")
/**
 * The Schema of tensors of int16 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"int16"> = Tensor.int16("batch", 2)
 * ```
 */
export const int16 = of("int16")
/**
 * The Schema of tensors of uint16 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"uint16"> = Tensor.uint16("batch", 2)
 * ```
 */
export const uint16 = of("uint16")
/**
 * The Schema of tensors of int32 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"int32"> = Tensor.int32("batch", 2)
 * ```
 */
export const int32 = of("int32")
/**
 * The Schema of tensors of uint32 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"uint32"> = Tensor.uint32("batch", 2)
 * ```
 */
export const uint32 = of("uint32")
/**
 * The Schema of tensors of int64 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"int64"> = Tensor.int64("batch", 2)
 * ```
 */
export const int64 = of("int64")
/**
 * The Schema of tensors of uint64 integers; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"uint64"> = Tensor.uint64("batch", 2)
 * ```
 */
export const uint64 = of("uint64")
/**
 * The Schema of tensors of booleans, a byte each; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"bool"> = Tensor.bool("batch", 2)
 * ```
 */
export const bool = of("bool")
/**
 * The Schema of tensors of strings; see `float32`.
 *
 * ```ts
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const schema: Tensor.TensorSchema<"string"> = Tensor.string("batch", 2)
 * ```
 */
export const string = of("string")
