import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GraphError } from "../src/OnnxError.ts"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import * as Tensor from "../src/Tensor.ts"
import { float32 } from "./support/graphs.ts"

const x = { x: Tensor.float32("n") }
const y = { y: Tensor.float32("n") }

layer(OnnxRuntime.layerCpu)("OnnxGraph", (it) => {
  it.effect("writes what ONNX Runtime reads: values, initialisers of every dtype, names of sizes", () =>
    Effect.gen(function* () {
      const initializers = {
        int64: Tensor.make("int64", [2], BigInt64Array.of(-1n, 2n)),
        bool: Tensor.make("bool", [2], Uint8Array.of(1, 0)),
        string: Tensor.make("string", [2], ["", "ü"]),
        float16: Tensor.make("float16", [2], Uint16Array.of(0x3c00, 0x8000)),
        scalar: Tensor.make("float32", [], Float32Array.of(2.5))
      }
      const graph = OnnxGraph.make("constants", {
        inputs: {},
        outputs: {
          a: Tensor.int64(2),
          b: Tensor.bool(2),
          c: Tensor.string(2),
          d: Tensor.float16(2),
          e: Tensor.any("float32")
        },
        initializers,
        nodes: Object.keys(initializers).map((name, i) => OnnxGraph.node("Identity", [name], ["abcde"[i]!]))
      })
      const results = yield* (yield* OnnxGraph.load(graph)).run({})
      assert.deepStrictEqual(results.a.data, initializers.int64.data)
      assert.deepStrictEqual(results.b.data, initializers.bool.data)
      assert.deepStrictEqual(results.c.data, initializers.string.data)
      assert.deepStrictEqual(results.d.data, initializers.float16.data)
      assert.deepStrictEqual([results.e.shape, results.e.data[0]], [[], 2.5])
    })
  )

  it.effect("writes every kind of attribute", () =>
    Effect.gen(function* () {
      const graph = OnnxGraph.make("attributes", {
        inputs: { x: Tensor.float32(2, 3) },
        outputs: {
          elu: Tensor.float32(2, 3),
          turned: Tensor.float32(3, 2),
          filled: Tensor.float32(2),
          cast: Tensor.int32(2, 3),
          constant: Tensor.float32(2),
          big: Tensor.int64(1)
        },
        initializers: { shape: Tensor.make("int64", [1], BigInt64Array.of(2n)) },
        nodes: [
          OnnxGraph.node("Elu", ["x"], ["elu"], { attributes: { alpha: OnnxGraph.float(2) } }),
          OnnxGraph.node("Transpose", ["x"], ["turned"], { attributes: { perm: OnnxGraph.ints([1, 0]) } }),
          OnnxGraph.node("ConstantOfShape", ["shape"], ["filled"], {
            attributes: { value: OnnxGraph.tensor(float32(7)) }
          }),
          OnnxGraph.node("Cast", ["x"], ["cast"], { attributes: { to: OnnxGraph.int(6) } }),
          OnnxGraph.node("Constant", [], ["constant"], { attributes: { value_floats: OnnxGraph.floats([0.5, 1]) } }),
          OnnxGraph.node("Constant", [], ["big"], { attributes: { value_ints: OnnxGraph.ints([-(2n ** 62n)]) } })
        ]
      })
      const model = yield* OnnxGraph.load(graph)
      const result = yield* model.run({ x: Tensor.make("float32", [2, 3], Float32Array.of(-1, 1, 2, 3, 4, 5)) })
      assert.closeTo(result.elu.data[0]!, 2 * (Math.exp(-1) - 1), 1e-6)
      assert.deepStrictEqual([...result.turned.data], [-1, 3, 1, 4, 2, 5])
      assert.deepStrictEqual([...result.filled.data], [7, 7])
      assert.deepStrictEqual([...result.cast.data], [-1, 1, 2, 3, 4, 5])
      assert.deepStrictEqual([...result.constant.data], [0.5, 1])
      assert.deepStrictEqual([...result.big.data], [-(2n ** 62n)])
    })
  )

  it.effect("uses other domains, and leaves optional operands out", () =>
    Effect.gen(function* () {
      const graph = OnnxGraph.make("domains", {
        inputs: x,
        outputs: { y: Tensor.float32("n"), z: Tensor.float32("n") },
        domains: { "com.microsoft": 1 },
        initializers: { max: Tensor.make("float32", [], Float32Array.of(1)) },
        nodes: [
          OnnxGraph.node("QuickGelu", ["x"], ["y"], {
            domain: "com.microsoft",
            attributes: { alpha: OnnxGraph.float(1) }
          }),
          OnnxGraph.node("Clip", ["x", "", "max"], ["z"])
        ]
      })
      const { y, z } = yield* (yield* OnnxGraph.load(graph)).run({ x: float32(-5, 3) })
      assert.closeTo(y.data[1]!, 3 / (1 + Math.exp(-3)), 1e-5)
      assert.deepStrictEqual([...z.data], [-5, 1])
    })
  )

  it.effect("writes every opset that this ONNX Runtime reads, and older ones", () =>
    Effect.gen(function* () {
      for (const opset of [7, 13, 17, 21, 23]) {
        const graph = OnnxGraph.make("opsets", {
          inputs: x,
          outputs: y,
          opset,
          nodes: [OnnxGraph.node("Neg", ["x"], ["y"])]
        })
        const { y: result } = yield* (yield* OnnxGraph.load(graph)).run({ x: float32(1) })
        assert.deepStrictEqual([...result.data], [-1], `opset ${opset}`)
      }
    })
  )
})

describe("OnnxGraph.make", (it) => {
  const problems = (options: OnnxGraph.Options<typeof x, typeof y>) => {
    try {
      OnnxGraph.make("g", options)
      return []
    } catch (error) {
      assert.instanceOf(error, GraphError)
      return error.problems
    }
  }
  const neg = OnnxGraph.node("Neg", ["x"], ["y"])

  it("accepts what is whole", () => assert.deepStrictEqual(problems({ inputs: x, outputs: y, nodes: [neg] }), []))

  it("lists all problems at once", () => {
    assert.deepStrictEqual(
      problems({
        inputs: x,
        outputs: y,
        opset: 0,
        nodes: [OnnxGraph.node("Add", ["x", "q"], ["x"]), OnnxGraph.node("Foo", ["x"], ["z"], { domain: "a.b" })]
      }),
      [
        "opset 0 is not a positive integer",
        "node 0 (Add) reads 'q', which nothing before it gives",
        "'x' is given twice, by an input and by node 0 (Add)",
        "node 1 (Foo) is of domain 'a.b', whose version is not in domains",
        "output 'y' is given by no node"
      ]
    )
  })

  it("refuses nodes out of order", () => {
    const nodes = [OnnxGraph.node("Neg", ["z"], ["y"]), OnnxGraph.node("Neg", ["x"], ["z"])]
    assert.deepStrictEqual(problems({ inputs: x, outputs: y, nodes }), [
      "node 0 (Neg) reads 'z', which nothing before it gives"
    ])
  })
})
