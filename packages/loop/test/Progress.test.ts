import * as Block from "@effect-blocks/core/Block"
import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Progress from "@effect-blocks/loop/Progress"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"

const inc = Block.pure("inc", {
  inputs: { x: Schema.Number },
  outputs: { x: Schema.Number },
  run: ({ x }) => ({ x: x + 1 })
})
const loop = Loop.fromBlocks(Loop.count("loop", { times: "n", as: "k" }), [inc])

describe("Progress", () => {
  it.effect("tells where, which iteration, and the variables", () =>
    Effect.gen(function* () {
      const events: Array<Progress.IterationEvent> = []
      const main = Block.sequential("main", [loop])
      yield* Progress.listen(main.run({ n: 2, x: 5 }), (event) => Effect.sync(() => events.push(event)))
      assert.deepStrictEqual(events, [
        { path: "main.loop", cursor: 0, index: 0, iteration: { k: 0 }, state: { n: 2, x: 6, k: 0 } },
        { path: "main.loop", cursor: 1, index: 1, iteration: { k: 1 }, state: { n: 2, x: 7, k: 1 } }
      ])
    })
  )
  it.effect("events keep the state they were told of", () =>
    Effect.gen(function* () {
      const states: Array<unknown> = []
      yield* Progress.listen(loop.run({ n: 3, x: 0 }), (event) => Effect.sync(() => states.push(event.state)))
      assert.deepStrictEqual(
        states.map((s: any) => s.x),
        [1, 2, 3]
      )
    })
  )
  it.effect("all listeners hear, those outside first", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const say = (who: string) => (event: Progress.IterationEvent) =>
        Effect.sync(() => heard.push(`${who}${event.index}`))
      yield* loop.run({ n: 2, x: 0 }).pipe(Progress.listen(say("inner")), Progress.listen(say("outer")))
      assert.deepStrictEqual(heard, ["outer0", "inner0", "outer1", "inner1"])
      heard.length = 0
      yield* Effect.provide(
        Progress.listen(loop.run({ n: 1, x: 0 }), say("inner")),
        Progress.layer((e) => Effect.asVoid(say("layer")(e)))
      )
      assert.deepStrictEqual(heard, ["layer0", "inner0"])
    })
  )
  it.effect("the run waits for its listener, and can be interrupted there", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      let ran = 0
      const count = Block.pure("count", { inputs: {}, outputs: {}, run: () => (ran++, {}) })
      const waiting = Loop.fromBlocks(Loop.count("waiting", { times: 5 }), [count])
      const listener = () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
      const fiber = yield* Effect.forkChild(Progress.listen(waiting.run({}), listener))
      yield* Deferred.await(reached)
      assert.strictEqual(ran, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(ran, 1)
    })
  )
  it.effect("hears runs with checkpoints too", () =>
    Effect.gen(function* () {
      const heard: Array<number> = []
      const run = Checkpoint.run(loop, { n: 3, x: 0 }, { key: "a", every: 2 })
      yield* Progress.listen(run, ({ index }) => Effect.sync(() => heard.push(index)))
      assert.deepStrictEqual(heard, [0, 1, 2])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
  it.effect("without loops nothing is told", () =>
    Effect.gen(function* () {
      let told = 0
      yield* Progress.listen(inc.run({ x: 0 }), () => Effect.sync(() => told++))
      assert.strictEqual(told, 0)
    })
  )
})
