/** A block that fails, throws, dies or is interrupted, however deep inside: its path is reported and all is released. */
import * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"

class Device extends Context.Service<Device, { readonly name: string }>()("test/Device") {}

/** a leaf that holds a resource, inside a sequence, in a branch, with a layer, beside another block */
const around = (run: () => Effect.Effect<{}, string>) => {
  const open = new Set<string>()
  const held = (name: string) =>
    Effect.acquireRelease(
      Effect.sync(() => open.add(name)),
      () => Effect.sync(() => open.delete(name))
    )
  const leaf = Block.make("leaf", {
    inputs: {},
    outputs: {},
    components: { device: Device },
    run: () => Effect.scoped(Effect.andThen(held("leaf"), Effect.suspend(run)))
  })
  const beside = Block.make("beside", {
    inputs: {},
    outputs: { y: Schema.Number },
    run: () => Effect.scoped(Effect.andThen(held("beside"), Effect.never))
  })
  const device = Layer.effect(Device, Effect.as(held("device"), { name: "gpu" }))
  const branch = Block.provide(Block.sequential("branch", [leaf]), device)
  const all = Block.sequential("all", [
    Block.parallel("both", [Block.auto("choice", [Block.when("on", branch, { unread: true })]), beside])
  ])
  return { all, open }
}

const untyped = (...blocks: ReadonlyArray<any>): Block.Block<{}, {}, unknown> => Block.sequential("all", blocks) as any

describe("the path of a block", () => {
  for (const [how, run] of [
    ["fails", () => Effect.fail("no")],
    ["fails later", () => Effect.andThen(Effect.yieldNow, Effect.fail("no"))],
    ["dies", () => Effect.die(new Error("no"))],
    [
      "throws",
      () => {
        throw new Error("no")
      }
    ],
    ["interrupts itself", () => Effect.andThen(Effect.yieldNow, Effect.interrupt)]
  ] as ReadonlyArray<readonly [string, () => Effect.Effect<{}, string>]>) {
    it.effect(`that ${how} is reported, and all is released`, () =>
      Effect.gen(function* () {
        const { all, open } = around(run)
        const exit = yield* Effect.exit(all.run({ on: true }))
        assert(Exit.isFailure(exit))
        assert.strictEqual(Errors.pathOf(exit.cause), "all.both.choice.branch.leaf")
        assert.strictEqual(open.size, 0)
        if (how.startsWith("fails")) assert.strictEqual(Cause.squash(exit.cause), "no")
      })
    )
  }
  it.effect("that throws before it makes an effect is reported at every depth", () =>
    Effect.gen(function* () {
      const bad = Block.make("bad", {
        inputs: {},
        outputs: {},
        run: (): Effect.Effect<{}> => {
          throw new Error("no")
        }
      })
      const late = Block.make("late", { inputs: {}, outputs: {}, run: () => Effect.as(Effect.yieldNow, {}) })
      for (const [block, path] of [
        [bad, "bad"],
        [Block.sequential("s", [bad]), "s.bad"],
        [Block.sequential("s", [late, bad]), "s.bad"],
        [Block.sequential("s", [Block.parallel("p", [bad])]), "s.p.bad"],
        [Block.sequential("s", [Block.retry(bad, { times: 0 })]), "s.bad"]
      ] as ReadonlyArray<readonly [Block.Block<{}, {}>, string]>) {
        const exit = yield* Effect.exit(block.run({}))
        assert(Exit.isFailure(exit))
        assert.strictEqual(Errors.pathOf(exit.cause), path)
        assert.isTrue(Cause.hasDies(exit.cause))
      }
    })
  )
  it.effect("that waits when the run is interrupted from outside is reported, and all is released", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const first = Block.make("first", { inputs: {}, outputs: {}, run: () => Effect.as(Effect.yieldNow, {}) })
      let released = 0
      const waits = Block.make("waits", {
        inputs: {},
        outputs: {},
        run: () =>
          Effect.onInterrupt(Effect.andThen(Deferred.succeed(started, undefined), Effect.never), () =>
            Effect.sync(() => released++)
          )
      })
      const device = Layer.succeed(Device, { name: "gpu" })
      const inner = Block.sequential("inner", [
        first,
        Block.provide(Block.sequential("more", [Block.rename(first, "again"), waits]), device)
      ])
      const all = Block.sequential("all", [
        Block.rename(first, "start"),
        Block.auto("choice", [Block.when("on", inner, { unread: true })])
      ])
      const fiber = yield* Effect.forkChild(all.run({ on: 1 }))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert(Exit.isFailure(exit))
      assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
      assert.strictEqual(Errors.pathOf(exit.cause), "all.choice.inner.more.waits")
      assert.strictEqual(released, 1)
    })
  )
  it.effect("is not that of an attempt before", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      let attempts = 0
      const flaky = Block.make("flaky", {
        inputs: {},
        outputs: {},
        run: () =>
          ++attempts < 3 ? Effect.andThen(Effect.yieldNow, Effect.fail("no")) : Effect.as(Effect.yieldNow, {})
      })
      const waits = Block.make("waits", {
        inputs: {},
        outputs: {},
        run: () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
      })
      const all = Block.sequential("all", [
        Block.retry(Block.sequential("tries", [Block.sequential("deep", [flaky])]), { times: 5 }),
        waits
      ])
      const fiber = yield* Effect.forkChild(all.run({}))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert(Exit.isFailure(exit))
      assert.strictEqual(Errors.pathOf(exit.cause), "all.waits")
    })
  )
  it.effect("has a policy's block only once", () =>
    Effect.gen(function* () {
      const fail = Block.make("fail", {
        inputs: {},
        outputs: {},
        run: () => Effect.andThen(Effect.yieldNow, Effect.fail("no"))
      })
      const inner = Block.sequential("inner", [fail])
      const layer = Layer.succeed(Device, { name: "gpu" })
      for (const wrapped of [
        Block.provide(inner, layer),
        Block.retry(inner, { times: 1 }),
        Block.timeout(inner, "1 hour"),
        Block.before(inner, () => Effect.void),
        Block.tap(inner, () => Effect.void),
        Block.after(inner, () => Effect.void),
        Block.provide(
          Block.tap(Block.retry(inner, { times: 1 }), () => Effect.void),
          layer
        )
      ]) {
        const exit = yield* Effect.exit(untyped(wrapped).run({}))
        assert(Exit.isFailure(exit))
        assert.strictEqual(Errors.pathOf(exit.cause), "all.inner.fail")
        const renamed = yield* Effect.exit(untyped(Block.rename(wrapped as Block.Any, "r")).run({}))
        assert(Exit.isFailure(renamed))
        assert.strictEqual(Errors.pathOf(renamed.cause), "all.r.fail")
      }
    })
  )
  it.effect("is shown before the error", () =>
    Effect.gen(function* () {
      const fail = Block.make("fail", { inputs: {}, outputs: {}, run: () => Effect.fail(new Error("out of memory")) })
      const exit = yield* Effect.exit(Block.sequential("all", [fail]).run({}))
      assert(Exit.isFailure(exit))
      assert.match(Errors.pretty(exit.cause), /^in all\.fail: Error: out of memory/)
      assert.match(Errors.pretty(Cause.fail("x")), /^Error: x/)
    })
  )
})

