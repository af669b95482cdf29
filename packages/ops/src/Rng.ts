/**
 * torch's CPU random numbers as pure functions: a generator is a value, and drawing gives back the one that follows. The
 * same seed gives the same bits as `torch.Generator("cpu").manual_seed(seed)` (MT19937; ATen/native/cpu/
 * DistributionTemplates.h and DistributionsHelper.h), normals in blocks as torch's AVX2 kernel computes them.
 *
 * A generator can be stored at any point and goes on from there: it is `{ seed, drawn, spare }`. While a program runs, going
 * on costs nothing; a generator that was stored first skips what was drawn, some milliseconds for a million words
 * (`benchmark/rng.ts`).
 */
import * as Schema from "effect/Schema"
import * as draw from "./internal/rng/draw.ts"
import * as Tensor from "./Tensor.ts"

/** Skipping is linear in what was drawn: a stored generator beyond this is not believed. */
const maxDrawn = 2 ** 36

/**
 * A generator: plain data, with this Schema.
 *
 * - `seed`: the low 32 bits of the seed, all that MT19937 takes
 * - `drawn`: how many 32-bit words have been taken: one for a normal or uniform of up to 32 bits and for an integer of a
 *   range below 2^28, two for one of 64 bits; a ragged end of 16 or more normals takes 16 more; normals of any kind
 *   drawn less than 16 at once take four words a pair
 * - `spare`: the second normal of such a pair, when only the first was asked for; it waits for the next small draw
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * const [, after] = Rng.normal(Rng.make(0), [1, 4, 8, 8])
 * assert.deepEqual(Schema.decodeUnknownSync(Rng.Rng)({ seed: 0, drawn: 256, spare: null }), after)
 * ```
 */
export const Rng = Schema.Struct({
  seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 })),
  drawn: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxDrawn })),
  spare: Schema.NullOr(Schema.Finite)
}).annotate({ title: "Rng", description: "a random number generator: torch's CPU generator at some position" })

/** A generator at some position. */
export type Rng = typeof Rng.Type

/**
 * A request that no generator can fulfil: an impossible seed, range or batch. Thrown: it is a mistake of the program;
 * seeds from outside are best decoded by `Seed`.
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 *
 * assert.throws(() => Rng.make(0.5), { message: "Rng: 0.5 is not a seed (a whole number from -2^63 to 2^64 - 1)" })
 * ```
 */
export class RngError extends Schema.TaggedError<RngError>()("RngError", { problem: Schema.String }) {
  override get message() {
    return `Rng: ${this.problem}`
  }
}

const refuse = (problem: string): never => {
  throw new RngError({ problem })
}

const minSeed = -(2n ** 63n)
const maxSeed = 2n ** 64n - 1n

/**
 * A seed as users give it: a whole number from -2^63 to 2^64 - 1 as torch takes it; in JSON a number, or a string of
 * digits where a number would lose some.
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * const decode = Schema.decodeUnknownSync(Schema.toCodecJson(Rng.Seed))
 * assert.equal(decode(7), 7)
 * assert.equal(decode("18446744073709551615"), 2n ** 64n - 1n)
 * assert.throws(() => decode(1.5))
 * ```
 */
export const Seed = Schema.Union([
  Schema.Int,
  Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: minSeed, maximum: maxSeed }))
])
/** A seed as torch takes it: from -2^63 to 2^64 - 1. */
export type Seed = typeof Seed.Type

/**
 * A generator at its start. Seeds beyond 2^53 are given as bigint or string; negative ones wrap, as in torch. Only the
 * low 32 bits matter.
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 *
 * assert.deepEqual(Rng.make(42), { seed: 42, drawn: 0, spare: null })
 * assert.deepEqual(Rng.make(-1), Rng.make("18446744073709551615"))
 * ```
 */
export const make = (seed: Seed | string): Rng => {
  const given = typeof seed === "string" ? seed.trim() : String(seed)
  const whole = /^[+-]?\d{1,20}$/.test(given) && (typeof seed !== "number" || Number.isSafeInteger(seed))
  const value = whole ? BigInt(given.replace("+", "")) : undefined
  return value === undefined || value < minSeed || value > maxSeed
    ? refuse(`${given} is not a seed (a whole number from -2^63 to 2^64 - 1)`)
    : { seed: Number(BigInt.asUintN(32, value)), drawn: 0, spare: null }
}

/** What was drawn, and the generator to go on with. */
export type Drawn<A> = readonly [value: A, rng: Rng]

/** As `Drawn`, for several generators. */
export type DrawnBatch<A> = readonly [value: A, rngs: ReadonlyArray<Rng>]

/** The dtypes of normals and uniforms. */
export type FloatDType = "float32" | "float64" | "float16" | "bfloat16"

/**
 * Standard normals (torch.randn), float32 unless another dtype is given; 16-bit floats are computed in their own
 * precision, as torch does.
 *
 * Drawing in parts is not drawing at once: from 16 values on torch fills blocks of 16, below that it draws one by one.
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 *
 * const [latents, rng] = Rng.normal(Rng.make(0), [1, 4, 8, 8])
 * assert.deepEqual(latents.shape, [1, 4, 8, 8])
 * assert.equal(latents.data[0], Math.fround(-1.1258398294448853))
 * const [half] = Rng.normal(rng, [16], "float16")
 * assert.equal(half.dtype, "float16")
 * ```
 */
