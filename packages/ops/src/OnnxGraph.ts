/**
 * ONNX graphs written at run time: for tests, and for the small graphs that a pipeline wants on the device its models are
 * on. A graph is data; `encode` gives the bytes of an ONNX file and `load` a model like any other, typed by the same
 * Schemas that declare the graph.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { graphProblems } from "./internal/graph.ts"
import { encodeGraph } from "./internal/onnx.ts"
import { loadGraph } from "./internal/loadGraph.ts"
import type { Contract, TypedModel } from "./Model.ts"
import { GraphError, type LoadError } from "./OnnxError.ts"
import type { LoadOptions, OnnxRuntime } from "./OnnxRuntime.ts"
import type * as Tensor from "./Tensor.ts"

/** An attribute of a node. ONNX tells integers and floats apart, JavaScript does not: hence the tag. */
export type Attribute =
  | { readonly _tag: "int"; readonly value: number | bigint }
  | { readonly _tag: "float"; readonly value: number }
  | { readonly _tag: "string"; readonly value: string }
  | { readonly _tag: "tensor"; readonly value: Tensor.Tensor }
  | { readonly _tag: "ints"; readonly value: ReadonlyArray<number | bigint> }
  | { readonly _tag: "floats"; readonly value: ReadonlyArray<number> }
  | { readonly _tag: "strings"; readonly value: ReadonlyArray<string> }

const attribute =
  <T extends Attribute["_tag"]>(_tag: T) =>
  (value: Extract<Attribute, { readonly _tag: T }>["value"]) => ({ _tag, value })

/**
 * An integer attribute.
 *
 * ```ts
 * import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
 *
 * const softmax = OnnxGraph.node("Softmax", ["x"], ["y"], { attributes: { axis: OnnxGraph.int(-1) } })
 * ```
 */
export const int: (value: number | bigint) => Attribute = attribute("int")

/**
 * A float attribute.
 *
 * ```ts
 * import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
 *
 * const elu = OnnxGraph.node("Elu", ["x"], ["y"], { attributes: { alpha: OnnxGraph.float(1) } })
 * ```
 */
export const float: (value: number) => Attribute = attribute("float")

/**
 * A string attribute.
 *
 * ```ts
 * import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
 *
 * const resize = OnnxGraph.node("Resize", ["x", "", "scales"], ["y"], { attributes: { mode: OnnxGraph.text("nearest") } })
 * ```
 */
export const text: (value: string) => Attribute = attribute("string")

/**
 * A tensor attribute.
 *
 * ```ts
 * import { OnnxGraph, Tensor } from "@effect-blocks/ops"
 *
 * const value = OnnxGraph.tensor(Tensor.make("float32", [1], Float32Array.of(0.5)))
 * const constant = OnnxGraph.node("Constant", [], ["y"], { attributes: { value } })
 * ```
 */
export const tensor: (value: Tensor.Tensor) => Attribute = attribute("tensor")

/**
 * An attribute of several integers.
 *
 * ```ts
 * import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
 *
 * const transpose = OnnxGraph.node("Transpose", ["x"], ["y"], { attributes: { perm: OnnxGraph.ints([0, 2, 3, 1]) } })
 * ```
 */
export const ints: (value: ReadonlyArray<number | bigint>) => Attribute = attribute("ints")

/**
 * An attribute of several floats.
 *
 * ```ts
 * import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
 *
 * const constant = OnnxGraph.node("Constant", [], ["y"], { attributes: { value_floats: OnnxGraph.floats([0.5, 1]) } })
 * ```
 */
export const floats: (value: ReadonlyArray<number>) => Attribute = attribute("floats")

/**
 * An attribute of several strings.
 *
 * ```ts
 * import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
 *
 * const constant = OnnxGraph.node("Constant", [], ["y"], { attributes: { value_strings: OnnxGraph.texts(["a", "b"]) } })
 * ```
 */
export const texts: (value: ReadonlyArray<string>) => Attribute = attribute("strings")

/** An operator with its operands. */
export interface Node {
  /** such as `MatMul` */
  readonly op: string
  /** names of graph inputs, initialisers or outputs of earlier nodes; `""` leaves an optional operand out */
  readonly inputs: ReadonlyArray<string>
  /** names that it gives to its results */
  readonly outputs: ReadonlyArray<string>
  readonly attributes: { readonly [name: string]: Attribute }
  /** `""` is ONNX itself */
  readonly domain: string
}

/**
 * An operator, its operands and its results, by name.
 *
 * ```ts
 * import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
 *
 * const gelu = OnnxGraph.node("QuickGelu", ["x"], ["y"], { domain: "com.microsoft", attributes: { alpha: OnnxGraph.float(1) } })
 * ```
 */
export const node = (
  op: string,
  inputs: ReadonlyArray<string>,
  outputs: ReadonlyArray<string>,
  options: { readonly attributes?: { readonly [name: string]: Attribute }; readonly domain?: string } = {}
): Node => ({ op, inputs, outputs, attributes: options.attributes ?? {}, domain: options.domain ?? "" })

