/**
 * Blocks: typed steps of a pipeline, and how they are composed.
 *
 * A block declares the variables that it reads and those that it writes, each with a Schema. A leaf, a sequence, a
 * choice and a loop are all blocks, and each may stand inside each other. The compiler follows every variable through a
 * composition and names the block, the variable and both types where something does not fit.
 *
 * The rules of state:
 *
 * - A run has one record of variables. Sequences and choices work on the record around them, a loop on a copy of it, and
 *   blocks beside each other on a copy each. Nothing that a caller gave is ever written to.
 * - Only declared inputs enter a run, and only declared outputs leave a block. A block sees its own inputs and no other
 *   variable.
 * - A variable that is `undefined` is not there. An output that is not given leaves the earlier value.
 * - An optional output does not satisfy a later requirement: the variable stays an input, and comes out as either type.
 * - A default that is a constant belongs to the block that declares it; one that is an effect is evaluated once, when a
 *   run starts, and is an input from then on (`Field.default`).
 * - Of a trigger of `auto` that no block reads, only whether it is there is kept.
 * - A block that fails, throws or is interrupted leaves its path on the Cause (`Errors.pathOf`).
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Pipeable } from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import type { MissingInputError } from "./Errors.ts"
import * as block from "./internal/block.ts"
import * as choice from "./internal/choice.ts"
import type { CheckAuto, CheckBranches, CheckParallel, CheckSequence, Choices, Undeclared } from "./internal/check.ts"
import type { Flow, ParallelIn, ParallelOut } from "./internal/flow.ts"
import * as leaf from "./internal/leaf.ts"
import * as par from "./internal/parallel.ts"
import type { Flat } from "./internal/row.ts"
import * as sequence from "./internal/sequential.ts"

export * from "./Edit.ts"
export * from "./Inspect.ts"
export * from "./Policy.ts"

/**
 * The key by which a value is known to be a block, and under which the compiler finds what it reads, writes and needs.
 *
 * ```ts
 * import assert from "node:assert"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const nothing = Block.pure("nothing", { inputs: {}, outputs: {}, run: () => ({}) })
 * assert(Block.TypeId in nothing)
 * ```
 */
export const TypeId: "~effect-blocks/Block" = block.TypeId

type Fields = Schema.Struct.Fields

/** What a block is, for the compiler only. */
export interface Variance<in In, out Out, out E, out R> {
  readonly in: (inputs: In) => void
  readonly out: Out
  readonly error: E
  readonly services: R
}

/**
 * A step that reads the variables `In`, writes the variables `Out`, may fail with `E` and needs the components `R`.
 */
export interface Block<
  in In,
  out Out,
  out E = never,
  out R = never,
  out Name extends string = string
> extends Pipeable {
  readonly [TypeId]: Variance<In, Out, E, R>
  /** `block`, `sequential`, `conditional`, `parallel`, `loop`, ... */
  readonly kind: string
  /** by which compositions, paths of errors and snapshots call it */
  readonly name: Name
  /** what it is for; `""` where nobody said it */
  readonly description: string
  /** what a caller gives; of a composition, what follows from the blocks inside */
  readonly inputs: Fields
  /** what comes out */
  readonly outputs: Fields
  /** the blocks directly inside */
  readonly blocks: ReadonlyArray<Any>
  /** Runs this block alone. The inputs are taken as they are: `Pipeline.run` checks them first. */
  readonly run: (inputs: In) => Effect.Effect<Out, E, R>
}
/** Any block: the bound of a function that takes a block of unknown type. */
export type Any = Block<never, unknown, unknown, unknown, string>

/**
 * What a block reads. Together with `Any` it types functions over every block:
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const twice = <B extends Block.Any>(block: B, inputs: Block.In<B>): Effect.Effect<Block.Out<B>, Block.Error<B>, Block.Services<B>> =>
 *   Effect.andThen(Block.run(block, inputs), Block.run(block, inputs))
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { y: Schema.Number }, run: ({ x }) => ({ y: x + 1 }) })
 * assert.deepEqual(Effect.runSync(twice(inc, { x: 1 })), { y: 2 })
 * ```
 */
