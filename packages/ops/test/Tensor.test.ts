import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import * as Tensor from "../src/Tensor.ts"

const schemas = {
  float32: Tensor.any("float32"),
  float64: Tensor.any("float64"),
  float16: Tensor.any("float16"),
  bfloat16: Tensor.any("bfloat16"),
  int8: Tensor.any("int8"),
  uint8: Tensor.any("uint8"),
  int16: Tensor.any("int16"),
  uint16: Tensor.any("uint16"),
  int32: Tensor.any("int32"),
  uint32: Tensor.any("uint32"),
  int64: Tensor.any("int64"),
  uint64: Tensor.any("uint64"),
  bool: Tensor.any("bool"),
  string: Tensor.any("string")
} as const satisfies { readonly [D in Tensor.DType]: Tensor.TensorSchema<D> }

const problemOf = <A>(compute: () => A): string => {
  const result = Tensor.attempt(compute)
  assert.isTrue(Result.isFailure(result))
  return Result.isFailure(result) ? result.failure.problem : ""
}

const messageOf = (schema: Schema.Codec<unknown, unknown>, input: unknown): string => {
  const result = Schema.decodeUnknownResult(schema)(input)
  assert.isTrue(Result.isFailure(result), "expected a failure")
  return Result.isFailure(result) ? result.failure.message : ""
}

describe("constructors", () => {
  it("refuse what does not fit together, saying what", () => {
    assert.include(
      problemOf(() => Tensor.make("float32", [3], new Float32Array(2))),
      "holds 3 elements, data has 2"
    )
    assert.include(
      problemOf(() => Tensor.make("float32", [-1], new Float32Array(1))),
      "[-1] is not a shape"
    )
    assert.include(
      problemOf(() => Tensor.make("float32", [1.5], new Float32Array(1))),
      "[1.5] is not a shape"
    )
    assert.include(
      problemOf(() => Tensor.make("float32", [2], new Float64Array(2) as never)),
      "needs a Float32Array"
    )
    assert.include(
      problemOf(() => Tensor.make("float99" as Tensor.DType, [], [])),
      "'float99' is not a dtype"
    )
    assert.include(
      problemOf(() => Tensor.make("toString" as Tensor.DType, [], [])),
      "is not a dtype"
    )
    assert.include(
      problemOf(() => Tensor.zeros("float32", [2 ** 40, 2 ** 40])),
      "is not a shape"
    )
    assert.include(
      problemOf(() => Tensor.fromBytes("int64", [1], new Uint8Array(7))),
      "needs 8 bytes, got 7"
    )
    assert.include(
      problemOf(() => Tensor.fromArray("int64", [1], [0.5])),
      "0.5 in a tensor of int64"
    )
    assert.include(
      problemOf(() => Tensor.fromArray("float32", [1], ["x"])),
      "string x in a tensor of float32"
    )
    assert.include(
      problemOf(() => Tensor.fromArray("string", [1], [1])),
      "number 1 in a tensor of string"
    )
  })

  it("attempt lets other errors through", () => {
    assert.throws(
      () =>
        Tensor.attempt(() => {
          throw new TypeError("another")
        }),
      "another"
    )
  })

  it("scalars and empty tensors are tensors", () => {
    assert.strictEqual(Tensor.make("float32", [], Float32Array.of(7)).data[0], 7)
    assert.deepStrictEqual(Tensor.zeros("int64", [3, 0, 2]).data.length, 0)
  })

  it("fromBytes reads at any alignment and copies", () => {
    const pool = Buffer.alloc(64)
    pool.writeDoubleLE(Math.PI, 3)
    const tensor = Tensor.fromBytes("float64", [1], pool.subarray(3, 11))
    pool.fill(255)
    assert.deepStrictEqual([...tensor.data], [Math.PI])
  })

  it("bytes shares the data, whatever part of its buffer that is", () => {
    const data = new Float32Array(8).subarray(2, 4)
    const bytes = Tensor.bytes(Tensor.make("float32", [2], data))
    assert.strictEqual(bytes.buffer, data.buffer)
    assert.strictEqual(bytes.byteLength, 8)
    assert.strictEqual(bytes.byteOffset, 8)
  })
})

