/** What a loop takes and gives, in types; and what the compiler says of one that cannot work. */
import * as Block from "@effect-blocks/core/Block"
import type { Problem } from "@effect-blocks/core/Combinator"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { KeyValueStore } from "effect/persistence"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { describe, expect, test } from "tstyche"

const N = Schema.Number
const inc = Block.pure("inc", { inputs: { x: N, i: N }, outputs: { x: N }, run: ({ x }) => ({ x }) })
const mean = Block.pure("mean", { inputs: { x: N }, outputs: { mean: N }, run: ({ x }) => ({ mean: x }) })
class Unet extends Context.Service<Unet, number>()("Unet") {}
const unet = Block.make("unet", {
  inputs: { latents: N, t: N },
  outputs: { noise: N },
  components: { unet: Unet },
  run: ({ t }) => (t > 0 ? Effect.succeed({ noise: t }) : Effect.fail("oom" as const))
})
const step = Block.pure("step", {
  inputs: { latents: N, noise: N },
  outputs: { latents: N },
  run: ({ latents }) => ({ latents })
})
const timesteps = Loop.make("denoise", {
  inputs: { timesteps: Schema.Array(N) },
  provides: { i: Schema.Int, t: N },
  cursor: Schema.Int,
  initial: () => 0,
  while: (cursor, { timesteps }) => cursor < timesteps.length,
  iteration: (cursor, { timesteps }) => ({ i: cursor, t: timesteps[cursor]! }),
  next: (cursor) => cursor + 1
})

