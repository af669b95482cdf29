/**
 * Policies: a block with a layer, retries, a time limit, a cache, hooks. Everything here is also in `Block`. A block with
 * a policy has the name and the path of the block itself.
 *
 * `provide`, `before` and `tap` are transparent: a run can be left and re-entered inside. `retry`, `timeout`, `after` and
 * `cached` are atomic, since attempts, elapsed time and pending finalizers are not data: a snapshot stands before or
 * after the whole block.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type { Any, Error, In, Name, Out, Services, Wrapped } from "./Block.ts"
import type { Cache } from "./Cache.ts"
import type { Missing } from "./Fingerprint.ts"
import * as internalCached from "./internal/cached.ts"
import type { Problem } from "./internal/flow.ts"
import * as internal from "./internal/policy.ts"
import * as internalProvide from "./internal/provide.ts"

/** A block with a layer of its own. */
export type Provided<B, A, E2, R2> = Wrapped<
  "provide",
  In<B>,
  Out<B>,
  Error<B> | E2,
  Exclude<Services<B>, A> | R2,
  Name<B>,
  B
>

/**
 * Gives components to one block only. The layer is built when a run comes to the block and closed when it leaves it. A
 * run can be left and re-entered inside: the layer is then built again.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Context, Effect, Layer, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * class Unet extends Context.Service<Unet, { readonly predict: (x: number) => number }>()("Unet") {}
 * const unet = Block.make("unet", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, components: { unet: Unet }, run: ({ x }, { unet }) => Effect.succeed({ x: unet.predict(x) }) })
 * const onGpu = unet.pipe(Block.provide(Layer.succeed(Unet, { predict: (x) => x * 2 })))
 * assert.deepEqual(Effect.runSync(onGpu.run({ x: 4 })), { x: 8 })
 * ```
 */
export const provide: {
  <A, E2, R2>(layer: Layer.Layer<A, E2, R2>): <B extends Any>(self: B) => Provided<B, A, E2, R2>
  <B extends Any, A, E2, R2>(self: B, layer: Layer.Layer<A, E2, R2>): Provided<B, A, E2, R2>
} = internalProvide.provide

/** A block with a policy that adds the errors `E2` and the components `R2`. */
export type With<Kind extends string, B, E2 = never, R2 = never> = Wrapped<
  Kind,
  In<B>,
  Out<B>,
  Error<B> | E2,
  Services<B> | R2,
  Name<B>,
  B
>

/**
 * Runs a block again where it fails. Every attempt starts from the state as it was: what a failed one wrote is not seen.
 * Atomic.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * let attempts = 0
 * const flaky = Block.make("flaky", { inputs: {}, outputs: { n: Schema.Int }, run: () => ++attempts < 3 ? Effect.fail("busy") : Effect.succeed({ n: attempts }) })
 * assert.deepEqual(Effect.runSync(flaky.pipe(Block.retry({ times: 5 })).run({})), { n: 3 })
 * ```
 */
export const retry: {
  (policy: { readonly times: number }): <B extends Any>(self: B) => With<"retry", B>
  <E, E2, R2>(policy: Schedule.Schedule<unknown, E, E2, R2>): <B extends Any>(self: B) => With<"retry", B, E2, R2>
  <B extends Any>(self: B, policy: { readonly times: number }): With<"retry", B>
  <B extends Any, E2, R2>(
    self: B,
    policy: Schedule.Schedule<unknown, NoInfer<Error<B>>, E2, R2>
  ): With<"retry", B, E2, R2>
} = internal.retry

/**
 * Interrupts a block that takes longer and fails with `TimeoutError`. Atomic.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const endless = Block.make("endless", { inputs: {}, outputs: { x: Schema.Number }, run: () => Effect.never })
 * const error = await Effect.runPromise(Effect.flip(endless.pipe(Block.timeout("1 millis")).run({})))
 * assert.equal(error._tag, "TimeoutError")
 * ```
 */
export const timeout: {
  (duration: Duration.Input): <B extends Any>(self: B) => With<"timeout", B, Cause.TimeoutError>
  <B extends Any>(self: B, duration: Duration.Input): With<"timeout", B, Cause.TimeoutError>
} = internal.timeout

/**
 * Does something with the inputs before a block runs. Transparent.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const seen: Array<number> = []
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const watched = Block.before(inc, ({ x }) => Effect.sync(() => seen.push(x)))
 * assert.deepEqual([Effect.runSync(watched.run({ x: 1 })), seen], [{ x: 2 }, [1]])
 * ```
 */
