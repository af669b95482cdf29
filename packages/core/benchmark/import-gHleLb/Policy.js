import * as internalCached from "./internal/cached.js";
import * as internal from "./internal/policy.js";
import * as internalProvide from "./internal/provide.js";
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
export const provide = internalProvide.provide;
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
export const retry = internal.retry;
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
export const timeout = internal.timeout;
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
export const before = internal.before;
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
export const tap = internal.tap;
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
export const after = internal.after;
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
export const cached = internalCached.cached;
