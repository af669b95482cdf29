/**
 * Who hears of the iterations of a run. Nobody by default, and then nothing is paid: the fast interpreter runs. With a listener
 * the run goes through the stepping interpreter and waits for the listener after each iteration.
 */
import * as Combinator from "@effect-blocks/core/Combinator"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"

export type { IterationEvent } from "@effect-blocks/core/Combinator"

/** Told of each finished iteration, of inner loops too. The run goes on when its effect has ended. */
export interface Listener extends Combinator.Listener {}

/**
 * The listener of a run: a Reference, whose default is nobody.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 * import * as Progress from "@effect-blocks/loop/Progress"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: 3 }), [inc])
 * const seen: Array<string> = []
 * const listener: Progress.Listener = (event) => Effect.sync(() => { seen.push(`${event.path} ${event.index}`) })
 * Effect.runSync(Effect.provideService(loop.run({ x: 0 }), Progress.Progress, listener))
 * assert.deepEqual(seen, ["loop 0", "loop 1", "loop 2"])
 * ```
 */
export const Progress: Context.Reference<Listener | null> = Combinator.Progress

const heard = (outer: Listener | null, listener: Listener): Listener =>
  outer === null ? listener : (event) => Effect.andThen(outer(event), listener(event))

/**
 * Listens to an effect, beside those who already do. The runs of all blocks in it are heard.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 * import * as Progress from "@effect-blocks/loop/Progress"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: 3 }), [inc])
 * const seen: Array<unknown> = []
 * const run = loop.run({ x: 0 }).pipe(Progress.listen((event) => Effect.sync(() => seen.push(event.state["x"]))))
 * Effect.runSync(run)
 * assert.deepEqual(seen, [1, 2, 3])
 * ```
 */
export const listen: {
  (
    listener: (event: Combinator.IterationEvent) => Effect.Effect<unknown>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    listener: (event: Combinator.IterationEvent) => Effect.Effect<unknown>
  ): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    listener: (event: Combinator.IterationEvent) => Effect.Effect<unknown>
  ): Effect.Effect<A, E, R> =>
    Effect.updateService(self, Progress, (outer) => heard(outer, (event) => Effect.asVoid(listener(event))))
)

/**
 * A listener as a layer.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Loop from "@effect-blocks/loop/Loop"
 * import * as Progress from "@effect-blocks/loop/Progress"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: 3 }), [inc])
 * let iterations = 0
 * const bar = Progress.layer(() => Effect.sync(() => { iterations++ }))
 * Effect.runSync(Effect.provide(loop.run({ x: 0 }), bar))
 * assert.equal(iterations, 3)
 * ```
 */
export const layer = (listener: Listener): Layer.Layer<never> => Layer.succeed(Progress, listener)
