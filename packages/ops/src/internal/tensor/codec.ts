/** The Schema of a tensor and its JSON form. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Dim, DType, NumericDType, Spec, Tensor, TensorSchema } from "../../Tensor.ts"
import { link as arbitrary } from "./arbitrary.ts"
import { Blobs } from "./blobs.ts"
import * as value from "./value.ts"

const specKey = "~effect-blocks/Tensor"
const reference = "ref:"

export const specOf = (schema: Schema.Constraint): Spec | undefined =>
  (schema.ast.annotations as Record<string, Spec> | undefined)?.[specKey]

export const mismatch = (tensor: Tensor, dtype: DType, dims: ReadonlyArray<Dim> | undefined): string | undefined => {
  const expected = () => `expected ${value.show(dtype, dims)}, got ${tensor}`
  if (tensor.dtype !== dtype) return `${expected()} (dtype)`
  if (dims === undefined) return undefined
  if (tensor.shape.length !== dims.length) {
    return `${expected()} (rank ${tensor.shape.length} instead of ${dims.length})`
  }
  let names: Map<string, number> | undefined
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = dims[axis]!
    const length = tensor.shape[axis]!
    if (typeof dim === "number") {
      if (length !== dim) return `${expected()} (axis ${axis}: ${length} instead of ${dim})`
    } else if (dim !== "") {
      names ??= new Map()
      const seen = names.get(dim)
      if (seen === undefined) names.set(dim, length)
      else if (seen !== length) return `${expected()} ('${dim}' is both ${seen} and ${length})`
    }
  }
  return undefined
}

interface Json {
  readonly dtype: DType
  readonly shape: ReadonlyArray<number>
  readonly data: string | ReadonlyArray<string>
}

const encode = (tensor: Tensor): Effect.Effect<Json> => {
  const { dtype, shape } = tensor
  if (dtype === "string") return Effect.succeed({ dtype, shape, data: tensor.data as ReadonlyArray<string> })
  const bytes = value.bytesOf(tensor.data as Uint8Array)
  return Effect.flatMap(Blobs, (blobs) =>
    blobs === null
      ? Effect.succeed({
          dtype,
          shape,
          data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")
        })
      : Effect.map(blobs.put(bytes), (ref) => ({ dtype, shape, data: reference + ref }))
  )
}

/**
 * Buffer skips what is not base64 and stops at padding; a string that is all base64 has exactly the length of its bytes'
 * encoding, and padding at its end only.
 */
const fromBase64 = (text: string): Uint8Array | undefined => {
  const bytes = Buffer.from(text, "base64")
  const padding = (3 - (bytes.length % 3)) % 3
  const whole = text.length === Math.ceil(bytes.length / 3) * 4 && text.endsWith("=".repeat(padding))
  return whole ? bytes : undefined
}

const build = (dtype: NumericDType, shape: ReadonlyArray<number>, bytes: Uint8Array): Tensor | string => {
  const problem = value.invalidBytes(dtype, shape, bytes.byteLength)
  if (problem !== undefined) return problem
  const data = value.fromBytes(dtype, bytes)
  if (dtype === "bool" && (data as Uint8Array).some((byte) => byte > 1)) return "a bool is one byte, 0 or 1"
  return value.unsafeMake<DType>(dtype, shape, data)
}

const decode = (json: Json): Effect.Effect<Tensor | string> => {
  const { data, dtype, shape } = json
  if (dtype === "string") {
    const problem = value.invalid(dtype, shape, data)
    return Effect.succeed(problem ?? value.unsafeMake<DType>(dtype, shape, data as ReadonlyArray<string>))
  }
  const text = data as string
  if (!text.startsWith(reference)) {
    const bytes = fromBase64(text)
    return Effect.succeed(bytes === undefined ? "data is not base64" : build(dtype, shape, bytes))
  }
  return Effect.flatMap(Blobs, (blobs) =>
    blobs === null
      ? Effect.succeed("data refers to bytes that are stored elsewhere, and there is no Blobs service")
      : Effect.map(blobs.get(text.slice(reference.length)), (bytes) => build(dtype, shape, bytes))
  )
}

const jsonSchema = (dtype: DType, dims: ReadonlyArray<Dim> | undefined, description: string | undefined) => {
  const length = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
  return Schema.Struct({
    dtype: Schema.Literal(dtype),
    shape:
      dims === undefined
        ? Schema.Array(length)
        : Schema.Tuple(
            dims.map((dim) => (typeof dim === "number" ? Schema.Literal(dim) : length.annotate({ title: dim })))
          ),
    data:
      dtype === "string"
        ? Schema.Array(Schema.String)
        : Schema.String.annotate({ contentEncoding: "base64", description: "elements, row-major, little-endian" })
  }).annotate({ title: value.show(dtype, dims), ...(description === undefined ? {} : { description }) })
}

export const schema = <D extends DType>(
  dtype: D,
  dims: ReadonlyArray<Dim> | undefined,
  annotations: Schema.Annotations.Bottom<Tensor<D>, readonly []> = {}
): TensorSchema<D> => {
  const title = value.show(dtype, dims)
  const self = Schema.declareConstructor<Tensor<D>, Tensor<D>>()(
    [],
    () => (u, ast, options) => {
      if (!value.isTensor(u)) return Effect.fail(new SchemaIssue.InvalidType(ast, u, options))
      const problem = mismatch(u, dtype, dims)
      return problem === undefined
        ? Effect.succeed(u as Tensor<D>)
        : Effect.fail(new SchemaIssue.InvalidValue({ message: problem }, u, options))
    },
    {
      title,
      expected: `a tensor ${title}`,
      ...annotations,
      [specKey]: { dtype, dims } satisfies Spec,
      toEquivalence: () => value.equals,
      toFormatter: () => String,
      toCodecArbitrary: () => arbitrary(dtype, dims),
      toCodecJson: () =>
        Schema.link<Tensor<D>>()(
          jsonSchema(dtype, dims, annotations.description) as unknown as Schema.Codec<Json>,
          SchemaTransformation.transformEffect<Tensor<D>, Json>({
            encode: (tensor) => encode(tensor as unknown as Tensor),
            decode: (json, options) =>
              Effect.flatMap(decode(json), (result) =>
                typeof result === "string"
                  ? Effect.fail(new SchemaIssue.InvalidValue({ message: result }, json, options))
                  : Effect.succeed(result as Tensor<D>)
              )
          })
        )
    }
  ) as unknown as TensorSchema<D>
  // A description added later must reach the JSON Schema, which is made from the codec, not from this node.
  return Object.assign(self, {
    annotate: (more: Schema.Annotations.Bottom<Tensor<D>, readonly []>) =>
      schema(dtype, dims, { ...annotations, ...more })
  })
}
