/** The passes over arrays that schedulers are made of, against the same written plainly. */
import { assert, describe, it } from "@effect/vitest"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { exp32 } from "../src/internal/scheduler/exp.ts"
import { clampInto, thresholdInto } from "../src/internal/scheduler/prediction.ts"
import { quantileOfMagnitudes } from "../src/internal/scheduler/quantile.ts"
import { weightedSum } from "../src/internal/scheduler/sum.ts"
import { learnedNoise } from "../src/internal/scheduler/variance.ts"

const f = Math.fround
const size = 257
const normals = (seed: number, shape: ReadonlyArray<number> = [size]) => Rng.normal(Rng.make(seed), shape)[0].data
const odd = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1.25, -1.25, 1e-42, -1e-42, 3e38, -3e38]

describe("passes", () => {
  it("add up any number of terms from zero, each operation rounded", () => {
    for (let count = 2; count <= 9; count++) {
      const weights = Array.from({ length: count }, (_, k) => 0.3 - 0.17 * k)
      const terms = weights.map((_, k) => normals(k))
      const expected = Float32Array.from({ length: size }, (_, i) =>
        terms.reduce((sum, term, k) => f(sum + f(f(weights[k]!) * term[i]!)), 0)
      )
      assert.deepStrictEqual(weightedSum(weights, terms), expected, `${count} terms`)
    }
  })

  it("clamp as comparisons do, and leave NaN", () => {
    for (const range of [1, 0.3, 1e-40, 1e300]) {
      const values = Float32Array.from([...odd, ...normals(1)])
      const limit = f(range)
      const expected = values.map((x) => (x < -limit ? -limit : x > limit ? limit : x))
      assert.deepStrictEqual(clampInto(values.slice(), range), expected, `${range}`)
    }
  })

  it("threshold each item by its own quantile; one NaN is everywhere in its item", () => {
    const values = Float32Array.from([...normals(1), ...normals(2).map((x) => 3 * x), ...normals(3)])
    values[2 * size + 5] = NaN
    const found = thresholdInto(values.slice(), 3, 0.9, 2.5)
    for (const item of [0, 1]) {
      const part = values.subarray(item * size, (item + 1) * size)
      const cut = Math.min(Math.max(quantileOfMagnitudes(part, 0.9), 1), 2.5)
      const expected = part.map((x) => f(Math.min(Math.max(x, -cut), cut) / cut))
      assert.deepStrictEqual(found.subarray(item * size, (item + 1) * size), expected)
    }
    assert.ok(found.subarray(2 * size).every(Number.isNaN))
  })

  it("find high quantiles among equal values as sorting does", () => {
    // 4097 values: the ratio k / 4096 is exactly the rank k
    const values = Float32Array.from({ length: 4097 }, (_, i) => (i % 400 === 0 ? -1e30 : 1 + (i % 7) / 1024))
    const sorted = values.map(Math.abs).toSorted()
    for (let rank = 0; rank < 4097; rank += 64)
      assert.strictEqual(quantileOfMagnitudes(values, rank / 4096), sorted[rank]!, `${rank}`)
    for (let rank = 4080; rank < 4097; rank++)
      assert.strictEqual(quantileOfMagnitudes(values, rank / 4096), sorted[rank]!, `${rank}`)
    values[4000] = NaN
    assert.isNaN(quantileOfMagnitudes(values, 0.99))
  })

  it("take exponentials as exact as float32 shows, at both ends too", () => {
    for (let i = 0; i < 20_000; i++) {
      const x = f(-110 + (i * 220) / 20_000)
      assert.strictEqual(exp32(x), f(Math.exp(x)), `${x}`)
    }
    for (const x of [NaN, Infinity, -Infinity, 0, 1e30, -1e30]) assert.deepStrictEqual(exp32(x), f(Math.exp(x)))
  })

  it("scale noise by the variance in the second half of each item's channels", () => {
    const shape = [2, 8, 4, 4]
    const output = Tensor.make("float32", shape, normals(4, shape).map(Math.abs))
    const noise = normals(5, [2 * 64])
    const said = (i: number) => output.data[i + (Math.floor(i / 64) + 1) * 64]!
    const scaled = (deviation: (value: number) => number) => noise.map((x, i) => f(deviation(said(i)) * x))
    assert.deepStrictEqual(
      learnedNoise(output, noise, undefined),
      scaled((value) => f(Math.sqrt(value)))
    )
    const [low, high] = [-9.5, -3.25]
    const logarithm = (share: number) => f(f(share * high) + f(f(1 - share) * low))
    assert.deepStrictEqual(
      learnedNoise(output, noise, [low, high]),
      scaled((value) => f(Math.exp(f(0.5 * logarithm(f(f(value + 1) / 2))))))
    )
  })
})
