import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Model from "../src/Model.ts"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import * as Tensor from "../src/Tensor.ts"
import { arithmetic, float32 } from "./support/graphs.ts"

const info = (name: string, shape: ReadonlyArray<Tensor.Dim>, dtype: Tensor.DType = "float32"): Model.ValueInfo => ({
  name,
  dtype,
  shape
})
const zeros = (...shape: ReadonlyArray<number>) => Tensor.zeros("float32", shape)
const message = (inputs: ReadonlyArray<Model.ValueInfo>, feeds: Model.Feeds) =>
  Model.check({ name: "m", inputs }, feeds)?.message

describe("Model.check", () => {
  it("accepts what fits", () => {
    assert.isUndefined(message([info("x", ["batch", 4]), info("t", [1])], { x: zeros(3, 4), t: zeros(1) }))
  })

  it("names dtype, rank, fixed sizes and shared sizes", () => {
    assert.include(
      message([info("x", [4])], { x: Tensor.zeros("int64", [4]) }),
      "'x': expected float32[4], got int64[4] (dtype)"
    )
    assert.include(message([info("x", [4])], { x: zeros(4, 1) }), "(rank 2 instead of 1)")
    assert.include(message([info("x", ["n", 4])], { x: zeros(2, 5) }), "(axis 1: 5 instead of 4)")
    assert.include(message([info("x", ["n", "n"])], { x: zeros(2, 5) }), "('n' is both 2 and 5)")
    assert.include(
      message([info("x", ["n"]), info("y", ["n"])], { x: zeros(2), y: zeros(3) }),
      "'y': axis 0 ('n') is 3, but 2 in 'x'"
    )
  })

  it("lets unnamed sizes differ, and ranks that the file does not tell", () => {
    assert.isUndefined(message([info("x", ["", ""]), info("s", [])], { x: zeros(2, 3), s: zeros(1, 2, 3) }))
    assert.isUndefined(message([info("s", [])], { s: Tensor.make("float32", [], Float32Array.of(1)) }))
  })

  it("does not take what is no tensor", () => {
    assert.include(message([info("x", [1])], JSON.parse('{ "x": [1] }')), "'x': expected float32[1], got object")
  })

  it("is not misled by names that every object has", () => {
    assert.include(message([info("toString", [1])], {}), "'toString': missing, expected float32[1]")
    assert.include(message([info("constructor", [1])], {}), "'constructor': missing")
  })
})

layer(OnnxRuntime.layerCpu)("Model.typed", (it) => {
  const pair = Tensor.float32("batch", 2)
  const load = OnnxRuntime.load(OnnxGraph.encode(arithmetic), { name: "arithmetic" })

  it.effect("computes only the outputs of the contract", () =>
    Effect.gen(function* () {
      const model = yield* Model.typed(yield* load, { inputs: { a: pair, b: pair }, outputs: { product: pair } })
      const result = yield* model.run({ a: zeros(1, 2), b: zeros(1, 2) })
      assert.deepStrictEqual(Object.keys(result), ["product"])
      assert.deepInclude(model, { name: "arithmetic", provider: "cpu" })
    })
  )

  it.effect("refuses a file that is not the one asked for, all differences at once", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Model.typed(yield* load, {
          inputs: { a: Tensor.float32("batch", 3), c: Tensor.int64() },
          outputs: { sum: Tensor.float16("batch", 2), quotient: pair }
        })
      )
      assert.strictEqual(error.reason, "contract")
      assert.strictEqual(
        error.message,
        "cannot load arithmetic (contract): input 'a' is float32[batch, 2], expected float32[batch, 3]; " +
          "no input 'c'; it has 'a', 'b'; output 'sum' is float32[batch, 2], expected float16[batch, 2]; " +
          "no output 'quotient'; it has 'sum', 'product'; input 'b' (float32[batch, 2]) is never given"
      )
    })
  )

  it.effect("checks what the contract says beyond the file", () =>
    Effect.gen(function* () {
      const one = Tensor.float32(1, 2)
      const model = yield* Model.typed(yield* load, { inputs: { a: one, b: one }, outputs: { sum: one } })
      const error = yield* Effect.flip(model.run({ a: zeros(2, 2), b: zeros(2, 2) }))
      assert.include(error.message, "'a': expected float32[1, 2], got float32[2, 2] (axis 0: 2 instead of 1)")
      const wide = yield* Model.typed(yield* load, { inputs: { a: pair, b: pair }, outputs: { sum: one } })
      const broken = yield* Effect.flip(wide.run({ a: zeros(2, 2), b: zeros(2, 2) }))
      assert.strictEqual(broken._tag, "ModelRunError")
      assert.include(
        broken.message,
        "arithmetic failed: its results break their contract: 'sum': expected float32[1, 2]"
      )
    })
  )

  it.effect("leaves a run that ONNX Runtime refuses a typed error", () =>
    Effect.gen(function* () {
      const graph = OnnxGraph.make("reshape", {
        inputs: { x: Tensor.float32("n"), shape: Tensor.int64("rank") },
        outputs: { y: Tensor.any("float32") },
        nodes: [OnnxGraph.node("Reshape", ["x", "shape"], ["y"])]
      })
      const model = yield* OnnxGraph.load(graph)
      const error = yield* Effect.flip(
        model.run({ x: float32(1, 2), shape: Tensor.make("int64", [1], BigInt64Array.of(3n)) })
      )
      assert.strictEqual(error._tag, "ModelRunError")
      assert.include(error.message, "reshape failed:")
      const { y } = yield* model.run({ x: float32(1, 2), shape: Tensor.make("int64", [2], BigInt64Array.of(1n, 2n)) })
      assert.deepStrictEqual(y.shape, [1, 2])
    })
  )
})
