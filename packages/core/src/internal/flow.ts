/** Type-level data flow over an ordered tuple of blocks.
 * Fast path (every correct program): two intersections grow, nothing is rebuilt, no scan of earlier blocks.
 * Slow path (only once a problem was found): walk the tuple again and build the message. */
import type { Any, In, Name, Out } from "../Block.ts"
import type { Flat, RequiredKeys } from "./row.ts"

type Str<K> = K & string
export interface Problem<in out Message extends string, in out Details> {
  readonly "~problem": Message
  readonly "~details": Details
}

export type Needs<Row, G> = { readonly [K in keyof Row as K extends G ? never : K]: Row[K] }
/** keys written before (K0) that B writes with another type: only then must the environment be rebuilt */
type Changed<Env, O, K0> = { [K in K0 & keyof Env & keyof O]-?: [Env[K], O[K]] extends [O[K], Env[K]] ? never : K }[K0 &
  keyof Env &
  keyof O]
type Override<Env, O, C> = [C] extends [never]
  ? Env & O
  : Flat<
      Omit<Env, C & keyof Env> & {
        readonly [K in keyof O]: K extends RequiredKeys<O> ? O[K] : O[K] | (K extends keyof Env ? Env[K] : never)
      } & {
        readonly [K in RequiredKeys<Env> & keyof O]: K extends RequiredKeys<O>
          ? O[K]
          : Exclude<O[K], undefined> | Env[K & keyof Env]
      }
    >
type Bad<I, Env, K0> = {
  [K in K0 & keyof I & keyof Env]-?: [Exclude<Env[K], undefined>] extends [I[K] | undefined] ? never : K
}[K0 & keyof I & keyof Env]
type NeverKeys<I> = { [K in keyof I]-?: [Exclude<I[K], undefined>] extends [never] ? K : never }[keyof I]

export interface Result<out I, out O, out C> {
  readonly in: I
  readonly out: O
  readonly check: C
}

/** a name that is only `string` says nothing */
type NameOf<B> = string extends Name<B> ? never : Name<B>
export type DupNames<T, N = never, D = never> = T extends readonly [infer B, ...infer Rest]
  ? DupNames<Rest, N | NameOf<B>, D | (NameOf<B> & N)>
  : D

/** the index after this one, as text: walking a tuple by index costs a fifth of taking it apart */
type Next<S extends string> = S extends `${infer A}0`
  ? `${A}1`
  : S extends `${infer A}1`
    ? `${A}2`
    : S extends `${infer A}2`
      ? `${A}3`
      : S extends `${infer A}3`
        ? `${A}4`
        : S extends `${infer A}4`
          ? `${A}5`
          : S extends `${infer A}5`
            ? `${A}6`
            : S extends `${infer A}6`
              ? `${A}7`
              : S extends `${infer A}7`
                ? `${A}8`
                : S extends `${infer A}8`
                  ? `${A}9`
                  : S extends `${infer A}9`
                    ? `${Next<A>}0`
                    : "1"
type At<All, I> = I extends keyof All ? [All[I]] : []

/**
 * `in`: what no earlier block surely wrote. `out`: what is written. `check`: `unknown` where all fits, otherwise the
 * tuple with a Problem in the place of each block that does not.
 */
export type Flow<All> =
  All extends ReadonlyArray<unknown>
    ? number extends All["length"]
      ? Any extends All[number]
        ? Untracked
        : Result<any, any, ReadonlyArray<UnknownLength>>
      : Go<All, "0", {}, {}, never, never, never, never>
    : Untracked
/** an array of unknown blocks, made by untyped code: the variables cannot be followed */
type Untracked = Result<any, any, unknown>
export type UnknownLength = Problem<
  "an array of unknown length cannot be wired: write the blocks in the brackets, or `as const` behind the array",
  {}
>
/** IT: inputs so far. Env: what was written. O: names that were written, G: surely. E: problems. N: names of blocks. */
type Go<All, I extends string, IT, Env, O, G, E, N> =
  At<All, I> extends [infer B]
    ? Go<
        All,
        Next<I>,
        IT & Needs<In<B>, G>,
        Override<Env, Out<B>, Changed<Env, Out<B>, O & keyof Out<B>>>,
        O | keyof Out<B>,
        G | RequiredKeys<Out<B>>,
        E | Bad<In<B>, Env, O & keyof In<B>> | (NameOf<B> & N),
        N | NameOf<B>
      >
    : Finish<All, Flat<IT>, PassThrough<IT, Env, Widens<IT, Env, Exclude<keyof Env & keyof IT, G>>>, E>
