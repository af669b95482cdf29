import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Contract, typed, type TypedModel } from "../Model.ts"
import type { LoadError } from "../OnnxError.ts"
import type { Graph } from "../OnnxGraph.ts"
import { type LoadOptions, OnnxRuntime } from "../OnnxRuntime.ts"
import { encodeGraph } from "./onnx.ts"

export const loadGraph = <I extends Contract.Fields, O extends Contract.Fields>(
  graph: Graph<I, O>,
  options?: LoadOptions
): Effect.Effect<TypedModel<I, O>, LoadError, Scope.Scope | OnnxRuntime> =>
  Effect.flatMap(
    OnnxRuntime.use((runtime) => runtime.load(encodeGraph(graph), { name: graph.name, ...options })),
    (model) => typed(model, graph)
  )
