import * as Block from "@effect-blocks/core/Block"
import * as Cache from "@effect-blocks/core/Cache"
import * as Field from "@effect-blocks/core/Field"
import type { Fingerprinted } from "@effect-blocks/core/Fingerprint"
import * as KeyValueCache from "@effect-blocks/core/KeyValueCache"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"

const N = Schema.Number
class Device extends Context.Service<Device, { readonly name: string }>()("test/Device") {}
const where = Block.make("where", {
  inputs: {},
  outputs: { at: Schema.String },
  components: { device: Device },
  run: (_, { device }) => Effect.sync(() => ({ at: device.name }))
})
const inc = Block.pure("inc", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => ({ x: x + 1 }) })

describe("provide", () => {
  const log: Array<string> = []
  const device = (name: string) =>
    Layer.effect(
      Device,
      Effect.acquireRelease(
        Effect.sync(() => (log.push(`open ${name}`), { name })),
        () => Effect.sync(() => log.push(`close ${name}`))
      )
    )
  it.effect("the layer lives as long as the block, and the blocks around have their own", () =>
    Effect.gen(function* () {
      log.length = 0
      const note = (text: string) => Block.pure(text, { inputs: {}, outputs: {}, run: () => (log.push(text), {}) })
      const inner = Block.provide(Block.sequential("inner", [note("in"), where]), device("gpu"))
      const all = Block.sequential("all", [
        note("before"),
        inner,
        note("after"),
        Block.make("here", {
          inputs: {},
          outputs: { outside: Schema.String },
          components: { device: Device },
          run: (_, { device }) => Effect.succeed({ outside: device.name })
        })
      ])
      assert.deepStrictEqual(yield* Effect.provideService(all.run({}), Device, { name: "cpu" }), {
        at: "gpu",
        outside: "cpu"
      })
      assert.deepStrictEqual(log, ["before", "open gpu", "in", "close gpu", "after"])
    })
  )
  it.effect("the inner layer hides the outer one", () =>
    Effect.gen(function* () {
      log.length = 0
      const all = where.pipe(Block.provide(device("inner")), Block.provide(device("outer")))
      assert.deepStrictEqual(yield* all.run({}), { at: "inner" })
      assert.deepStrictEqual(log, ["open outer", "open inner", "close inner", "close outer"])
    })
  )
  it.effect("a layer that cannot be built fails the block", () =>
    Effect.gen(function* () {
      const broken = Layer.effect(Device, Effect.fail("no gpu" as const))
      assert.strictEqual(yield* Effect.flip(Block.sequential("all", [Block.provide(where, broken)]).run({})), "no gpu")
    })
  )
})

describe("retry", () => {
  it.effect("every attempt starts from the state as it was", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      let attempts = 0
      const fails = Block.make("fails", {
        inputs: { x: N },
        outputs: { y: N },
        run: ({ x }) =>
          Effect.suspend(() => (seen.push(x), ++attempts < 3 ? Effect.fail("busy") : Effect.succeed({ y: x })))
      })
      const all = Block.sequential("all", [
        inc,
        Block.retry(Block.sequential("tries", [Block.rename(inc, "inner"), fails]), Schedule.recurs(5))
      ])
      assert.deepStrictEqual(yield* all.run({ x: 1 }), { x: 3, y: 3 })
      assert.deepStrictEqual(seen, [3, 3, 3])
    })
  )
  it.effect("gives up as the policy says, with the last error", () =>
    Effect.gen(function* () {
      let attempts = 0
      const fails = Block.make("fails", {
        inputs: {},
        outputs: {},
        run: () => Effect.suspend(() => Effect.fail(`attempt ${++attempts}`))
      })
      assert.strictEqual(yield* Effect.flip(fails.pipe(Block.retry({ times: 2 })).run({})), "attempt 3")
    })
  )
  it.effect("waits as the schedule says", () =>
    Effect.gen(function* () {
      let attempts = 0
      const fails = Block.make("fails", {
        inputs: {},
        outputs: {},
        run: () => Effect.suspend(() => (++attempts < 3 ? Effect.fail("busy") : Effect.succeed({})))
      })
      const fiber = yield* Effect.forkChild(Block.retry(fails, Schedule.spaced("1 second")).run({}))
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual(attempts, 2)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), {})
    })
  )
})

