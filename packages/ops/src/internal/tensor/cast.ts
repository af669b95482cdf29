/** Conversion of elements between dtypes, as C casts them: floats round to nearest even, towards integers they truncate. */
import type { DataOf, DType, NumericDType, Tensor } from "../../Tensor.ts"
import * as half from "./half.ts"
import { allocate, isDType, unsafeMake } from "./value.ts"

const words = (data: Float32Array): Uint32Array => new Uint32Array(data.buffer, data.byteOffset, data.length)

/** elements as float32, or as float64 where float32 would lose bits that a target could hold */
const widen = (
  tensor: Tensor<NumericDType>
): Float32Array | Float64Array | Exclude<DataOf[NumericDType], Uint16Array> => {
  const { dtype } = tensor
  if (dtype !== "float16" && dtype !== "bfloat16") return tensor.data as Float32Array
  const data = tensor.data as Uint16Array
  const out = new Float32Array(data.length)
  const to = words(out)
  const read = dtype === "float16" ? half.wordFromFloat16 : half.wordFromBfloat16
  for (let i = 0; i < data.length; i++) to[i] = read(data[i]!)
  return out
}

export const cast = <D extends NumericDType>(tensor: Tensor<NumericDType>, dtype: D): DataOf[D] => {
  const from = widen(tensor)
  const out = allocate(dtype, from.length)
  if (dtype === "float16" || dtype === "bfloat16") {
    const bits = words(from instanceof Float32Array ? from : Float32Array.from(from as Float64Array, Number))
    const round = dtype === "float16" ? half.float16FromWord : half.bfloat16FromWord
    for (let i = 0; i < bits.length; i++) (out as Uint16Array)[i] = round(bits[i]!)
  } else if (dtype === "bool") {
    for (let i = 0; i < from.length; i++) (out as Uint8Array)[i] = Number(from[i]!) === 0 ? 0 : 1
  } else if (out instanceof BigInt64Array || out instanceof BigUint64Array) {
    const wide = out as BigInt64Array
    if (from instanceof BigInt64Array || from instanceof BigUint64Array) wide.set(from as BigInt64Array)
    else {
      for (let i = 0; i < from.length; i++) {
        const value = from[i] as number
        wide[i] = Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n
      }
    }
  } else if (from instanceof BigInt64Array || from instanceof BigUint64Array) {
    for (let i = 0; i < from.length; i++) (out as Float32Array)[i] = Number(from[i])
  } else (out as Float32Array).set(from as Float32Array)
  return out
}

/** an element outside a tensor */
export type Value = number | bigint | boolean | string

/** the array of these values, or why there is none */
export const fromValues = (dtype: DType, values: ReadonlyArray<Value>): DataOf[DType] | string => {
  if (!isDType(dtype)) return `'${String(dtype)}' is not a dtype`
  const wrong = values.find((value) => (typeof value === "string") !== (dtype === "string"))
  if (wrong !== undefined) return `${typeof wrong} ${String(wrong)} in a tensor of ${dtype}`
  if (dtype === "string") return values as ReadonlyArray<string>
  if (dtype === "int64" || dtype === "uint64") {
    const fraction = values.find((value) => typeof value === "number" && !Number.isInteger(value))
    if (fraction !== undefined) return `${String(fraction)} in a tensor of ${dtype}`
    const out = allocate(dtype, values.length)
    for (let i = 0; i < values.length; i++) out[i] = BigInt(values[i]!)
    return out
  }
  const numbers = Float64Array.from(values as ReadonlyArray<number>, Number)
  return cast(unsafeMake("float64", [numbers.length], numbers), dtype)
}

export const toValues = (tensor: Tensor): Array<Value> =>
  tensor.dtype === "string"
    ? [...(tensor.data as ReadonlyArray<string>)]
    : Array.from(widen(tensor as Tensor<NumericDType>) as Iterable<number | bigint>)
