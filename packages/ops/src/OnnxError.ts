/**
 * What can go wrong with a model. ONNX Runtime itself throws plain errors without codes; here each one has a tag and
 * carries the model, the reason and what was expected.
 */
import * as Schema from "effect/Schema"

/**
 * Why a model could not be loaded: one of the reasons of `ModelLoadError`.
 *
 * ```ts
 * import * as OnnxError from "@effect-blocks/ops/OnnxError"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * assert.ok(Schema.is(OnnxError.LoadReason)("not-found"))
 * ```
 */
export const LoadReason: Schema.Literals<
  readonly [
    "not-found",
    "not-a-file",
    "unreadable",
    "corrupt",
    "unsupported",
    "external-data",
    "out-of-memory",
    "contract",
    "other"
  ]
> = Schema.Literals([
  "not-found",
  "not-a-file",
  "unreadable",
  "corrupt",
  "unsupported",
  "external-data",
  "out-of-memory",
  "contract",
  "other"
])
/** Why a model could not be loaded. */
export type LoadReason = typeof LoadReason.Type

/**
 * A model could not be loaded.
 *
 * | reason | |
 * | --- | --- |
 * | `not-found` | there is no such file |
 * | `not-a-file` | a directory, a socket |
 * | `unreadable` | no permission, or the disk failed |
 * | `corrupt` | empty, truncated, or not ONNX at all |
 * | `unsupported` | an opset, operator, data type or IR version that this ONNX Runtime does not have |
 * | `external-data` | the file that holds the weights is missing or does not fit |
 * | `out-of-memory` | it does not fit the memory of the machine or the device |
 * | `contract` | a good model, but not the one that was asked for: see `Model.typed` |
 * | `other` | anything else; `detail` has ONNX Runtime's words |
 *
 * ```ts
 * import { ModelLoadError } from "@effect-blocks/ops/OnnxError"
 * import assert from "node:assert"
 *
 * const error = new ModelLoadError({ model: "unet/model.onnx", reason: "not-found", detail: "no such file" })
 * assert.equal(error.message, "cannot load unet/model.onnx (not-found): no such file")
 * ```
 */
export class ModelLoadError extends Schema.TaggedError<ModelLoadError>()("ModelLoadError", {
  model: Schema.String,
  reason: LoadReason,
  detail: Schema.String
}) {
  override get message() {
    return `cannot load ${this.model} (${this.reason}): ${this.detail}`
  }
}

/**
 * An execution provider (cuda, webgpu, ...) is not there, or does not start on this machine.
 *
 * ```ts
 * import { ProviderUnavailableError } from "@effect-blocks/ops/OnnxError"
 * import assert from "node:assert"
 *
 * const error = new ProviderUnavailableError({ provider: "cuda", detail: "Failed to load shared library" })
 * assert.match(error.message, /'cuda' does not start/)
 * ```
 */
export class ProviderUnavailableError extends Schema.TaggedError<ProviderUnavailableError>()(
  "ProviderUnavailableError",
  {
    provider: Schema.String,
    detail: Schema.String
  }
) {
  override get message() {
    return `execution provider '${this.provider}' does not start: ${this.detail}`
  }
}

/**
 * What was fed to a model does not fit it. All problems are listed, and nothing has run.
 *
 * ```ts
 * import { ModelInputError } from "@effect-blocks/ops/OnnxError"
 * import assert from "node:assert"
 *
 * const error = new ModelInputError({ model: "unet", problems: [{ name: "sample", problem: "missing" }] })
 * assert.equal(error.message, "unet refuses its inputs: 'sample': missing")
 * ```
 */
export class ModelInputError extends Schema.TaggedError<ModelInputError>()("ModelInputError", {
  model: Schema.String,
  problems: Schema.Array(Schema.Struct({ name: Schema.String, problem: Schema.String }))
}) {
  override get message() {
    return `${this.model} refuses its inputs: ${this.problems.map((_) => `'${_.name}': ${_.problem}`).join("; ")}`
  }
}

/**
 * A model failed while it ran (an operator refused its operands, memory ran out), or gave what its contract rules out.
 *
 * ```ts
 * import { ModelRunError } from "@effect-blocks/ops/OnnxError"
 * import assert from "node:assert"
 *
 * assert.equal(new ModelRunError({ model: "unet", detail: "out of memory" }).message, "unet failed: out of memory")
 * ```
 */
export class ModelRunError extends Schema.TaggedError<ModelRunError>()("ModelRunError", {
  model: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `${this.model} failed: ${this.detail}`
  }
}

/**
 * A model was run after its scope, or the layer it came from, was closed.
 *
 * ```ts
 * import { ModelClosedError } from "@effect-blocks/ops/OnnxError"
 * import assert from "node:assert"
 *
 * assert.match(new ModelClosedError({ model: "unet" }).message, /unet is closed/)
 * ```
 */
export class ModelClosedError extends Schema.TaggedError<ModelClosedError>()("ModelClosedError", {
  model: Schema.String
}) {
  override get message() {
    return `${this.model} is closed: the scope it was loaded in has ended`
  }
}

/**
 * The worker thread died under a run. The next run starts another worker and loads the model again, so retrying is sound.
 *
 * ```ts
 * import { WorkerCrashedError } from "@effect-blocks/ops/OnnxError"
 * import assert from "node:assert"
 *
 * const error = new WorkerCrashedError({ model: "unet", detail: "exited with code 70" })
 * assert.equal(error.message, "the worker that ran unet died: exited with code 70")
 * ```
 */
export class WorkerCrashedError extends Schema.TaggedError<WorkerCrashedError>()("WorkerCrashedError", {
  model: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `the worker that ran ${this.model} died: ${this.detail}`
  }
}

/**
 * A graph that `OnnxGraph.make` refuses: all its problems are listed.
 *
 * ```ts
 * import { GraphError } from "@effect-blocks/ops/OnnxError"
 * import assert from "node:assert"
 *
 * const error = new GraphError({ graph: "add", problems: ["node 0 (Add) reads 'b', which nothing gives"] })
 * assert.match(error.message, /graph 'add': node 0 \(Add\) reads 'b'/)
 * ```
 */
export class GraphError extends Schema.TaggedError<GraphError>()("GraphError", {
  graph: Schema.String,
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return `graph '${this.graph}': ${this.problems.join("; ")}`
  }
}

/** Loading: the file, or the provider. */
export type LoadError = ModelLoadError | ProviderUnavailableError
/** Running: the inputs, the run itself, or what it ran on. */
export type RunError = ModelInputError | ModelRunError | ModelClosedError | WorkerCrashedError
