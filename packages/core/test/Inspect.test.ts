import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"

class Vae extends Context.Service<Vae, { readonly scale: number }>()("test/Vae") {}
const ForceZeros = Context.Reference<boolean>("test/ForceZeros", { defaultValue: () => true })
const Latents = Schema.Array(Schema.Finite)

const setTimesteps = Block.pure("setTimesteps", {
  description: "Makes the plan of a run.\nSecond line.",
  inputs: {
    steps: Field.default(Schema.Int, 20).pipe(Field.describe("how often to denoise")),
    seed: Field.default(Schema.Int, Random.nextInt)
  },
  outputs: { timesteps: Schema.Array(Schema.Number) },
  run: ({ steps }) => ({ timesteps: [steps] })
})
const fromImage = Block.make("fromImage", {
  inputs: { image: Schema.String },
  outputs: { latents: Latents },
  components: { vae: Vae },
  run: ({ image }, { vae }) => Effect.succeed({ latents: [image.length * vae.scale] })
})
const maskLatents = Block.pure("maskLatents", {
  inputs: { mask: Schema.String, latents: Latents },
  outputs: { latents: Latents },
  run: ({ latents }) => ({ latents })
})
const inpaint = Block.sequential("inpaint", [fromImage, maskLatents])
const noise = Block.pure("noise", {
  inputs: { size: Field.optional(Schema.Literals(["small", "large"])) },
  outputs: { latents: Latents },
  run: () => ({ latents: [0] })
})
const prepare = Block.auto("prepare", [
  Block.when("mask", inpaint),
  Block.when("image", Block.rename(fromImage, "image2image")),
  noise
])
const decode = Block.make("decode", {
  inputs: { latents: Latents },
  outputs: { text: Schema.String },
  components: { vae: Vae, force: ForceZeros },
  run: ({ latents }) => Effect.succeed({ text: latents.join() })
})
const all = Block.sequential("all", [setTimesteps, prepare, Block.retry(decode, { times: 2 })], {
  description: "Text to image"
})

describe("executionBlocks", () => {
  const paths = (given: any) => Block.executionBlocks(all, given).map((e) => e.path)
  it("makes the choices that names decide", () => {
    assert.deepStrictEqual(paths([]), ["all.setTimesteps", "all.prepare.noise", "all.decode"])
    assert.deepStrictEqual(paths(["image"]), ["all.setTimesteps", "all.prepare.image2image", "all.decode"])
    assert.deepStrictEqual(paths(["image", "mask"]), [
      "all.setTimesteps",
      "all.prepare.inpaint.fromImage",
      "all.prepare.inpaint.maskLatents",
      "all.decode"
    ])
    assert.deepStrictEqual(paths({ image: "x", mask: undefined }), [
      "all.setTimesteps",
      "all.prepare.image2image",
      "all.decode"
    ])
  })
  it("makes the choices that values decide, also of what blocks before write", () => {
    const up = Block.pure("up", { inputs: {}, outputs: {}, run: () => ({}) })
    const choice = Block.conditional("choice", {
      triggers: { strength: Schema.Number },
      branches: [up, Block.rename(up, "down")],
      select: ({ strength = 0 }) => (strength > 0.5 ? "down" : undefined),
      otherwise: "up"
    })
    assert.deepStrictEqual(
      Block.executionBlocks(choice, { strength: 0.9 }).map((e) => e.path),
      ["choice.down"]
    )
    assert.deepStrictEqual(
      Block.executionBlocks(choice, { strength: 0.1 }).map((e) => e.path),
      ["choice.up"]
    )
    const later = Block.sequential("later", [
      fromImage,
      Block.auto("next", [Block.when("latents", up, { unread: true })])
    ])
    assert.deepStrictEqual(
      Block.executionBlocks(later, ["image"]).map((e) => e.path),
      ["later.fromImage", "later.next.up"]
    )
  })
  it("takes nothing for written that only a skipped choice would write, however deep it is", () => {
    const encode = Block.auto("encode", [Block.when("image", fromImage)])
    const reuse = Block.pure("reuse", {
      inputs: { latents: Field.optional(Latents) },
      outputs: { mode: Schema.String },
      run: () => ({ mode: "reuse" })
    })
    const fresh = Block.pure("fresh", { inputs: {}, outputs: { mode: Schema.String }, run: () => ({ mode: "fresh" }) })
    const nested = Block.sequential("nested", [
      Block.sequential("first", [encode, Block.rename(fresh, "plan")]),
      Block.auto("second", [Block.when("latents", reuse), fresh])
    ])
    assert.deepStrictEqual(
      Block.executionBlocks(nested, []).map((e) => e.path),
      ["nested.first.plan", "nested.second.fresh"]
    )
    const both = Block.workflows(nested, { without: [], with: ["image"] })
    const modeOf = (name: "without" | "with") =>
      Block.executionBlocks(Block.workflow(both, name), []).map((e) => e.block.name)
    assert.deepStrictEqual(modeOf("without"), ["plan", "fresh"])
    assert.deepStrictEqual(modeOf("with"), ["fromImage", "plan", "reuse"])
  })
})