describe("timeout", () => {
  it.effect("interrupts what takes longer", () =>
    Effect.gen(function* () {
      let stopped = 0
      const slow = Block.make("slow", {
        inputs: {},
        outputs: {},
        run: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped++))
      })
      const fiber = yield* Effect.forkChild(
        Effect.flip(Block.sequential("all", [Block.timeout(Block.sequential("in", [slow]), "1 minute")]).run({}))
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TimeoutError")
      assert.strictEqual(stopped, 1)
      assert.deepStrictEqual(yield* Block.timeout(inc, "1 second").run({ x: 1 }), { x: 2 })
    })
  )
})

describe("hooks", () => {
  it.effect("before sees inputs with defaults, tap sees outputs, after sees the end", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const add = Block.make("add", {
        inputs: { x: N, by: Field.default(N, 10) },
        outputs: { y: N },
        run: ({ by, x }) => (x < 0 ? Effect.fail("negative") : Effect.sync(() => ({ y: x + by })))
      })
      const hooked = add.pipe(
        Block.before((inputs: { readonly x: number }) => Effect.sync(() => log.push(["before", inputs]))),
        Block.tap((outputs: { readonly y: number }) => Effect.sync(() => log.push(["tap", outputs])))
      )
      const all = Block.after(hooked, (exit) =>
        Effect.sync(() => log.push(["after", Exit.isSuccess(exit) ? exit.value : "failed"]))
      )
      assert.deepStrictEqual(yield* Block.sequential("all", [inc, all]).run({ x: 1 }), { x: 2, y: 12 })
      assert.deepStrictEqual(log, [
        ["before", { x: 2, by: 10 }],
        ["tap", { y: 12 }],
        ["after", { y: 12 }]
      ])
      log.length = 0
      assert.strictEqual(yield* Effect.flip(all.run({ x: -1 })), "negative")
      assert.deepStrictEqual(log, [
        ["before", { x: -1, by: 10 }],
        ["after", "failed"]
      ])
    })
  )
  it.effect("a hook that fails fails the block, and its path says so", () =>
    Effect.gen(function* () {
      const all = Block.sequential("all", [Block.before(inc, () => Effect.fail("not ready"))])
      const exit = yield* Effect.exit(all.run({ x: 1 }))
      assert(Exit.isFailure(exit))
      const { pathOf } = yield* Effect.promise(() => import("@effect-blocks/core/Errors"))
      assert.strictEqual(pathOf(exit.cause), "all.inc.before")
    })
  )
})

