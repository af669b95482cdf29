/** What the type of a loop is computed from: its wrapper, the blocks inside, and whether they fit together. */
import type { Any, In, Name, Out } from "@effect-blocks/core/Block"
import type { Block } from "@effect-blocks/core/Block"
import type { Fields, Flat, Flow, Problem, RequiredKeys } from "@effect-blocks/core/Combinator"
import type * as Schema from "effect/Schema"

/** Everything that a wrapper says in types. */
export interface Shape {
  /** what it reads, gives each iteration and writes at its end */
  readonly in: unknown
  readonly iter: unknown
  readonly out: unknown
  readonly error: unknown
  readonly services: unknown
  readonly kind: "loop" | "custom"
  /** the body runs at least once */
  readonly once: boolean
  /** `{ list: "variable" }` */
  readonly collect: object
}
interface Flowing {
  readonly in: unknown
  readonly out: unknown
  readonly check: unknown
}

/** the wrapper, as the block that writes the iteration variables; a block inside may have the name of the loop */
type Head<N extends string, S extends Shape> = Block<S["in"], S["iter"], never, never, `${N} (loop)`>
export type BodyFlow<N extends string, S extends Shape, Steps extends ReadonlyArray<Any>> = Flow<
  readonly [Head<N, S>, ...Steps]
>

/** carried variables: read from outside and written inside; what leaves an iteration must fit what enters the next */
type BackEdge<I, O> = {
  [K in keyof I & keyof O]-?: [Exclude<O[K], undefined>] extends [I[K] | undefined] ? never : K
}[keyof I & keyof O]
/** what each list needs: a variable that the blocks inside surely write */
type Uncollectable<S extends Shape, O> = {
  [L in keyof S["collect"]]-?: S["collect"][L] extends RequiredKeys<Omit<O, keyof S["iter"]>> ? never : S["collect"][L]
}[keyof S["collect"]]

type Lists<S extends Shape, O> = {
  readonly [L in keyof S["collect"]]: ReadonlyArray<S["collect"][L] extends keyof O ? O[S["collect"][L]] : never>
}
type Given<S extends Shape> = keyof S["iter"] | keyof S["out"] | keyof S["collect"]
/** After 0 to n iterations: carried variables are as certain as before; others perhaps. After 1 to n: as certain as the body is. */
export type LoopOut<I, O, S extends Shape> = Flat<
  { readonly [K in keyof I as K extends keyof O ? (K extends Given<S> | Sure<O, S> ? never : K) : never]: I[K] } & {
    readonly [K in keyof O as K extends keyof I | Given<S> | Sure<O, S> ? never : K]?: O[K]
  } & { readonly [K in Exclude<Sure<O, S> & keyof O, Given<S>>]: O[K] } & S["out"] &
    Lists<S, O>
>
type Sure<O, S extends Shape> = S["once"] extends true ? RequiredKeys<O> : never

type Tail<C> = C extends readonly [unknown, ...infer T] ? T : C
type Check<F extends Flowing, Steps extends ReadonlyArray<Any>> = unknown extends F["check"]
  ? [BackEdge<F["in"], F["out"]>] extends [never]
    ? unknown
    : {
        [X in keyof Steps]: [keyof Out<Steps[X]> & BackEdge<F["in"], F["out"]>] extends [never]
          ? Steps[X]
          : Problem<
              `block '${Name<Steps[X]>}' writes loop-carried '${keyof Out<Steps[X]> & BackEdge<F["in"], F["out"]> & string}' with a type that the next iteration cannot read`,
              {
                [K in keyof Out<Steps[X]> & BackEdge<F["in"], F["out"]>]: {
                  readonly written: F["out"][K & keyof F["out"]]
                  readonly "expected by the next iteration": F["in"][K & keyof F["in"]]
                }
              }
            >
      }
  : Tail<F["check"]>
/** The blocks themselves where they fit, otherwise for each block that does not the problem. */
export type CheckBody<N extends string, S extends Shape, Steps extends ReadonlyArray<Any>> =
  Check<BodyFlow<N, S, Steps>, Steps> extends infer C ? (unknown extends C ? Steps : C) : never
/** Asked of the wrapper, in view of the blocks. */
export type CheckCollect<N extends string, S extends Shape, Steps extends ReadonlyArray<Any>> = [
  keyof S["collect"]
] extends [never]
  ? unknown
  : [Uncollectable<S, BodyFlow<N, S, Steps>["out"]>] extends [never]
    ? unknown
    : Problem<
        `loop '${N}' collects '${Uncollectable<S, BodyFlow<N, S, Steps>["out"]> & string}', which the blocks inside do not surely write`,
        BodyFlow<N, S, Steps>["out"]
      >

/** Inputs that are also iteration variables. */
export type Apart<N extends string, P, I> = {
  readonly [K in keyof P & keyof I]: Problem<`'${K & string}' is already an input of loop '${N}'`, {}>
}
export type Type<F extends Fields> = Schema.Struct.Type<F>
export type { In }
