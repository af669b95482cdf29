/**
 * Loops of blocks. A loop is a wrapper, which says when the blocks inside run again and which iteration variables they get, and
 * the blocks, which may be anything, loops included. The same definition runs, streams, steps and resumes.
 *
 * `make` and its short forms (`count`, `forEach`, `whilst`, `until`) are data: where such a loop stands is its cursor and the
 * state. `custom` is a function that calls its step as it likes: it runs and streams, and is one step for a snapshot.
 */
import type { Any, Block, Error, In, InRow, Out, RunRow, Services } from "@effect-blocks/core/Block"
import type { Fields, IterationEvent, Problem } from "@effect-blocks/core/Combinator"
import type { SnapshotInvalid, SnapshotMismatch } from "@effect-blocks/core/Errors"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as internalIterate from "./internal/iterate.ts"
import * as internal from "./internal/loop.ts"
import * as internalStream from "./internal/stream.ts"
import type { Apart, BodyFlow, CheckBody, CheckCollect, LoopOut, Shape, Type } from "./internal/types.ts"
import * as wrappers from "./internal/wrappers.ts"

export type { IterationEvent } from "@effect-blocks/core/Combinator"
export type { Shape } from "./internal/types.ts"

/**
 * Repeats an effect over a value while a condition holds. The signature is that of Effect 3's `Effect.iterate`. Neither the stack
 * nor memory grow with the number of iterations, and a loop of bodies that finish at once can be interrupted too.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect } from "effect"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const sum = Loop.iterate({ i: 0, sum: 0 }, {
 *   while: ({ i }) => i < 1_000_000,
 *   body: ({ i, sum }) => Effect.succeed({ i: i + 1, sum: sum + i })
 * })
 * assert.equal(Effect.runSync(sum).sum, 499_999_500_000)
 * ```
 */
export const iterate: {
  <A, B extends A, R, E>(
    initial: A,
    options: { readonly while: (a: A) => a is B; readonly body: (b: B) => Effect.Effect<A, E, R> }
  ): Effect.Effect<A, E, R>
  <A, R, E>(
    initial: A,
    options: { readonly while: (a: A) => boolean; readonly body: (a: A) => Effect.Effect<A, E, R> }
  ): Effect.Effect<A, E, R>
} = internalIterate.iterate

/** What owns a loop's structure: give it blocks with `fromBlocks`. `S` says what it reads, provides and writes. */
export interface Wrapper<out Name extends string, in out S extends Shape> {
  /** `loop`: where it stands is data; `custom`: a function */
  readonly kind: S["kind"]
  readonly name: Name
  readonly description: string
  /** what the wrapper itself reads */
  readonly inputs: Fields
  /** the iteration variables */
  readonly provides: Fields
  /** what the wrapper itself writes */
  readonly outputs: Fields
  readonly "~shape"?: (shape: S) => S
}

/** A loop: a wrapper with blocks. */
export interface Loop<
  out Name extends string,
  S extends Shape,
  out Steps extends ReadonlyArray<Any>,
  F extends { readonly in: unknown; readonly out: unknown } = BodyFlow<Name, S, Steps>
> extends Block<
  F["in"],
  LoopOut<F["in"], F["out"], S>,
  S["error"] | Error<Steps[number]>,
  S["services"] | Services<Steps[number]>,
  Name
> {
  readonly kind: S["kind"]
  readonly steps: Steps
}

interface Described {
  /** What it is for, for `describe` and the command line. */
  readonly description?: string
  /** Part of the digest of snapshots: change it when the functions come to mean something else. */
  readonly version?: string
}
type Done<C, I extends Fields, O extends Fields> = [keyof O] extends [never]
  ? { readonly done?: never }
  : {
      /** The outputs of the wrapper, once, when `while` says no. */
      readonly done: (cursor: C, inputs: RunRow<I>) => Type<O>
    }
interface Collecting<C> {
  /** Lists that leave the loop: `{ frames: "frame" }` gathers what `frame` is after each iteration. */
  readonly collect?: C
}

