/** The only file that touches onnxruntime-node. No Effect in here: a worker loads this and nothing else. */
import { access, constants, stat } from "node:fs/promises"
import * as ort from "onnxruntime-node"
import type { DType } from "../Tensor.ts"
import { CodedError } from "./coded.ts"
import type { Bytes, SessionInfo, SessionOptions, ValueInfo, Wire, Wires } from "./protocol.ts"

export interface RawSession extends SessionInfo {
  readonly run: (feeds: Wires, outputs: ReadonlyArray<string> | undefined) => Promise<Wires>
  readonly release: () => Promise<void>
}

const dtypes: ReadonlySet<string> = new Set([
  "float32",
  "float64",
  "float16",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "bool",
  "string"
])

const toOrt = (wire: Wire): any =>
  // Node 23 and later: `new ort.Tensor("float16", Uint16Array)` is refused, the plain object is not
  wire.dtype === "float16"
    ? { type: "float16", dims: wire.shape, location: "cpu", data: wire.data }
    : new ort.Tensor(wire.dtype as any, wire.data, wire.shape as Array<number>)

const fromOrt = (tensor: any): Wire => ({
  dtype: tensor.type,
  shape: tensor.dims,
  data:
    tensor.type === "float16" && !(tensor.data instanceof Uint16Array)
      ? new Uint16Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length)
      : tensor.data
})

const info =
  (kind: string) =>
  (value: any): ValueInfo => {
    if (!value.isTensor) throw new CodedError("UNSUPPORTED", `${kind} '${value.name}' is not a tensor`)
    if (!dtypes.has(value.type)) throw new CodedError("UNSUPPORTED", `${kind} '${value.name}' has dtype ${value.type}`)
    return { name: value.name, dtype: value.type as DType, shape: value.shape ?? [] }
  }

/** ONNX Runtime says of a missing file, a folder and an empty file rather different things; the file system knows. */
const checkFile = async (path: string): Promise<void> => {
  const found = await stat(path).catch((error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") throw new CodedError("NOT_FOUND", "no such file")
    throw new CodedError("UNREADABLE", error.message)
  })
  if (!found.isFile()) {
    throw new CodedError(
      "NOT_A_FILE",
      `expected an ONNX file, found a ${found.isDirectory() ? "directory" : "special file"}`
    )
  }
  await access(path, constants.R_OK).catch(() => {
    throw new CodedError("UNREADABLE", "permission denied")
  })
  if (found.size === 0) throw new CodedError("CORRUPT", "the file is empty")
}

/** An ArrayBuffer of its own: ONNX Runtime does not take a model in a SharedArrayBuffer. */
const unshared = (bytes: Bytes): Bytes => (bytes.buffer instanceof SharedArrayBuffer ? new Uint8Array(bytes) : bytes)

const sessionOptions = (options: SessionOptions): any => ({
  ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads, interOpNumThreads: 1 }),
  ...(options.optimization === undefined ? {} : { graphOptimizationLevel: options.optimization }),
  ...(options.providers === undefined ? {} : { executionProviders: options.providers }),
  ...(options.externalData === undefined
    ? {}
    : {
        externalData: Object.entries(options.externalData).map(([path, data]) => ({
          path,
          data: typeof data === "string" ? data : unshared(data)
        }))
      }),
  logSeverityLevel: 4,
  // 1.06 times slower than spinning, but idle processors stay idle after each run
  extra: { session: { intra_op: { allow_spinning: "0" } } }
})

export const create = async (source: string | Bytes, options: SessionOptions): Promise<RawSession> => {
  if (typeof source === "string") await checkFile(source)
  else if (source.byteLength === 0) throw new CodedError("CORRUPT", "the model has no bytes")
  // some failures are printed to stderr besides being thrown; must be set before the first session
  ort.env.logLevel = "fatal" as any
  const session = await ort.InferenceSession.create(
    (typeof source === "string" ? source : unshared(source)) as any,
    sessionOptions(options)
  )
  try {
    return {
      inputs: session.inputMetadata.map(info("input")),
      outputs: session.outputMetadata.map(info("output")),
      run: async (feeds, outputs) => {
        const given: Record<string, any> = {}
        for (const name in feeds) given[name] = toOrt(feeds[name]!)
        const result: any =
          outputs === undefined ? await session.run(given) : await session.run(given, outputs as Array<string>)
        const wires: Record<string, Wire> = {}
        for (const name in result) wires[name] = fromOrt(result[name])
        return wires
      },
      release: () => session.release()
    }
  } catch (error) {
    await session.release()
    throw error
  }
}