describe("what goes in and out", () => {
  test("of a denoising loop: all that is not provided or written before goes in; carried is certain, the rest perhaps", () => {
    const denoise = Loop.fromBlocks(timesteps, [unet, step])
    expect<Block.In<typeof denoise>>().type.toBe<{
      readonly timesteps: ReadonlyArray<number>
      readonly latents: number
    }>()
    expect<Block.Out<typeof denoise>>().type.toBe<{ readonly latents: number; readonly noise?: number }>()
    expect<Block.Error<typeof denoise>>().type.toBe<"oom">()
    expect<Block.Services<typeof denoise>>().type.toBe<Unet>()
    expect<Block.Name<typeof denoise>>().type.toBe<"denoise">()
  })
  test("iteration variables never leave", () => {
    const write = Block.pure("write", { inputs: {}, outputs: { i: N, y: N }, run: () => ({ i: 1, y: 2 }) })
    const loop = Loop.fromBlocks(Loop.count("loop", { times: 3 }), [write])
    expect<Block.Out<typeof loop>>().type.toBe<{ readonly y?: number }>()
  })
  test("count by a name or a number, under a name", () => {
    const named = Loop.fromBlocks(Loop.count("named", { times: "steps" }), [inc])
    expect<Block.In<typeof named>>().type.toBe<{ readonly steps: number; readonly x: number }>()
    const fixed = Loop.fromBlocks(Loop.count("fixed", { times: 4, as: "k" }), [inc])
    expect<Block.In<typeof fixed>>().type.toBe<{ readonly x: number; readonly i: number }>()
  })
  test("forEach", () => {
    const loop = Loop.fromBlocks(Loop.forEach("each", { over: "ts", item: ["x", N] }), [inc, mean])
    expect<Block.In<typeof loop>>().type.toBe<{ readonly ts: ReadonlyArray<number> }>()
    expect<Block.Out<typeof loop>>().type.toBe<{ readonly mean?: number }>()
  })
  test("whilst may run zero times, until runs once: what it surely writes is there", () => {
    const inputs = { limit: N }
    const whilst = Loop.fromBlocks(Loop.whilst("whilst", { inputs, test: ({ limit }, i) => i < limit }), [mean])
    const until = Loop.fromBlocks(Loop.until("until", { inputs, test: ({ limit }, i) => i > limit }), [mean])
    expect<Block.Out<typeof whilst>>().type.toBe<{ readonly mean?: number }>()
    expect<Block.Out<typeof until>>().type.toBe<{ readonly mean: number }>()
    // so a block after it may require it
    const use = Block.pure("use", { inputs: { mean: N }, outputs: {}, run: () => ({}) })
    const after = Block.sequential("after", [until, use])
    expect<Block.In<typeof after>>().type.toBe<{ readonly limit: number; readonly x: number }>()
    const perhaps = Block.sequential("perhaps", [whilst, use])
    expect<Block.In<typeof perhaps>>().type.toBe<{
      readonly limit: number
      readonly x: number
      readonly mean: number
    }>()
  })
  test("the outputs of a wrapper, and lists", () => {
    const counted = Loop.make("counted", {
      inputs: { x: N },
      provides: {},
      cursor: Schema.Struct({ rounds: Schema.Int, best: N }),
      outputs: { rounds: Schema.Int },
      initial: ({ x }) => ({ rounds: 0, best: x }),
      while: ({ rounds }) => rounds < 9,
      iteration: () => ({}),
      next: ({ rounds, best }, { x }) => ({ rounds: rounds + 1, best: Math.min(best, x) }),
      done: ({ rounds }) => ({ rounds }),
      collect: { means: "mean" }
    })
    const loop = Loop.fromBlocks(counted, [mean])
    expect<Block.Out<typeof loop>>().type.toBe<{
      readonly mean?: number
      readonly rounds: number
      readonly means: ReadonlyArray<number>
    }>()
  })
  test("a custom loop has the errors and components of its function and those of the blocks inside", () => {
    class Dice extends Context.Service<Dice, number>()("Dice") {}
    const wrapper = Loop.custom("mine", {
      inputs: { n: N },
      provides: { t: N },
      outputs: { rounds: Schema.Int },
      loop: (state, loopStep) =>
        Effect.gen(function* () {
          expect(state.n).type.toBe<number>()
          const dice = yield* Dice
          if (dice > state.n) return yield* Effect.fail("lost" as const)
          for (let t = 0; t < dice; t++) state = yield* loopStep(state, { t })
          return { ...state, rounds: dice }
        })
    })
    const quiet = Loop.custom("quiet", {
      inputs: { n: N },
      provides: { t: N },
      loop: Effect.fnUntraced(function* (state, loopStep) {
        return yield* Effect.retry(loopStep({ ...state, n: 1 }, { t: 1 }), { times: 3 })
      })
    })
    const loop = Loop.fromBlocks(wrapper, [unet])
    expect<Block.Out<typeof loop>>().type.toBe<{ readonly noise?: number; readonly rounds: number }>()
    expect<Block.Error<typeof loop>>().type.toBe<"lost" | "oom">()
    expect<Block.Services<typeof loop>>().type.toBe<Dice | Unet>()
    const other = Loop.fromBlocks(quiet, [unet])
    expect<Block.Error<typeof other>>().type.toBe<"oom">()
    expect<Block.Services<typeof other>>().type.toBe<Unet>()
  })
  test("loops of loops of branches", () => {
    const inner = Loop.fromBlocks(Loop.count("inner", { times: "m", as: "j" }), [inc])
    const outer = Loop.fromBlocks(Loop.count("outer", { times: "n" }), [Block.auto("maybe", [Block.when("x", inner)])])
    expect<Block.In<typeof outer>>().type.toBe<{ readonly n: number; readonly x?: number; readonly m?: number }>()
  })
  test("streams, steps and positions", () => {
    const loop = Loop.fromBlocks(timesteps, [unet, step])
    const inputs = { timesteps: [1], latents: 0 }
    expect(Loop.stream(loop, inputs)).type.toBe<Stream.Stream<Loop.IterationEvent, "oom", Unet>>()
    expect(Loop.steps(loop, inputs)).type.toBe<Stream.Stream<Loop.Step<Block.Out<typeof loop>>, "oom", Unet>>()
    expect(Loop.next).type.not.toBeCallableWith(loop, inputs)
    // @ts-expect-error Property 'latents' is missing
    Loop.stream(loop, { timesteps: [1] })
    // @ts-expect-error 'y' does not exist in type
    Loop.start(loop, { timesteps: [1], latents: 0, y: 1 })
  })
  test("a run with snapshots ends with its output, or Done or Left where it may be left", () => {
    const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [inc])
    const inputs = { n: 1, x: 0 }
    type Out = Block.Out<typeof loop>
    expect(Snapshot.run(loop, inputs)).type.toBe<Effect.Effect<Out>>()
    expect(Snapshot.run(loop, inputs, { until: () => true })).type.toBe<Effect.Effect<Snapshot.Outcome<Out>>>()
    const full = () => Effect.fail("full" as const)
    expect(Snapshot.run(loop, inputs, { onBoundary: full })).type.toBe<Effect.Effect<Out, "full">>()
    expect(Checkpoint.run(loop, inputs, { key: "a" })).type.toBeAssignableTo<
      Effect.Effect<Out, unknown, KeyValueStore.KeyValueStore>
    >()
  })
})

