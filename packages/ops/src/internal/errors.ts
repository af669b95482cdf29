/** ONNX Runtime's texts to tagged errors. Its errors have no codes; the texts were collected by provoking them (test/OnnxRuntime.test.ts keeps them). */
import type { LoadReason } from "../OnnxError.ts"
import { type LoadError, ModelLoadError, ProviderUnavailableError } from "../OnnxError.ts"

const codes: { readonly [code: string]: LoadReason } = {
  NOT_FOUND: "not-found",
  NOT_A_FILE: "not-a-file",
  UNREADABLE: "unreadable",
  CORRUPT: "corrupt",
  UNSUPPORTED: "unsupported"
}

const providerPattern =
  /backend not found|ExecutionProvider_|WebGpuContext|WebGPU adapter|shared library|CUDA failure|CUDNN failure|no CUDA-capable|DirectML|D3D12|CoreML|libonnxruntime_providers/i

const outOfMemory = /out of memory|bad_alloc|BFCArena|Failed to allocate memory|array buffer allocation failed/i

const reasons: ReadonlyArray<readonly [RegExp, LoadReason]> = [
  [/File doesn't exist|no such file/i, "not-found"],
  [/model path is a directory/i, "not-a-file"],
  [/external data|External initializer|external_data|GetExtDataFromTensorProto|ReadExternalData/i, "external-data"],
  [
    /Protobuf parsing failed|does not have a graph|Model data pointer is null|not a valid|Failed to load model because protobuf/i,
    "corrupt"
  ],
  [
    /No Op registered|Unsupported model IR|under development and support|No opset import|NOT_IMPLEMENTED|Could not find an implementation|Unsupported data type|is not a registered function/i,
    "unsupported"
  ],
  [/invalid model|Type Error|ShapeInferenceError|not a graph input/i, "corrupt"]
]

/** ONNX Runtime puts the file, line and function of its own C++ before the sentence: "/onnxruntime_src/a.cc:136 f(T) g was false. Sentence". */
export const tidy = (text: string): string =>
  text
    .replace(/^Load model from .*? failed:/s, "")
    .replace(/^\/\S+\.(?:cc|cpp|h|hpp|cu):\d+ .*?\)(?:::<lambda\(.*?\)>)? (?=[A-Za-z_]+[ .(])/s, "")
    .replace(/^\S+ == \S+ was false\. /, "")
    .trim()

const expected: { readonly [R in LoadReason]?: string } = {
  corrupt: "a whole ONNX file was expected, this one is truncated, damaged or not ONNX"
}

export const toLoadError = (model: string, provider: string, thrown: unknown): LoadError => {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? String(thrown.code) : ""
  const detail = tidy(text)
  if (codes[code] !== undefined) return new ModelLoadError({ model, reason: codes[code], detail })
  if (outOfMemory.test(text)) return new ModelLoadError({ model, reason: "out-of-memory", detail })
  if (provider !== "cpu" && providerPattern.test(text)) return new ProviderUnavailableError({ provider, detail })
  const reason = reasons.find(([pattern]) => pattern.test(text))?.[1] ?? "other"
  const hint = expected[reason]
  return new ModelLoadError({ model, reason, detail: hint === undefined ? detail : `${hint} (${detail})` })
}