describe("never shows its data", () => {
  const tensor = Tensor.fromArray("float32", [2], [12345, 67890])
  for (const [way, text] of [
    ["String", String(tensor)],
    ["inspect", inspect({ nested: [tensor] })],
    ["JSON", JSON.stringify(tensor)],
    ["a Schema's message", messageOf(Schema.toType(Tensor.float32(3)), tensor)]
  ] as const) {
    it(way, () => {
      assert.include(text, "float32")
      assert.notInclude(text, "12345")
    })
  }
})

describe("isTensor", () => {
  it("is not taken in by objects that look like one", () => {
    const forged = JSON.parse(
      '{"~effect-blocks/Tensor":"~effect-blocks/Tensor","dtype":"float32","shape":[1],"data":[0]}'
    )
    assert.isFalse(Tensor.isTensor(forged))
    assert.isFalse(Tensor.isTensor({ ...Tensor.zeros("float32", [1]), data: [0] }, "int64"))
    assert.isFalse(Tensor.isTensor(undefined))
  })
})

describe("equality", () => {
  const base = Tensor.fromArray("float32", [2, 1], [1, NaN])

  it("is of dtype, shape and bits", () => {
    assert.isTrue(Equal.equals(base, Tensor.fromArray("float32", [2, 1], [1, NaN])))
    assert.isFalse(Equal.equals(base, Tensor.fromArray("float64", [2, 1], [1, NaN])))
    assert.isFalse(Equal.equals(base, Tensor.reshape(base, [1, 2])))
    assert.isFalse(Equal.equals(base, Tensor.fromArray("float32", [2, 1], [2, NaN])))
    assert.isFalse(Tensor.equals(Tensor.fromArray("float32", [1], [0]), Tensor.fromArray("float32", [1], [-0])))
    assert.isFalse(Equal.equals(base, { dtype: "float32", shape: [2, 1], data: base.data }))
    assert.isTrue(Equal.equals(Tensor.make("string", [1], ["a"]), Tensor.make("string", [1], ["a"])))
  })

  it.prop("equal tensors have equal hashes", [Schema.toType(schemas.float32)], ([tensor]) => {
    const copy = Tensor.fromBytes("float32", tensor.shape, Tensor.bytes(tensor))
    assert.isTrue(Equal.equals(tensor, copy))
    assert.strictEqual(Hash.hash(tensor), Hash.hash(copy))
  })
})

