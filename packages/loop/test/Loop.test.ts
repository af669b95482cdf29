import * as Block from "@effect-blocks/core/Block"
import { InputError, pathOf } from "@effect-blocks/core/Errors"
import * as Field from "@effect-blocks/core/Field"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Progress from "@effect-blocks/loop/Progress"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Schema, Stream, Tracer } from "effect"

const x = { x: Schema.Number }
const inc = Block.pure("inc", { inputs: x, outputs: x, run: ({ x }) => ({ x: x + 1 }) })
const addI = Block.pure("addI", { inputs: { ...x, i: Schema.Int }, outputs: x, run: ({ x, i }) => ({ x: x + i }) })

describe("iterate", () => {
  it.effect("repeats while the condition holds", () =>
    Effect.gen(function* () {
      const bodies = [
        (i: number) => Exit.succeed(i + 1),
        (i: number) => Effect.sync(() => i + 1),
        (i: number) => Effect.as(Effect.yieldNow, i + 1)
      ]
      for (const body of bodies) {
        assert.strictEqual(yield* Loop.iterate(0, { while: (i) => i < 1_234, body }), 1_234)
        assert.strictEqual(yield* Loop.iterate(5, { while: (i) => i < 5, body }), 5)
      }
    })
  )
  it.effect("is safe for the stack over 10^6 iterations", () =>
    Effect.gen(function* () {
      const exits = yield* Loop.iterate(0, { while: (i) => i < 1_000_000, body: (i) => Effect.succeed(i + 1) })
      const syncs = yield* Loop.iterate(0, { while: (i) => i < 1_000_000, body: (i) => Effect.sync(() => i + 1) })
      assert.deepStrictEqual([exits, syncs], [1_000_000, 1_000_000])
    })
  )
  it.effect("fails as its body does, and dies as its condition does", () =>
    Effect.gen(function* () {
      const body = (i: number): Effect.Effect<number, string> => (i === 700 ? Effect.fail("no") : Effect.succeed(i + 1))
      assert.strictEqual(yield* Effect.flip(Loop.iterate(0, { while: () => true, body })), "no")
      const condition = (i: number): boolean => {
        if (i === 700) throw new Error("broken")
        return true
      }
      const exit = yield* Effect.exit(
        Loop.iterate(0 as number, { while: condition, body: (i) => Effect.succeed(i + 1) })
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )
  it.effect("can be started again", () =>
    Effect.gen(function* () {
      const loop = Loop.iterate(0, { while: (i) => i < 3, body: (i) => Effect.succeed(i + 1) })
      assert.deepStrictEqual([yield* loop, yield* loop], [3, 3])
    })
  )
})

describe("wrappers", () => {
  it.effect("count from a variable or a number", () =>
    Effect.gen(function* () {
      const named = Loop.fromBlocks(Loop.count("named", { times: "n" }), [addI])
      assert.deepStrictEqual(yield* named.run({ n: 5, x: 0 }), { x: 10 })
      assert.deepStrictEqual(yield* named.run({ n: 0, x: 7 }), { x: 7 })
      assert.deepStrictEqual(yield* named.run({ n: -3, x: 7 }), { x: 7 })
      const fixed = Loop.fromBlocks(Loop.count("fixed", { times: 4 }), [addI])
      assert.deepStrictEqual(yield* fixed.run({ x: 0 }), { x: 6 })
    })
  )
  it.effect("count refuses what is no number of times, before anything runs", () =>
    Effect.gen(function* () {
      const named = Loop.fromBlocks(Loop.count("named", { times: "n" }), [addI])
      const outer = Block.sequential("outer", [named])
      assert.deepStrictEqual(yield* Pipeline.run(outer, { n: 0, x: 7 }), { x: 7 })
      for (const n of [-1, 0.5, Number.NaN]) {
        const error: unknown = yield* Effect.flip(Pipeline.run(outer, { n, x: 7 }))
        assert(error instanceof InputError)
        assert.deepStrictEqual(
          [...new Set(error.issues.map((i) => `${i.field} ${i.block} ${i.expected}`))],
          ["n outer.named integer greater than or equal to 0"]
        )
      }
    })
  )
  it.effect("forEach gives items and their places", () =>
    Effect.gen(function* () {
      const note = Block.pure("note", {
        inputs: { said: Schema.String, t: Schema.Number, k: Schema.Int },
        outputs: { said: Schema.String },
        run: ({ said, t, k }) => ({ said: `${said} ${k}:${t}` })
      })
      const loop = Loop.fromBlocks(Loop.forEach("each", { over: "ts", item: ["t", Schema.Number], index: "k" }), [note])
      assert.deepStrictEqual(yield* loop.run({ ts: [9, 8], said: "" }), { said: " 0:9 1:8" })
    })
  )
  it.effect("whilst may run zero times, until runs once at least", () =>
    Effect.gen(function* () {
      const inputs = { x: Schema.Number }
      const whilst = Loop.fromBlocks(Loop.whilst("whilst", { inputs, test: ({ x }) => x < 3 }), [inc])
      const until = Loop.fromBlocks(Loop.until("until", { inputs, test: ({ x }) => x >= 3 }), [inc])
      assert.deepStrictEqual([yield* whilst.run({ x: 0 }), yield* whilst.run({ x: 9 })], [{ x: 3 }, { x: 9 }])
      assert.deepStrictEqual([yield* until.run({ x: 0 }), yield* until.run({ x: 9 })], [{ x: 3 }, { x: 10 }])
    })
  )
  it.effect("a block inside that writes an input of its loop steers it; a cursor is not steered", () =>
    Effect.gen(function* () {
      const stop = Block.pure("stop", {
        inputs: { i: Schema.Int, n: Schema.Int },
        outputs: { n: Schema.Int },
        run: ({ i, n }) => ({ n: i === 2 ? 0 : n })
      })
      const steered = Loop.fromBlocks(Loop.count("steered", { times: "n" }), [stop, inc])
      assert.deepStrictEqual(yield* steered.run({ n: 10, x: 0 }), { n: 0, x: 3 })
      const fixed = Loop.make("fixed", {
        inputs: { n: Schema.Int },
        provides: { i: Schema.Int },
        cursor: Schema.Struct({ i: Schema.Int, end: Schema.Int }),
        initial: ({ n }) => ({ i: 0, end: n }),
        while: ({ i, end }) => i < end,
        iteration: ({ i }) => ({ i }),
        next: ({ i, end }) => ({ i: i + 1, end })
      })
      assert.deepStrictEqual(yield* Loop.fromBlocks(fixed, [stop, inc]).run({ n: 10, x: 0 }), { n: 0, x: 10 })
    })
  )
  it.effect("iteration variables hide what is outside and never leave", () =>
    Effect.gen(function* () {
      const write = Block.pure("write", {
        inputs: { i: Schema.Int },
        outputs: { i: Schema.Int },
        run: () => ({ i: 99 })
      })
      const read = Block.pure("read", {
        inputs: { i: Schema.Int },
        outputs: { seen: Schema.Int },
        run: ({ i }) => ({ seen: i })
      })
      const keep = Block.pure("keep", {
        inputs: { i: Schema.Int },
        outputs: { j: Schema.Int },
        run: ({ i }) => ({ j: i })
      })
      const loop = Loop.fromBlocks(Loop.count("loop", { times: 2 }), [Block.rename(read, "first"), write, keep])
      const main = Block.sequential("main", [loop, Block.rename(keep, "after")])
      assert.deepStrictEqual(yield* main.run({ i: 7 }), { seen: 1, j: 7 })
      assert.deepStrictEqual(Object.keys(loop.outputs).toSorted(), ["j", "seen"])
    })
  )
  it.effect("lists what a variable was after each iteration", () =>
    Effect.gen(function* () {
      const inner = Loop.fromBlocks(Loop.count("inner", { times: 2, as: "j", collect: { rows: "x" } }), [inc])
      const outer = Loop.fromBlocks(Loop.count("outer", { times: "n", collect: { table: "rows" } }), [inner])
      const { table } = yield* outer.run({ n: 3, x: 0 })
      assert.deepStrictEqual(table, [
        [1, 2],
        [3, 4],
        [5, 6]
      ])
      assert.deepStrictEqual((yield* outer.run({ n: 0, x: 0 })).table, [])
      const left = yield* Snapshot.run(outer, { n: 3, x: 0 }, { until: ({ count }) => count === 3 })
      assert(left._tag === "Left")
      const bytes = yield* Snapshot.toBytes(outer, left.snapshot)
      for (let again = 0; again < 2; again++) {
        const resumed = yield* Snapshot.resume(outer, yield* Snapshot.fromBytes(outer, bytes))
        assert.deepStrictEqual(resumed.table, table)
        assert.deepStrictEqual((yield* Snapshot.resume(outer, left.snapshot)).table, table)
      }
    })
  )
  it.effect("constant defaults of a wrapper's inputs are there", () =>
    Effect.gen(function* () {
      const inputs = { limit: Field.default(Schema.Int, 3) }
      const loop = Loop.fromBlocks(Loop.whilst("loop", { inputs, test: ({ limit }, i) => i < limit }), [inc])
      assert.deepStrictEqual([yield* loop.run({ x: 0 }), yield* loop.run({ x: 0, limit: 5 })], [{ x: 3 }, { x: 5 }])
    })
  )
  it.effect("custom: any structure, caught errors included", () =>
    Effect.gen(function* () {
      const risky = Block.make("risky", {
        inputs: { ...x, i: Schema.Int },
        outputs: x,
        run: ({ x, i }) => (i % 2 === 0 ? Effect.fail("even" as const) : Effect.succeed({ x: x + i }))
      })
      const wrapper = Loop.custom("tries", {
        inputs: { n: Schema.Int },
        provides: { i: Schema.Int },
        outputs: { failures: Schema.Int },
        loop: (state, loopStep) =>
          Effect.gen(function* () {
            let failures = 0
            for (let i = 0; i < state.n; i++) {
              const next = yield* Effect.option(loopStep(state, { i }))
              if (Option.isSome(next)) state = next.value
              else failures++
            }
            return { ...state, failures }
          })
      })
      const loop = Loop.fromBlocks(wrapper, [risky])
      assert.deepStrictEqual(yield* loop.run({ n: 6, x: 0 }), { x: 9, failures: 3 })
    })
  )
  it.effect("custom: a step is lazy, so it can be repeated", () =>
    Effect.gen(function* () {
      const wrapper = Loop.custom("twice", {
        inputs: {},
        provides: {},
        loop: (state, loopStep) => {
          const step = loopStep(state, {})
          return Effect.andThen(step, Effect.andThen(step, step))
        }
      })
      let calls = 0
      const count = Block.pure("count", { inputs: {}, outputs: x, run: () => ({ x: ++calls }) })
      assert.deepStrictEqual(yield* Loop.fromBlocks(wrapper, [count]).run({}), { x: 3 })
    })
  )
  it("what untyped callers do wrong is refused", () => {
    const untyped: any = Loop
    const twice = () => untyped.fromBlocks(Loop.count("l", { times: 1 }), [inc, inc])
    assert.throws(twice, /two blocks are named 'inc'/)
    assert.throws(() => untyped.fromBlocks(inc, [inc]), /'inc': is not the wrapper of a loop/)
    for (const times of [-1, 1.5, NaN]) {
      assert.throws(() => Loop.count("l", { times }), /expected an integer that is not negative/)
    }
    assert.throws(() => untyped.count("l", { times: "n", as: "n" }), /'n' is already an input of the loop/)
    assert.throws(
      () => untyped.forEach("l", { over: "n", item: ["t", Schema.Int], index: "t" }),
      /both the item and its index/
    )
    const collects = () => untyped.fromBlocks(untyped.count("l", { times: 1, collect: { ys: "y" } }), [inc])
    assert.throws(collects, /collects 'y', which the blocks inside do not surely write/)
    const outputs = { inputs: {}, provides: {}, cursor: Schema.Int, outputs: x }
    assert.throws(() => untyped.make("l", outputs), /no 'done' to give them/)
  })
  it.effect("may be renamed", () =>
    Effect.gen(function* () {
      const fail = Block.make("fail", { inputs: {}, outputs: {}, run: () => Effect.fail("no") })
      const declared = Block.rename(Loop.fromBlocks(Loop.count("a", { times: 1 }), [fail]), "b")
      const custom = Loop.custom("c", { inputs: {}, provides: {}, loop: (state, step) => step(state, {}) })
      const renamed = Block.rename(Loop.fromBlocks(custom, [fail]), "d")
      for (const [block, path] of [[declared, "b[0].fail"] as const, [renamed, "d[0].fail"] as const]) {
        const exit = yield* Effect.exit(block.run({}))
        assert.strictEqual(Exit.isFailure(exit) && pathOf(exit.cause), path)
      }
    })
  )
})

describe("running", () => {
  it.effect("10^6 iterations, synchronous or not", () =>
    Effect.gen(function* () {
      const later = Block.make("later", { inputs: x, outputs: x, run: ({ x }) => Effect.sync(() => ({ x: x + 1 })) })
      for (const block of [inc, later]) {
        const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [block])
        assert.deepStrictEqual(yield* loop.run({ n: 1_000_000, x: 0 }), { x: 1_000_000 })
      }
    })
  )
  it.effect("a loop that never waits lets other fibers run, and is interrupted", () =>
    Effect.gen(function* () {
      const inner = Loop.fromBlocks(Loop.count("inner", { times: 3, as: "j" }), [inc])
      const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [inner])
      const endless = { n: 1e12, x: 0 }
      const runs = [
        loop.run(endless),
        Snapshot.run(loop, endless, { until: () => false }),
        Progress.listen(loop.run(endless), () => Effect.void),
        Loop.iterate(0, { while: () => true, body: (i) => Effect.succeed(i + 1) })
      ]
      for (const run of runs) {
        const fiber = yield* Effect.forkChild(run)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }
    })
  )
  it.effect("blocks that take long get the fiber's turn over with before 512 of them have run", () =>
    Effect.gen(function* () {
      let ran = 0
      const slow = Block.pure("slow", {
        inputs: {},
        outputs: {},
        run: () => {
          ran++
          const end = performance.now() + 1
          while (performance.now() < end);
          return {}
        }
      })
      const loop = Loop.fromBlocks(Loop.count("loop", { times: 400 }), [slow])
      const fiber = yield* Effect.forkChild(loop.run({}))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.isBelow(ran, 100)
    })
  )
  it.effect("runs of one loop beside each other do not disturb each other", () =>
    Effect.gen(function* () {
      const later = Block.make("later", {
        inputs: x,
        outputs: x,
        run: ({ x }) => Effect.as(Effect.yieldNow, { x: x + 1 })
      })
      const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [later, inc])
      const runs = Array.from({ length: 20 }, (_, n) => loop.run({ n, x: 0 }))
      const all = yield* Effect.all(runs, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        all.map(({ x }) => x),
        Array.from({ length: 20 }, (_, n) => 2 * n)
      )
    })
  )
})

