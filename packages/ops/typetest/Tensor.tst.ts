/** What the casts inside `internal/tensor` promise: the array of each dtype, and the dtype kept or changed by each function. */
import * as Schema from "effect/Schema"
import type * as Result from "effect/Result"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { describe, expect, test } from "tstyche"

declare const floats: Tensor.Tensor<"float32">
declare const ids: Tensor.Tensor<"int64">
declare const unknown: Tensor.Tensor

describe("Tensor", () => {
  test("data is the array of the dtype", () => {
    expect(floats.data).type.toBe<Float32Array>()
    expect(ids.data).type.toBe<BigInt64Array>()
    expect<Tensor.Tensor<"float16">["data"]>().type.toBe<Uint16Array>()
    expect<Tensor.Tensor<"string">["data"]>().type.toBe<ReadonlyArray<string>>()
  })

  test("a tensor of a dtype is a tensor, another dtype is not", () => {
    expect(floats).type.toBeAssignableTo<Tensor.Tensor>()
    expect(floats).type.not.toBeAssignableTo<Tensor.Tensor<"int64">>()
    expect(unknown).type.not.toBeAssignableTo<Tensor.Tensor<"float32">>()
  })

  test("make wants the array of its dtype", () => {
    expect(Tensor.make).type.toBeCallableWith("int64", [1], new BigInt64Array(1))
    expect(Tensor.make).type.not.toBeCallableWith("int64", [1], new Float32Array(1))
    expect(Tensor.make).type.not.toBeCallableWith("float8", [1], new Uint8Array(1))
    expect(Tensor.zeros).type.not.toBeCallableWith("string", [1])
  })

  test("functions keep the dtype, both ways round", () => {
    expect(Tensor.concat([floats, floats])).type.toBe<Tensor.Tensor<"float32">>()
    expect(Tensor.slice(ids, 0, 1)).type.toBe<Tensor.Tensor<"int64">>()
    expect(Tensor.slice(0, 1)(ids)).type.toBe<Tensor.Tensor<"int64">>()
    expect(Tensor.split(floats, 2)).type.toBe<Array<Tensor.Tensor<"float32">>>()
    expect(Tensor.reshape([1])(floats)).type.toBe<Tensor.Tensor<"float32">>()
    expect(Tensor.repeat(floats, 2)).type.toBe<Tensor.Tensor<"float32">>()
    expect(Tensor.stack([ids])).type.toBe<Tensor.Tensor<"int64">>()
    expect(Tensor.concat<"float32">).type.not.toBeCallableWith([ids])
  })

  test("cast changes it", () => {
    expect(Tensor.cast(floats, "float16")).type.toBe<Tensor.Tensor<"float16">>()
    expect(Tensor.cast("int64")(floats)).type.toBe<Tensor.Tensor<"int64">>()
    expect(Tensor.cast).type.not.toBeCallableWith(floats, "string")
  })

  test("isTensor narrows", () => {
    const u: unknown = floats
    if (Tensor.isTensor(u)) expect(u).type.toBe<Tensor.Tensor>()
    if (Tensor.isTensor(u, "int64")) expect(u).type.toBe<Tensor.Tensor<"int64">>()
  })

  test("attempt gives the error a type", () => {
    expect(Tensor.attempt(() => 1)).type.toBe<Result.Result<number, Tensor.TensorError>>()
  })
})

describe("TensorSchema", () => {
  test("its type is the tensor of the dtype, after annotate as well", () => {
    expect<typeof Tensor.float32>().type.toBeCallableWith("batch", 4, "height", "width")
    const schema = Tensor.float32("batch", 4)
    expect<typeof schema.Type>().type.toBe<Tensor.Tensor<"float32">>()
    expect(schema.annotate({ description: "a" })).type.toBe<Tensor.TensorSchema<"float32">>()
    const fields = Schema.Struct({ ids: Tensor.int64("n"), mask: Schema.optionalKey(Tensor.bool("n")) })
    expect<typeof fields.Type>().type.toBe<{
      readonly ids: Tensor.Tensor<"int64">
      readonly mask?: Tensor.Tensor<"bool">
    }>()
  })

  test("needs no services", () => {
    const schema = Schema.toCodecJson(Tensor.float32("n"))
    expect<typeof schema.DecodingServices>().type.toBe<never>()
    expect<typeof schema.EncodingServices>().type.toBe<never>()
  })
})

describe("Rng", () => {
  test("draws the dtype asked for, float32 by default", () => {
    const rng = Rng.make(1)
    expect(Rng.normal(rng, [1])).type.toBe<Rng.Drawn<Tensor.Tensor<"float32">>>()
    expect(Rng.normal(rng, [1], "float16")).type.toBe<Rng.Drawn<Tensor.Tensor<"float16">>>()
    expect(Rng.uniform(rng, [1], "float64")).type.toBe<Rng.Drawn<Tensor.Tensor<"float64">>>()
    expect(Rng.normalBatch([rng], [1], "bfloat16")).type.toBe<Rng.DrawnBatch<Tensor.Tensor<"bfloat16">>>()
    expect(Rng.integers(rng, 0, 5n, [1])).type.toBe<Rng.Drawn<Tensor.Tensor<"int64">>>()
    expect(Rng.normal).type.not.toBeCallableWith(rng, [1], "int32")
  })
})
