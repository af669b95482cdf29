/** Random numbers: every value must be, bit for bit, what torch drew. */
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { type Case, differenceOf, type Golden, type Reference } from "./golden.ts"
import { type Check, type Outcome, outcome, type Topic } from "./topic.ts"

/** what a case expects: numbers in the JSON, or a place in the binary file */
type Expected = ReadonlyArray<number> | Reference

const isReference = (expected: Expected): expected is Reference => !Array.isArray(expected)

/** a bound beyond 2^53: JSON numbers are rounded, 2^63 - 1 to 2^63 */
const bound = (value: number): bigint => {
  const largest = 2n ** 63n - 1n
  return BigInt(value) > largest ? largest : BigInt(value)
}

/** one draw by its name in the golden data */
const draw = (rng: Rng.Rng, kind: string, fields: Case): Rng.Drawn<Tensor.Tensor> => {
  const shape: ReadonlyArray<number> = fields["shape"] ?? [fields["n"]]
  switch (kind) {
    case "randn":
      return Rng.normal(rng, shape)
    case "randn_float64":
      return Rng.normal(rng, shape, "float64")
    case "randn_float16":
      return Rng.normal(rng, shape, "float16")
    case "randn_bfloat16":
      return Rng.normal(rng, shape, "bfloat16")
    case "rand":
      return Rng.uniform(rng, shape)
    case "rand_float64":
      return Rng.uniform(rng, shape, "float64")
    case "randint":
      return Rng.integers(rng, bound(fields["low"]), bound(fields["high"]), shape)
    case "randperm":
      return Rng.permutation(rng, fields["n"])
    default:
      throw new Error(`unknown kind '${kind}'`)
  }
}

export const runCase = (golden: Golden, testCase: Case): Outcome => {
  const checks: Array<Check> = []
  const compare = (place: string, got: Tensor.Tensor, expected: Expected): void => {
    const want = isReference(expected) ? Array.from<number | bigint>(golden.values(expected)) : expected
    const difference = differenceOf(Tensor.toArray(got).map(Number), want.map(Number))
    checks.push({ place, limit: 0, difference })
  }
  const { kind, seed, values } = testCase
  if (kind === "randn_tensor_generator_list") {
    const rngs = testCase["seeds"].map((seed: string) => Rng.make(seed))
    compare("values", Rng.normalBatch(rngs, testCase["shape"])[0], values)
    return outcome(checks)
  }
  let rng = Rng.make(seed)
  const next = (place: string, kind: string, fields: Case, expected: Expected): void => {
    const [tensor, after] = draw(rng, kind, fields)
    compare(place, tensor, expected)
    rng = after
  }
  if (kind === "randn_sequence") {
    for (const [i, n] of testCase["sizes"].entries()) next(`draw ${i}`, "randn", { n }, values[i])
  } else if (kind === "mixed_sequence") {
    for (const [i, step] of testCase["steps"].entries()) next(`draw ${i} (${step.op})`, step.op, step, step.values)
  } else next("values", kind, testCase, values)
  return outcome(checks)
}

export const topic: Topic = { name: "rng", runCase }