/**
 * A loop as data: its place is a cursor, any value with a Schema. All functions are pure. They get the inputs of the wrapper as
 * they are in the state of the loop then: `while` and `iteration` before an iteration, `next` after it, `done` at the end. So a
 * block inside that writes an input of its loop steers the loop.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * // halves the step until it is small; tells how often
 * const halving = Loop.make("halving", {
 *   inputs: { tolerance: Schema.Number },
 *   provides: { step: Schema.Number },
 *   outputs: { rounds: Schema.Int },
 *   cursor: Schema.Struct({ round: Schema.Int, step: Schema.Number }),
 *   initial: () => ({ round: 0, step: 1 }),
 *   while: ({ step }, { tolerance }) => step > tolerance,
 *   iteration: ({ step }) => ({ step }),
 *   next: ({ round, step }) => ({ round: round + 1, step: step / 2 }),
 *   done: ({ round }) => ({ rounds: round })
 * })
 * const towards2 = Block.pure("towards2", {
 *   inputs: { x: Schema.Number, step: Schema.Number },
 *   outputs: { x: Schema.Number },
 *   run: ({ x, step }) => ({ x: x * x > 2 ? x - step : x + step })
 * })
 * const squareRoot = Loop.fromBlocks(halving, [towards2])
 * const { rounds, x } = Effect.runSync(squareRoot.run({ tolerance: 1e-9, x: 1 }))
 * assert.equal(rounds, 30)
 * assert(Math.abs(x - Math.SQRT2) < 1e-8)
 * ```
 */
export const make: <
  const Name extends string,
  const I extends Fields,
  const P extends Fields,
  C extends Schema.Constraint,
  const O extends Fields = {},
  const L extends Readonly<Record<string, string>> = {}
>(
  name: Name,
  options: Described & {
    /** What the wrapper itself reads. Blocks inside read what they like besides. */
    readonly inputs: I
    /** The iteration variables: ordinary inputs of the blocks inside. They never leave the loop. */
    readonly provides: P & Apart<Name, P, I>
    /** The Schema of the place of the loop: snapshots store it. */
    readonly cursor: C
    /** Where it begins. */
    readonly initial: (inputs: RunRow<I>) => NoInfer<C>["Type"]
    /** Whether there is an iteration at this place. */
    readonly while: (cursor: NoInfer<C>["Type"], inputs: RunRow<I>) => boolean
    /** The iteration variables at this place. */
    readonly iteration: (cursor: NoInfer<C>["Type"], inputs: RunRow<I>) => Type<P>
    /** The place after this one. */
    readonly next: (cursor: NoInfer<C>["Type"], inputs: RunRow<I>) => NoInfer<C>["Type"]
    /** What the wrapper itself writes: `done` gives it. */
    readonly outputs?: O
  } & Collecting<L> &
    Done<NoInfer<C>["Type"], I, O>
) => Wrapper<
  Name,
  {
    in: InRow<I>
    iter: Type<P>
    out: Type<O>
    error: never
    services: never
    kind: "loop"
    once: false
    collect: L
  }
> = wrappers.make

type Counted<I, V, L extends object, Once extends boolean = false> = {
  in: I
  iter: V
  out: {}
  error: never
  services: never
  kind: "loop"
  once: Once
  collect: L
}

/**
 * Counts from 0 to a number, which is an input (named) or fixed: an integer that is not negative. `Pipeline.run` refuses a
 * negative one with an `InputError`; `loop.run`, which looks at no values, and a block that writes one run no iteration.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const add = Block.pure("add", { inputs: { x: Schema.Number, i: Schema.Int }, outputs: { x: Schema.Number }, run: ({ x, i }) => ({ x: x + i }) })
 * const sum = Loop.fromBlocks(Loop.count("sum", { times: "steps", as: "i" }), [add])
 * assert.deepEqual(Effect.runSync(sum.run({ steps: 5, x: 0 })), { x: 10 })
 *
 * // every value that x has had
 * const history = Loop.fromBlocks(Loop.count("history", { times: 3, collect: { xs: "x" } }), [add])
 * assert.deepEqual(Effect.runSync(history.run({ x: 1 })), { x: 4, xs: [1, 2, 4] })
 * ```
 */