describe("what goes wrong in the middle of nested loops", () => {
  class Resource extends Context.Service<Resource, { readonly id: number }>()("test/Resource") {}
  const ways = {
    fails: () => Effect.fail("no"),
    dies: () => Effect.die(new Error("dead")),
    throws: (): Effect.Effect<never> => {
      throw new Error("thrown")
    },
    "throws later": () =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync((): never => {
          throw new Error("thrown later")
        })
      ),
    "is interrupted": (started: Deferred.Deferred<void>) =>
      Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
  }
  const observers = {
    "the fast interpreter": (block: any) => block.run({ x: 0 }),
    "with a listener": (block: any) => Progress.listen(block.run({ x: 0 }), () => Effect.void),
    "taking snapshots": (block: any) => Snapshot.run(block, { x: 0 } as never, { onBoundary: () => Effect.void }),
    streamed: (block: any) => Stream.runDrain(Loop.stream(block, { x: 0 } as never))
  }
  for (const [way, happens] of Object.entries(ways)) {
    for (const [how, run] of Object.entries(observers)) {
      it.effect(`a block that ${way}: ${how}`, () =>
        Effect.gen(function* () {
          let open = 0
          const layer = Layer.effect(
            Resource,
            Effect.acquireRelease(
              Effect.sync(() => ({ id: ++open })),
              () => Effect.sync(() => open--)
            )
          )
          const started = yield* Deferred.make<void>()
          const unet = Block.make("unet", {
            inputs: x,
            outputs: x,
            components: { resource: Resource },
            run: ({ x }): Effect.Effect<{ readonly x: number }, string> =>
              x === 7 ? happens(started) : Effect.succeed({ x })
          })
          const denoise = Loop.fromBlocks(Loop.count("denoise", { times: 3, as: "j" }), [unet, inc])
          const branch = Block.auto("maybe", [
            Block.when("x", Block.provide(denoise, layer)),
            Block.rename(inc, "other")
          ])
          const main = Block.sequential("main", [Loop.fromBlocks(Loop.count("images", { times: 4 }), [branch])])
          const fiber = yield* Effect.forkChild(run(main) as Effect.Effect<unknown, unknown>)
          if (way === "is interrupted") {
            yield* Deferred.await(started)
            assert.strictEqual(open, 1)
            yield* Fiber.interrupt(fiber)
          }
          const exit = yield* Fiber.await(fiber)
          assert(Exit.isFailure(exit))
          if (!(way === "is interrupted" && how === "streamed")) {
            assert.strictEqual(pathOf(exit.cause), "main.images[2].maybe.denoise[1].unet")
          }
          assert.strictEqual(open, 0)
        })
      )
    }
  }
  it.effect("a layer that cannot be built: the path is that of the block it is for", () =>
    Effect.gen(function* () {
      const use = Block.make("use", {
        inputs: {},
        outputs: {},
        components: { resource: Resource },
        run: () => Effect.succeed({})
      })
      const broken = Layer.effect(Resource, Effect.fail("no device"))
      const provided = Block.provide(Block.sequential("part", [Block.provide(use, broken)]), Layer.empty)
      const main = Block.sequential("main", [Loop.fromBlocks(Loop.count("loop", { times: 2 }), [provided])])
      for (const [how, run] of Object.entries(observers)) {
        const exit = yield* Effect.exit(run(main) as Effect.Effect<unknown, unknown>)
        assert(Exit.isFailure(exit))
        assert.deepStrictEqual(
          [Cause.squash(exit.cause), pathOf(exit.cause)],
          ["no device", "main.loop[0].part.use"],
          how
        )
      }
    })
  )
  it.effect("functions of a wrapper that throw: the path is the loop's", () =>
    Effect.gen(function* () {
      const untyped: any = Loop
      const untypedBlock: any = Block
      const broken = (): never => {
        throw new Error("broken")
      }
      const good = {
        inputs: {},
        provides: { i: Schema.Int },
        outputs: { n: Schema.Int },
        cursor: Schema.Int,
        initial: () => 0,
        while: (c: number) => c < 2,
        iteration: (c: number) => ({ i: c }),
        next: (c: number) => c + 1,
        done: (c: number) => ({ n: c })
      }
      for (const name of ["initial", "while", "iteration", "next", "done"]) {
        const later = Block.make("later", { inputs: {}, outputs: {}, run: () => Effect.as(Effect.yieldNow, {}) })
        for (const body of [[], [inc], [later]]) {
          const loop = untyped.fromBlocks(untyped.make("loop", { ...good, [name]: broken }), body)
          const main = untypedBlock.sequential("main", [loop])
          for (const run of Object.values(observers)) {
            const exit = yield* Effect.exit(run(main) as Effect.Effect<unknown>)
            assert(Exit.isFailure(exit))
            assert.strictEqual(pathOf(exit.cause), "main.loop", name)
          }
        }
      }
    })
  )
})

