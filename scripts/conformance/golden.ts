/** Reading a golden folder: pairs of NAME.json and NAME.bin, tensors as references into the binary file. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import * as Tensor from "@effect-blocks/ops/Tensor"

/** A tensor in the binary file beside the JSON. */
export interface Reference {
  readonly offset: number
  readonly shape: ReadonlyArray<number>
  readonly dtype: "f32" | "f64" | "u8" | "i32" | "i64" | "u32"
}

/** The types of elements in a binary file. */
export const arrays = {
  f32: Float32Array,
  f64: Float64Array,
  u8: Uint8Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u32: Uint32Array
} as const

/** A case as it stands in the JSON: each topic knows its own fields. */
export interface Case {
  // oxlint-disable-next-line typescript/no-explicit-any -- JSON of as many shapes as there are topics
  readonly [key: string]: any
}

/** One opened document: its metadata, its cases and its tensors. */
export interface Golden {
  readonly file: string
  readonly document: Case
  /** As they stand there: a broken document may hold other things than objects. */
  readonly cases: ReadonlyArray<Case>
  /** The binary file beside it, where it names one. */
  readonly bin: { readonly name: string; readonly length: number } | undefined
  readonly float32: (reference: Reference) => Tensor.Tensor<"float32">
  /** The values of any reference, as they are. */
  readonly values: <D extends Reference["dtype"]>(
    reference: Reference & { readonly dtype: D }
  ) => InstanceType<(typeof arrays)[D]>
}

/** A document that cannot be read; the message names it, the field and what was expected. */
export class Unreadable extends Error {
  override readonly name = "Unreadable"
}

export const isRecord = (value: unknown): value is Case =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const parsed = (file: string): Case => {
  let document: unknown
  try {
    document = JSON.parse(readFileSync(file, "utf8"))
  } catch (error) {
    throw new Unreadable(`${file}: expected JSON (${messageOf(error)})`)
  }
  if (!isRecord(document)) throw new Unreadable(`${file}: expected an object with a list "cases"`)
  return document
}

const binaryOf = (file: string, name: unknown): Buffer => {
  if (name === undefined) return Buffer.alloc(0)
  if (typeof name !== "string" || name !== basename(name))
    throw new Unreadable(`${file}: field bin is ${JSON.stringify(name)}, expected the name of a file beside it`)
  try {
    return readFileSync(join(dirname(file), name))
  } catch (error) {
    throw new Unreadable(`${file}: field bin names ${name}, expected such a file beside it (${messageOf(error)})`)
  }
}

/** Opens one pair of files; a document without tensors has no second one. Throws `Unreadable`. */
export const open = (file: string): Golden => {
  const document = parsed(file)
  const { bin, cases } = document
  if (!Array.isArray(cases) || cases.length === 0) {
    const found = Array.isArray(cases) ? "empty" : cases === undefined ? "missing" : "no list"
    throw new Unreadable(`${file}: field cases is ${found}, expected a list of at least one case`)
  }
  const raw = binaryOf(file, bin)
  const values = (reference: Reference) => {
    const array = arrays[reference.dtype]
    const length = Tensor.sizeOf(reference.shape) * array.BYTES_PER_ELEMENT
    const start = raw.byteOffset + reference.offset
    if (reference.offset + length > raw.byteLength)
      throw new RangeError(`${file}: a tensor of ${length} bytes at ${reference.offset} lies outside the binary file`)
    // oxlint-disable-next-line typescript/no-explicit-any -- which array it is follows from the reference's dtype
    return new array(raw.buffer.slice(start, start + length) as ArrayBuffer) as any
  }
  return {
    file,
    document,
    cases,
    bin: typeof bin === "string" ? { name: bin, length: raw.length } : undefined,
    values,
    float32: (reference) => Tensor.make("float32", reference.shape, values(reference))
  }
}

/** The documents of a topic, by name; none where the folder has none. */
export const documents = (folder: string, topic: string): ReadonlyArray<string> => {
  const path = join(folder, topic)
  if (!existsSync(path)) return []
  const names = readdirSync(path).filter((name) => name.endsWith(".json"))
  return names.toSorted().map((name) => join(path, name))
}

/** A number in JSON, where Python's non-finite ones are strings. */
export const number = (value: number | string): number => Number(value)

/** Row `i` of a stacked tensor. */
export const row = (tensor: Tensor.Tensor<"float32">, i: number): Tensor.Tensor<"float32"> => {
  const shape = tensor.shape.slice(1)
  const size = Tensor.sizeOf(shape)
  return Tensor.make("float32", shape, tensor.data.slice(i * size, (i + 1) * size))
}

/** A difference and where it is. */
export interface Difference {
  /** Relative to the largest value expected; infinite where the lengths or the finiteness differ. */
  readonly relative: number
  readonly absolute: number
  readonly index: number
}

export const none: Difference = { relative: 0, absolute: 0, index: -1 }

/** The largest difference, as a share of the largest value expected. NaN agrees with NaN, infinity with itself. */
export const differenceOf = (got: ArrayLike<number>, want: ArrayLike<number>): Difference => {
  if (got.length !== want.length)
    return { relative: Infinity, absolute: Infinity, index: Math.min(got.length, want.length) }
  let absolute = 0
  let index = -1
  let largest = 0
  for (let i = 0; i < want.length; i++) {
    const expected = want[i]!
    if (Number.isFinite(expected)) largest = Math.max(largest, Math.abs(expected))
    if (got[i] === expected || Object.is(got[i], expected)) continue
    const difference = Math.abs(got[i]! - expected)
    const size = Number.isNaN(difference) ? Infinity : difference
    if (size > absolute) {
      absolute = size
      index = i
    }
  }
  return { absolute, index, relative: absolute === 0 ? 0 : absolute / (largest === 0 ? 1 : largest) }
}