export const count: <
  const Name extends string,
  const T extends string | number,
  const V extends string = "i",
  const L extends Readonly<Record<string, string>> = {}
>(
  name: Name,
  options: Described &
    Collecting<L> & {
      /** How often: a number, or the name of an input that says it. */
      readonly times: T
      /** The name of the iteration variable. Default: `i`. */
      readonly as?: [V] extends [T] ? Problem<`'${V}' is already an input of loop '${Name}'`, {}> : V
    }
) => Wrapper<Name, Counted<T extends string ? { readonly [K in T]: number } : {}, { readonly [K in V]: number }, L>> =
  wrappers.count

/**
 * Once for each item of a list, which is an input.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const step = Block.pure("step", {
 *   inputs: { latents: Schema.Number, t: Schema.Number },
 *   outputs: { latents: Schema.Number },
 *   run: ({ latents, t }) => ({ latents: latents - t })
 * })
 * const denoise = Loop.fromBlocks(Loop.forEach("denoise", { over: "timesteps", item: ["t", Schema.Number], index: "i" }), [step])
 * assert.deepEqual(Effect.runSync(denoise.run({ timesteps: [3, 2, 1], latents: 10 })), { latents: 4 })
 * ```
 */
export const forEach: <
  const Name extends string,
  const T extends string,
  S extends Schema.Constraint,
  const V extends string,
  const Ix extends string = "i",
  const L extends Readonly<Record<string, string>> = {}
>(
  name: Name,
  options: Described &
    Collecting<L> & {
      /** The name of the list. */
      readonly over: T
      /** The name of the iteration variable, and what it is. */
      readonly item: readonly [V, S] &
        ([V] extends [T] ? Problem<`'${V}' is already an input of loop '${Name}'`, {}> : unknown)
      /** The name of the item's place. Default: `i`. */
      readonly index?: [Ix] extends [T | V] ? Problem<`'${Ix}' is already a variable of loop '${Name}'`, {}> : Ix
    }
) => Wrapper<
  Name,
  Counted<
    { readonly [K in T]: ReadonlyArray<S["Type"]> },
    { readonly [K in V]: S["Type"] } & { readonly [K in Ix]: number },
    L
  >
> = wrappers.forEach

interface Conditioned<I extends Fields> {
  /** What `test` reads. */
  readonly inputs: I
  /** Given the inputs as they are in the state of the loop, and the number of the iteration that would come. */
  readonly test: (inputs: RunRow<I>, iteration: number) => boolean
}
type Numbered<Name extends string, I, V extends string> = {
  /** The name of the iteration variable, a number from 0. Default: `i`. */
  readonly as?: V &
    ([V & keyof I] extends [never] ? unknown : Problem<`'${V}' is already an input of loop '${Name}'`, {}>)
}

/**
 * While a test of variables holds; perhaps never.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const halve = Block.pure("halve", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x / 2 }) })
 * const small = Loop.fromBlocks(Loop.whilst("small", { inputs: { x: Schema.Number }, test: ({ x }) => x > 1 }), [halve])
 * assert.deepEqual(Effect.runSync(small.run({ x: 40 })), { x: 0.625 })
 * ```
 */
export const whilst: <
  const Name extends string,
  const I extends Fields,
  const V extends string = "i",
  const L extends Readonly<Record<string, string>> = {}
>(
  name: Name,
  options: Described & Collecting<L> & Conditioned<I> & Numbered<Name, I, V>
) => Wrapper<Name, Counted<InRow<I>, { readonly [K in V]: number }, L>> = wrappers.whilst

/**
 * Until a test of variables holds; at least once. So what the blocks inside surely write is surely there afterwards.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const guess = Block.pure("guess", { inputs: { i: Schema.Int }, outputs: { guess: Schema.Int }, run: ({ i }) => ({ guess: i * i }) })
 * const search = Loop.fromBlocks(
 *   Loop.until("search", { inputs: { guess: Schema.optionalKey(Schema.Int) }, test: ({ guess = 0 }) => guess > 50 }),
 *   [guess]
 * )
 * const found: number = Effect.runSync(search.run({})).guess
 * assert.equal(found, 64)
 * ```
 */
