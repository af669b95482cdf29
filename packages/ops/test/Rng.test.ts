import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { log64, sinCos64 } from "../src/internal/rng/libm.ts"
import * as Rng from "../src/Rng.ts"
import * as Tensor from "../src/Tensor.ts"

const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))
/** over several blocks of the twister, which are 624 words long */
const Large = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1500 }))
const AnySeed = Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 40), maximum: 2 ** 40 }))
const Op = Schema.Literals([
  "normal",
  "normal64",
  "normal16",
  "uniform",
  "uniform64",
  "integers",
  "wide",
  "permutation"
])

const draw = (rng: Rng.Rng, op: typeof Op.Type, n: number): Rng.Drawn<Tensor.Tensor> => {
  switch (op) {
    case "normal":
      return Rng.normal(rng, [n])
    case "normal64":
      return Rng.normal(rng, [n], "float64")
    case "normal16":
      return Rng.normal(rng, [n], "bfloat16")
    case "uniform":
      return Rng.uniform(rng, [n])
    case "uniform64":
      return Rng.uniform(rng, [n], "float64")
    case "integers":
      return Rng.integers(rng, -3, 17, [n])
    case "wide":
      return Rng.integers(rng, 0, 2n ** 40n, [n])
    case "permutation":
      return Rng.permutation(rng, n)
  }
}

const json = Schema.toCodecJson(Rng.Rng)
const stored = (rng: Rng.Rng): Rng.Rng =>
  Schema.decodeUnknownSync(json)(JSON.parse(JSON.stringify(Schema.encodeSync(json)(rng))))

