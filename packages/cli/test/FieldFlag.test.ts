import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

const steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))
  .pipe(Schema.withDecodingDefaultKey(Effect.succeed(20)))
  .annotateKey({ description: "Steps" })

describe("FieldFlag", () => {
  it("reads type, range, default and description off a field", () => {
    assert.deepEqual(FieldFlag.facts(steps), {
      kind: "integer",
      description: "Steps",
      minimum: 1,
      maximum: 1000,
      default: 20
    })
    assert.deepEqual(FieldFlag.facts(Schema.optionalKey(Schema.String)), {
      kind: "string",
      description: undefined,
      minimum: undefined,
      maximum: undefined,
      default: undefined
    })
    assert.strictEqual(FieldFlag.facts(Schema.Struct({ a: Schema.String })).kind, undefined)
    // the bounds of safe integers say nothing to people
    assert.deepInclude(FieldFlag.facts(Schema.Int), { kind: "integer", minimum: undefined, maximum: undefined })
  })

  it("decodes text through the field, or says what the field expects", () => {
    assert.deepEqual(FieldFlag.decode(steps, "20"), Exit.succeed(20))
    for (const text of ["0", "1001", "2.5", "many", "", " ", "NaN", "Infinity", "0x10x"]) {
      assert.deepEqual(FieldFlag.decode(steps, text), Exit.fail("an integer from 1 to 1000"), text)
    }
    const atLeast = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(2))
    assert.deepEqual(FieldFlag.decode(atLeast, "1"), Exit.fail("a number of at least 2"))
    assert.deepEqual(FieldFlag.decode(Schema.String, "42"), Exit.succeed("42"))
    assert.isTrue(Exit.isFailure(FieldFlag.decode(Schema.Struct({}), "{}")))
  })

  it("keeps integers exact beyond 2^53 where the field can hold them", () => {
    const seed = Schema.Union([Schema.Int, Schema.BigInt])
    assert.deepEqual(FieldFlag.decode(seed, "9007199254740993"), Exit.succeed(9007199254740993n))
    assert.deepEqual(FieldFlag.decode(seed, "7"), Exit.succeed(7))
    assert.isTrue(Exit.isFailure(FieldFlag.decode(Schema.Int, "9007199254740993")))
  })

  it("finds a flag for every field of the pipeline that a text can stand for", () => {
    const inputs: Readonly<Record<string, Schema.Constraint>> = StableDiffusion.pipeline.inputs
    const kinds = Object.fromEntries(
      Object.keys(inputs).map((name) => [name, FieldFlag.facts(inputs[name] as FieldFlag.Field).kind])
    )
    assert.deepInclude(kinds, {
      prompt: "string",
      negativePrompt: "string",
      seed: "integer",
      numInferenceSteps: "integer",
      guidanceScale: "number",
      strength: "number",
      image: undefined,
      latents: undefined
    })
  })
})