describe("workflows", () => {
  const named = Block.workflows(all, { text2image: ["steps"], image2image: ["image"], inpainting: ["image", "mask"] })
  it.effect("a workflow is the composition with its choices made", () =>
    Effect.gen(function* () {
      const image2image = Block.workflow(named, "image2image")
      assert.strictEqual(image2image.name, "image2image")
      assert.deepStrictEqual(Object.keys(image2image.inputs).toSorted(), ["image", "seed", "steps"])
      assert.deepStrictEqual(
        Block.executionBlocks(image2image, []).map((e) => e.path),
        ["image2image.setTimesteps", "image2image.prepare.image2image", "image2image.decode"]
      )
      const out = yield* Effect.provideService(image2image.run({ image: "abc", steps: 1 }), Vae, { scale: 2 })
      assert.deepStrictEqual(out, { timesteps: [1], latents: [6], text: "6" })
      assert.deepStrictEqual(
        yield* Effect.provideService(named.run({ image: "abc", steps: 1 }), Vae, { scale: 2 }),
        out
      )
    })
  )
  it("a choice that is skipped is left out, also with a policy", () => {
    const maybe = Block.provide(Block.auto("maybe", [Block.when("image", fromImage)]), Layer.succeed(Vae, { scale: 1 }))
    const some = Block.workflows(Block.sequential("some", [setTimesteps, maybe]), { plain: [] })
    assert.deepStrictEqual(
      Block.workflow(some, "plain").blocks.map((b) => b.name),
      ["setTimesteps"]
    )
  })
  it("names that are not there are refused at run time too", () => {
    assert.throws(
      () => Block.workflow(named, "nope" as "image2image"),
      /'all': has no workflow 'nope', only 'text2image', 'image2image', 'inpainting'/
    )
    assert.throws(() => Block.workflow(named, "constructor" as "image2image"), /has no workflow 'constructor'/)
    assert.throws(
      () => Block.workflows(all, { bad: ["nope" as "image"] }),
      /workflow 'bad' names 'nope', which is no input/
    )
  })
})

describe("components", () => {
  it("lists each once, with everyone who takes it", () => {
    assert.deepStrictEqual(
      Block.components(all).map(({ key, name, paths }) => [name, key.key, paths]),
      [
        ["vae", "test/Vae", ["all.prepare.inpaint.fromImage", "all.prepare.image2image", "all.decode"]],
        ["force", "test/ForceZeros", ["all.decode"]]
      ]
    )
  })
})

describe("describe", () => {
  it("tells a reader everything", () => {
    const named = Block.workflows(all, { image2image: ["image"] })
    assert.strictEqual(
      Block.describe(named),
      `all (sequential)
  Text to image

  Components:
    vae: test/Vae
    force: test/ForceZeros = true

  Inputs:
    steps: integer = 20
        how often to denoise
    seed: integer = (evaluated when a run starts)
    image?: string
    mask?: string
    size?: "small" | "large"

  Outputs:
    timesteps: Array<number>
    latents: Array<number>
    text: string

  Blocks:
    setTimesteps: Makes the plan of a run.
    prepare (conditional)
      inpaint (sequential)
        fromImage
        maskLatents
      image2image
      noise
    decode (retry)

  Workflows:
    image2image: image`
    )
  })
  it("shows types as they are written", () => {
    const fields = {
      a: Schema.Struct({ x: Schema.Int, "two words": Field.optional(Schema.Boolean) }),
      b: Schema.Union([Schema.Literal(1), Schema.Literal("x"), Schema.Null]),
      c: Schema.Tuple([Schema.String, Schema.Number]),
      d: Schema.Record(Schema.String, Schema.Date),
      e: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
      f: Schema.Uint8Array,
      g: Schema.Struct({ x: Schema.Int }).annotate({ identifier: "Point" }),
      h: Schema.BigInt
    }
    const text = Block.describe(Block.pure("b", { inputs: fields, outputs: {}, run: () => ({}) }))
    for (const line of [
      `a: { x: integer; "two words"?: boolean }`,
      `b: 1 | "x" | null`,
      `c: [string, number]`,
      `d: { [string]: Date }`,
      `e: number between 0 and 1`,
      `f: Uint8Array`,
      `g: Point`,
      `h: bigint`
    ])
      assert.include(text, `    ${line}\n`.trimEnd())
  })
})