describe("spans", () => {
  const recorded = Effect.fnUntraced(function* (program: Effect.Effect<unknown, unknown>) {
    const spans: Array<{
      readonly name: string
      readonly parent: string | undefined
      readonly span: Tracer.NativeSpan
    }> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        const parent = Option.getOrUndefined(options.parent)
        spans.push({ name: options.name, parent: parent?._tag === "Span" ? parent.name : undefined, span })
        return span
      }
    })
    yield* Effect.exit(Effect.provideService(program, Tracer.Tracer, tracer))
    return spans
  })
  const leaf = Block.make("leaf", { inputs: {}, outputs: {}, run: () => Effect.as(Effect.yieldNow, {}) })
  const fail = Block.make("fail", { inputs: {}, outputs: {}, run: () => Effect.fail("no") })
  it.effect("one for each block, composites too, each in that of the block around it", () =>
    Effect.gen(function* () {
      const all = Block.sequential("all", [leaf, Block.parallel("both", [Block.sequential("inner", [leaf])]), fail])
      const spans = yield* recorded(all.run({}))
      assert.deepStrictEqual(
        spans.map(({ name, parent }) => [name, parent]),
        [
          ["all", undefined],
          ["leaf", "all"],
          ["both", "all"],
          ["inner", "both"],
          ["leaf", "inner"],
          ["fail", "all"]
        ]
      )
      assert.strictEqual(spans[0]!.span.attributes.get("block.kind"), "sequential")
      const last = spans[5]!.span.status
      assert(last._tag === "Ended" && Exit.isFailure(last.exit))
    })
  )
})