describe("operations", () => {
  const counting = (...shape: ReadonlyArray<number>) =>
    Tensor.make(
      "int32",
      shape,
      Int32Array.from({ length: Tensor.sizeOf(shape) }, (_, i) => i)
    )

  /** the element at a position, by the definition of row-major order */
  const at = (tensor: Tensor.Tensor, position: ReadonlyArray<number>) =>
    tensor.data[position.reduce((index, p, axis) => index * tensor.shape[axis]! + p, 0)]

  const Axis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 }))
  const Length = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))

  it.prop("slice takes the elements of its range", [Length, Length, Length, Axis], ([a, b, c, axis]) => {
    const tensor = counting(a, b, c)
    const length = tensor.shape[axis]!
    const from = Math.floor(length / 2)
    const part = Tensor.slice(tensor, from, length, axis)
    assert.strictEqual(part.shape[axis], length - from)
    for (let i = 0; i < part.shape[0]!; i++) {
      for (let j = 0; j < part.shape[1]!; j++) {
        for (let k = 0; k < part.shape[2]!; k++) {
          const position = [i, j, k].with(axis, [i, j, k][axis]! + from)
          assert.strictEqual(at(part, [i, j, k]), at(tensor, position))
        }
      }
    }
  })

  it.prop("concat puts back what split takes apart", [Length, Length, Length, Axis], ([a, b, c, axis]) => {
    const tensor = counting(a, b, c)
    const ones = Array.from({ length: tensor.shape[axis]! }, () => 1)
    const parts = Tensor.split(tensor, ones, axis)
    assert.strictEqual(parts.length, ones.length)
    assert.isTrue(Tensor.equals(Tensor.concat(parts, axis), tensor))
    assert.isTrue(Tensor.equals(Tensor.concat(parts, axis - 3), tensor))
  })

  it("work on strings and 64-bit integers as well", () => {
    const words = Tensor.make("string", [2, 2], ["a", "b", "c", "d"])
    assert.deepStrictEqual(Tensor.slice(words, 1, 2, 1).data, ["b", "d"])
    assert.deepStrictEqual(Tensor.concat(Tensor.split(words, 2, 1), 1).data, words.data)
    assert.deepStrictEqual(Tensor.stack([words, words]).shape, [2, 2, 2])
    const ids = Tensor.fromArray("int64", [2], [1, -1n])
    assert.deepStrictEqual([...Tensor.repeat(ids, 2).data], [1n, 1n, -1n, -1n])
  })

  it("repeat repeats each item, as repeat_interleave", () => {
    assert.deepStrictEqual([...Tensor.repeat(counting(2, 2), 2).data], [0, 1, 0, 1, 2, 3, 2, 3])
    assert.deepStrictEqual([...Tensor.repeat(counting(2, 2), 2, 1).data], [0, 0, 1, 1, 2, 2, 3, 3])
    assert.deepStrictEqual(Tensor.repeat(Tensor.zeros("float32", [0, 2]), 3).shape, [0, 2])
  })

  it("slices along the first axis share the data, none writes into it", () => {
    const tensor = counting(4, 2)
    assert.strictEqual(Tensor.slice(tensor, 1, 3).data.buffer, tensor.data.buffer)
    const before = [...tensor.data]
    Tensor.concat([Tensor.slice(tensor, 0, 2), Tensor.slice(tensor, 2, 4)])
    Tensor.cast(tensor, "float16")
    assert.deepStrictEqual([...tensor.data], before)
  })

  it("refuse what does not fit", () => {
    const tensor = counting(2, 3)
    assert.include(
      problemOf(() => Tensor.concat([])),
      "no tensors"
    )
    assert.include(
      problemOf(() => Tensor.concat([tensor, counting(2, 4)])),
      "int32[2, 4] does not fit int32[2, 3] along axis 0"
    )
    assert.include(
      problemOf(() => Tensor.concat([tensor, tensor], 2)),
      "int32[2, 3] has no axis 2"
    )
    assert.include(
      problemOf(() => Tensor.slice(tensor, 0, 3)),
      "[0, 3) is not a range of axis 0 of int32[2, 3]"
    )
    assert.include(
      problemOf(() => Tensor.slice(tensor, -1, 1)),
      "is not a range"
    )
    assert.include(
      problemOf(() => Tensor.split(tensor, 2, 1)),
      "axis 1 of int32[2, 3] does not divide into 2 equal parts"
    )
    assert.include(
      problemOf(() => Tensor.split(tensor, 0)),
      "does not divide"
    )
    assert.include(
      problemOf(() => Tensor.split(tensor, [1, 2])),
      "parts of [1, 2]"
    )
    assert.include(
      problemOf(() => Tensor.split(tensor, 2 ** 31)),
      "does not divide"
    )
    assert.include(
      problemOf(() => Tensor.stack([tensor, counting(3, 2)])),
      "int32[3, 2] is not like int32[2, 3]"
    )
    assert.include(
      problemOf(() => Tensor.reshape(tensor, [5])),
      "[5] holds 5 elements, data has 6"
    )
    assert.include(
      problemOf(() => Tensor.repeat(tensor, 0)),
      "0 is not a positive whole number"
    )
  })

  it("have data-last forms", () => {
    const tensor = counting(4)
    assert.deepStrictEqual(Tensor.reshape([2, 2])(tensor).shape, [2, 2])
    assert.deepStrictEqual([...Tensor.slice(1, 2)(tensor).data], [1])
    assert.strictEqual(Tensor.split(2)(tensor).length, 2)
    assert.strictEqual(Tensor.cast("float32")(tensor).dtype, "float32")
    assert.strictEqual(Tensor.repeat(2)(tensor).shape[0], 8)
    assert.isTrue(Tensor.equals(tensor)(counting(4)))
  })
})