describe("what cannot work", () => {
  test("an array that is no tuple", () => {
    const array = [inc, mean]
    // @ts-expect-error "an array of unknown length cannot be wired
    Loop.fromBlocks(timesteps, array)
    const untyped: ReadonlyArray<Block.Any> = array
    expect(Loop.fromBlocks).type.toBeCallableWith(timesteps, untyped)
  })
  test("a block that reads an iteration variable as another type", () => {
    const wrong = Block.pure("wrong", { inputs: { i: Schema.String }, outputs: {}, run: () => ({}) })
    // @ts-expect-error "block 'wrong' cannot read 'i' as block 'loop (loop)' writes it"
    Loop.fromBlocks(Loop.count("loop", { times: 3 }), [wrong])
    // @ts-expect-error { i: { readonly written: number; readonly expected: string; }; }
    Loop.fromBlocks(Loop.count("loop", { times: 3 }), [wrong])
  })
  test("a block that reads what an earlier one writes as another type", () => {
    const wrong = Block.pure("wrong", { inputs: { mean: Schema.String }, outputs: {}, run: () => ({}) })
    // @ts-expect-error "block 'wrong' cannot read 'mean' as block 'mean' writes it"
    Loop.fromBlocks(Loop.count("loop", { times: 3 }), [mean, wrong])
  })
  test("what an iteration leaves does not fit what the next one reads", () => {
    const show = Block.pure("show", {
      inputs: { x: N },
      outputs: { x: Schema.String },
      run: ({ x }) => ({ x: `${x}` })
    })
    // @ts-expect-error "block 'show' writes loop-carried 'x' with a type that the next iteration cannot read"
    Loop.fromBlocks(Loop.count("loop", { times: 3 }), [show])
    // @ts-expect-error readonly written: string; readonly "expected by the next iteration": number
    Loop.fromBlocks(Loop.count("loop", { times: 3 }), [show])
    // once, in a sequence, it is fine
    Block.sequential("once", [show])
  })
  test("two blocks of one name; the name of the loop itself is free", () => {
    // @ts-expect-error "two blocks are named 'inc': give one another name with Block.rename"
    Loop.fromBlocks(Loop.count("loop", { times: 3 }), [inc, inc])
    Loop.fromBlocks(Loop.count("inc", { times: 3 }), [inc, Block.rename(inc, "again")])
  })
  test("an input that is also an iteration variable", () => {
    // @ts-expect-error "'n' is already an input of loop 'loop'"
    Loop.count("loop", { times: "n", as: "n" })
    // @ts-expect-error "'ts' is already an input of loop 'loop'"
    Loop.forEach("loop", { over: "ts", item: ["ts", N] })
    // @ts-expect-error "'t' is already a variable of loop 'loop'"
    Loop.forEach("loop", { over: "ts", item: ["t", N], index: "t" })
    // @ts-expect-error "'i' is already an input of loop 'loop'"
    Loop.whilst("loop", { inputs: { i: N }, test: () => true, as: "i" })
    Loop.make("loop", {
      inputs: { i: N },
      // @ts-expect-error "'i' is already an input of loop 'loop'"
      provides: { i: Schema.Int },
      cursor: Schema.Int,
      initial: () => 0,
      while: () => true,
      iteration: (c) => ({ i: c }),
      next: (c) => c
    })
  })
  test("a cursor of another type than its Schema", () => {
    Loop.make("loop", {
      inputs: { x: N },
      provides: {},
      cursor: Schema.Int,
      // @ts-expect-error Type 'string' is not assignable to type 'number'
      initial: ({ x }) => `${x}`,
      while: (c) => c < 3,
      iteration: () => ({}),
      // @ts-expect-error Type 'bigint' is not assignable to type 'number'
      next: () => 1n
    })
  })
  test("iteration variables that are missing or of another type", () => {
    const rest = { inputs: {}, cursor: Schema.Int, initial: () => 0, while: () => true, next: (c: number) => c }
    // @ts-expect-error Property 'i' is missing in type '{ readonly j: number; }'
    Loop.make("loop", { ...rest, provides: { i: N }, iteration: (c) => ({ j: c }) })
    // @ts-expect-error Type '`${number}`' is not assignable to type 'number'
    Loop.make("loop", { ...rest, provides: { i: N }, iteration: (c) => ({ i: `${c}` }) })
  })
  test("outputs of the wrapper that nothing gives", () => {
    const rest = { inputs: {}, cursor: Schema.Int, initial: () => 0, while: () => true, next: (c: number) => c }
    // @ts-expect-error Property 'done' is missing
    Loop.make("loop", { ...rest, provides: {}, iteration: () => ({}), outputs: { rounds: N } })
  })
  test("a list of what is not surely written", () => {
    const perhaps = Block.pure("perhaps", { inputs: {}, outputs: { y: Schema.optionalKey(N) }, run: () => ({}) })
    // @ts-expect-error "loop 'loop' collects 'y', which the blocks inside do not surely write"
    Loop.fromBlocks(Loop.count("loop", { times: 3, collect: { ys: "y" } }), [perhaps])
    // @ts-expect-error "loop 'loop' collects 'i', which the blocks inside do not surely write"
    Loop.fromBlocks(Loop.count("loop", { times: 3, collect: { is: "i" } }), [inc])
  })
  test("a custom loop whose function does not give its state back", () => {
    const rest = { inputs: { n: N }, provides: { i: N } }
    // @ts-expect-error Property '"~state"' is missing in type '{ n: number; }' but required in type 'GivenByLoopStep'
    Loop.custom("loop", { ...rest, loop: (_state, _loopStep) => Effect.succeed({ n: 1 }) })
    // @ts-expect-error Property '"~state"' is missing in type '{ n: number; }' but required in type 'GivenByLoopStep'
    Loop.custom("loop", { ...rest, loop: (_state, loopStep) => loopStep({ n: 1 }, { i: 1 }) })
    // @ts-expect-error Type 'void' is not assignable to type '{ readonly n: number; } & GivenByLoopStep
    Loop.custom("loop", { ...rest, loop: (state, loopStep) => Effect.asVoid(loopStep(state, { i: 1 })) })
    // @ts-expect-error Property 'i' is missing
    Loop.custom("loop", { ...rest, loop: (state, loopStep) => loopStep(state, {}) })
  })
  test("a custom loop that does not give its outputs", () => {
    const rest = { inputs: { n: N }, provides: {}, outputs: { rounds: N } }
    // @ts-expect-error Property 'rounds' is missing in type 'CustomState<{ readonly n: number; }>'
    Loop.custom("loop", { ...rest, loop: (state, loopStep) => loopStep(state, {}) })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    Loop.custom("loop", { ...rest, loop: (state) => Effect.succeed({ ...state, rounds: "1" }) })
  })
  test("Loop.custom where a run must be left in the middle", () => {
    // what durable execution asks of a block
    const durable = <B extends Block.Any>(
      block: [Block.Customs<B>] extends [never]
        ? B
        : Problem<`'${Block.Customs<B>}' is a Loop.custom: it cannot be continued from its middle; use Loop.make`, {}>
    ) => block
    const custom = Loop.fromBlocks(
      Loop.custom("mine", { inputs: {}, provides: { i: N }, loop: (state, loopStep) => loopStep(state, { i: 1 }) }),
      [inc]
    )
    const deep = Block.sequential("deep", [
      mean,
      Loop.fromBlocks(timesteps, [Block.auto("maybe", [Block.when("x", custom)])])
    ])
    durable(Loop.fromBlocks(timesteps, [unet, step]))
    // @ts-expect-error "'mine' is a Loop.custom: it cannot be continued from its middle; use Loop.make"
    durable(deep)
  })
  test("a change of a snapshot that is no variable, or of another type", () => {
    const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [inc, mean])
    const modify = (snapshot: Snapshot.Snapshot) => {
      Snapshot.modify(loop, snapshot, { x: 1, mean: 2 })
      // @ts-expect-error 'y' does not exist in type
      Snapshot.modify(loop, snapshot, { y: 1 })
      // @ts-expect-error Type 'string' is not assignable to type 'number'
      Snapshot.modify(loop, snapshot, { x: "1" })
    }
    expect(modify).type.toBeCallableWith({} as Snapshot.Snapshot)
  })
})

describe("iterate has the signature of Effect 3's", () => {
  test("a predicate, and a refinement that the body gets", () => {
    expect(Loop.iterate(0, { while: (i) => i < 3, body: (i) => Effect.succeed(i + 1) })).type.toBe<
      Effect.Effect<number>
    >()
    const isNumber = (value: number | string): value is number => typeof value === "number"
    const refined = Loop.iterate(0 as number | string, {
      while: isNumber,
      body: (n) => Effect.succeed(n > 3 ? "end" : n)
    })
    expect(refined).type.toBe<Effect.Effect<number | string>>()
  })
  test("errors and services of the body", () => {
    const body = (i: number): Effect.Effect<number, "no", Unet> => Effect.as(Unet, i)
    expect(Loop.iterate(0, { while: () => true, body })).type.toBe<Effect.Effect<number, "no", Unet>>()
  })
})