describe("cached", () => {
  interface Shape extends Fingerprinted {
    readonly by: number
  }
  class Scale extends Context.Service<Scale, Shape>()("test/Scale") {}
  class Other extends Context.Service<Other, Fingerprinted>()("test/Other") {}
  const Mode = Context.Reference<string>("test/Mode", { defaultValue: () => "plain" })
  const setup = (layer: Layer.Layer<Cache.Cache>) => {
    const calls: Array<number> = []
    const slow = Block.make("slow", {
      version: "1",
      inputs: { x: N, at: Field.optional(Schema.Date) },
      outputs: { y: N, at: Field.optional(Schema.Date) },
      components: { scale: Scale, mode: Mode },
      run: ({ at, x }, { scale }) =>
        Effect.sync(() => (calls.push(x), { y: x * scale.by, ...(at === undefined ? {} : { at }) }))
    })
    const second = Block.make("slow", {
      version: "2",
      inputs: slow.inputs as { readonly x: typeof N; readonly at: Schema.optionalKey<typeof Schema.Date> },
      outputs: { y: N },
      components: { scale: Scale },
      run: ({ x }) => Effect.sync(() => (calls.push(x), { y: 0 }))
    })
    const run = (
      block: Block.Block<{ readonly x: number; readonly at?: Date }, object, unknown, Scale | Cache.Cache>,
      inputs: { readonly x: number; readonly at?: Date },
      scale: Shape = { by: 2, fingerprint: "two" }
    ) => Effect.provideService(block.run(inputs), Scale, scale)
    return { calls, slow, second, run, layer }
  }
  const stores = [
    ["memory", Cache.layerMemory({ capacity: 100 })],
    ["a KeyValueStore", Layer.provide(KeyValueCache.layer({ prefix: "c/" }), KeyValueStore.layerMemory)]
  ] as const
  for (const [name, store] of stores) {
    it.effect(`in ${name}: computes once for the same inputs, component and version`, () => {
      const { calls, run, slow } = setup(store)
      const cached = Block.cached(slow)
      return Effect.gen(function* () {
        const at = new Date(5)
        assert.deepStrictEqual(yield* run(cached, { x: 1, at }), { y: 2, at })
        assert.deepStrictEqual(yield* run(cached, { x: 1, at: new Date(5) }), { y: 2, at })
        assert.deepStrictEqual(yield* run(Block.cached(slow), { x: 1, at }), { y: 2, at })
        assert.deepStrictEqual(calls, [1])
        yield* run(cached, { x: 1 })
        yield* run(cached, { x: 1, at: new Date(6) })
        yield* run(cached, { x: NaN })
        yield* run(cached, { x: NaN })
        yield* run(cached, { x: 0 })
        yield* run(cached, { x: -0 })
        assert.deepStrictEqual(calls, [1, 1, 1, NaN, 0, -0])
      }).pipe(Effect.provide(store))
    })
  }
  it.effect(
    "a trigger that a branch writes is told by its value where it comes out again, by being there elsewhere",
    () => {
      let calls = 0
      const write = Block.pure("write", { inputs: { v: N }, outputs: { w: N }, run: ({ v }) => ({ w: v }) })
      const look = Block.pure("look", { inputs: {}, outputs: { n: N }, run: () => ({ n: ++calls }) })
      const auto = Block.cached(Block.auto("auto", [Block.when("v", write), Block.when("w", look, { unread: true })]))
      const only = Block.cached(Block.auto("only", [Block.when("w", look, { unread: true })]))
      return Effect.gen(function* () {
        for (const w of [22, 23, 22]) assert.deepStrictEqual(yield* auto.run({ w }), { w, n: w - 21 })
        for (const w of ["one", () => "another"]) assert.deepStrictEqual(yield* only.run({ w }), { n: 3 })
      }).pipe(Effect.provide(stores[0][1]))
    }
  )
  it.effect("other components, references, versions and blocks are other results", () => {
    const { calls, run, second, slow } = setup(stores[0][1])
    return Effect.gen(function* () {
      const cached = Block.cached(slow)
      assert.deepStrictEqual(yield* run(cached, { x: 1 }), { y: 2 })
      assert.deepStrictEqual(yield* run(cached, { x: 1 }, { by: 3, fingerprint: "three" }), { y: 3 })
      yield* Effect.provideService(run(cached, { x: 1 }), Mode, "other")
      yield* run(Block.cached(Block.rename(slow, "renamed")), { x: 1 })
      yield* run(Block.cached(second), { x: 1 })
      assert.strictEqual(calls.length, 5)
      // an effect may give the fingerprint
      yield* run(cached, { x: 1 }, { by: 3, fingerprint: Effect.as(Effect.yieldNow, "three") })
      assert.strictEqual(calls.length, 5)
    }).pipe(Effect.provide(stores[0][1]))
  })
  it.effect("every fingerprinted component of the run counts, or only those that are named", () => {
    const { calls, run, slow } = setup(stores[0][1])
    const other = (fingerprint: string) => Effect.provideService(Other, { fingerprint })
    return Effect.gen(function* () {
      yield* run(Block.cached(slow), { x: 1 }).pipe(other("a"))
      yield* run(Block.cached(slow), { x: 1 }).pipe(other("b"))
      assert.strictEqual(calls.length, 2)
      const narrow = slow.pipe(Block.cached({ components: [Scale] }))
      yield* run(narrow, { x: 2 }).pipe(other("a"))
      yield* run(narrow, { x: 2 }).pipe(other("b"))
      assert.strictEqual(calls.length, 3)
    }).pipe(Effect.provide(stores[0][1]))
  })
  it.effect("failures are not kept, and what was in the state before is no result", () =>
    Effect.gen(function* () {
      let calls = 0
      const flaky = Block.make("flaky", {
        inputs: { x: N },
        outputs: { y: Field.optional(N) },
        run: () => Effect.suspend(() => (++calls === 1 ? Effect.fail("busy") : Effect.succeed({})))
      })
      const set = Block.pure("set", { inputs: {}, outputs: { y: N }, run: () => ({ y: 7 }) })
      const cached = Block.cached(flaky)
      assert.strictEqual(yield* Effect.flip(cached.run({ x: 1 })), "busy")
      assert.deepStrictEqual(yield* Block.sequential("all", [set, cached]).run({ x: 1 }), { y: 7 })
      assert.deepStrictEqual(yield* cached.run({ x: 1 }), {})
      assert.strictEqual(calls, 2)
    }).pipe(Effect.provide(stores[0][1]))
  )
  it.effect("a whole sequence is cached as one", () =>
    Effect.gen(function* () {
      let calls = 0
      const step = Block.pure("step", { inputs: { x: N }, outputs: { x: N }, run: ({ x }) => (calls++, { x: x + 1 }) })
      const all = Block.cached(Block.sequential("all", [step, Block.rename(step, "again")]))
      assert.deepStrictEqual([yield* all.run({ x: 1 }), yield* all.run({ x: 1 })], [{ x: 3 }, { x: 3 }])
      assert.strictEqual(calls, 2)
    }).pipe(Effect.provide(stores[0][1]))
  )
  it.effect("memory is bounded: what was used longest ago goes", () =>
    Effect.gen(function* () {
      const calls: Array<number> = []
      const cached = Block.cached(
        Block.pure("b", { inputs: { x: N }, outputs: { y: N }, run: ({ x }) => (calls.push(x), { y: x }) })
      )
      for (const x of [1, 2, 1, 3, 1, 2]) yield* cached.run({ x })
      assert.deepStrictEqual(calls, [1, 2, 3, 2])
    }).pipe(Effect.provide(Cache.layerMemory({ capacity: 2 })))
  )
  it.effect("a store that is broken does not fail a run", () => {
    const broken = Layer.succeed(
      KeyValueStore.KeyValueStore,
      KeyValueStore.make({
        get: () => Effect.succeed("not JSON"),
        getUint8Array: () => Effect.succeed(undefined),
        set: () => Effect.fail(new KeyValueStore.KeyValueStoreError({ message: "disk full", method: "set" })),
        remove: () => Effect.void,
        clear: Effect.void,
        size: Effect.succeed(0),
        keys: Effect.succeed([])
      } as any)
    )
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Block.cached(inc).run({ x: 1 }), { x: 2 })
    }).pipe(Effect.provide(Layer.provide(KeyValueCache.layer({ prefix: "" }), broken)))
  })
})

describe("policies around each other", () => {
  it.effect("are renamed together, and rebuilt by workflows", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      yield* Deferred.succeed(gate, undefined)
      const wrapped = inc.pipe(Block.retry({ times: 1 }), Block.timeout("1 second"), Block.rename("again"))
      const all = Block.sequential("all", [inc, wrapped])
      assert.deepStrictEqual(yield* all.run({ x: 1 }), { x: 3 })
      assert.deepStrictEqual(
        Block.executionBlocks(all, ["x"]).map((e) => e.path),
        ["all.inc", "all.again"]
      )
    })
  )
})