export type In<B> = B extends { readonly [TypeId]: Variance<infer I, unknown, unknown, unknown> } ? I : never
/** What a block writes. */
export type Out<B> = B extends { readonly [TypeId]: Variance<never, infer O, unknown, unknown> } ? O : never
/** How a block may fail. */
export type Error<B> = B extends { readonly [TypeId]: Variance<never, unknown, infer E, unknown> } ? E : never
/** The components that a block needs. */
export type Services<B> = B extends { readonly [TypeId]: Variance<never, unknown, unknown, infer R> } ? R : never
/** The name of a block. */
export type Name<B> = B extends { readonly name: infer N extends string } ? N : never

type CallerOptional<F extends Fields> = {
  [K in keyof F]: F[K]["~encoded.optionality"] extends "optional" ? K : never
}[keyof F]
/** What a caller passes for these fields: what is optional or has a default may be left out. */
export type InRow<F extends Fields> = [CallerOptional<F>] extends [never]
  ? { readonly [K in keyof F]: F[K]["Type"] }
  : Flat<
      { readonly [K in Exclude<keyof F, CallerOptional<F>>]: F[K]["Type"] } & {
        readonly [K in CallerOptional<F>]?: F[K]["Type"]
      }
    >
/** What `run` receives for these fields: defaults are already there. */
export type RunRow<F extends Fields> = Schema.Struct.Type<F>

/** Components by the name under which `run` gets them: services and References. */
export type Components = { readonly [name: string]: Context.Key<unknown, unknown> }
// asked for `never` first: so that nothing is unknown about it where no components are given, and the parameters of a generator are known
type Resolved<C extends Components> = [C] extends [never] ? {} : { readonly [K in keyof C]: C[K]["Service"] }

/** A block without blocks inside. */
export interface Leaf<in In, out Out, out E, out R, out Name extends string> extends Block<In, Out, E, R, Name> {
  readonly kind: "block"
}
/** A block around another one, which it wraps in a policy or calls by another name. */
export interface Wrapped<
  out Kind extends string,
  in In,
  out Out,
  out E,
  out R,
  out Name extends string,
  out Of
> extends Block<In, Out, E, R, Name> {
  readonly kind: Kind
  /** the block inside */
  readonly wraps: Of
}
/** A block whose structure its type does not tell; `Customs` are the names of the `Loop.custom`s inside. */
export interface Sealed<in In, out Out, out E, out R, out Name extends string, out Customs = never> extends Block<
  In,
  Out,
  E,
  R,
  Name
> {
  readonly customs: Customs
}

/** The names of the `Loop.custom`s anywhere inside: `never` means that a run can be left between any two leaves. */
export type Customs<B> = B extends { readonly customs: infer C }
  ? C
  : B extends { readonly wraps: infer Of }
    ? Customs<Of>
    : B extends { readonly kind: infer K }
      ? string extends K
        ? string
        : K extends "custom"
          ? Name<B>
          : B extends { readonly steps: infer S extends ReadonlyArray<unknown> }
            ? Customs<S[number]>
            : never
      : never

/**
 * Makes a block of a function from its inputs and components to an Effect of its outputs.
 *
 * A generator is written `run: Effect.fnUntraced(function* ({ prompt }, { encoder }) { ... })`, or `Effect.gen` in a function.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Context, Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * class Encoder extends Context.Service<Encoder, { readonly encode: (text: string) => Effect.Effect<ReadonlyArray<number>> }>()("Encoder") {}
 *
 * const encodePrompt = Block.make("encodePrompt", {
 *   description: "Turns the prompt into embeddings",
 *   inputs: { prompt: Schema.String },
 *   outputs: { promptEmbeds: Schema.Array(Schema.Number) },
 *   components: { encoder: Encoder },
 *   run: ({ prompt }, { encoder }) => Effect.map(encoder.encode(prompt), (promptEmbeds) => ({ promptEmbeds }))
 * })
 *
 * const encoder = Encoder.of({ encode: (text) => Effect.succeed([text.length]) })
 * const out = Effect.runSync(Effect.provideService(encodePrompt.run({ prompt: "a cat" }), Encoder, encoder))
 * assert.deepEqual(out, { promptEmbeds: [5] })
 * ```
 */
export const make: <
  const Name extends string,
  const I extends Fields,
  const O extends Fields,
  X extends Effect.Effect<Schema.Struct.Type<O>, unknown, unknown>,
  const C extends Components = {}
