/**
 * Reads what an ONNX file says of its inputs and outputs, without ONNX Runtime and without its weights: protobuf fields
 * carry their lengths, so everything else is skipped. A file that is cut short or is no ONNX model is found here, before
 * anything runs.
 */
import type * as Model from "@effect-blocks/ops/Model"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import type { FileHandle } from "node:fs/promises"
import { open } from "node:fs/promises"

export interface Signature {
  readonly inputs: ReadonlyArray<Model.ValueInfo>
  readonly outputs: ReadonlyArray<Model.ValueInfo>
}

/** the file is not what it should be; anything else that is thrown is the operating system's */
export class NotOnnx extends Error {}

/** https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, TensorProto.DataType */
const dtypes: Readonly<Record<number, Tensor.DType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  8: "string",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16"
}

/** the field numbers of onnx.proto that are read */
const field = {
  model: { irVersion: 1, graph: 7 },
  graph: { initializer: 5, input: 11, output: 12 },
  initializer: { name: 8, externalData: 13 },
  entry: { key: 1, value: 2 },
  value: { name: 1, type: 2 },
  type: { tensor: 1 },
  tensor: { elementType: 1, shape: 2 },
  shape: { dimension: 1 },
  dimension: { value: 1, name: 2 }
} as const

const CHUNK = 1 << 16
/** the largest models have some hundred thousand fields that are looked at; a file made to be slow has more */
const MOST_FIELDS = 2 ** 22

/** A window that moves over the file. */
class Reader {
  readonly file: FileHandle
  readonly size: number
  position = 0
  private seen = 0
  private buffer = Buffer.alloc(CHUNK)
  private start = 0
  private filled = 0
  constructor(file: FileHandle, size: number) {
    this.file = file
    this.size = size
  }
  private async need(bytes: number): Promise<number> {
    if (this.position + bytes > this.size) throw new NotOnnx(`it ends at byte ${this.size}, in the middle of a field`)
    const at = this.position - this.start
    if (at >= 0 && at + bytes <= this.filled) return at
    if (bytes > this.buffer.length) this.buffer = Buffer.alloc(bytes)
    this.start = this.position
    this.filled = 0
    while (this.filled < bytes) {
      const { bytesRead } = await this.file.read(
        this.buffer,
        this.filled,
        this.buffer.length - this.filled,
        this.start + this.filled
      )
      if (bytesRead === 0) throw new NotOnnx("it became shorter while it was read")
      this.filled += bytesRead
    }
    return 0
  }
  async varint(): Promise<number> {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const at = await this.need(1)
      const byte = this.buffer[at]!
      this.position++
      // numbers above 2^53 do not occur where a value is used: sizes, tags, dtypes
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new NotOnnx("it holds a number of more than ten bytes")
  }
  async text(length: number): Promise<string> {
    if (length > CHUNK) throw new NotOnnx("it holds a name of more than 64 KiB")
    const at = await this.need(length)
    this.position += length
    return this.buffer.toString("utf8", at, at + length)
  }
  /** calls `on` for each field up to `end`; what `on` does not consume is skipped */
  async fields(end: number, on: (number: number, wire: number, length: number) => Promise<void> | undefined) {
    if (end > this.size) throw new NotOnnx(`it says it has ${end} bytes, but there are ${this.size}`)
    while (this.position < end) {
      if (++this.seen > MOST_FIELDS) throw new NotOnnx(`it holds more than ${MOST_FIELDS} fields`)
      const tag = await this.varint()
      const number = Math.floor(tag / 8)
      const wire = tag % 8
      if (number === 0) throw new NotOnnx("it is no protobuf")
      if (wire === 0) {
        const before = this.position
        await on(number, wire, 0)
        if (this.position === before) await this.varint()
        continue
      }
      const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? await this.varint() : undefined
      if (length === undefined) throw new NotOnnx("it is no protobuf")
      const next = this.position + length
      if (next > end) throw new NotOnnx(`a field at byte ${this.position} is longer than what holds it`)
      await on(number, wire, length)
      this.position = next
    }
  }
}

const LENGTH = 2

const readDimension = async (reader: Reader, end: number): Promise<Tensor.Dim> => {
  let dim: Tensor.Dim = ""
  await reader.fields(end, (number, wire, length) => {
    if (number === field.dimension.value && wire === 0) return reader.varint().then((value) => void (dim = value))
    if (number === field.dimension.name && wire === LENGTH) return reader.text(length).then((name) => void (dim = name))
    return undefined
  })
  return dim
}

