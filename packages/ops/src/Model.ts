/**
 * A loaded model: it knows its inputs and outputs and refuses what does not fit before ONNX Runtime sees it.
 *
 * A `Model` takes and gives tensors by name. `Model.typed` puts Schemas on the names: the file's own metadata is checked
 * against them once, when it is loaded, and from then on feeds and results have types.
 */
import * as Effect from "effect/Effect"
import { asTyped, contractProblems } from "./internal/contract.ts"
import { ModelLoadError } from "./OnnxError.ts"
import type { ModelInputError, RunError } from "./OnnxError.ts"
import type * as Tensor from "./Tensor.ts"
import { checkFeeds } from "./internal/feeds.ts"

/** Name, dtype and shape of an input or output. A number is a fixed size, a string a named one, `""` an unnamed one. */
export interface ValueInfo {
  /** as the file calls it */
  readonly name: string
  readonly dtype: Tensor.DType
  /** `[]` is a scalar, or a value whose rank the file does not say: ONNX Runtime does not tell the two apart */
  readonly shape: ReadonlyArray<Tensor.Dim>
}

/** Tensors by input name. */
export interface Feeds {
  readonly [input: string]: Tensor.Tensor
}

/** Tensors by output name. */
export interface Results {
  readonly [output: string]: Tensor.Tensor
}

/** What of a run is wanted. */
export interface RunOptions {
  /** compute and copy only these outputs; all when absent */
  readonly outputs?: ReadonlyArray<string> | undefined
}

/** A model on some execution provider. It lives as long as the scope it was loaded in. */
export interface Model {
  /** the path, or the name it was loaded under */
  readonly name: string
  /** what it must be fed with */
  readonly inputs: ReadonlyArray<ValueInfo>
  /** what it can give */
  readonly outputs: ReadonlyArray<ValueInfo>
  /** the execution provider that runs it: what was really taken, also after a fallback */
  readonly provider: string
  /** size of the model and of the files its weights are in */
  readonly bytes: number
  /**
   * Runs the model. Runs of one model are in order; each waits for its turn on the thread or device. Interrupting frees
   * the caller at once: a run that waits is cancelled, one that has started goes on in the background and is waited for
   * when the scope closes, as ONNX Runtime cannot stop in the middle.
   */
  readonly run: (feeds: Feeds, options?: RunOptions) => Effect.Effect<Results, RunError>
}

/** The types of a contract. */
export declare namespace Contract {
  /** Schemas of tensors by name. */
  export type Fields = { readonly [name: string]: Tensor.TensorSchema<Tensor.DType> }
  /** Tensors by name, of the dtypes that the Schemas say. */
  export type Values<F extends Fields> = { readonly [K in keyof F]: F[K]["Type"] }
}

/** What a component needs of a file: the inputs it will give (all of them) and the outputs it will read. */
export interface Contract<I extends Contract.Fields, O extends Contract.Fields> {
  /** all that the model is fed with */
  readonly inputs: I
  /** what is read of its results; the others are not computed */
  readonly outputs: O
}

/** A model whose feeds and results are typed. */
export interface TypedModel<I extends Contract.Fields, O extends Contract.Fields> extends Omit<Model, "run"> {
  /** Runs the model; feeds and results are checked against the Schemas. */
  readonly run: (feeds: Contract.Values<I>) => Effect.Effect<Contract.Values<O>, RunError>
}

/**
 * Checks a model against Schemas and types it. Sizes that the file leaves open may be fixed by the Schemas; what the file
 * fixes may be named by them. Every run checks feeds and results against the Schemas too, and computes only the outputs
 * that the contract names.
 *
 * ```ts
 * import { OnnxGraph, OnnxRuntime, Model, Tensor } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const graph = OnnxGraph.make("double", {
 *   inputs: { x: Tensor.float32("n") },
 *   outputs: { y: Tensor.float32("n") },
 *   nodes: [OnnxGraph.node("Add", ["x", "x"], ["y"])]
 * })
 * const program = Effect.gen(function*() {
 *   const model = yield* OnnxRuntime.load(OnnxGraph.encode(graph), { name: "double" })
 *   const double = yield* Model.typed(model, { inputs: { x: Tensor.float32("n") }, outputs: { y: Tensor.float32("n") } })
 *   const { y } = yield* double.run({ x: Tensor.make("float32", [2], Float32Array.of(1, 2)) })
 *   assert.deepEqual([...y.data], [2, 4])
 *   const wrong = yield* Effect.flip(Model.typed(model, { inputs: { x: Tensor.int64("n") }, outputs: {} }))
 *   assert.equal(wrong.message, "cannot load double (contract): input 'x' is float32[n], expected int64[n]")
 * })
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(OnnxRuntime.layerCpu)))
 * ```
 */
export const typed = <const I extends Contract.Fields, const O extends Contract.Fields>(
  model: Model,
  contract: Contract<I, O>
): Effect.Effect<TypedModel<I, O>, ModelLoadError> => {
  const problems = contractProblems(model, contract)
  return problems.length === 0
    ? Effect.succeed(asTyped<TypedModel<I, O>>(model, contract))
    : Effect.fail(new ModelLoadError({ model: model.name, reason: "contract", detail: problems.join("; ") }))
}

/**
 * The rule that every run applies: `undefined` when the feeds fit the model's inputs, otherwise all problems. Named sizes
 * must agree across inputs.
 *
 * ```ts
 * import { Model, Tensor } from "@effect-blocks/ops"
 * import assert from "node:assert"
 *
 * const unet = {
 *   name: "unet",
 *   inputs: [
 *     { name: "sample", dtype: "float32", shape: ["batch", 4] },
 *     { name: "timestep", dtype: "int64", shape: ["batch"] }
 *   ]
 * } as const
 * const problem = Model.check(unet, {
 *   sample: Tensor.zeros("float32", [2, 4]),
 *   timestep: Tensor.zeros("int64", [1])
 * })
 * assert.equal(problem?.message, "unet refuses its inputs: 'timestep': axis 0 ('batch') is 1, but 2 in 'sample'")
 * ```
 */
export const check: (model: Pick<Model, "name" | "inputs">, feeds: Feeds) => ModelInputError | undefined = checkFeeds