export const before: {
  <I, E2, R2>(
    f: (inputs: I) => Effect.Effect<unknown, E2, R2>
  ): <B extends Any>(self: [In<B>] extends [I] ? B : Mismatch<B, I>) => With<"before", B, E2, R2>
  <B extends Any, E2, R2>(self: B, f: (inputs: In<B>) => Effect.Effect<unknown, E2, R2>): With<"before", B, E2, R2>
} = internal.before
type Mismatch<B, I> = Problem<`the hook does not fit block '${Name<B>}'`, { readonly takes: I; readonly gets: In<B> }>

/**
 * Does something with the outputs when a block has succeeded. Transparent.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const seen: Array<number> = []
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * Effect.runSync(Block.tap(inc, ({ x }) => Effect.sync(() => seen.push(x))).run({ x: 1 }))
 * assert.deepEqual(seen, [2])
 * ```
 */
export const tap: {
  <O, E2, R2>(
    f: (outputs: O) => Effect.Effect<unknown, E2, R2>
  ): <B extends Any>(self: [Out<B>] extends [O] ? B : OutMismatch<B, O>) => With<"tap", B, E2, R2>
  <B extends Any, E2, R2>(self: B, f: (outputs: Out<B>) => Effect.Effect<unknown, E2, R2>): With<"tap", B, E2, R2>
} = internal.tap
type OutMismatch<B, O> = Problem<
  `the hook does not fit block '${Name<B>}'`,
  { readonly takes: O; readonly gets: Out<B> }
>

/**
 * Does something when a block has ended, in whatever way: with its outputs, with an error, interrupted. Atomic.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Exit } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * let ended = ""
 * const fail = Block.make("fail", { inputs: {}, outputs: {}, run: () => Effect.fail("broken") })
 * const watched = Block.after(fail, (exit) => Effect.sync(() => { ended = Exit.isSuccess(exit) ? "well" : "badly" }))
 * Effect.runSyncExit(watched.run({}))
 * assert.equal(ended, "badly")
 * ```
 */
export const after: {
  <O, E, R2>(
    f: (exit: Exit.Exit<O, E>) => Effect.Effect<unknown, never, R2>
  ): <B extends Any>(self: [Out<B>, Error<B>] extends [O, E] ? B : OutMismatch<B, O>) => With<"after", B, never, R2>
  <B extends Any, R2>(
    self: B,
    f: (exit: Exit.Exit<Out<B>, Error<B>>) => Effect.Effect<unknown, never, R2>
  ): With<"after", B, never, R2>
} = internal.after

type Cacheable<B> = [Missing<Services<B>>] extends [never]
  ? B
  : Problem<`block '${Name<B>}' cannot be cached: component '${Missing<Services<B>> & string}' has no fingerprint`, {}>
/** Which components are in the key. */
export interface CacheOptions {
  /** Default: every component of the run that has a fingerprint. Name those that count, so that no other one matters. */
  readonly components?: ReadonlyArray<Context.Key<unknown, unknown>>
}
/**
 * Looks a result up in `Cache` before it is computed. The key is made of the inputs in their encoded form, of the block
 * (its fields, the blocks inside and their versions) and of the fingerprints of its components: a block whose
 * components have none does not compile with it. Functions are not in the key: change `version` when `run` comes to mean
 * something else. Only successes are kept. Atomic.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Context, Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Cache from "@effect-blocks/core/Cache"
 * import type { Fingerprinted } from "@effect-blocks/core/Fingerprint"
 *
 * interface Shape extends Fingerprinted {
 *   readonly encode: (text: string) => Effect.Effect<number>
 * }
 * class Encoder extends Context.Service<Encoder, Shape>()("Encoder") {}
 * const encode = Block.make("encode", { inputs: { prompt: Schema.String }, outputs: { embeds: Schema.Number }, components: { encoder: Encoder }, run: ({ prompt }, { encoder }) => Effect.map(encoder.encode(prompt), (embeds) => ({ embeds })) })
 *
 * let calls = 0
 * const encoder = Encoder.of({ fingerprint: "sha256:1f2e", encode: (text) => Effect.sync(() => ++calls * text.length) })
 * const program = Effect.gen(function* () {
 *   const cached = Block.cached(encode)
 *   return [yield* cached.run({ prompt: "cat" }), yield* cached.run({ prompt: "cat" })]
 * })
 * const out = await Effect.runPromise(program.pipe(Effect.provideService(Encoder, encoder), Effect.provide(Cache.layerMemory({ capacity: 10 }))))
 * assert.deepEqual(out, [{ embeds: 3 }, { embeds: 3 }])
 * ```
 */
export const cached: {
  (options?: CacheOptions): <B extends Any>(self: Cacheable<B>) => With<"cached", B, never, Cache>
  <B extends Any>(self: Cacheable<B>, options?: CacheOptions): With<"cached", B, never, Cache>
} = internalCached.cached