const readValue = async (reader: Reader, end: number): Promise<Model.ValueInfo | undefined> => {
  let name = ""
  let code = 0
  const shape: Array<Tensor.Dim> = []
  await reader.fields(end, (number, wire, length) => {
    if (wire !== LENGTH) return undefined
    if (number === field.value.name) return reader.text(length).then((text) => void (name = text))
    if (number !== field.value.type) return undefined
    return reader.fields(reader.position + length, (inType, wireType, lengthType) => {
      if (inType !== field.type.tensor || wireType !== LENGTH) return undefined
      return reader.fields(reader.position + lengthType, (inTensor, wireTensor, lengthTensor) => {
        if (inTensor === field.tensor.elementType) return reader.varint().then((value) => void (code = value))
        if (inTensor !== field.tensor.shape || wireTensor !== LENGTH) return undefined
        return reader.fields(reader.position + lengthTensor, (inShape, wireShape, lengthShape) =>
          inShape === field.shape.dimension && wireShape === LENGTH
            ? readDimension(reader, reader.position + lengthShape).then((dim) => void shape.push(dim))
            : undefined
        )
      })
    })
  })
  const dtype = dtypes[code]
  if (dtype === undefined) throw new NotOnnx(`'${name}' has data type ${code}, which is not supported`)
  return { name, dtype, shape }
}

/** what Git leaves in place of a large file that was not fetched: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
const isPointer = async (file: FileHandle, size: number): Promise<boolean> => {
  const start = "version https://git-lfs.github.com/spec/"
  if (size < start.length || size > 1024) return false
  const { buffer } = await file.read(Buffer.alloc(start.length), 0, start.length, 0)
  return buffer.toString("latin1") === start
}

/** Fails with `NotOnnx`, or with what the operating system says. */
export const readSignature = async (path: string): Promise<Signature> => {
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    if (size === 0) throw new NotOnnx("it is empty")
    if (await isPointer(file, size)) throw new NotOnnx("it is a Git LFS pointer, without the model: run `git lfs pull`")
    const reader = new Reader(file, size)
    const inputs: Array<Model.ValueInfo> = []
    const outputs: Array<Model.ValueInfo> = []
    const initializers = new Set<string>()
    let version = false
    let graph = false
    await reader.fields(size, (number, wire, length) => {
      if (number === field.model.irVersion && wire === 0) version = true
      if (number !== field.model.graph || wire !== LENGTH) return undefined
      graph = true
      return reader.fields(reader.position + length, (inGraph, wireGraph, lengthGraph) => {
        if (wireGraph !== LENGTH) return undefined
        const end = reader.position + lengthGraph
        if (inGraph === field.graph.input || inGraph === field.graph.output) {
          return readValue(reader, end).then((value) => {
            if (value !== undefined) (inGraph === field.graph.input ? inputs : outputs).push(value)
          })
        }
        if (inGraph !== field.graph.initializer) return undefined
        return reader.fields(end, (inInitializer, wireInitializer, lengthInitializer) =>
          inInitializer === field.initializer.name && wireInitializer === LENGTH
            ? reader.text(lengthInitializer).then((name) => void initializers.add(name))
            : undefined
        )
      })
    })
    if (!version || !graph) throw new NotOnnx("it holds no graph")
    // before IR version 4 weights were listed as inputs too
    return { inputs: inputs.filter(({ name }) => !initializers.has(name)), outputs }
  } finally {
    await file.close()
  }
}

/** The files beside it that hold its weights, as it names them; they are not looked at. Fails as `readSignature` does. */
export const readExternalData = async (path: string): Promise<ReadonlySet<string>> => {
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    const reader = new Reader(file, size)
    const found = new Set<string>()
    await reader.fields(size, (number, wire, length) => {
      if (number !== field.model.graph || wire !== LENGTH) return undefined
      return reader.fields(reader.position + length, (inGraph, wireGraph, lengthGraph) => {
        if (inGraph !== field.graph.initializer || wireGraph !== LENGTH) return undefined
        return reader.fields(reader.position + lengthGraph, (inInitializer, wireInitializer, lengthInitializer) => {
          if (inInitializer !== field.initializer.externalData || wireInitializer !== LENGTH) return undefined
          return readEntry(reader, reader.position + lengthInitializer).then(([key, value]) => {
            if (key === "location") found.add(value)
          })
        })
      })
    })
    return found
  } finally {
    await file.close()
  }
}

const readEntry = async (reader: Reader, end: number): Promise<readonly [key: string, value: string]> => {
  let key = ""
  let value = ""
  await reader.fields(end, (number, wire, length) => {
    if (wire !== LENGTH) return undefined
    if (number === field.entry.key) return reader.text(length).then((text) => void (key = text))
    if (number === field.entry.value) return reader.text(length).then((text) => void (value = text))
    return undefined
  })
  return [key, value]
}
