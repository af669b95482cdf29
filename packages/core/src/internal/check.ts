/** What constructors ask of their arguments: the arguments themselves where they fit, otherwise a `Problem` that says what is wrong. */
import type { Any, In, Name, Out, When } from "../Block.ts"
import type {
  DupNames,
  Excluding,
  Flow,
  ParallelBad,
  ParallelExplain,
  ParallelIn,
  Problem,
  UnknownLength
} from "./flow.ts"
import type { Flat, KeysOf, RequiredKeys } from "./row.ts"

export type CheckSequence<S extends ReadonlyArray<Any>> = unknown extends Flow<S>["check"] ? S : Flow<S>["check"]

/** the names that `run` gives and the outputs do not declare */
type Extra<A, O> = [A] extends [never]
  ? never
  : string extends keyof O | KeysOf<A>
    ? never
    : Exclude<KeysOf<A>, keyof O>
export type Undeclared<BlockName extends string, A, O> = [Extra<A, O>] extends [never]
  ? unknown
  : {
      readonly run: Problem<
        `block '${BlockName}' writes '${Extra<A, O> & string}', which its outputs do not declare`,
        A
      >
    }

type Branches<T, Acc extends ReadonlyArray<unknown> = []> = T extends readonly [infer H, ...infer R]
  ? Branches<R, [...Acc, Choices.BranchOf<H>]>
  : Acc
export type CheckBranches<Bs extends ReadonlyArray<unknown>> = [DupNames<Branches<Bs>>] extends [never]
  ? Bs
  : {
      [X in keyof Bs]: Name<Choices.BranchOf<Bs[X]>> extends DupNames<Branches<Bs>>
        ? Problem<
            `two branches are named '${Name<Choices.BranchOf<Bs[X]>>}': give one another name with Block.rename`,
            {}
          >
        : Bs[X]
    }

/** defaults that are not the last branch */
type EarlyDefault<Bs> = Bs extends readonly [...infer Init, unknown] ? Extract<Init[number], Any> : never
/** what a branch reads; of a block of unknown type, anything */
type Read<B> = B extends Any ? ([In<B>] extends [never] ? string : keyof In<B>) : never
/** triggers that no branch reads, where it was not said that none does */
type Misspelt<W, R> = W extends When<infer K, Any, false> ? (string extends K ? never : Exclude<K, R>) : never
export type CheckAuto<Bs extends ReadonlyArray<unknown>> = [EarlyDefault<Bs>] extends [never]
  ? [Misspelt<Bs[number], Read<Choices.BranchOf<Bs[number]>>>] extends [never]
    ? CheckBranches<Bs>
    : {
        [X in keyof Bs]: [Misspelt<Bs[X], Read<Choices.BranchOf<Bs[number]>>>] extends [never]
          ? Bs[X]
          : Problem<
              `no branch reads '${Misspelt<Bs[X], Read<Choices.BranchOf<Bs[number]>>>}', which is to select '${Name<Choices.BranchOf<Bs[X]>>}': is it misspelt? Where it only selects, say so: Block.when(name, block, { unread: true })`,
              { readonly read: Read<Choices.BranchOf<Bs[number]>> }
            >
      }
  : {
      [X in keyof Bs]: Bs[X] extends EarlyDefault<Bs>
        ? Problem<`'${Name<Bs[X]>}' has no 'when': only the last branch can be the default`, {}>
        : Bs[X]
    }

export type CheckParallel<T extends ReadonlyArray<unknown>> = [
  ParallelBad<T> | DupNames<T> | Excluding<ParallelIn<T>>
] extends [never]
  ? number extends T["length"]
    ? Any extends T[number]
      ? T
      : [keyof In<T[number]> | KeysOf<Out<T[number]>>] extends [never]
        ? T
        : ReadonlyArray<UnknownLength>
    : T
  : ParallelExplain<T, ParallelIn<T>>

type Union2Intersection<U> = (U extends any ? (u: U) => void : never) extends (i: infer I) => void ? I : never
type RequiredRow<A> = A extends any ? { readonly [K in RequiredKeys<A>]: A[K] } : never
type CommonRequired<A> = keyof RequiredRow<A>
type At<A, K> = A extends any ? (K extends keyof A ? Exclude<A[K], undefined> : never) : never
type AtAll<A, K> =
  Union2Intersection<A extends any ? (K extends keyof A ? { _: Exclude<A[K], undefined> } : never) : never> extends {
    _: infer X
  }
    ? X
    : never

export declare namespace Choices {
  type BranchOf<X> = X extends When<string, infer B> ? B : X extends Any ? X : never
  type KeyOf<X> = X extends When<infer K, Any> ? K : never
  type HasDefault<Bs> = Bs extends readonly [...Array<unknown>, infer L] ? (L extends Any ? true : false) : false
  /** required only where every branch requires it, and one of them surely runs */
  type In<I, Skippable> = Flat<
    { readonly [K in Skippable extends true ? never : CommonRequired<I>]: AtAll<I, K> } & {
      readonly [K in Exclude<KeysOf<I>, Skippable extends true ? never : CommonRequired<I>>]?: AtAll<I, K>
    }
  >
  type Out<O, Skippable> = Flat<
    { readonly [K in Skippable extends true ? never : CommonRequired<O>]: At<O, K> } & {
      readonly [K in Exclude<KeysOf<O>, Skippable extends true ? never : CommonRequired<O>>]?: At<O, K>
    }
  >
}
