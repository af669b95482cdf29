/** What the compiler makes of compositions: short, exact types. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Cause from "effect/Cause"
import * as Block from "@effect-blocks/core/Block"
import type * as Errors from "@effect-blocks/core/Errors"
import * as Field from "@effect-blocks/core/Field"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { describe, expect, test } from "tstyche"

class Unet extends Context.Service<Unet, { readonly predict: (x: number) => Effect.Effect<number, "oom"> }>()("Unet") {}
class Size extends Context.Service<Size, number>()("Size") {}

const plan = Block.pure("plan", {
  inputs: { steps: Field.default(Schema.Int, 20), image: Field.optional(Schema.String) },
  outputs: { timesteps: Schema.Array(Schema.Number), note: Field.optional(Schema.String) },
  run: ({ image, steps }) => {
    expect(steps).type.toBe<number>()
    expect(image).type.toBe<string | undefined>()
    return { timesteps: [steps] }
  }
})
const unet = Block.make("unet", {
  inputs: { timesteps: Schema.Array(Schema.Number), x: Schema.Number },
  outputs: { x: Schema.Number },
  components: { unet: Unet },
  run: ({ x }, { unet }) => Effect.map(unet.predict(x), (x) => ({ x }))
})
const all = Block.sequential("all", [plan, unet])

describe("rows", () => {
  test("a default may be left out and is there for run", () => {
    expect<Block.In<typeof plan>>().type.toBe<{ readonly steps?: number; readonly image?: string }>()
  })
  test("a sequence", () => {
    expect<Block.In<typeof all>>().type.toBe<{ readonly steps?: number; readonly image?: string; readonly x: number }>()
    expect<Block.Out<typeof all>>().type.toBe<{
      readonly timesteps: ReadonlyArray<number>
      readonly note?: string
      readonly x: number
    }>()
    expect<Block.Error<typeof all>>().type.toBe<"oom">()
    expect<Block.Services<typeof all>>().type.toBe<Unet>()
    expect<Block.Name<typeof all>>().type.toBe<"all">()
  })
  test("an input that is perhaps overwritten comes out as either type", () => {
    const perhaps = Block.pure("perhaps", {
      inputs: {},
      outputs: { x: Field.optional(Schema.String) },
      run: () => ({})
    })
    const read = Block.pure("read", {
      inputs: { x: Schema.Union([Schema.String, Schema.Number]) },
      outputs: {},
      run: () => ({})
    })
    const both = Block.sequential("both", [perhaps, read])
    expect<Block.In<typeof both>>().type.toBe<{ readonly x: string | number }>()
    expect<Block.Out<typeof both>>().type.toBe<{ readonly x?: string | number }>()
  })
  test("a choice requires what every branch requires, and surely writes what every branch writes", () => {
    const a = Block.pure("a", {
      inputs: { p: Schema.String, q: Schema.Number },
      outputs: { r: Schema.Number, s: Schema.Number },
      run: () => ({ r: 1, s: 2 })
    })
    const b = Block.pure("b", { inputs: { p: Schema.String }, outputs: { r: Schema.Number }, run: () => ({ r: 1 }) })
    const sure = Block.auto("sure", [Block.when("image", a, { unread: true }), b])
    expect<Block.In<typeof sure>>().type.toBe<{ readonly p: string; readonly q?: number; readonly image?: unknown }>()
    expect<Block.Out<typeof sure>>().type.toBe<{ readonly r: number; readonly s?: number }>()
    expect<Block.Error<typeof sure>>().type.toBe<Errors.MissingInputError>()
    const perhaps = Block.auto("perhaps", [Block.when("image", a, { unread: true })])
    expect<Block.In<typeof perhaps>>().type.toBe<{
      readonly p?: string
      readonly q?: number
      readonly image?: unknown
    }>()
    expect<Block.Out<typeof perhaps>>().type.toBe<{ readonly r?: number; readonly s?: number }>()
  })
  test("blocks beside each other", () => {
    const note = Block.pure("note", {
      inputs: { prompt: Schema.String },
      outputs: { text: Schema.String },
      run: ({ prompt }) => ({ text: prompt })
    })
    const both = Block.parallel("both", [unet, note])
    expect<Block.In<typeof both>>().type.toBe<{
      readonly timesteps: ReadonlyArray<number>
      readonly x: number
      readonly prompt: string
    }>()
    expect<Block.Out<typeof both>>().type.toBe<{ readonly x: number; readonly text: string }>()
  })
  test("references and services as components", () => {
    const Zero = Context.Reference<boolean>("Zero", { defaultValue: () => true })
    const b = Block.make("b", {
      inputs: {},
      outputs: {},
      components: { zero: Zero, size: Size },
      run: (_, { size, zero }) => {
        expect(zero).type.toBe<boolean>()
        expect(size).type.toBe<number>()
        return Effect.succeed({})
      }
    })
    expect<Block.Services<typeof b>>().type.toBe<Size>()
  })
})

describe("policies", () => {
  test("provide takes from R and may add to E and R", () => {
    const layer = Layer.effect(
      Unet,
      Effect.as(
        Size.use((n) => (n > 0 ? Effect.void : Effect.fail("small" as const))),
        { predict: Effect.succeed }
      )
    )
    const provided = Block.provide(all, layer)
    expect<Block.Services<typeof provided>>().type.toBe<Size>()
    expect<Block.Error<typeof provided>>().type.toBe<"oom" | "small">()
    expect(all.pipe(Block.provide(layer))).type.toBe<typeof provided>()
  })
  test("retry, timeout, hooks", () => {
    expect<Block.Error<ReturnType<typeof timed>>>().type.toBe<"oom" | Cause.TimeoutError>()
    const again = Block.retry(unet, Schedule.recurs(3))
    expect<Block.Error<typeof again>>().type.toBe<"oom">()
    const tapped = Block.tap(all, ({ x }) =>
      Effect.flatMap(Size, (n) => (n === x ? Effect.fail("same" as const) : Effect.void))
    )
    expect<Block.Error<typeof tapped>>().type.toBe<"oom" | "same">()
    expect<Block.Services<typeof tapped>>().type.toBe<Unet | Size>()
  })
  test("written inside a composition", () => {
    const layer = Layer.succeed(Unet, { predict: (x: number) => Effect.succeed(x) })
    const inside = Block.sequential("inside", [
      Block.retry(Block.rename(plan, "a"), { times: 1 }),
      Block.retry(Block.rename(plan, "b"), Schedule.recurs(1)),
      Block.timeout(Block.rename(plan, "c"), "1 second"),
      Block.before(Block.rename(plan, "d"), () => Effect.void),
      Block.tap(Block.rename(plan, "e"), () => Effect.void),
      Block.after(Block.rename(plan, "f"), () => Effect.void),
      Block.provide(Block.rename(unet, "g"), layer),
      Block.rename(unet, "h").pipe(Block.retry({ times: 1 }), Block.provide(layer))
    ])
    expect<Block.Error<typeof inside>>().type.toBe<"oom" | Cause.TimeoutError>()
    expect<Block.Services<typeof inside>>().type.toBe<never>()
    const choice = Block.auto("choice", [
      Block.when("image", Block.retry(plan, { times: 1 })),
      Block.provide(Block.rename(unet, "g"), layer)
    ])
    expect<Block.Services<typeof choice>>().type.toBe<never>()
    expect<Block.Error<typeof choice>>().type.toBe<"oom" | Errors.MissingInputError>()
  })
  const timed = () => unet.pipe(Block.timeout("1 second"))
})

describe("editing keeps the types", () => {
  test("remove, replace, rename, get", () => {
    const without = Block.remove(all, "plan")
    expect<Block.In<typeof without>>().type.toBe<{ readonly timesteps: ReadonlyArray<number>; readonly x: number }>()
    const other = Block.pure("other", {
      inputs: {},
      outputs: { timesteps: Schema.Array(Schema.Number) },
      run: () => ({ timesteps: [] })
    })
    const replaced = Block.replace(all, "plan", other)
    expect<Block.In<typeof replaced>>().type.toBe<{ readonly x: number }>()
    expect(Block.get(replaced, "unet")).type.toBe<typeof unet>()
    const renamed = Block.rename(all, "other")
    expect(Block.get(renamed, "plan")).type.toBe<typeof plan>()
  })
})

describe("running", () => {
  test("outputs by name", () => {
    const run = <const O extends "x" | "timesteps">(output: O) => Pipeline.run(all, { x: 1 }, { output })
    expect<Effect.Success<ReturnType<typeof run<"x">>>>().type.toBe<number>()
    expect(Pipeline.run(all, { x: 1 }, { output: ["x", "note"] })).type.toBe<
      Effect.Effect<{ readonly x: number; readonly note?: string }, "oom" | Errors.InputError, Unet>
    >()
  })
  test("a state stands in for inputs", () => {
    const next = Pipeline.run(all, {}, { state: { x: 1, extra: true } })
    expect<Effect.Success<typeof next>["extra"]>().type.toBe<boolean>()
    expect<Effect.Success<typeof next>["x"]>().type.toBe<number>()
  })
  test("a workflow requires what it is named for", () => {
    const workflow = Block.workflow(Block.workflows(all, { image2image: ["image", "x"] }), "image2image")
    expect<Block.In<typeof workflow>>().type.toBe<{
      readonly steps?: number
      readonly image: string
      readonly x: number
    }>()
    expect<Block.Name<typeof workflow>>().type.toBe<"image2image">()
  })
})

describe("any block", () => {
  const time = <B extends Block.Any>(block: B, inputs: Block.In<B>) => Effect.timed(Block.run(block, inputs))
  const both = <A extends Block.Any, B extends Block.Any>(first: A, second: B, inputs: Block.In<A> & Block.In<B>) =>
    Effect.all([Block.run(first, inputs), Block.run(second, inputs)])
  test("a function over every block keeps its types", () => {
    expect<Effect.Error<ReturnType<typeof time<typeof all>>>>().type.toBe<"oom">()
    expect(time(plan, {})).type.toBeAssignableTo<Effect.Effect<readonly [unknown, Block.Out<typeof plan>]>>()
    expect(both).type.not.toBeCallableWith(plan, unet, { timesteps: [] })
    expect(both).type.toBeCallableWith(plan, unet, { timesteps: [], x: 1 })
    expect(time).type.not.toBeCallableWith(unet, {})
  })
  test("every block is one", () => {
    expect(all).type.toBeAssignableTo<Block.Any>()
    expect(Block.seal(all)).type.toBeAssignableTo<Block.Any>()
    expect(Block.provide(all, Layer.succeed(Unet, { predict: Effect.succeed }))).type.toBeAssignableTo<Block.Any>()
    expect(Block.when("image", all).block).type.toBe<typeof all>()
  })
  test("a sealed pipeline is its rows and its name", () => {
    expect(Block.seal(all)).type.toBe<
      Block.Sealed<
        { readonly steps?: number; readonly image?: string; readonly x: number },
        { readonly timesteps: ReadonlyArray<number>; readonly note?: string; readonly x: number },
        "oom",
        Unet,
        "all"
      >
    >()
  })
  test("nothing hides that a run can be left anywhere", () => {
    expect<Block.Customs<typeof all>>().type.toBe<never>()
    const layer = Layer.succeed(Unet, { predict: Effect.succeed })
    const wrapped = () =>
      Block.seal(
        Block.provide(
          Block.tap(Block.rename(all, "b"), () => Effect.void),
          layer
        )
      )
    expect<Block.Customs<ReturnType<typeof wrapped>>>().type.toBe<never>()
    expect<Block.Customs<Block.Block<{}, {}>>>().type.toBe<string>()
  })
})
