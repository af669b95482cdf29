/**
 * torch's CPU random numbers as pure functions: a generator is a value, and drawing returns the generator that follows.
 */
import * as Schema from "effect/Schema"
import * as draw from "./internal/rng/draw.ts"
import * as Tensor from "./Tensor.ts"

export const Rng = Schema.Struct({
  seed: Schema.Int,
  drawn: Schema.Int,
  spare: Schema.NullOr(Schema.Finite)
})
export type Rng = typeof Rng.Type

export class RngError extends Schema.TaggedError<RngError>()("RngError", { problem: Schema.String }) {
  override get message() {
    return `Rng: ${this.problem}`
  }
}

export type Drawn<A> = readonly [value: A, rng: Rng]

export type FloatDType = "float32" | "float64" | "float16" | "bfloat16"

export const make = (seed: number | bigint | string): Rng => ({
  seed: Number(BigInt.asUintN(32, BigInt(seed))),
  drawn: 0,
  spare: null
})

export function normal(rng: Rng, shape: ReadonlyArray<number>): Drawn<Tensor.Tensor<"float32">>
export function normal<D extends FloatDType>(rng: Rng, shape: ReadonlyArray<number>, dtype: D): Drawn<Tensor.Tensor<D>>
export function normal(rng: Rng, shape: ReadonlyArray<number>, dtype: FloatDType = "float32"): Drawn<Tensor.Tensor> {
  return draw.floats(rng, shape, dtype, draw.normals)
}

export function uniform(rng: Rng, shape: ReadonlyArray<number>): Drawn<Tensor.Tensor<"float32">>
export function uniform<D extends FloatDType>(rng: Rng, shape: ReadonlyArray<number>, dtype: D): Drawn<Tensor.Tensor<D>>
export function uniform(rng: Rng, shape: ReadonlyArray<number>, dtype: FloatDType = "float32"): Drawn<Tensor.Tensor> {
  return draw.floats(rng, shape, dtype, draw.uniforms)
}

const itemwise = <D extends FloatDType>(
  one: (rng: Rng, shape: ReadonlyArray<number>, dtype: D) => Drawn<Tensor.Tensor<D>>,
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: D
): readonly [value: Tensor.Tensor<D>, rngs: ReadonlyArray<Rng>] => {
  if (rngs.length !== 1 && rngs.length !== shape[0]) {
    throw new RngError({
      problem: `${rngs.length} generators for a batch of ${shape[0] ?? 0}: give one, or one per item`
    })
  }
  const [first] = rngs
  if (rngs.length === 1 && first !== undefined) {
    const [tensor, after] = one(first, shape, dtype)
    return [tensor, [after]]
  }
  const drawn = rngs.map((rng) => one(rng, [1, ...shape.slice(1)], dtype))
  return [Tensor.concat(drawn.map(([tensor]) => tensor)), drawn.map(([, after]) => after)]
}

export function normalBatch(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>
): readonly [value: Tensor.Tensor<"float32">, rngs: ReadonlyArray<Rng>]
export function normalBatch<D extends FloatDType>(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: D
): readonly [value: Tensor.Tensor<D>, rngs: ReadonlyArray<Rng>]
export function normalBatch(
  rngs: ReadonlyArray<Rng>,
  shape: ReadonlyArray<number>,
  dtype: FloatDType = "float32"
): readonly [value: Tensor.Tensor<FloatDType>, rngs: ReadonlyArray<Rng>] {
  return itemwise<FloatDType>(normal, rngs, shape, dtype)
}

export const integers = (
  rng: Rng,
  low: number | bigint,
  high: number | bigint,
  shape: ReadonlyArray<number>
): Drawn<Tensor.Tensor<"int64">> => {
  const tensor = Tensor.zeros("int64", shape)
  const source = new draw.Source(rng)
  draw.integers(source, BigInt(low), BigInt(high) - BigInt(low), tensor.data)
  return [tensor, source.end()]
}

export const permutation = (rng: Rng, n: number): Drawn<Tensor.Tensor<"int64">> => {
  const tensor = Tensor.zeros("int64", [n])
  const source = new draw.Source(rng)
  draw.permutation(source, tensor.data)
  return [tensor, source.end()]
}