describe("toMermaid", () => {
  it("draws boxes in boxes, choices and who needs what", () => {
    assert.strictEqual(
      Block.toMermaid(all),
      `flowchart TD
  subgraph n0["all"]
    n1["setTimesteps"]
    subgraph n2["conditional: prepare"]
      n3{"prepare?"}
      subgraph n4["inpaint"]
        n5["fromImage<br/><i>vae</i>"]
        n6["maskLatents"]
        n5 --> n6
      end
      n3 -->|"mask"| n5
      n7["image2image<br/><i>vae</i>"]
      n3 -->|"image"| n7
      n8["noise"]
      n3 -->|"otherwise"| n8
    end
    n9["decode<br/><i>vae, force</i>"]
    n1 --> n3
    n6 --> n9
    n7 --> n9
    n8 --> n9
  end`
    )
  })
  it("no name can break out of its label", () => {
    const evil = Block.pure(`a"] --> x["<script>#quot; \n end`, { inputs: {}, outputs: {}, run: () => ({}) })
    const text = Block.toMermaid(Block.sequential("s`(){}", [evil]))
    assert.strictEqual(
      text,
      `flowchart TD
  subgraph n0["s#96;#40;#41;#123;#125;"]
    n1["a#34;#93; --#62; x#91;#34;#60;script#62;#35;quot#59; #10; end"]
  end`
    )
  })
  it("a choice that may be skipped goes on from the question; empty boxes say so", () => {
    const text = Block.toMermaid(
      Block.sequential("s", [Block.auto("maybe", [Block.when("image", fromImage)]), Block.sequential("empty", [])])
    )
    assert.include(text, `n5["nothing"]`)
    assert.include(text, "n2 --> n5")
    assert.include(text, "n3 --> n5")
  })
})

describe("inputJsonSchema", () => {
  it("is what runUnknown takes", () => {
    const schema = Block.inputJsonSchema(all)
    assert.deepStrictEqual(schema, {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "all",
      description: "Text to image",
      type: "object",
      properties: {
        steps: {
          type: "integer",
          minimum: -9007199254740991,
          maximum: 9007199254740991,
          description: "how often to denoise",
          default: 20
        },
        seed: { type: "integer", minimum: -9007199254740991, maximum: 9007199254740991 },
        image: { type: "string" },
        mask: { type: "string" },
        size: { type: "string", enum: ["small", "large"] }
      },
      required: [],
      additionalProperties: false
    })
  })
  it("keeps definitions, encoded defaults and names of any kind", () => {
    class Size extends Schema.Class<Size>("Size")({ width: Schema.Int }) {}
    const block = Block.pure("b", {
      inputs: { size: Size, at: Field.default(Schema.Date, new Date(0)), constructor: Schema.String },
      outputs: {},
      run: () => ({})
    })
    const schema = Block.inputJsonSchema(block)
    assert.deepStrictEqual(schema.required, ["size", "constructor"])
    assert.strictEqual((schema.properties as any).at.default, "1970-01-01T00:00:00.000Z")
    const [definition] = Object.values(schema.$defs ?? {})
    assert.strictEqual((definition as any).additionalProperties, false)
  })
})

describe("defaults that branches disagree about", () => {
  const branch = (name: string, strength: number) =>
    Block.pure(name, {
      inputs: { strength: Field.default(Schema.Number, strength), steps: Field.default(Schema.Int, 20) },
      outputs: { used: Schema.Number },
      run: ({ strength }) => ({ used: strength })
    })
  const both = Block.auto("both", [Block.when("mask", branch("inpaint", 0.9), { unread: true }), branch("redraw", 0.3)])

  it("are all shown", () => {
    const text = Block.describe(both)
    assert.match(text, /strength: number = 0\.9 or 0\.3\n/)
    assert.match(text, /steps: integer = 20\n/)
  })
  it("are no default of the JSON Schema", () => {
    const { properties } = Block.inputJsonSchema(both) as { properties: Record<string, { default?: unknown }> }
    assert.isFalse("default" in properties["strength"]!)
    assert.strictEqual(properties["steps"]!.default, 20)
  })
})