>(
  name: Name,
  options: {
    /** What it is for, for `describe`, forms and command lines. */
    readonly description?: string
    /** Change it when `run` comes to mean something else: it is part of the digest of snapshots and of the keys of caches. */
    readonly version?: string
    /** What it reads, a Schema for each variable. `run` sees these and no other. */
    readonly inputs: I
    /** What it writes. Anything else that `run` gives does not compile. */
    readonly outputs: O
    /** Taken from the context for you, and passed as the second argument. */
    readonly components?: C
    /** From inputs and components to an Effect of the outputs. May not write to what it gets. */
    readonly run: (inputs: RunRow<I>, components: Resolved<C>) => X
  } & Undeclared<Name, Effect.Success<X>, O>
) => Leaf<InRow<I>, Schema.Struct.Type<O>, Effect.Error<X>, Effect.Services<X> | C[keyof C]["Identifier"], Name> =
  leaf.make

/**
 * Makes a block of a plain function.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const shout = Block.pure("shout", {
 *   inputs: { prompt: Schema.String },
 *   outputs: { prompt: Schema.String },
 *   run: ({ prompt }) => ({ prompt: prompt.toUpperCase() })
 * })
 * assert.deepEqual(Effect.runSync(shout.run({ prompt: "a cat" })), { prompt: "A CAT" })
 * ```
 */
export const pure: <
  const Name extends string,
  const I extends Fields,
  const O extends Fields,
  A extends Schema.Struct.Type<O>
>(
  name: Name,
  options: {
    /** What it is for, for `describe`, forms and command lines. */
    readonly description?: string
    /** Change it when `run` comes to mean something else: it is part of the digest of snapshots and of the keys of caches. */
    readonly version?: string
    /** What it reads, a Schema for each variable. `run` sees these and no other. */
    readonly inputs: I
    /** What it writes. Anything else that `run` gives does not compile. */
    readonly outputs: O
    /** From inputs to outputs. A throw is a defect of the run, with the path of the block. */
    readonly run: (inputs: RunRow<I>) => A & Schema.Struct.Type<O>
  } & Undeclared<Name, A, O>
) => Leaf<InRow<I>, Schema.Struct.Type<O>, never, never, Name> = leaf.pure

/**
 * Runs a block of unknown type; `block.run(inputs)` where the type is known.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const timed = <B extends Block.Any>(block: B, inputs: Block.In<B>) => Effect.timed(Block.run(block, inputs))
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const [, out] = Effect.runSync(timed(inc, { x: 1 }))
 * assert.deepEqual(out, { x: 2 })
 * ```
 */
export const run: <B extends Any>(self: B, inputs: In<B>) => Effect.Effect<Out<B>, Error<B>, Services<B>> = block.runAny

/**
 * Whether a value is a block.
 *
 * ```ts
 * import assert from "node:assert"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * assert(Block.isBlock(Block.sequential("empty", [])))
 * assert(!Block.isBlock({ name: "empty" }))
 * ```
 */
export const isBlock: (u: unknown) => u is Any = block.isBlock

/**
 * The same block under another name, so that a composition may use it twice.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const twice = Block.sequential("twice", [inc, Block.rename(inc, "again")])
 * assert.deepEqual(Effect.runSync(twice.run({ x: 1 })), { x: 3 })
 * ```
 */
export const rename: {
  <const N extends string>(name: N): <B extends Any>(self: B) => Renamed<B, N>
  <B extends Any, const N extends string>(self: B, name: N): Renamed<B, N>
} = block.renameDual
/** A block under the name `N`. */
export type Renamed<B, N extends string> =
  B extends Sequential<string, infer Steps>
    ? Sequential<N, Steps>
    : B extends Leaf<infer I, infer O, infer E, infer R, string>
      ? Leaf<I, O, E, R, N>
      : Wrapped<"renamed", In<B>, Out<B>, Error<B>, Services<B>, N, B>

/** Blocks that run one after the other over one state. */
export interface Sequential<out Name extends string, in out Steps extends ReadonlyArray<Any>> extends Block<
  Flow<Steps>["in"],
  Flow<Steps>["out"],
  Error<Steps[number]>,
  Services<Steps[number]>,
  Name
> {
  readonly kind: "sequential"
  readonly steps: Steps
}