describe("cast", () => {
  /** the definition: the nearest of all values, ties to the even one */
  const nearest = (dtype: "float16" | "bfloat16", x: number): number => {
    const all = Tensor.cast(
      Tensor.make(
        dtype,
        [65536],
        Uint16Array.from({ length: 65536 }, (_, i) => i)
      ),
      "float64"
    ).data
    let best = 0
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = all[bits]!
      if (Number.isNaN(value) || !Number.isFinite(value)) continue
      const better = Math.abs(value - x) - Math.abs(all[best]! - x)
      if (better < 0 || (better === 0 && bits % 2 === 0 && Object.is(Math.sign(value), Math.sign(x)))) best = bits
    }
    return best
  }

  for (const dtype of ["float16", "bfloat16"] as const) {
    it(`${dtype}: every value goes to float32 and back to the same bits`, () => {
      const all = Tensor.make(
        dtype,
        [65536],
        Uint16Array.from({ length: 65536 }, (_, i) => i)
      )
      const back = Tensor.cast(Tensor.cast(all, "float32"), dtype)
      for (let bits = 0; bits < 65536; bits++) {
        const exponent = dtype === "float16" ? 0x7c00 : 0x7f80
        const quiet = dtype === "float16" ? 0x200 : 0x40
        const isNaN = (bits & 0x7fff) > exponent
        assert.strictEqual(back.data[bits], isNaN ? bits | quiet : bits)
      }
    })

    it(`${dtype}: rounds to the nearest value, ties to even`, () => {
      const samples = [
        1 + 2 ** -11,
        1 + 3 * 2 ** -11,
        1 + 2 ** -8,
        1 + 3 * 2 ** -8,
        Math.PI,
        -Math.E,
        1e-7,
        6e-8,
        2.98e-8,
        1e-40,
        0.1,
        1023.7,
        65503.9
      ]
      for (const sample of samples.map(Math.fround)) {
        assert.strictEqual(Tensor.fromArray(dtype, [1], [sample]).data[0], nearest(dtype, sample), String(sample))
      }
    })
  }

  it("float16 overflows to infinity where IEEE says", () => {
    assert.deepStrictEqual(Tensor.toArray(Tensor.fromArray("float16", [4], [65519, 65520, -65520, 2 ** -26])), [
      65504,
      Infinity,
      -Infinity,
      0
    ])
  })

  it("agrees with the engine's own float16 where there is one", ({ skip }) => {
    const Float16Array: (new (values: ArrayLike<number>) => { readonly buffer: ArrayBuffer }) | undefined = Reflect.get(
      globalThis,
      "Float16Array"
    )
    if (Float16Array === undefined) return skip()
    const values = Float32Array.from(
      { length: 200_000 },
      (_, i) => Math.fround(((i * 7919) % 200_003) / 1000 - 100) * 2 ** ((i % 41) - 25)
    )
    const ours = Tensor.cast(Tensor.make("float32", [values.length], values), "float16")
    assert.deepStrictEqual(ours.data, new Uint16Array(new Float16Array(values).buffer))
  })

  it("integers are cut off towards zero, bools are 0 or 1", () => {
    const tensor = Tensor.fromArray("float32", [5], [1.9, -1.9, 0, NaN, 0.2])
    assert.deepStrictEqual(Tensor.toArray(Tensor.cast(tensor, "int32")), [1, -1, 0, 0, 0])
    assert.deepStrictEqual(Tensor.toArray(Tensor.cast(tensor, "int64")), [1n, -1n, 0n, 0n, 0n])
    assert.deepStrictEqual(Tensor.toArray(Tensor.cast(tensor, "bool")), [1, 1, 0, 1, 1])
    assert.deepStrictEqual(Tensor.toArray(Tensor.cast(Tensor.fromArray("uint64", [1], [2n ** 64n - 1n]), "int64")), [
      -1n
    ])
    assert.deepStrictEqual(Tensor.toArray(Tensor.cast(Tensor.fromArray("int64", [1], [7]), "float16")), [7])
  })

  it("to the same dtype is the tensor itself", () => {
    const tensor = Tensor.zeros("float32", [2])
    assert.strictEqual(Tensor.cast(tensor, "float32"), tensor)
  })
})

