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

export const int = (value: number | bigint): Attribute => ({ _tag: "int", value })
export const float = (value: number): Attribute => ({ _tag: "float", value })
export const text = (value: string): Attribute => ({ _tag: "string", value })
export const tensor = (value: Tensor.Tensor): Attribute => ({ _tag: "tensor", value })
export const ints = (value: ReadonlyArray<number | bigint>): Attribute => ({ _tag: "ints", value })
export const floats = (value: ReadonlyArray<number>): Attribute => ({ _tag: "floats", value })
export const texts = (value: ReadonlyArray<string>): Attribute => ({ _tag: "strings", value })

export interface Node {
  readonly op: string
  /** names of graph inputs, initialisers or outputs of earlier nodes; `""` leaves an optional operand out */
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  readonly attributes: { readonly [name: string]: Attribute }
  /** `""` is ONNX itself */
  readonly domain: string
}

export const node = (
  op: string,
  inputs: ReadonlyArray<string>,
  outputs: ReadonlyArray<string>,
  options: { readonly attributes?: { readonly [name: string]: Attribute }; readonly domain?: string } = {}
): Node => ({ op, inputs, outputs, attributes: options.attributes ?? {}, domain: options.domain ?? "" })

export interface Graph<I extends Contract.Fields, O extends Contract.Fields> extends Contract<I, O> {
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
  /** constants: weights, shapes, scales */
  readonly initializers: { readonly [name: string]: Tensor.Tensor }
  /** version of ONNX's operators */
  readonly opset: number
  /** versions of the other domains whose operators are used, such as `com.microsoft` */
  readonly domains: { readonly [domain: string]: number }
}
export type AnyGraph = Graph<Contract.Fields, Contract.Fields>

export interface Options<I extends Contract.Fields, O extends Contract.Fields> extends Contract<I, O> {
  readonly nodes: ReadonlyArray<Node>
  readonly initializers?: { readonly [name: string]: Tensor.Tensor }
  /** 17 when absent */
  readonly opset?: number
  readonly domains?: { readonly [domain: string]: number }
}

export const make = <const I extends Contract.Fields, const O extends Contract.Fields>(name: string, options: Options<I, O>): Graph<I, O> => {
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

export const encode: (graph: AnyGraph) => Uint8Array<ArrayBuffer> = encodeGraph

export const load: <I extends Contract.Fields, O extends Contract.Fields>(
  graph: Graph<I, O>,
  options?: LoadOptions
) => Effect.Effect<TypedModel<I, O>, LoadError, Scope.Scope | OnnxRuntime> = loadGraph