/**
 * Runs blocks one after the other. Its inputs are what no earlier block surely writes, its outputs what they all write,
 * the later over the earlier. An output that is optional does not satisfy a later block's requirement.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const double = Block.pure("double", { inputs: { x: Schema.Number }, outputs: { y: Schema.Number }, run: ({ x }) => ({ y: 2 * x }) })
 * const add = Block.pure("add", { inputs: { x: Schema.Number, y: Schema.Number }, outputs: { z: Schema.Number }, run: ({ x, y }) => ({ z: x + y }) })
 * const both = Block.sequential("both", [double, add], { description: "three times x" })
 * assert.deepEqual(Effect.runSync(both.run({ x: 2 })), { y: 4, z: 6 })
 * ```
 */
export const sequential: <const Name extends string, const Steps extends ReadonlyArray<Any>>(
  name: Name,
  steps: CheckSequence<Steps>,
  options?: { readonly description?: string }
) => Sequential<Name, Steps> = sequence.make

/** A branch of `auto` with the input whose presence selects it. */
export interface When<out Key extends string, out B extends Any, out Unread extends boolean = boolean> {
  /** the input */
  readonly when: Key
  readonly block: B
  /** no branch need read the input */
  readonly unread: Unread
}
/**
 * The branch that `auto` takes where the input `when` is there. Some branch must read that input, or it does not compile: so a
 * misspelt name is found. An input that only selects (a flag, or one that other blocks of the pipeline read) is `unread`.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const small = Block.pure("small", { inputs: {}, outputs: { size: Schema.Int }, run: () => ({ size: 64 }) })
 * const large = Block.pure("large", { inputs: {}, outputs: { size: Schema.Int }, run: () => ({ size: 512 }) })
 * const size = Block.auto("size", [Block.when("preview", small, { unread: true }), large])
 * assert.deepEqual(Effect.runSync(size.run({ preview: true })), { size: 64 })
 *
 * // @ts-expect-error no branch reads 'preview'
 * Block.auto("size", [Block.when("preview", small), large])
 * ```
 */
export const when: {
  <const Key extends string, B extends Any>(when: Key, block: B): When<Key, B, false>
  <const Key extends string, B extends Any>(
    when: Key,
    block: B,
    options: {
      /** no branch reads it */
      readonly unread: true
    }
  ): When<Key, B, true>
} = choice.when

/** One of several blocks, or perhaps none. */
export interface Conditional<
  out Name extends string,
  in out B extends Any,
  out Skippable extends boolean,
  in Triggers = {}
> extends Block<
  Flat<Choices.In<In<B>, Skippable> & Triggers>,
  Choices.Out<Out<B>, Skippable>,
  Error<B> | MissingInputError,
  Services<B>,
  Name
> {
  readonly kind: "conditional"
  readonly steps: ReadonlyArray<B>
}

/**
 * Runs the first branch whose input is there. A last branch without `when` is the default; without a default, perhaps
 * none runs. Only inputs that every branch requires are required. A branch that lacks an input fails with
 * `MissingInputError` before anything of it runs.
 *
 * A trigger that no branch reads does not compile, unless it is said to be `unread` (see `when`). `Block.describe` shows such an
 * input with the line `only whether it is there is looked at`.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const fromImage = Block.pure("fromImage", { inputs: { image: Schema.String }, outputs: { latents: Schema.String }, run: ({ image }) => ({ latents: image }) })
 * const fromNoise = Block.pure("fromNoise", { inputs: {}, outputs: { latents: Schema.String }, run: () => ({ latents: "noise" }) })
 * const prepare = Block.auto("prepare", [Block.when("image", fromImage), fromNoise])
 * assert.deepEqual(Effect.runSync(prepare.run({})), { latents: "noise" })
 * assert.deepEqual(Effect.runSync(prepare.run({ image: "cat" })), { latents: "cat" })
 *
 * // @ts-expect-error no branch reads 'imgae', which is to select 'fromImage': is it misspelt?
 * const misspelt = Block.auto("misspelt", [Block.when("imgae", fromImage), fromNoise])
 * // from code without types it is made all the same, and this is how it shows
 * assert.match(Block.describe(misspelt), /imgae\?: anything\n +only whether it is there is looked at/)
 * ```
 */
