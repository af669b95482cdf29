/** What crosses between the main thread and a worker: plain data. */
import type { DType } from "../Tensor.ts"

/** A tensor without its methods. `data` is a typed array, or strings. */
export interface Wire {
  readonly dtype: DType
  readonly shape: ReadonlyArray<number>
  readonly data: any
}
export type Wires = { readonly [name: string]: Wire }

export interface ValueInfo {
  readonly name: string
  readonly dtype: DType
  readonly shape: ReadonlyArray<number | string>
}

export type Bytes = Uint8Array<ArrayBufferLike>

export interface SessionOptions {
  readonly threads?: number | undefined
  readonly optimization?: "disabled" | "basic" | "extended" | "all" | undefined
  readonly externalData?: { readonly [path: string]: string | Bytes } | undefined
  /** in order of preference, as onnxruntime-node takes them: names, or `{ name, deviceId, ... }` */
  readonly providers?: ReadonlyArray<ProviderConfig> | undefined
}
export interface ProviderConfig {
  readonly name: string
  readonly [option: string]: unknown
}
export interface SessionInfo {
  readonly inputs: ReadonlyArray<ValueInfo>
  readonly outputs: ReadonlyArray<ValueInfo>
}

export type Request =
  | {
      readonly _tag: "load"
      readonly session: number
      readonly source: string | Bytes
      readonly options: SessionOptions
    }
  | {
      readonly _tag: "run"
      readonly session: number
      readonly feeds: Wires
      readonly outputs: ReadonlyArray<string> | undefined
    }
  | { readonly _tag: "release"; readonly session: number }
  | { readonly _tag: "close" }
  /** only tests send this */
  | { readonly _tag: "crash" }

/** Errors cross as `{ message, code }`: structured cloning would drop a code. */
export interface Failure {
  readonly message: string
  readonly code: string | undefined
}
export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: any }
  | { readonly id: number; readonly ok: false; readonly error: Failure }