export const until: <
  const Name extends string,
  const I extends Fields,
  const V extends string = "i",
  const L extends Readonly<Record<string, string>> = {}
>(
  name: Name,
  options: Described & Collecting<L> & Conditioned<I> & Numbered<Name, I, V>
) => Wrapper<Name, Counted<InRow<I>, { readonly [K in V]: number }, L, true>> = wrappers.until

/** What only `loop` and `loopStep` are given and give: no other value can stand for the state of a loop. */
export interface GivenByLoopStep {
  readonly "~state": "of the loop"
}
/** All variables of a `custom` loop. Only the inputs of the wrapper can be read; the others are known to the blocks inside. */
export type CustomState<Inputs> = Inputs & GivenByLoopStep
/** However a block inside may fail: the blocks are not known where a wrapper is made. */
export interface StepError {
  readonly "~error": "of a block inside"
}
/** Whatever components the blocks inside need. */
export interface StepServices {
  readonly "~services": "of the blocks inside"
}
/**
 * Any structure: `loop` gets the state and a step that runs the blocks inside once, with iteration variables of its choice, and
 * gives the state after them. It may call the step as often as it likes, or catch its errors, and fail or need components itself. It
 * ends with a state that it got, with the `outputs` of the wrapper put into it, if there are any: `{ ...state, rounds }`. It is atomic for
 * snapshots, and its type says so (`kind: "custom"`).
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const wrapper = Loop.custom("there and back", {
 *   inputs: { numSteps: Schema.Int },
 *   provides: { i: Schema.Int },
 *   loop: (state, loopStep) => Effect.gen(function*() {
 *     for (let i = 0; i < state.numSteps; i++) state = yield* loopStep(state, { i })
 *     for (let i = state.numSteps - 1; i >= 0; i--) state = yield* loopStep(state, { i })
 *     return state
 *   })
 * })
 * const say = Block.pure("say", { inputs: { said: Schema.String, i: Schema.Int }, outputs: { said: Schema.String }, run: ({ said, i }) => ({ said: said + i }) })
 * const loop = Loop.fromBlocks(wrapper, [say])
 * assert.deepEqual(Effect.runSync(loop.run({ numSteps: 3, said: "" })), { said: "012210" })
 * ```
 */
export const custom: <
  const Name extends string,
  const I extends Fields,
  const P extends Fields,
  X extends Effect.Effect<CustomState<RunRow<I>> & Type<O>, unknown, unknown>,
  const O extends Fields = {}
>(
  name: Name,
  options: Described & {
    /** What the function itself reads of the state. */
    readonly inputs: I
    /** The iteration variables that it gives each step. They never leave the loop. */
    readonly provides: P & Apart<Name, P, I>
    /** What it puts into the state that it ends with. */
    readonly outputs?: O
    /** States are values: the one that was passed to a step is as it was. */
    readonly loop: (
      state: CustomState<RunRow<I>>,
      loopStep: (
        state: CustomState<RunRow<I>>,
        iteration: Type<P>
      ) => Effect.Effect<CustomState<RunRow<I>>, StepError, StepServices>
    ) => X
  }
) => Wrapper<
  Name,
  {
    in: InRow<I>
    iter: Type<P>
    out: Type<O>
    error: Exclude<Effect.Error<X>, StepError>
    services: Exclude<Effect.Services<X>, StepServices>
    kind: "custom"
    once: false
    collect: {}
  }
> = wrappers.custom

/**
 * A loop of a wrapper and blocks. Blocks may read the iteration variables and each other's variables, also those of the iteration
 * before: what one iteration leaves must fit what the next reads. After the loop variables that were read and written are as
 * certain as before it; what is only written is optional, since there may be no iteration (but see `until`).
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const inner = Loop.fromBlocks(Loop.count("inner", { times: "columns", as: "column" }), [inc])
 * const outer = Loop.fromBlocks(Loop.count("outer", { times: "rows", as: "row" }), [inner])
 * assert.deepEqual(Effect.runSync(outer.run({ rows: 3, columns: 4, x: 0 })), { x: 12 })
 * ```
 */