/** MT19937 as its authors print it, one word at a time */
const reference = (seed: number) => {
  const mt = new Uint32Array(624)
  mt[0] = seed
  for (let i = 1; i < 624; i++) {
    const previous = BigInt(mt[i - 1]! ^ (mt[i - 1]! >>> 30)) & 0xffffffffn
    mt[i] = Number((1812433253n * previous + BigInt(i)) & 0xffffffffn)
  }
  let at = 624
  return (): number => {
    if (at === 624) {
      for (let k = 0; k < 624; k++) {
        const y = (mt[k]! & 0x80000000) | (mt[(k + 1) % 624]! & 0x7fffffff)
        mt[k] = mt[(k + 397) % 624]! ^ (y >>> 1) ^ ((y & 1) * 0x9908b0df)
      }
      at = 0
    }
    let y = mt[at++]!
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
}

describe("the generator", () => {
  it("gives the words of MT19937, also across blocks", () => {
    const next = reference(5489)
    const [values] = Rng.integers(Rng.make(5489), 0, 2 ** 28 - 1, [2000])
    for (const value of values.data) assert.strictEqual(value, BigInt(next() % (2 ** 28 - 1)))
    // the 10,000th word of the default seed, as the C++ standard states it
    const [last] = Rng.uniform({ seed: 5489, drawn: 9999, spare: null }, [1])
    assert.strictEqual(last.data[0], (4123659995 & 0xffffff) / 2 ** 24)
  })

  it.prop("takes the low 32 bits of a seed, of any size and sign", [AnySeed], ([seed]) => {
    const low = Number(BigInt.asUintN(32, BigInt(seed)))
    assert.deepStrictEqual(Rng.make(seed), { seed: low, drawn: 0, spare: null })
    assert.deepStrictEqual(Rng.make(BigInt(seed)), Rng.make(seed))
    assert.deepStrictEqual(Rng.make(String(seed)), Rng.make(seed))
  })

  it("takes seeds as torch does, and no others", () => {
    assert.strictEqual(Rng.make(2n ** 64n - 1n).seed, 2 ** 32 - 1)
    assert.strictEqual(Rng.make(-(2n ** 63n)).seed, 0)
    for (const seed of [
      0.5,
      NaN,
      Infinity,
      2 ** 53,
      2n ** 64n,
      -(2n ** 63n) - 1n,
      "",
      "seven",
      "1e3",
      "0x10",
      "9".repeat(30)
    ]) {
      assert.throws(() => Rng.make(seed), "is not a seed")
    }
  })

  it("Seed decodes numbers and strings of digits", () => {
    const decode = Schema.decodeUnknownSync(Schema.toCodecJson(Rng.Seed))
    assert.strictEqual(decode(-5), -5)
    assert.strictEqual(decode("-9223372036854775808"), -(2n ** 63n))
    for (const bad of [1.5, "1.5", "seven", "", 2 ** 60, "18446744073709551616", null]) assert.throws(() => decode(bad))
    const encode = Schema.encodeSync(Schema.toCodecJson(Rng.Seed))
    assert.strictEqual(encode(2n ** 60n), String(2n ** 60n))
  })
})

describe("a generator is a value", () => {
  const Draws = Schema.Array(Schema.Tuple([Op, Size])).check(Schema.isMaxLength(6))

  it.prop("stored at any point it goes on alike", [AnySeed, Draws], ([seed, draws]) => {
    let kept = Rng.make(seed)
    let reloaded = kept
    for (const [op, n] of draws) {
      const [a, afterA] = draw(kept, op, n)
      const [b, afterB] = draw(stored(reloaded), op, n)
      assert.isTrue(Tensor.equals(a, b), `${op} ${n}`)
      assert.deepStrictEqual(afterA, afterB)
      kept = afterA
      reloaded = afterB
    }
  })

  it.prop(
    "drawing twice from one value gives the same twice",
    [AnySeed, Op, Large, Op, Large],
    ([seed, op, n, other, m]) => {
      const [, rng] = draw(Rng.make(seed), other, m)
      const [first, after] = draw(rng, op, n)
      draw(after, other, m)
      draw(rng, other, 2000)
      const [second, again] = draw(rng, op, n)
      assert.isTrue(Tensor.equals(first, second))
      assert.deepStrictEqual(after, again)
    }
  )

  it("counts what it draws", () => {
    const drawn = (op: typeof Op.Type, n: number) => draw(Rng.make(1), op, n)[1]
    assert.strictEqual(drawn("uniform", 7).drawn, 7)
    assert.strictEqual(drawn("uniform64", 7).drawn, 14)
    assert.strictEqual(drawn("integers", 7).drawn, 7)
    assert.strictEqual(drawn("wide", 7).drawn, 14)
    assert.strictEqual(Rng.integers(Rng.make(1), 5, 5 + 2 ** 28 - 1, [7])[1].drawn, 7)
    assert.strictEqual(Rng.integers(Rng.make(1), 5, 5 + 2 ** 28, [7])[1].drawn, 14)
    assert.strictEqual(drawn("normal", 16).drawn, 16)
    assert.strictEqual(drawn("normal", 17).drawn, 17 + 16)
    assert.strictEqual(drawn("normal64", 16).drawn, 32)
    assert.strictEqual(drawn("permutation", 5).drawn, 4)
    assert.strictEqual(drawn("permutation", 0).drawn, 0)
    const odd = drawn("normal", 3)
    assert.strictEqual(odd.drawn, 8)
    assert.isNotNull(odd.spare)
    assert.isNull(drawn("normal", 4).spare)
    assert.deepStrictEqual(drawn("normal", 0), Rng.make(1))
  })

  it("the waiting normal survives other draws and is used next", () => {
    const [two] = Rng.normal(Rng.make(3), [2])
    const [, afterOne] = Rng.normal(Rng.make(3), [1])
    const [, afterUniform] = Rng.uniform(afterOne, [30])
    const [next, rng] = Rng.normal(stored(afterUniform), [1])
    assert.strictEqual(next.data[0], two.data[1])
    assert.isNull(rng.spare)
  })

  it("its Schema refuses positions that it could not reach", () => {
    for (const bad of [
      { seed: -1 },
      { seed: 2 ** 32 },
      { seed: 0.5 },
      { drawn: -1 },
      { drawn: 2 ** 50 },
      { spare: "x" }
    ]) {
      assert.throws(() => Schema.decodeUnknownSync(json)({ seed: 0, drawn: 0, spare: null, ...bad }))
    }
  })
})

describe("what it draws", () => {
  it.prop("integers stay in their range", [AnySeed, AnySeed, Schema.Int], ([seed, low, width]) => {
    const high = BigInt(low) + BigInt(Math.abs(width) % 2 ** 50) + 1n
    const [values] = Rng.integers(Rng.make(seed), low, high, [20])
    for (const value of values.data) assert.isTrue(value >= BigInt(low) && value < high)
  })

  it("integers over all of int64, without leaving it", () => {
    const [values] = Rng.integers(Rng.make(0), -(2n ** 63n), 2n ** 63n - 1n, [50])
    assert.isTrue(values.data.some((value) => value < 0n) && values.data.some((value) => value > 2n ** 62n))
    assert.throws(() => Rng.integers(Rng.make(0), 5, 5, [1]), "[5, 5) is not a range of int64")
    assert.throws(() => Rng.integers(Rng.make(0), 0, 2n ** 63n, [1]), "is not a range of int64")
    assert.throws(() => Rng.integers(Rng.make(0), 0, 1.5, [1]), "1.5 is not a bound")
  })

  it.prop("a permutation has every number once", [AnySeed, Size], ([seed, n]) => {
    const [order] = Rng.permutation(Rng.make(seed), n)
    assert.deepStrictEqual(
      [...order.data].map(Number).toSorted((a, b) => a - b),
      Array.from({ length: n }, (_, i) => i)
    )
  })

  it("refuses lengths that are none", () => {
    for (const n of [-1, 0.5, NaN, 2 ** 31]) assert.throws(() => Rng.permutation(Rng.make(0), n), "is not a length")
    assert.throws(() => Rng.normal(Rng.make(0), [-1]), "is not a shape")
  })

  it("normals are normal in every dtype: mean, variance, tails", () => {
    for (const dtype of ["float32", "float64", "float16", "bfloat16"] as const) {
      const n = 100_000
      const [tensor] = Rng.normal(Rng.make(7), [n], dtype)
      const values = Tensor.cast(tensor, "float64").data
      const mean = values.reduce((sum, x) => sum + x, 0) / n
      const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n
      const beyondTwo = values.filter((x) => Math.abs(x) > 2).length / n
      assert.closeTo(mean, 0, 0.02, dtype)
      // torch makes a bfloat16 normal of 8 random bits: its tails are short
      assert.closeTo(variance, 1, dtype === "bfloat16" ? 0.03 : 0.02, dtype)
      assert.closeTo(beyondTwo, 0.0455, 0.005, dtype)
    }
  })

  it("uniforms are in [0, 1) and of their dtype's grid", () => {
    for (const [dtype, bits] of [
      ["float32", 24],
      ["float64", 53],
      ["float16", 11],
      ["bfloat16", 8]
    ] as const) {
      const values = Tensor.cast(Rng.uniform(Rng.make(7), [1000], dtype)[0], "float64").data
      for (const value of values) {
        assert.isTrue(value >= 0 && value < 1)
        assert.strictEqual((value * 2 ** bits) % 1, 0)
      }
    }
  })
})

describe("one generator per item", () => {
  const rngs = [Rng.make(1), Rng.make(2n ** 60n + 3n), Rng.make(-4)]

  it("each item is what its generator draws alone, and each generator goes on", () => {
    const [first, after] = Rng.normalBatch(rngs, [3, 2, 3])
    const [second] = Rng.normalBatch(after, [3, 20])
    rngs.forEach((rng, i) => {
      const [alone, next] = Rng.normal(rng, [1, 2, 3])
      assert.isTrue(Tensor.equals(Tensor.slice(first, i, i + 1), alone))
      assert.isTrue(Tensor.equals(Tensor.slice(second, i, i + 1), Rng.normal(next, [1, 20])[0]))
    })
  })

  it("one for all draws the whole shape at once", () => {
    const [batch, after] = Rng.uniformBatch([rngs[0]!], [4, 5], "float64")
    const [whole, next] = Rng.uniform(rngs[0]!, [4, 5], "float64")
    assert.isTrue(Tensor.equals(batch, whole))
    assert.deepStrictEqual(after, [next])
  })

  it("another number of generators is refused", () => {
    assert.throws(() => Rng.normalBatch(rngs, [2, 4]), "3 generators for a batch of 2: give one, or one per item")
    assert.throws(() => Rng.normalBatch([], [2, 4]), "0 generators")
  })
})

describe("logarithm, sine and cosine in float64", () => {
  // computed with 60 digits; at each of these V8's own functions are one unit in the last place off
  const logarithms = [
    [0.3012676595157123, -1.1997561750963592],
    [0.7141294836112025, -0.336690983488881],
    [0.3949634040007439, -0.928962166472498],
    [0.5842517929701989, -0.5374232367271444],
    [0.5735323523512847, -0.5559409318830052],
    [0.6321805352961154, -0.4585802685133982],
    [0.15599785893835916, -1.8579129965808934],
    [0.7823251117867837, -0.24548488086153697]
  ] as const
  const angles = [
    [5.825744704160103, -0.44165330136963415, 0.8971858009293856],
    [3.6936922182504888, -0.5244760059273796, -0.8514252281947389],
    [4.001319564836547, -0.7576643613037503, -0.6526444021135708],
    [1.1046957902659522, 0.8933275187433004, 0.4494062129698902],
    [2.3176888809861382, 0.7338034883015462, -0.6793617891495537],
    [0.7083236177431737, 0.6505615513136734, 0.7594535324510293],
    [4.833177438156614, -0.9927139392459137, 0.1204949576823044],
    [5.917969773400918, -0.35715062140833487, 0.9340468048377663]
  ] as const

  it("are rounded correctly", () => {
    const out = new Float64Array(2)
    for (const [x, log] of logarithms) assert.strictEqual(log64(x), log)
    for (const [x, sin, cos] of angles) {
      sinCos64(x, out)
      assert.deepStrictEqual([...out], [sin, cos])
    }
  })

  it("hold at the ends and at the quarters", () => {
    const out = new Float64Array(2)
    assert.strictEqual(log64(1), 0)
    assert.strictEqual(log64(2 ** -53), -53 * Math.LN2)
    assert.strictEqual(log64(1 - 2 ** -53), -1.1102230246251565e-16)
    for (const [x, sin, cos] of [
      [0, 0, 1],
      [Math.PI / 2, 1, 6.123233995736766e-17],
      [Math.PI, 1.2246467991473532e-16, -1],
      [2 * Math.PI, -2.4492935982947064e-16, 1]
    ] as const) {
      sinCos64(x, out)
      assert.deepStrictEqual([...out], [sin, cos])
    }
  })
})
