/** What an interruption from outside tells and lets go, at its limits: `parallel`, whoever reads a stream, blocks that never wait. */
import * as Block from "@effect-blocks/core/Block"
import { pathOf, pretty } from "@effect-blocks/core/Errors"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Progress from "@effect-blocks/loop/Progress"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Schema, Stream } from "effect"

const x = { x: Schema.Int }
const inc = Block.pure("inc", { inputs: x, outputs: x, run: ({ x }) => ({ x: x + 1 }) })

/** in `main.images[2].both` two blocks hold something and wait, one of them in a loop of its own */
const waitingInParallel = () => {
  const open = new Set<string>()
  const started = Deferred.makeUnsafe<void>()
  const hold = (name: string) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        open.add(name)
        if (open.size === 2) Deferred.doneUnsafe(started, Exit.void)
      }),
      () => Effect.never,
      () => Effect.sync(() => open.delete(name))
    )
  const left = Block.make("left", {
    inputs: { i: Schema.Int },
    outputs: {},
    run: ({ i }) => (i === 2 ? hold("left") : Effect.succeed({}))
  })
  const deep = Block.make("deep", {
    inputs: { i: Schema.Int },
    outputs: {},
    run: ({ i }) => (i === 2 ? hold("deep") : Effect.succeed({}))
  })
  const right = Loop.fromBlocks(Loop.count("right", { times: 2, as: "j" }), [deep])
  const both = Block.parallel("both", [left, right])
  const main = Block.sequential("main", [Loop.fromBlocks(Loop.count("images", { times: 4 }), [both, inc])])
  return { main, open, started }
}
type Main = ReturnType<typeof waitingInParallel>["main"]
const interrupted = Effect.fnUntraced(function* (run: Effect.Effect<unknown>, started: Deferred.Deferred<void>) {
  const fiber = yield* Effect.forkChild(run)
  yield* Deferred.await(started)
  yield* Fiber.interrupt(fiber)
  const exit = yield* Fiber.await(fiber)
  assert(Exit.isFailure(exit))
  assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
  return exit.cause
})

describe("a parallel that is interrupted from outside", () => {
  const observers = {
    "the fast interpreter": (main: Main) => main.run({ x: 0 }),
    "with a listener": (main: Main) => Progress.listen(main.run({ x: 0 }), () => Effect.void),
    "taking snapshots": (main: Main) => Snapshot.run(main, { x: 0 }, { onBoundary: () => Effect.void })
  }
  for (const [how, run] of Object.entries(observers)) {
    it.effect(`is where the path ends, and its blocks let go: ${how}`, () =>
      Effect.gen(function* () {
        const { main, open, started } = waitingInParallel()
        const cause = yield* interrupted(run(main), started)
        assert.strictEqual(pathOf(cause), "main.images[2].both")
        assert.match(pretty(cause), /^in main\.images\[2\]\.both: /)
        assert.strictEqual(open.size, 0)
      })
    )
  }
  it.effect("by itself: the path is its name", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const waits = Block.make("waits", {
        inputs: {},
        outputs: {},
        run: () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
      })
      assert.strictEqual(pathOf(yield* interrupted(Block.parallel("both", [waits]).run({}), started)), "both")
    })
  )
  it.effect("a block of it that interrupts itself has its whole path", () =>
    Effect.gen(function* () {
      const stops = Block.make("stops", { inputs: {}, outputs: {}, run: () => Effect.interrupt })
      const deep = Loop.fromBlocks(Loop.count("deep", { times: 2 }), [stops])
      const exit = yield* Effect.exit(Block.parallel("both", [inc, deep]).run({ x: 0 }))
      assert(Exit.isFailure(exit))
      assert.strictEqual(pathOf(exit.cause), "both.deep[0].stops")
    })
  )
})

describe("whoever reads a stream of a loop", () => {
  it.effect("and is interrupted gets a Cause without a path; the run is interrupted with it", () =>
    Effect.gen(function* () {
      for (const streamed of [Loop.stream, Loop.steps] as ReadonlyArray<typeof Loop.stream>) {
        const { main, open, started } = waitingInParallel()
        const cause = yield* interrupted(Stream.runDrain(streamed(main, { x: 0 })), started)
        assert.isUndefined(pathOf(cause))
        assert.strictEqual(open.size, 0)
      }
    })
  )
  it.effect("but a run that fails or interrupts itself tells its path through the stream", () =>
    Effect.gen(function* () {
      for (const ends of [Effect.fail("no"), Effect.interrupt]) {
        const stops = Block.make("stops", {
          inputs: { i: Schema.Int },
          outputs: {},
          run: ({ i }): Effect.Effect<{}, string> => (i === 1 ? ends : Effect.succeed({}))
        })
        const loop = Loop.fromBlocks(Loop.count("loop", { times: 3 }), [stops])
        const exit = yield* Effect.exit(Stream.runDrain(Loop.stream(loop, {})))
        assert(Exit.isFailure(exit))
        assert.strictEqual(pathOf(exit.cause), "loop[1].stops")
      }
    })
  )
  it.effect("and has enough ends the run where it stands", () =>
    Effect.gen(function* () {
      let ran = 0
      let open = 0
      const held = Block.make("held", {
        inputs: {},
        outputs: {},
        run: () =>
          Effect.scoped(
            Effect.andThen(
              Effect.acquireRelease(
                Effect.sync(() => open++),
                () => Effect.sync(() => open--)
              ),
              Effect.sync(() => (ran++, {}))
            )
          )
      })
      const loop = Loop.fromBlocks(Loop.count("loop", { times: 1_000_000 }), [held])
      yield* Stream.runDrain(Stream.take(Loop.stream(loop, {}), 3))
      assert.deepStrictEqual([ran, open], [3, 0])
    })
  )
})

describe("blocks that never wait", () => {
  it.effect("end at the latest with the loop's turn for the fiber: 512 iterations", () =>
    Effect.gen(function* () {
      const from = (at: number) =>
        Effect.gen(function* () {
          let ran = 0
          let fiber: Fiber.Fiber<unknown, unknown> | undefined
          const quick = Block.pure("quick", {
            inputs: {},
            outputs: {},
            run: () => {
              // interrupted while a block computes: nothing can stop that one, nor the rest of the turn
              if (++ran === at) fiber!.interruptUnsafe()
              return {}
            }
          })
          const main = Block.sequential("main", [Loop.fromBlocks(Loop.count("loop", { times: 1_000_000 }), [quick])])
          fiber = yield* Effect.forkChild(main.run({}))
          const exit = yield* Fiber.await(fiber)
          assert(Exit.isFailure(exit))
          assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
          return { ran, path: pathOf(exit.cause) }
        })
      const first = yield* from(10)
      assert.isTrue(first.ran >= 10 && first.ran <= 512, `${first.ran}`)
      const later = yield* from(600)
      assert.isTrue(later.ran >= 600 && later.ran < 600 + 512, `${later.ran}`)
      assert.strictEqual(later.path, "main.loop")
    })
  )
})
