/** Golden cases of the topic "rng": every value must be bit for bit what torch drew. */
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"

/** A tensor's place in the binary file beside the JSON. */
export interface Reference {
  readonly offset: number
  readonly shape: ReadonlyArray<number>
  readonly dtype: string
}

export type ReadTensor = (reference: Reference) => Tensor.Tensor

export interface Outcome {
  readonly ok: boolean
  /** the largest absolute difference of a value */
  readonly difference: number
  readonly where?: string
}

interface Step {
  readonly op: string
  readonly n: number
  readonly low?: number
  readonly high?: number
  readonly values: Reference | ReadonlyArray<number>
}

interface Case {
  readonly kind: string
  readonly seed: string
  readonly shape?: ReadonlyArray<number>
  readonly low?: number
  readonly high?: number
  readonly n?: number
  readonly sizes?: ReadonlyArray<number>
  readonly seeds?: ReadonlyArray<string>
  readonly steps?: ReadonlyArray<Step>
  readonly values?: Reference | ReadonlyArray<number> | ReadonlyArray<Reference>
}

const isReference = (u: unknown): u is Reference => typeof u === "object" && u !== null && "offset" in u

type Expected = Case["values"] | Step["values"]

export const runCase = (_doc: unknown, golden: Case, readTensor: ReadTensor): Outcome => {
  let difference = 0
  let where: string | undefined
  const compare = (label: string, got: Tensor.Tensor, expected: Expected): void => {
    const values = isReference(expected) ? readTensor(expected).data : (expected ?? [])
    if (values.length !== got.data.length) {
      difference = Infinity
      where ??= `${label}: ${got.data.length} values, expected ${values.length}`
      return
    }
    for (let i = 0; i < values.length; i++) {
      const x = Number(got.data[i])
      const y = Number(values[i])
      if (Object.is(x, y)) continue
      difference = Math.max(difference, Math.abs(x - y))
      where ??= `${label}[${i}]: ${x}, expected ${y}`
    }
  }
  const widened = (tensor: Tensor.Tensor<Rng.FloatDType>) => Tensor.cast(tensor, "float32")
  const shape = golden.shape ?? []
  const rng = Rng.make(golden.seed)
  switch (golden.kind) {
    case "randn":
      compare("values", Rng.normal(rng, shape)[0], golden.values)
      break
    case "rand":
      compare("values", Rng.uniform(rng, shape)[0], golden.values)
      break
    case "randn_float64":
      compare("values", Rng.normal(rng, shape, "float64")[0], golden.values)
      break
    case "rand_float64":
      compare("values", Rng.uniform(rng, shape, "float64")[0], golden.values)
      break
    case "randn_float16":
      compare("values", widened(Rng.normal(rng, shape, "float16")[0]), golden.values)
      break
    case "randn_bfloat16":
      compare("values", widened(Rng.normal(rng, shape, "bfloat16")[0]), golden.values)
      break
    case "randint":
      compare("values", Rng.integers(rng, golden.low ?? 0, golden.high ?? 0, shape)[0], golden.values)
      break
    case "randperm":
      compare("values", Rng.permutation(rng, golden.n ?? 0)[0], golden.values)
      break
    case "randn_tensor_generator_list": {
      const rngs = (golden.seeds ?? []).map((seed) => Rng.make(seed))
      compare("values", Rng.normalBatch(rngs, shape)[0], golden.values)
      break
    }
    case "randn_sequence": {
      let state = rng
      for (const [i, n] of (golden.sizes ?? []).entries()) {
        const [tensor, after] = Rng.normal(state, [n])
        const expected = golden.values
        compare(`values[${i}]`, tensor, Array.isArray(expected) ? expected[i] : expected)
        state = after
      }
      break
    }
    case "mixed_sequence": {
      let state = rng
      for (const [i, step] of (golden.steps ?? []).entries()) {
        const [tensor, after] = drawStep(state, step)
        compare(`steps[${i}] (${step.op})`, tensor, step.values)
        state = after
      }
      break
    }
    default:
      return { ok: false, difference: Infinity, where: `unknown kind '${golden.kind}'` }
  }
  return where === undefined ? { ok: true, difference } : { ok: false, difference, where }
}

const drawStep = (rng: Rng.Rng, step: Step): Rng.Drawn<Tensor.Tensor> => {
  switch (step.op) {
    case "randn":
      return Rng.normal(rng, [step.n])
    case "rand":
      return Rng.uniform(rng, [step.n])
    case "randint":
      return Rng.integers(rng, step.low ?? 0, step.high ?? 0, [step.n])
    case "randperm":
      return Rng.permutation(rng, step.n)
    default:
      throw new Error(`unknown operation '${step.op}'`)
  }
}