export const auto: <const Name extends string, const Bs extends ReadonlyArray<When<string, Any> | Any>>(
  name: Name,
  branches: CheckAuto<Bs>,
  options?: { readonly description?: string }
) => Conditional<
  Name,
  Choices.BranchOf<Bs[number]>,
  Choices.HasDefault<Bs> extends true ? false : true,
  { readonly [K in Choices.KeyOf<Bs[number]>]?: unknown }
> = choice.auto

/**
 * Runs the branch that a pure function of some variables names, `otherwise` where it names none.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const up = Block.pure("up", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const down = Block.pure("down", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x - 1 }) })
 * const towards = Block.conditional("towards", {
 *   triggers: { x: Schema.Number },
 *   branches: [up, down],
 *   select: ({ x = 0 }) => x > 10 ? "down" : undefined,
 *   otherwise: "up"
 * })
 * assert.deepEqual(Effect.runSync(towards.run({ x: 20 })), { x: 19 })
 * ```
 */
export const conditional: <
  const Name extends string,
  const Bs extends ReadonlyArray<Any>,
  const T extends Fields,
  const D extends NameOf<Bs[number]> | undefined = undefined
>(
  name: Name,
  options: {
    readonly description?: string
    /** The variables that `select` looks at. None of them is required. */
    readonly triggers: T
    readonly branches: CheckBranches<Bs>
    /** Pure: it is also asked before a run, by `executionBlocks` and for messages. */
    readonly select: (triggers: { readonly [K in keyof T]?: T[K]["Type"] }) => NameOf<Bs[number]> | undefined
    /** The branch where `select` names none. Default: then none runs. */
    readonly otherwise?: D
  }
) => Conditional<Name, Bs[number], D extends string ? false : true, { readonly [K in keyof T]?: T[K]["Type"] }> =
  choice.conditional
type NameOf<B> = Name<B>

/** Blocks that run beside each other. */
export interface Parallel<out Name extends string, out Steps extends ReadonlyArray<Any>> extends Block<
  ParallelIn<Steps>,
  ParallelOut<Steps>,
  Error<Steps[number]>,
  Services<Steps[number]>,
  Name
> {
  readonly kind: "parallel"
  readonly steps: Steps
}

/**
 * Runs blocks beside each other on fibers of their own, each reading the state as it was before. No two may write the
 * same variable. The first failure interrupts the others. A snapshot stands before or after all of them.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const size = Block.make("size", { inputs: { text: Schema.String }, outputs: { size: Schema.Number }, run: ({ text }) => Effect.succeed({ size: text.length }) })
 * const words = Block.make("words", { inputs: { text: Schema.String }, outputs: { words: Schema.Number }, run: ({ text }) => Effect.succeed({ words: text.split(" ").length }) })
 * const both = Block.parallel("both", [size, words])
 * assert.deepEqual(Effect.runSync(both.run({ text: "a red heart" })), { size: 11, words: 3 })
 * ```
 */
export const parallel: <const Name extends string, const Steps extends ReadonlyArray<Any>>(
  name: Name,
  steps: CheckParallel<Steps>,
  options?: {
    readonly description?: string
    /** How many run at once. Default: all. */
    readonly concurrency?: number | "unbounded"
  }
) => Parallel<Name, Steps> = par.parallel

/**
 * A block that puts variables into one variable that holds a record, for blocks that take a whole group. (What
 * diffusers calls `kwargs_type`.)
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const group = Block.pack("conditioning", { promptEmbeds: Schema.Number, pooled: Schema.optionalKey(Schema.Number) })
 * assert.deepEqual(Effect.runSync(group.run({ promptEmbeds: 1 })), { conditioning: { promptEmbeds: 1 } })
 * ```
 */
export const pack: <const Name extends string, const F extends Fields>(
  group: Name,
  fields: F
) => Leaf<InRow<F>, { readonly [K in Name]: RunRow<F> }, never, never, `pack_${Name}`> = leaf.pack

/**
 * Forgets the structure in the type, for short hovers and declaration files. The value keeps it.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const twice: Block.Sealed<{ readonly x: number }, { readonly x: number }, never, never, "twice"> = Block.seal(
 *   Block.sequential("twice", [inc, Block.rename(inc, "again")])
 * )
 * assert.equal(twice.blocks.length, 2)
 * ```
 */
export const seal: <B extends Any>(self: B) => Sealed<In<B>, Out<B>, Error<B>, Services<B>, Name<B>, Customs<B>> =
  block.seal