describe("stream", () => {
  const nested = () => {
    let ran = 0
    const count = Block.pure("count", {
      inputs: x,
      outputs: x,
      run: ({ x }) => {
        ran++
        return { x: x + 1 }
      }
    })
    const inner = Loop.fromBlocks(Loop.count("inner", { times: "m", as: "j" }), [count])
    return { loop: Loop.fromBlocks(Loop.count("outer", { times: "n" }), [inner]), ran: () => ran }
  }
  it.effect("nothing runs ahead of who reads it, and closing it stops the run", () =>
    Effect.gen(function* () {
      const { loop, ran } = nested()
      // inner, inner, outer, inner
      const four = yield* Stream.runCollect(Stream.take(Loop.stream(loop, { n: 1e9, m: 2, x: 0 }), 4))
      assert.deepStrictEqual(
        four.map((e) => e.path),
        ["outer[0].inner", "outer[0].inner", "outer", "outer[1].inner"]
      )
      assert.strictEqual(ran(), 3)
    })
  )
  it.effect("events of loops inside Loop.custom, parallel and retried blocks", () =>
    Effect.gen(function* () {
      const { loop } = nested()
      const wrapper = Loop.custom("mine", {
        inputs: {},
        provides: { k: Schema.Int },
        loop: (s, step) => step(s, { k: 5 })
      })
      const main = Block.sequential("main", [
        Loop.fromBlocks(wrapper, [loop]),
        Block.parallel("beside", [Block.rename(loop, "again")]),
        Block.retry(Block.rename(loop, "retried"), { times: 1 })
      ])
      const events = yield* Stream.runCollect(Loop.stream(main, { n: 1, m: 1, x: 0 }))
      const paths = events.map((e) => `${e.path}[${e.index}]`)
      assert.deepStrictEqual(paths, [
        "main.mine[0].outer[0].inner[0]",
        "main.mine[0].outer[0]",
        "main.mine[0]",
        "main.beside.again[0].inner[0]",
        "main.beside.again[0]",
        "main.retried[0].inner[0]",
        "main.retried[0]"
      ])
      assert.deepStrictEqual(events[2]!.iteration, { k: 5 })
    })
  )
  it.effect("a failure ends it, after the events before", () =>
    Effect.gen(function* () {
      const fail = Block.make("fail", {
        inputs: { i: Schema.Int },
        outputs: {},
        run: ({ i }) => (i === 2 ? Effect.fail("no") : Effect.succeed({}))
      })
      const seen: Array<number> = []
      const loop = Loop.fromBlocks(Loop.count("loop", { times: 5 }), [fail])
      const error = yield* Effect.flip(
        Stream.runForEach(Loop.stream(loop, {}), (e) => Effect.sync(() => seen.push(e.index)))
      )
      assert.deepStrictEqual([error, seen], ["no", [0, 1]])
    })
  )
  it.effect("a layer inside is built once for the whole stream", () =>
    Effect.gen(function* () {
      class Model extends Context.Service<Model, number>()("test/Model") {}
      let built = 0
      const layer = Layer.effect(
        Model,
        Effect.sync(() => ++built)
      )
      const use = Block.make("use", {
        inputs: {},
        outputs: { x: Schema.Number },
        components: { m: Model },
        run: (_, { m }) => Effect.succeed({ x: m })
      })
      const loop = Block.provide(Loop.fromBlocks(Loop.count("loop", { times: 4 }), [use]), layer)
      const events = yield* Stream.runCollect(Loop.stream(loop, {}))
      assert.deepStrictEqual([events.length, built], [4, 1])
    })
  )
  it.effect("start and next: a position may be asked twice, and stored", () =>
    Effect.gen(function* () {
      const { loop } = nested()
      let position = yield* Loop.start(loop, { n: 2, m: 2, x: 0 })
      const seen: Array<string> = []
      for (;;) {
        const bytes = yield* Snapshot.toBytes(loop, position)
        const step = yield* Loop.next(loop, position)
        const again = yield* Loop.next(loop, yield* Snapshot.fromBytes(loop, bytes))
        if (step._tag === "Done") {
          assert.deepStrictEqual([step.output, again], [{ x: 4 }, step])
          break
        }
        assert(again._tag === "Iteration")
        assert.deepStrictEqual(again.event, step.event)
        seen.push(`${step.event.path}[${step.event.index}]`)
        position = step.position
      }
      const expected = [
        "outer[0].inner[0]",
        "outer[0].inner[1]",
        "outer[0]",
        "outer[1].inner[0]",
        "outer[1].inner[1]",
        "outer[1]"
      ]
      assert.deepStrictEqual(seen, expected)
    })
  )
})