export function normal(rng: Rng, shape: ReadonlyArray<number>): Drawn<Tensor.Tensor<"float32">>
export function normal<D extends FloatDType>(rng: Rng, shape: ReadonlyArray<number>, dtype: D): Drawn<Tensor.Tensor<D>>
export function normal(rng: Rng, shape: ReadonlyArray<number>, dtype: FloatDType = "float32"): Drawn<Tensor.Tensor> {
  return draw.floats(rng, shape, dtype, draw.normals)
}

/**
 * Uniforms in [0, 1) (torch.rand), float32 (24 bits) unless another dtype is given.
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 *
 * const [values] = Rng.uniform(Rng.make(0), [2])
 * assert.deepEqual([...values.data], [0.49625658988952637, 0.7682217955589294])
 * ```
 */
export function uniform(rng: Rng, shape: ReadonlyArray<number>): Drawn<Tensor.Tensor<"float32">>
export function uniform<D extends FloatDType>(rng: Rng, shape: ReadonlyArray<number>, dtype: D): Drawn<Tensor.Tensor<D>>
export function uniform(rng: Rng, shape: ReadonlyArray<number>, dtype: FloatDType = "float32"): Drawn<Tensor.Tensor> {
  return draw.floats(rng, shape, dtype, draw.uniforms)
}

/** one generator draws the whole shape, several one item each */
const itemwise = (
  one: (rng: Rng, shape: ReadonlyArray<number>, dtype: FloatDType) => Drawn<Tensor.Tensor<FloatDType>>,
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: FloatDType
): DrawnBatch<Tensor.Tensor<FloatDType>> => {
  const [first] = rngs
  if (first === undefined || (rngs.length !== 1 && rngs.length !== shape[0])) {
    return refuse(`${rngs.length} generators for a batch of ${shape[0] ?? 0}: give one, or one per item`)
  }
  if (rngs.length === 1) {
    const [tensor, after] = one(first, shape, dtype)
    return [tensor, [after]]
  }
  const items = rngs.map((rng) => one(rng, [1, ...shape.slice(1)], dtype))
  return [Tensor.concat(items.map(([tensor]) => tensor)), items.map(([, after]) => after)]
}

/**
 * `normal` with one generator per item of the first axis, so that every picture of a batch has its own seed (diffusers'
 * `randn_tensor` with a list of generators); with one generator, `normal`.
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 *
 * const [batch] = Rng.normalBatch([Rng.make(1), Rng.make(2)], [2, 4, 8, 8])
 * const [alone] = Rng.normal(Rng.make(2), [1, 4, 8, 8])
 * assert.ok(Tensor.equals(Tensor.slice(batch, 1, 2), alone))
 * ```
 */
export function normalBatch(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>
): DrawnBatch<Tensor.Tensor<"float32">>
export function normalBatch<D extends FloatDType>(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: D
): DrawnBatch<Tensor.Tensor<D>>
export function normalBatch(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: FloatDType = "float32"
): DrawnBatch<Tensor.Tensor> {
  return itemwise(normal, rngs, shape, dtype)
}

/**
 * `uniform` with one generator per item of the first axis, or one for all.
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 *
 * const [batch, rngs] = Rng.uniformBatch([Rng.make(1), Rng.make(2)], [2, 3])
 * assert.deepEqual(batch.shape, [2, 3])
 * assert.equal(rngs.length, 2)
 * ```
 */
export function uniformBatch(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>
): DrawnBatch<Tensor.Tensor<"float32">>
export function uniformBatch<D extends FloatDType>(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: D
): DrawnBatch<Tensor.Tensor<D>>
export function uniformBatch(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: FloatDType = "float32"
): DrawnBatch<Tensor.Tensor> {
  return itemwise(uniform, rngs, shape, dtype)
}

const bound = (value: number | bigint): bigint =>
  typeof value === "bigint" || Number.isSafeInteger(value) ? BigInt(value) : refuse(`${value} is not a bound`)

/**
 * Whole numbers from `low` to `high` (excluded), any range within int64 (torch.randint).
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 *
 * const [values] = Rng.integers(Rng.make(0), 0, 10, [5])
 * assert.deepEqual([...values.data], [4n, 9n, 3n, 0n, 3n])
 * ```
 */
export const integers = (
  rng: Rng,
  low: number | bigint,
  high: number | bigint,
  shape: ReadonlyArray<number>
): Drawn<Tensor.Tensor<"int64">> => {
  const from = bound(low)
  const to = bound(high)
  if (from >= to || from < minSeed || to > 2n ** 63n - 1n) refuse(`[${low}, ${high}) is not a range of int64`)
  return draw.int64(rng, shape, (source, out) => draw.integers(source, from, to - from, out))
}

const maxPermutation = Math.floor((2 ** 32 - 1) / 20)

/**
 * The numbers from 0 to n - 1 in random order (torch.randperm).
 *
 * ```ts
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as assert from "node:assert"
 *
 * const [order] = Rng.permutation(Rng.make(0), 4)
 * assert.deepEqual([...order.data], [0n, 1n, 3n, 2n])
 * ```
 */
export const permutation = (rng: Rng, n: number): Drawn<Tensor.Tensor<"int64">> =>
  Number.isInteger(n) && n >= 0 && n < maxPermutation
    ? draw.int64(rng, [n], draw.permutation)
    : refuse(`${n} is not a length (a whole number from 0 to ${maxPermutation - 1})`)