/** an input whose name is only perhaps written may come out as it went in: where that is another type, the output is either */
type Widens<IT, Env, K0> = {
  [K in K0 & keyof IT & keyof Env]-?: [Exclude<IT[K], undefined>] extends [Env[K] | undefined] ? never : K
}[K0 & keyof IT & keyof Env]
type PassThrough<IT, Env, W> = [W] extends [never]
  ? Flat<Env>
  : Flat<Omit<Env, W & keyof Env> & { readonly [K in W & keyof IT & keyof Env]?: IT[K] | Env[K] }>
type Finish<All, IT, Env, E> = Result<IT, Env, [E | NeverKeys<IT>] extends [never] ? unknown : Explain<All>>

// ---------------------------------------------------------------- slow path
export type Producer<Rev, K> = Rev extends readonly [infer B, ...infer T]
  ? K extends keyof Out<B>
    ? Name<B>
    : Producer<T, K>
  : never
type Consumer<Rev, K> = Rev extends readonly [infer B, ...infer T]
  ? K extends keyof In<B>
    ? Name<B>
    : Consumer<T, K>
  : never
type Explain<
  Steps,
  IT = {},
  Env = {},
  O = never,
  G = never,
  Rev extends ReadonlyArray<unknown> = [],
  Checks extends ReadonlyArray<unknown> = [],
  N = never
> = Steps extends readonly [infer B, ...infer Rest]
  ? Explain<
      Rest,
      Flat<IT & Needs<In<B>, G>>,
      Flat<Override<Env, Out<B>, Changed<Env, Out<B>, O & keyof Out<B>>>>,
      O | keyof Out<B>,
      G | RequiredKeys<Out<B>>,
      [B, ...Rev],
      [
        ...Checks,
        [NameOf<B> & N] extends [never]
          ? Check<B, Bad<In<B>, Env, O & keyof In<B>>, Env, NeverKeys<Flat<IT & Needs<In<B>, G>>>, IT, Rev>
          : Problem<`two blocks are named '${Str<Name<B>>}': give one another name with Block.rename`, {}>
      ],
      N | NameOf<B>
    >
  : Checks
type Check<B, K, Env, C, IT, Rev> = [K] extends [never]
  ? [C & keyof In<B>] extends [never]
    ? B
    : Problem<
        `block '${Str<Name<B>>}' and block '${Str<Consumer<Rev, C & keyof In<B>>>}' both need input '${Str<C & keyof In<B>>}', with types that exclude each other`,
        { [X in C & keyof In<B>]: { readonly wanted: In<B>[X]; readonly alsoWanted: IT[X & keyof IT] } }
      >
  : Problem<
      `block '${Str<Name<B>>}' cannot read '${Str<K>}' as block '${Str<Producer<Rev, K>>}' writes it`,
      { [X in K & keyof Env & keyof In<B>]: { readonly written: Env[X]; readonly expected: In<B>[X] } }
    >

// ---------------------------------------------------------------- blocks beside each other
export type ParallelIn<T, I = {}> = T extends readonly [infer B, ...infer Rest] ? ParallelIn<Rest, I & In<B>> : Flat<I>
export type ParallelOut<T, O = {}> = T extends readonly [infer B, ...infer Rest]
  ? ParallelOut<Rest, O & Out<B>>
  : Flat<O>
export type ParallelBad<T, Keys = never, Bad = never> = T extends readonly [infer B, ...infer Rest]
  ? ParallelBad<Rest, Keys | keyof Out<B>, Bad | (keyof Out<B> & Keys)>
  : Bad
export type Excluding<I> = { [K in keyof I]-?: [Exclude<I[K], undefined>] extends [never] ? K : never }[keyof I]
export type ParallelExplain<
  T,
  I,
  Rev extends ReadonlyArray<unknown> = [],
  Keys = never,
  Names = never,
  Read = never,
  Acc extends ReadonlyArray<unknown> = []
> = T extends readonly [infer B, ...infer Rest]
  ? ParallelExplain<
      Rest,
      I,
      [B, ...Rev],
      Keys | keyof Out<B>,
      Names | Name<B>,
      Read | keyof In<B>,
      [
        ...Acc,
        [Name<B> & Names] extends [never]
          ? [keyof Out<B> & Keys] extends [never]
            ? [Excluding<I> & keyof In<B> & Read] extends [never]
              ? B
              : Problem<
                  `block '${Name<B>}' and block '${Consumer<Rev, Excluding<I> & keyof In<B>> & string}' both need input '${Excluding<I> & keyof In<B> & string}', with types that exclude each other`,
                  { [K in Excluding<I> & keyof In<B>]: In<B>[K] }
                >
            : Problem<
                `block '${Name<B>}' and block '${Producer<Rev, keyof Out<B> & Keys> & string}' both write '${keyof Out<B> & Keys & string}' in parallel`,
                {}
              >
          : Problem<`two blocks are named '${Name<B>}': give one another name with Block.rename`, {}>
      ]
    >
  : Acc
