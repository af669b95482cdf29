/** The suite's models as fakes: found by the bytes of the graphs they stand for. */
import * as Effect from "effect/Effect"
import type { Contract } from "../../src/Model.ts"
import * as OnnxGraph from "../../src/OnnxGraph.ts"
import * as OnnxRuntime from "../../src/OnnxRuntime.ts"
import * as Tensor from "../../src/Tensor.ts"
import { add, arithmetic, heavy, network, networkByHand } from "./graphs.ts"
import { identity } from "./layerSuite.ts"

const zip = (a: Tensor.Tensor<"float32">, b: Tensor.Tensor<"float32">, f: (a: number, b: number) => number) =>
  Tensor.make(
    "float32",
    a.shape,
    a.data.map((value, i) => f(value, b.data[i]!))
  )

const turns = (count: number) =>
  Effect.promise(async () => {
    for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve))
  })

const entry = <I extends Contract.Fields, O extends Contract.Fields>(
  graph: OnnxGraph.Graph<I, O>,
  run: OnnxRuntime.Fake<I, O>["run"]
): readonly [Uint8Array, OnnxRuntime.AnyFake] => [
  OnnxGraph.encode(graph),
  OnnxRuntime.fake({ inputs: graph.inputs, outputs: graph.outputs, run })
]

const known: ReadonlyArray<readonly [Uint8Array, OnnxRuntime.AnyFake]> = [
  entry(add, ({ a, b }) => ({ c: zip(a, b, (a, b) => a + b) })),
  entry(arithmetic, ({ a, b }) => ({ sum: zip(a, b, (a, b) => a + b), product: zip(a, b, (a, b) => a * b) })),
  entry(heavy(60), ({ x }) => Effect.as(turns(200), { y: x })),
  entry(network(), ({ x }) => ({ y: Tensor.make("float32", x.shape, networkByHand(x)) })),
  ...(
    [
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
    ] as const
  ).map((dtype) => entry(identity(dtype), ({ x }) => ({ y: x })))
]

export const fakesOf = (source: OnnxRuntime.Source): OnnxRuntime.AnyFake | undefined =>
  typeof source === "string" ? undefined : known.find(([bytes]) => Buffer.compare(bytes, source) === 0)?.[1]