/** A graph that `make` has checked: a contract, and how it is kept. */
export interface Graph<I extends Contract.Fields, O extends Contract.Fields> extends Contract<I, O> {
  /** shown by errors and by the model */
  readonly name: string
  /** in the order in which they run */
  readonly nodes: ReadonlyArray<Node>
  /** constants: weights, shapes, scales */
  readonly initializers: { readonly [name: string]: Tensor.Tensor }
  /** version of ONNX's operators */
  readonly opset: number
  /** versions of the other domains whose operators are used, such as `com.microsoft` */
  readonly domains: { readonly [domain: string]: number }
}
/** A graph of any contract. */
export type AnyGraph = Graph<Contract.Fields, Contract.Fields>

/** What `make` takes. */
export interface Options<I extends Contract.Fields, O extends Contract.Fields> extends Contract<I, O> {
  /** in the order in which they run: a name is given before it is read */
  readonly nodes: ReadonlyArray<Node>
  /** constants by name: weights, shapes, scales */
  readonly initializers?: { readonly [name: string]: Tensor.Tensor }
  /** 17 when absent */
  readonly opset?: number
  /** versions of the other domains whose operators are used, each of which must be here, such as `com.microsoft` */
  readonly domains?: { readonly [domain: string]: number }
}

/**
 * Checks and completes a graph: nodes are in order, every name is given once and before it is read, every output is given.
 * Throws a `GraphError` that lists all problems.
 *
 * ```ts
 * import { OnnxGraph, Tensor } from "@effect-blocks/ops"
 * import assert from "node:assert"
 *
 * const latents = Tensor.float32("batch", 4, "height", "width")
 * const guidance = OnnxGraph.make("guidance", {
 *   inputs: { conditional: latents, unconditional: latents, scale: Tensor.float32(1) },
 *   outputs: { guided: latents },
 *   nodes: [
 *     OnnxGraph.node("Sub", ["conditional", "unconditional"], ["difference"]),
 *     OnnxGraph.node("Mul", ["difference", "scale"], ["scaled"]),
 *     OnnxGraph.node("Add", ["unconditional", "scaled"], ["guided"])
 *   ]
 * })
 * assert.equal(guidance.opset, 17)
 * assert.throws(
 *   () => OnnxGraph.make("broken", { inputs: {}, outputs: { y: latents }, nodes: [OnnxGraph.node("Neg", ["x"], ["y"])] }),
 *   /graph 'broken': node 0 \(Neg\) reads 'x', which nothing before it gives/
 * )
 * ```
 */
export const make = <const I extends Contract.Fields, const O extends Contract.Fields>(
  name: string,
  options: Options<I, O>
): Graph<I, O> => {
  const graph: Graph<I, O> = {
    name,
    inputs: options.inputs,
    outputs: options.outputs,
    nodes: options.nodes,
    initializers: options.initializers ?? {},
    opset: options.opset ?? 17,
    domains: options.domains ?? {}
  }
  const problems = graphProblems(graph)
  if (problems.length > 0) throw new GraphError({ graph: name, problems })
  return graph
}

/**
 * The bytes of an ONNX file.
 *
 * ```ts
 * import { OnnxGraph, Tensor } from "@effect-blocks/ops"
 * import assert from "node:assert"
 *
 * const negate = OnnxGraph.make("negate", {
 *   inputs: { x: Tensor.float32("n") },
 *   outputs: { y: Tensor.float32("n") },
 *   nodes: [OnnxGraph.node("Neg", ["x"], ["y"])]
 * })
 * assert.ok(OnnxGraph.encode(negate).byteLength < 100)
 * ```
 */
export const encode: (graph: AnyGraph) => Uint8Array<ArrayBuffer> = encodeGraph

/**
 * Loads a graph as a model that is typed by its own Schemas.
 *
 * ```ts
 * import { OnnxGraph, OnnxRuntime, Tensor } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const negate = OnnxGraph.make("negate", {
 *   inputs: { x: Tensor.float32("n") },
 *   outputs: { y: Tensor.float32("n") },
 *   nodes: [OnnxGraph.node("Neg", ["x"], ["y"])]
 * })
 * const program = Effect.gen(function*() {
 *   const model = yield* OnnxGraph.load(negate)
 *   const { y } = yield* model.run({ x: Tensor.make("float32", [2], Float32Array.of(1, -2)) })
 *   return [...y.data]
 * })
 * assert.deepEqual(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(OnnxRuntime.layerCpu))), [-1, 2])
 * ```
 */
export const load: <I extends Contract.Fields, O extends Contract.Fields>(
  graph: Graph<I, O>,
  options?: LoadOptions
) => Effect.Effect<TypedModel<I, O>, LoadError, Scope.Scope | OnnxRuntime> = loadGraph
