/** Random tensors of a Schema, for property tests: small shapes, any bits, and often the values where codecs break. */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import type { DataOf, Dim, DType, NumericDType, Tensor } from "../../Tensor.ts"
import { cast } from "./cast.ts"
import * as value from "./value.ts"

/** integers that become the special values of floats by bits, and the limits of integers */
const special = [0, -0, NaN, Infinity, -Infinity, 1, -1, 2 ** -149, 2 ** -24, 65504, 3.4028234663852886e38]

const texts = ["", "a", "\0", "é", "日本", "🙂", '"', "\\", "\ud800"]

/** a number per position and seed, spread over 32 bits; all zero for seed 0, so that shrinking ends at zeros */
const hash = (seed: number, i: number): number => {
  if (seed === 0) return 0
  let x = Math.imul(seed, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39)
  return (x ^ (x >>> 15)) >>> 0
}

const numbers = (dtype: NumericDType, size: number, seed: number): DataOf[NumericDType] => {
  const bytes = new Uint8Array(size * value.constructors[dtype].BYTES_PER_ELEMENT)
  for (let i = 0; i < bytes.length; i++) bytes[i] = hash(seed, i)
  if (dtype === "bool") return bytes.map((byte) => byte & 1)
  const data = value.fromBytes(dtype, bytes)
  const floats = dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16"
  if (!floats) return data
  const values = cast(value.unsafeMake("float64", [special.length], Float64Array.from(special)), dtype)
  for (let i = 0; i < size; i++) {
    const h = hash(seed, i + bytes.length)
    if (h % 3 === 0) data[i] = values[h % values.length]!
  }
  return data
}

/** dimensions for the axes, equal for equal names */
const shapeOf = (dims: ReadonlyArray<Dim> | undefined, lengths: ReadonlyArray<number>): Array<number> => {
  if (dims === undefined) return lengths.slice(0, 4)
  const names = new Map<string, number>()
  return dims.map((dim, axis) => {
    if (typeof dim === "number") return dim
    const length = names.get(dim) ?? lengths[axis] ?? 1
    if (dim !== "") names.set(dim, length)
    return length
  })
}

export const link = <D extends DType>(dtype: D, dims: ReadonlyArray<Dim> | undefined) =>
  Schema.link<Tensor<D>>()(
    Schema.Struct({
      lengths: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))).check(
        Schema.isMaxLength(dims === undefined ? 3 : dims.length)
      ),
      seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 }))
    }),
    {
      decode: SchemaGetter.transform(({ lengths, seed }) => {
        const shape = shapeOf(dims, lengths)
        const size = value.sizeOf(shape)
        const data =
          dtype === "string"
            ? Array.from({ length: size }, (_, i) => texts[hash(seed, i) % texts.length]!)
            : numbers(dtype as NumericDType, size, seed)
        return value.unsafeMake(dtype, shape, data as DataOf[D])
      }),
      encode: SchemaGetter.forbidden(() => "arbitrary tensors are only made")
    }
  )
