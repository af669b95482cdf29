/** Every kind of wiring fault is a compile error, and its message names the blocks, the variable and both types. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Block from "@effect-blocks/core/Block"
import type * as Cache from "@effect-blocks/core/Cache"
import * as Field from "@effect-blocks/core/Field"
import type { Fingerprinted } from "@effect-blocks/core/Fingerprint"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { describe, expect, test } from "tstyche"

const Latents = Schema.Array(Schema.Number)
interface UnetShape {
  readonly predict: (latents: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<number>, "oom">
}
class Unet extends Context.Service<Unet, UnetShape>()("Unet") {}
class Vae extends Context.Service<Vae, Fingerprinted & { readonly decode: (x: number) => number }>()("Vae") {}

const encode = Block.pure("encode", {
  inputs: { prompt: Schema.String },
  outputs: { embeds: Schema.Number },
  run: ({ prompt }) => ({ embeds: prompt.length })
})
const unet = Block.make("unet", {
  inputs: { embeds: Schema.Number, latents: Latents },
  outputs: { noise: Latents },
  components: { unet: Unet },
  run: ({ latents }, { unet }) => Effect.map(unet.predict(latents), (noise) => ({ noise }))
})
const decode = Block.make("decode", {
  inputs: { noise: Latents },
  outputs: { image: Schema.String },
  run: ({ noise }) => Effect.succeed({ image: noise.join() })
})
const text = Block.pure("text", {
  inputs: { embeds: Schema.String },
  outputs: { caption: Schema.String },
  run: ({ embeds }) => ({ caption: embeds })
})
const all = Block.sequential("all", [encode, unet, decode])
const noise = Layer.succeed(Unet, { predict: Effect.succeed })

describe("what a block reads", () => {
  test("a type mismatch between writer and reader", () => {
    expect(Block.sequential).type.not.toBeCallableWith("t2i", [encode, text])
    // @ts-expect-error "block 'text' cannot read 'embeds' as block 'encode' writes it"
    Block.sequential("t2i", [encode, text])
    // @ts-expect-error { embeds: { readonly written: number; readonly expected: string; }; }
    Block.sequential("t2i", [encode, text])
  })
  test("read before write: it becomes an input of the sequence, and leaving it out is an error", () => {
    const wrong = Block.sequential("wrong", [decode, encode])
    expect<Block.In<typeof wrong>>().type.toBe<{ readonly noise: ReadonlyArray<number>; readonly prompt: string }>()
    // @ts-expect-error Property 'noise' is missing in type '{ prompt: string; }'
    wrong.run({ prompt: "a cat" })
  })
  test("an optional output does not satisfy a requirement", () => {
    const perhaps = Block.pure("perhaps", { inputs: {}, outputs: { noise: Field.optional(Latents) }, run: () => ({}) })
    const both = Block.sequential("both", [perhaps, decode])
    expect<Block.In<typeof both>>().type.toBe<{ readonly noise: ReadonlyArray<number> }>()
    // @ts-expect-error Property 'noise' is missing in type '{}'
    both.run({})
  })
  test("two blocks that need one input with types that exclude each other", () => {
    // @ts-expect-error "block 'text' and block 'unet' both need input 'embeds', with types that exclude each other"
    Block.sequential("both", [unet, text])
  })
  test("the same beside each other", () => {
    // @ts-expect-error "block 'text' and block 'unet' both need input 'embeds', with types that exclude each other"
    Block.parallel("both", [unet, text])
  })
  test("an input that run does not declare", () => {
    Block.pure("x", {
      inputs: { a: Schema.Number },
      outputs: { b: Schema.Number },
      // @ts-expect-error Property 'c' does not exist on type '{ readonly a: number; }'
      run: ({ c }) => ({ b: c })
    })
  })
})

describe("what a block writes", () => {
  test("an output of another type", () => {
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    Block.pure("x", { inputs: {}, outputs: { b: Schema.Number }, run: () => ({ b: "1" }) })
  })
  test("a missing output", () => {
    // @ts-expect-error Property 'b' is missing in type '{}' but required in type '{ readonly b: number; }'
    Block.pure("x", { inputs: {}, outputs: { b: Schema.Number }, run: () => ({}) })
  })
  test("an undeclared output", () => {
    // @ts-expect-error "block 'x' writes 'c', which its outputs do not declare"
    Block.pure("x", { inputs: {}, outputs: { b: Schema.Number }, run: () => ({ b: 1, c: 2 }) })
    // @ts-expect-error "block 'x' writes 'c', which its outputs do not declare"
    Block.make("x", { inputs: {}, outputs: { b: Schema.Number }, run: () => Effect.succeed({ b: 1, c: 2 }) })
  })
  test("two blocks beside each other write one variable", () => {
    const again = Block.rename(encode, "again")
    // @ts-expect-error "block 'again' and block 'encode' both write 'embeds' in parallel"
    Block.parallel("both", [encode, again])
  })
  test("what comes out of a choice must fit its reader", () => {
    const other = Block.pure("other", { inputs: {}, outputs: { embeds: Schema.String }, run: () => ({ embeds: "" }) })
    const choice = Block.auto("choice", [Block.when("prompt", encode), other])
    expect<Block.Out<typeof choice>>().type.toBe<{ readonly embeds: string | number }>()
    // @ts-expect-error "block 'unet' cannot read 'embeds' as block 'choice' writes it"
    Block.sequential("s", [choice, unet])
  })
  test("an output that only one branch writes", () => {
    const nothing = Block.pure("nothing", { inputs: {}, outputs: {}, run: () => ({}) })
    const choice = Block.auto("choice", [Block.when("prompt", encode), nothing])
    const both = Block.sequential("both", [choice, unet])
    // @ts-expect-error Property 'embeds' is missing in type '{ prompt: string; latents: never[]; }'
    both.run({ prompt: "", latents: [] })
  })
})

describe("components", () => {
  test("a missing component", () => {
    expect<Block.Services<typeof all>>().type.toBe<Unet>()
    // @ts-expect-error Type 'Unet' is not assignable to type 'never'
    Effect.runPromise(all.run({ prompt: "", latents: [] }))
  })
  test("a layer of another component leaves it missing", () => {
    const wrong = Block.provide(all, Layer.succeed(Vae, { fingerprint: "", decode: (x) => x }))
    expect<Block.Services<typeof wrong>>().type.toBe<Unet>()
    // @ts-expect-error Type 'Unet' is not assignable to type 'never'
    Effect.runPromise(wrong.run({ prompt: "", latents: [] }))
    expect<Block.Services<ReturnType<typeof provided>>>().type.toBe<never>()
  })
  const provided = () => Block.provide(all, noise)
  test("a component that is not what it says", () => {
    Block.make("x", {
      inputs: {},
      outputs: { b: Schema.Number },
      components: { vae: Vae },
      // @ts-expect-error Type 'string' is not assignable to type 'number'
      run: (_, { vae }) => Effect.succeed({ b: vae.fingerprint })
    })
  })
  test("a cached block needs fingerprints", () => {
    // @ts-expect-error "block 'unet' cannot be cached: component 'Unet' has no fingerprint"
    Block.cached(unet)
    // @ts-expect-error "block 'unet' cannot be cached: component 'Unet' has no fingerprint"
    unet.pipe(Block.cached())
    const vae = Block.make("vae", {
      inputs: { x: Schema.Number },
      outputs: { y: Schema.Number },
      components: { vae: Vae },
      run: ({ x }, { vae }) => Effect.succeed({ y: vae.decode(x) })
    })
    const cached = Block.cached(vae)
    expect<Block.Services<typeof cached>>().type.toBe<Vae | Cache.Cache>()
  })
})

describe("names", () => {
  test("two blocks of one name in a sequence", () => {
    // @ts-expect-error "two blocks are named 'encode': give one another name with Block.rename"
    Block.sequential("twice", [encode, encode])
  })
  test("beside each other", () => {
    // @ts-expect-error "two blocks are named 'encode': give one another name with Block.rename"
    Block.parallel("twice", [encode, encode])
  })
  test("two branches of one name", () => {
    Block.auto("twice", [
      // @ts-expect-error "two branches are named 'encode': give one another name with Block.rename"
      Block.when("prompt", encode),
      // @ts-expect-error "two branches are named 'encode': give one another name with Block.rename"
      encode
    ])
  })
})

describe("arrays", () => {
  const array = [encode, text]
  test("an array that is no tuple: nobody knows which of its blocks come when", () => {
    // @ts-expect-error "an array of unknown length cannot be wired: write the blocks in the brackets, or `as const` behind the array"
    Block.sequential("s", array)
    expect(Block.sequential).type.not.toBeCallableWith("s", [decode, ...array])
    // @ts-expect-error "an array of unknown length cannot be wired
    Block.parallel("p", array)
  })
  test("of unknown blocks it is untyped code, and as const wired", () => {
    const untyped: ReadonlyArray<Block.Any> = array
    expect<Block.In<ReturnType<typeof wired>>>().type.toBe<{
      readonly prompt: string
      readonly latents: ReadonlyArray<number>
    }>()
    expect(Block.sequential).type.toBeCallableWith("s", untyped)
  })
  const tuple = [encode, unet] as const
  const wired = () => Block.sequential("s", tuple)
})

describe("choices", () => {
  test("a branch that is not there", () => {
    // @ts-expect-error Type '"decode"' is not assignable to type '"encode"'
    Block.conditional("c", { triggers: { prompt: Schema.String }, branches: [encode], select: () => "decode" })
  })
  test("a default that is not there", () => {
    // @ts-expect-error Type '"decode"' is not assignable to type '"encode"'
    Block.conditional("c", { triggers: {}, branches: [encode], select: () => undefined, otherwise: "decode" })
  })
  test("a trigger that is not declared", () => {
    Block.conditional("c", {
      triggers: { prompt: Schema.String },
      branches: [encode],
      // @ts-expect-error Property 'strength' does not exist on type
      select: ({ strength }) => (strength === 1 ? "encode" : undefined)
    })
  })
  test("a trigger that no input is", () => {
    const choice = Block.auto("choice", [Block.when("image", encode, { unread: true })])
    // @ts-expect-error Type '"mask"' is not assignable to type '"prompt" | "image"'
    Block.executionBlocks(choice, ["mask"])
  })
  test("a trigger of auto that no branch reads: misspelt", () => {
    // @ts-expect-error "no branch reads 'promtp', which is to select 'encode': is it misspelt?
    Block.auto("choice", [Block.when("promtp", encode), decode])
    // what they read is told too
    // @ts-expect-error { readonly read: "prompt" | "noise"; }
    Block.auto("choice", [Block.when("promtp", encode), decode])
    const inner = Block.auto("inner", [Block.when("preview", encode, { unread: true }), decode])
    // another branch may read it, also one deep inside, or only look whether it is there
    Block.auto("choice", [Block.when("noise", encode), Block.when("prompt", decode)])
    Block.auto("choice", [Block.when("preview", Block.sequential("deep", [inner])), encode])
    // what the compiler cannot know is taken as it is
    Block.auto("choice", [Block.when("promtp" as string, encode), decode])
    Block.auto("choice", [Block.when("promtp", encode as Block.Any), decode])
  })
  test("a default that is not the last branch", () => {
    Block.auto("choice", [
      // @ts-expect-error "'encode' has no 'when': only the last branch can be the default"
      encode,
      Block.when("image", decode)
    ])
  })
  test("a branch that is no block", () => {
    // @ts-expect-error not assignable
    Block.auto("choice", [Block.when("image", "encode")])
  })
})

describe("editing", () => {
  test("a target that is not there", () => {
    // @ts-expect-error Argument of type '"nope"' is not assignable to parameter of type '"encode" | "unet" | "decode"'
    Block.get(all, "nope")
    // @ts-expect-error Argument of type '"nope"' is not assignable to parameter of type '"encode" | "unet" | "decode"'
    Block.remove(all, "nope")
    // @ts-expect-error Argument of type '"nope"' is not assignable to parameter of type '"encode" | "unet" | "decode"'
    Block.insertBefore(all, "nope", encode)
  })
  test("a replacement that does not fit", () => {
    const wrong = Block.pure("w", { inputs: {}, outputs: { embeds: Schema.String }, run: () => ({ embeds: "" }) })
    // @ts-expect-error "block 'unet' cannot read 'embeds' as block 'encode' writes it"
    Block.replace(all, "encode", wrong)
  })
  test("an insertion of a name that is there", () => {
    // @ts-expect-error "two blocks are named 'encode': give one another name with Block.rename"
    Block.insertAfter(all, "encode", encode)
  })
  test("only a sequence can be edited", () => {
    // @ts-expect-error is not assignable to parameter of type 'Sequential
    Block.remove(encode, "encode")
  })
})

describe("running", () => {
  test("a missing input", () => {
    // @ts-expect-error Property 'latents' is missing in type '{ prompt: string; }'
    all.run({ prompt: "" })
    // @ts-expect-error Property 'latents' is missing in type '{ prompt: string; }'
    Pipeline.run(all, { prompt: "" })
  })
  test("an input of another type", () => {
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    Pipeline.run(all, { prompt: 1, latents: [] })
  })
  test("an input that is not there", () => {
    // @ts-expect-error Object literal may only specify known properties, but 'promt' does not exist in type '{ readonly prompt: string; readonly latents: readonly number[]; }'
    Pipeline.run(all, { prompt: "", latents: [], promt: "" })
  })
  test("an output that is not there", () => {
    // @ts-expect-error Type '"pictures"' is not assignable to type
    Pipeline.run(all, { prompt: "", latents: [] }, { output: "pictures" })
    // @ts-expect-error Type '"pictures"' is not assignable to type
    Pipeline.run(all, { prompt: "", latents: [] }, { output: ["image", "pictures"] })
  })
  test("an unknown workflow, and a workflow of unknown inputs", () => {
    const named = Block.workflows(all, { text2image: ["prompt"] })
    // @ts-expect-error Argument of type '"inpainting"' is not assignable to parameter of type '"text2image"'
    Block.workflow(named, "inpainting")
    // @ts-expect-error Type '"mask"' is not assignable to type '"prompt" | "latents"'
    Block.workflows(all, { inpainting: ["mask"] })
  })
})

describe("fields and policies", () => {
  test("a default of another type", () => {
    // @ts-expect-error Argument of type 'string' is not assignable to parameter of type
    Field.default(Schema.Int, "20")
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    Field.default(Schema.Int, Effect.succeed("20"))
  })
  test("a hook that does not fit", () => {
    // @ts-expect-error "the hook does not fit block 'encode'"
    encode.pipe(Block.before((_: { readonly prompt: number }) => Effect.void))
    // @ts-expect-error Property 'caption' does not exist on type '{ readonly embeds: number; }'
    Block.tap(encode, ({ caption }) => Effect.log(caption))
  })
})