export const fromBlocks: <const Name extends string, S extends Shape, const Steps extends ReadonlyArray<Any>>(
  wrapper: Wrapper<Name, S> & CheckCollect<Name, S, Steps>,
  blocks: CheckBody<Name, S, Steps>
) => Loop<Name, S, Steps> = (wrapper: unknown, blocks: unknown) => internal.fromWrapper(wrapper, blocks)

/**
 * Runs a block and gives one event for each finished iteration of any loop in it, inner loops too. The run waits at each until the
 * next is asked for; closing the stream interrupts it.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema, Stream } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const inner = Loop.fromBlocks(Loop.count("inner", { times: 2, as: "j" }), [inc])
 * const outer = Loop.fromBlocks(Loop.count("outer", { times: 2 }), [inner])
 * const events = Effect.runSync(Stream.runCollect(Loop.stream(outer, { x: 0 })))
 * assert.deepEqual(events.map((e) => `${e.path}[${e.index}] x=${e.state["x"]}`), [
 *   "outer[0].inner[0] x=1", "outer[0].inner[1] x=2", "outer[0] x=2",
 *   "outer[1].inner[0] x=3", "outer[1].inner[1] x=4", "outer[1] x=4"
 * ])
 * ```
 */
export const stream: <B extends Any>(block: B, inputs: In<B>) => Stream.Stream<IterationEvent, Error<B>, Services<B>> =
  internalStream.events

/** A finished iteration, or the end. */
export type Step<O> =
  | { readonly _tag: "Iteration"; readonly event: IterationEvent }
  | { readonly _tag: "Done"; readonly output: O }
/**
 * As `stream`, with the output of the whole block as the last element.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema, Stream } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const show = Block.pure("show", { inputs: { x: Schema.Int }, outputs: { text: Schema.String }, run: ({ x }) => ({ text: `x is ${x}` }) })
 * const main = Block.sequential("main", [Loop.fromBlocks(Loop.count("loop", { times: 3 }), [inc]), show])
 * const steps = Effect.runSync(Stream.runCollect(Loop.steps(main, { x: 0 })))
 * assert.equal(steps.length, 4)
 * assert.deepEqual(steps[3], { _tag: "Done", output: { x: 3, text: "x is 3" } })
 * ```
 */
export const steps: <B extends Any>(block: B, inputs: In<B>) => Stream.Stream<Step<Out<B>>, Error<B>, Services<B>> =
  internalStream.steps

/**
 * Where a run stands before its first leaf, for `next`: the caller owns the loop.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [inc])
 * const program = Effect.gen(function*() {
 *   let position = yield* Loop.start(loop, { n: 1_000, x: 0 })
 *   for (;;) {
 *     const step = yield* Loop.next(loop, position)
 *     if (step._tag === "Done" || step.event.state["x"] === 7) return step
 *     position = step.position
 *   }
 * })
 * const last = Effect.runSync(program)
 * assert(last._tag === "Iteration")
 * assert.equal(last.event.index, 6)
 * ```
 */
export const start: <B extends Any>(block: B, inputs: In<B>) => Effect.Effect<Snapshot.Snapshot> = Snapshot.start

/** What one call of `next` came to: an iteration and where the run stands after it, or the output. */
export type Next<O> =
  | { readonly _tag: "Iteration"; readonly event: IterationEvent; readonly position: Snapshot.Snapshot }
  | { readonly _tag: "Done"; readonly output: O }
/**
 * Runs to the end of the next iteration of any loop inside. A position is immutable and can be stored (`Snapshot.toBytes`); asking
 * twice from one position is a fork. Layers given inside the block are built for each call: give them around the calls to keep them.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: 1 }), [inc])
 * const program = Effect.gen(function*() {
 *   const first = yield* Loop.next(loop, yield* Loop.start(loop, { x: 0 }))
 *   return first._tag === "Done" ? first : yield* Loop.next(loop, first.position)
 * })
 * assert.deepEqual(Effect.runSync(program), { _tag: "Done", output: { x: 1 } })
 * ```
 */
export const next: <B extends Any>(
  block: B,
  position: Snapshot.Snapshot
) => Effect.Effect<Next<Out<B>>, Error<B> | SnapshotMismatch | SnapshotInvalid, Services<B>> = internalStream.next