describe("Schema", () => {
  const Latents = Tensor.float32("batch", 4, "side", "side")

  it("checks dtype, rank, lengths and names", () => {
    const is = Schema.is(Latents)
    assert.isTrue(is(Tensor.zeros("float32", [2, 4, 8, 8])))
    assert.isFalse(is(Tensor.zeros("float64", [2, 4, 8, 8])))
    assert.isFalse(is(Tensor.zeros("float32", [2, 4, 8])))
    assert.isFalse(is(Tensor.zeros("float32", [2, 3, 8, 8])))
    assert.isFalse(is(Tensor.zeros("float32", [2, 4, 8, 9])))
    assert.isFalse(is(null))
    assert.isTrue(Schema.is(Tensor.float32("", ""))(Tensor.zeros("float32", [1, 2])))
  })

  it("says what it expected and what it got", () => {
    const check = (tensor: unknown) => messageOf(Schema.toType(Latents), tensor)
    const expected = "expected float32[batch, 4, side, side], got"
    assert.include(check(Tensor.zeros("float64", [1, 4, 8, 8])), `${expected} float64[1, 4, 8, 8] (dtype)`)
    assert.include(check(Tensor.zeros("float32", [1, 4])), `${expected} float32[1, 4] (rank 2 instead of 4)`)
    assert.include(check(Tensor.zeros("float32", [1, 3, 8, 8])), `(axis 1: 3 instead of 4)`)
    assert.include(check(Tensor.zeros("float32", [1, 4, 8, 9])), `('side' is both 8 and 9)`)
    assert.include(check("text"), "a tensor float32[batch, 4, side, side]")
  })

  it("refuses dims that are no lengths", () => {
    assert.include(
      problemOf(() => Tensor.float32(1.5)),
      "1.5 is not a length"
    )
    assert.include(
      problemOf(() => Tensor.float32(-1)),
      "-1 is not a length"
    )
  })

  it("keeps its spec and its checks through annotate and optional fields", () => {
    const annotated = Latents.annotate({ description: "a" }).annotate({ title: "b" })
    assert.deepStrictEqual(Tensor.specOf(annotated), { dtype: "float32", dims: ["batch", 4, "side", "side"] })
    assert.isFalse(Schema.is(annotated)(Tensor.zeros("float32", [2, 3, 8, 8])))
    assert.deepStrictEqual(Tensor.specOf(Latents.annotateKey({ description: "a" }))?.dtype, "float32")
    assert.deepStrictEqual(Tensor.specOf(Tensor.any("int8")), { dtype: "int8", dims: undefined })
  })

  for (const [dtype, schema] of Object.entries(schemas)) {
    it.prop(`${dtype} survives JSON bit for bit`, [schema], ([tensor]) => {
      const json = Schema.toCodecJson(schema as Schema.Codec<Tensor.Tensor, unknown>)
      const text = JSON.stringify(Schema.encodeSync(json)(tensor))
      const back = Schema.decodeUnknownSync(json)(JSON.parse(text))
      assert.isTrue(Tensor.equals(back, tensor), text)
    })
  }

  it.prop("arbitraries respect the dims", [Latents], ([tensor]) => {
    assert.strictEqual(Tensor.mismatch(tensor, "float32", ["batch", 4, "side", "side"]), undefined)
  })

  it("JSON that is no tensor is refused, with the reason", () => {
    const Json = Schema.toCodecJson(Tensor.float32("n"))
    const decode = (input: unknown) => messageOf(Json, input)
    const good = { dtype: "float32", shape: [1], data: "AAAAAA==" }
    assert.isTrue(Tensor.isTensor(Schema.decodeUnknownSync(Json)(good), "float32"))
    assert.include(decode({ ...good, dtype: "float64" }), "dtype")
    assert.include(decode({ ...good, shape: [-1] }), "shape")
    assert.include(decode({ ...good, shape: [1, 1] }), "shape")
    assert.include(decode({ ...good, shape: [2] }), "float32[2] needs 8 bytes, got 4")
    assert.include(decode({ ...good, shape: [2 ** 53 - 1] }), "needs")
    for (const data of ["AAAAA", "AAA*AA==", "AA==AAAA", "AAAAAA=", "AAAAAA= =", "A A A A AA==", "AAAAAA==\n"]) {
      assert.include(decode({ ...good, data }), "data is not base64", data)
    }
    assert.include(decode({ ...good, data: "ref:0" }), "there is no Blobs service")
    assert.include(decode({ ...good, data: 7 }), "data")
    assert.include(decode("float32"), "object")
    const Byte = Schema.toCodecJson(Tensor.uint8("n"))
    for (const data of ["AA=A", "AAAA", "A===", "AA"]) {
      assert.isTrue(Result.isFailure(Schema.decodeUnknownResult(Byte)({ dtype: "uint8", shape: [1], data })), data)
    }
    const Bool = Schema.toCodecJson(Tensor.bool("n"))
    assert.include(messageOf(Bool, { dtype: "bool", shape: [1], data: "Ag==" }), "a bool is one byte, 0 or 1")
    const Text = Schema.toCodecJson(Tensor.string("n"))
    assert.include(messageOf(Text, { dtype: "string", shape: [2], data: ["a"] }), "holds 2 elements")
  })

  it("JSON Schema: a title, the description, the fixed lengths; what is added later is kept", () => {
    const Fields = Schema.Struct({
      plain: Latents,
      described: Latents.annotate({ description: "noise to start from" }),
      piped: Latents.pipe(Schema.annotate({ description: "piped" })),
      keyed: Latents.annotateKey({ description: "as a key" }),
      optional: Schema.optionalKey(Latents.annotate({ description: "may be left out" }))
    })
    const document = Schema.toJsonSchemaDocument(Schema.toCodecJson(Fields))
    const properties = Reflect.get(document.schema, "properties") as Record<string, any>
    assert.strictEqual(properties["plain"].title, "float32[batch, 4, side, side]")
    assert.strictEqual(properties["described"].description, "noise to start from")
    assert.strictEqual(properties["piped"].description, "piped")
    assert.include(JSON.stringify(properties["keyed"]), "as a key")
    assert.strictEqual(properties["optional"].description, "may be left out")
    assert.deepStrictEqual(properties["plain"].properties.dtype.enum, ["float32"])
    assert.deepStrictEqual(properties["plain"].properties.shape.prefixItems[1].enum, [4])
    assert.strictEqual(properties["plain"].properties.data.contentEncoding, "base64")
    assert.deepStrictEqual(properties["plain"].required, ["dtype", "shape", "data"])
  })

  it.effect("bytes go to Blobs where there is one, and come back from it", () =>
    Effect.gen(function* () {
      const stored: Array<Uint8Array> = []
      const blobs: Tensor.Blobs = {
        put: (bytes) => Effect.sync(() => String(stored.push(bytes) - 1)),
        get: (ref) => Effect.sync(() => stored[Number(ref)] ?? new Uint8Array())
      }
      const Json = Schema.toCodecJson(
        Schema.Struct({ a: Tensor.float32("n"), b: Tensor.int64("n"), c: Tensor.string("n") })
      )
      const value = {
        a: Tensor.fromArray("float32", [2], [NaN, -0]),
        b: Tensor.fromArray("int64", [1], [-1]),
        c: Tensor.make("string", [1], ["text"])
      }
      const json = yield* Effect.provideService(Schema.encodeEffect(Json)(value), Tensor.Blobs, blobs)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), {
        a: { dtype: "float32", shape: [2], data: "ref:0" },
        b: { dtype: "int64", shape: [1], data: "ref:1" },
        c: { dtype: "string", shape: [1], data: ["text"] }
      })
      assert.strictEqual(stored[0]?.byteLength, 8)
      const back = yield* Effect.provideService(Schema.decodeUnknownEffect(Json)(json), Tensor.Blobs, blobs)
      assert.isTrue(Tensor.equals(back.a, value.a) && Tensor.equals(back.b, value.b) && Tensor.equals(back.c, value.c))
      stored[0] = new Uint8Array(3)
      const failed = yield* Effect.provideService(
        Effect.result(Schema.decodeUnknownEffect(Json)(json)),
        Tensor.Blobs,
        blobs
      )
      assert.isTrue(Result.isFailure(failed))
    })
  )

  it("asks the Reference that snapshots know", () => {
    assert.strictEqual(Tensor.Blobs.key, "effect-blocks/Blobs")
  })
})
