import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const side = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_536 }))
const steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))
  .pipe(Schema.withDecodingDefaultKey(Effect.succeed(20)))
  .annotateKey({ description: "Steps" })

describe("FieldFlag", () => {
  it("reads what a text stands for, range, default and description off a field", () => {
    assert.deepEqual(FieldFlag.facts(steps), {
      shapes: [{ kind: "integer", minimum: 1, maximum: 1000 }],
      description: "Steps",
      default: 20
    })
    const shapes = (field: FieldFlag.Field) => FieldFlag.facts(field).shapes
    const any = { minimum: undefined, maximum: undefined }
    assert.deepEqual(FieldFlag.facts(Schema.optionalKey(Schema.String)), {
      shapes: [{ kind: "string" }],
      description: undefined,
      default: undefined
    })
    // the bounds of safe integers say nothing to people
    assert.deepEqual(shapes(Schema.Int), [{ kind: "integer", ...any }])
    assert.deepEqual(shapes(Schema.Boolean), [{ kind: "boolean" }])
    assert.deepEqual(shapes(Schema.Literals(["a", "b"])), [{ kind: "choice", values: ["a", "b"] }])
    assert.deepEqual(shapes(Schema.NullOr(Schema.Finite)), [{ kind: "number", ...any }])
    assert.deepEqual(shapes(Schema.Array(Schema.Finite)), [{ kind: "list", of: { kind: "number", ...any } }])
    assert.deepEqual(shapes(Schema.Tuple([Schema.Int, Schema.String])), [
      { kind: "tuple", of: [{ kind: "integer", ...any }, { kind: "string" }] }
    ])
    // a definition that the Schema refers to
    assert.deepEqual(shapes(Schema.String.annotate({ identifier: "Name" })), [{ kind: "string" }])
    // where one text will do, a comma is a part of it
    assert.deepEqual(shapes(Schema.Union([Schema.String, Schema.Array(Schema.String)])), [{ kind: "string" }])
    for (const none of [
      Schema.Struct({ a: Schema.String }),
      Schema.Array(Schema.Array(Schema.Int)),
      Schema.Tuple([Schema.Int, Schema.Struct({})]),
      Schema.Record(Schema.String, Schema.Int)
    ]) {
      assert.deepEqual(shapes(none), [])
    }
  })

  it("reads lists, tuples, choices and booleans", () => {
    const decoded = (field: FieldFlag.Field, text: string) => FieldFlag.decode(field, text)
    const levels = Schema.Array(Schema.Finite)
    assert.deepEqual(decoded(levels, "14.6, 3,-1e-2"), Exit.succeed([14.6, 3, -0.01]))
    for (const text of ["", "1,,2", "1,", "1 2", "1,x", "[1,2]"]) {
      assert.deepEqual(decoded(levels, text), Exit.fail("numbers with commas between them"), text)
    }
    const pair = Schema.Tuple([side, side])
    assert.deepEqual(decoded(pair, "0,65536"), Exit.succeed([0, 65536]))
    for (const text of ["1", "1,2,3", "1x2", "1,65537", "1,-1", "1,1.5"]) {
      assert.deepEqual(decoded(pair, text), Exit.fail("2 integers from 0 to 65536 with a comma between them"), text)
    }
    assert.deepEqual(
      decoded(Schema.Tuple([Schema.Int, Schema.String]), "1"),
      Exit.fail("an integer, then a text with a comma between them")
    )
    assert.deepEqual(decoded(Schema.Literals([8, 16]), "16"), Exit.succeed(16))
    assert.deepEqual(decoded(Schema.Literals(["a", "b"]), "c"), Exit.fail("one of a, b"))
    const auto = Schema.Union([Schema.Literal("auto"), Schema.Finite])
    assert.deepEqual([decoded(auto, "auto"), decoded(auto, "2")], [Exit.succeed("auto"), Exit.succeed(2)])
    assert.deepEqual(decoded(auto, "never"), Exit.fail("a number, or auto"))
    assert.deepEqual(decoded(Schema.Boolean, "true"), Exit.succeed(true))
    assert.deepEqual(decoded(Schema.NonEmptyArray(Schema.String), "a, b"), Exit.succeed(["a", " b"]))
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

  it("keeps bigints exact that stand alone", () => {
    assert.deepEqual(FieldFlag.decode(Schema.BigInt, "-9007199254740993"), Exit.succeed(-9007199254740993n))
    assert.isTrue(Exit.isFailure(FieldFlag.decode(Schema.BigInt, "1.5")))
  })

  it("finds a flag for every input of the pipelines that a text can stand for, and for no other", () => {
    const names = (block: { readonly inputs: Schema.Struct.Fields }) =>
      Object.keys(FieldFlag.all(block.inputs)).toSorted()
    const texts = (block: { readonly inputs: Schema.Struct.Fields }) =>
      Object.keys(block.inputs)
        .filter((name) => !/(?:[eE]mbeds|[lL]atents|^image|^maskImage)$/.test(name))
        .toSorted()
    for (const { pipeline } of [StableDiffusion, StableDiffusionXL, LatentConsistency]) {
      assert.isAbove(names(pipeline).length, 9)
      assert.deepEqual(names(pipeline), texts(pipeline))
    }
  })

  it("makes flags for the inputs of a pipeline of one's own", () => {
    const block = Block.pure("own", {
      inputs: {
        hue: Field.default(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 359 })), 7),
        tiled: Schema.Boolean
      },
      outputs: {},
      run: () => ({})
    })
    const flags = FieldFlag.all(block.inputs, (name) => (name === "hue" ? { name: "colour" } : {}))
    const seen: Array<unknown> = []
    const command = Command.make("own", { flags }, ({ flags }) => Effect.sync(() => void seen.push(flags)))
    const run = (...args: ReadonlyArray<string>) => Command.runWith(command, { version: "1" })(args)
    return Effect.runPromise(
      Effect.gen(function* () {
        yield* run("--colour", "300", "--no-tiled")
        yield* run("--tiled")
        assert.deepEqual(seen, [
          { hue: Option.some(300), tiled: Option.some(false) },
          { hue: Option.none(), tiled: Option.some(true) }
        ])
        const error = yield* Effect.flip(run("--colour", "360"))
        assert.match(
          String(error._tag === "ShowHelp" ? error.errors[0]?.message : error),
          /--colour: "360".*an integer from 0 to 359/
        )
      }).pipe(
        Effect.provide(NodeServices.layer),
        Effect.provide(CliOutput.layerPresenter({ present: () => Effect.void }))
      )
    )
  })
})