describe("spans", () => {
  it.effect("are the same, and within each other the same, however a run is watched", () =>
    Effect.gen(function* () {
      const wrapper = Loop.custom("mine", { inputs: {}, provides: {}, loop: (s, step) => step(s, {}) })
      const loop = Loop.fromBlocks(Loop.count("loop", { times: 2 }), [Loop.fromBlocks(wrapper, [inc])])
      const fail = Block.make("fail", { inputs: {}, outputs: {}, run: () => Effect.fail("no") })
      const main = Block.sequential("main", [loop, Block.auto("maybe", [Block.when("x", fail, { unread: true })])])
      const spansOf = (effect: Effect.Effect<unknown, unknown>) =>
        Effect.gen(function* () {
          const spans: Array<Tracer.Span> = []
          const tracer = Tracer.make({
            span: (options) => {
              const span = new Tracer.NativeSpan(options)
              spans.push(span)
              return span
            }
          })
          yield* Effect.exit(Effect.provideService(effect, Tracer.Tracer, tracer))
          const pathOf = (span: Tracer.AnySpan): string => {
            if (span._tag !== "Span") return ""
            const outer = Option.match(span.parent, { onNone: () => "", onSome: pathOf })
            return `${outer}/${span.name}`
          }
          return spans.map((s) => `${pathOf(s)} ${s.status._tag === "Ended" ? s.status.exit._tag : "open"}`)
        })
      const fast = yield* spansOf(main.run({ x: 0 }))
      assert.deepStrictEqual(fast, [
        "/main Failure",
        "/main/loop Success",
        "/main/loop/mine Success",
        "/main/loop/mine/inc Success",
        "/main/loop/mine Success",
        "/main/loop/mine/inc Success",
        "/main/maybe Failure",
        "/main/maybe/fail Failure"
      ])
      assert.deepStrictEqual(yield* spansOf(Snapshot.run(main, { x: 0 })), fast)
      // a run that is re-entered opens the spans that it stands in
      const left = yield* Snapshot.run(main, { x: 0 }, { until: () => true })
      assert(left._tag === "Left")
      assert.deepStrictEqual(yield* spansOf(Snapshot.resume(main, left.snapshot)), [
        ...fast.slice(0, 2),
        ...fast.slice(4)
      ])
      assert.deepStrictEqual(yield* spansOf(Progress.listen(main.run({ x: 0 }), () => Effect.void)), fast)
    })
  )
})
