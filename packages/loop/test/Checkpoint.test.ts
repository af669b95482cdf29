import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
import * as Loop from "@effect-blocks/loop/Loop"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FileSystem, Layer, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"

const latents = { latents: Snapshot.Float32 }
/** A loop whose `step` may do something of its own at an iteration. */
const make = (at: (i: number) => Effect.Effect<unknown, string> = () => Effect.void) => {
  const ran: Array<number> = []
  const step = Block.make("step", {
    inputs: { ...latents, i: Schema.Int, scale: Schema.Number },
    outputs: latents,
    run: ({ latents, i, scale }) =>
      Effect.map(at(i), () => {
        ran.push(i)
        return { latents: latents.map((v) => v * 0.9 + scale * i) }
      })
  })
  const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [step])
  return { block: Block.sequential("main", [loop]), ran }
}
const inputs = { n: 20, scale: 0.5, latents: new Float32Array([1, -0, Number.NaN, 1 / 3]) }
const bits = (a: Float32Array) => [...new Uint32Array(a.slice().buffer)]
const whole = Effect.map(make().block.run(inputs), (out) => bits(out.latents))

const stores = {
  memory: KeyValueStore.layerMemory,
  files: Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      return KeyValueStore.layerFileSystem(yield* fs.makeTempDirectoryScoped())
    })
  ).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))
}

for (const [name, layer] of Object.entries(stores)) {
  describe(`in ${name}`, () => {
    const run = <A, E>(effect: Effect.Effect<A, E, KeyValueStore.KeyValueStore>) => Effect.provide(effect, layer)
    const size = Effect.flatMap(KeyValueStore.KeyValueStore, (store) => store.size)

    it.effect("a run that failed goes on where it was, and ends bit-identical", () =>
      Effect.gen(function* () {
        const failing = make((i) => (i === 13 ? Effect.fail("power") : Effect.void))
        const options = { key: "a run / with a name", every: 5 }
        const exit = yield* Effect.exit(Checkpoint.run(failing.block, inputs, options))
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "power")
        const again = make()
        const { latents } = yield* Checkpoint.run(again.block, inputs, options)
        assert.deepStrictEqual(
          again.ran,
          Array.from({ length: 10 }, (_, i) => i + 10)
        )
        assert.deepStrictEqual(bits(latents), yield* whole)
        assert.strictEqual(yield* size, 0)
      }).pipe(run)
    )
    it.effect("an interrupted run leaves its last checkpoint, and its key", () =>
      Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const stuck = make((i) =>
          i === 8 ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) : Effect.void
        )
        const fiber = yield* Effect.forkChild(Checkpoint.run(stuck.block, inputs, { key: "a" }))
        yield* Deferred.await(reached)
        yield* Fiber.interrupt(fiber)
        const again = make()
        assert.deepStrictEqual(bits((yield* Checkpoint.run(again.block, inputs, { key: "a" })).latents), yield* whole)
        assert.strictEqual(again.ran[0], 8)
      }).pipe(run)
    )
    it.effect("the history is bounded, listed, and may be kept", () =>
      Effect.gen(function* () {
        const { block } = make()
        yield* Checkpoint.run(block, inputs, { key: "a", every: 3, keep: 4, onSuccess: "keep" })
        const list = yield* Checkpoint.list("a")
        assert.deepStrictEqual(
          list.map(({ key, sequence, at, path, index }) => [key, sequence, at, path, index]),
          [8, 11, 14, 17].map((index, i) => ["a", i + 3, "iteration", "main.loop", index])
        )
        assert.strictEqual(yield* size, 4)
        const { snapshot } = yield* Checkpoint.load(block, "a", 4)
        assert.deepStrictEqual(bits((yield* Snapshot.resume(block, snapshot)).latents), yield* whole)
        yield* Checkpoint.remove("a")
        assert.strictEqual(yield* size, 0)
      }).pipe(run)
    )
    it.effect("a fork from step k with changed inputs; it too goes on", () =>
      Effect.gen(function* () {
        yield* Checkpoint.run(make().block, inputs, { key: "a", keep: 100, onSuccess: "keep" })
        const from = { key: "a", sequence: 10, changes: { scale: 2 } }
        const failing = make((i) => (i === 15 ? Effect.fail("power") : Effect.void))
        yield* Effect.flip(Checkpoint.fork(failing.block, from, { key: "b" }))
        const again = make()
        const { latents } = yield* Checkpoint.fork(again.block, from, { key: "b" })
        assert.deepStrictEqual([failing.ran[0], again.ran[0]], [10, 15])
        const byHand = make()
        const first = yield* byHand.block.run({ ...inputs, n: 10 })
        let rest = first.latents
        for (let i = 10; i < 20; i++) rest = rest.map((v) => v * 0.9 + 2 * i)
        assert.deepStrictEqual(bits(latents), bits(rest))
        const missing = yield* Effect.flip(Checkpoint.fork(again.block, { key: "a", sequence: 99 }, { key: "c" }))
        assert.strictEqual(
          (missing as Checkpoint.CheckpointMissing).message,
          "there is no checkpoint 99 of 'a' that is whole"
        )
      }).pipe(run)
    )
    it.effect("a torn checkpoint is passed over", () =>
      Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        const failing = make((i) => (i === 13 ? Effect.fail("power") : Effect.void))
        const options = { key: "a", every: 2, keep: 3 }
        yield* Effect.flip(Checkpoint.run(failing.block, inputs, options))
        const keys = (yield* store.keys).toSorted()
        const newest = (yield* store.getUint8Array(keys.at(-1)!))!
        const torn: ReadonlyArray<Uint8Array> = [
          new Uint8Array(0),
          newest.subarray(0, 3),
          newest.subarray(0, 60),
          newest.subarray(0, newest.byteLength - 1),
          newest.map((byte, i) => (i === newest.byteLength - 5 ? byte ^ 1 : byte)),
          newest.map((byte, i) => (i < newest.byteLength / 2 ? byte : 0))
        ]
        for (const bytes of torn) {
          yield* store.set(keys.at(-1)!, bytes)
          assert.deepStrictEqual(
            (yield* Checkpoint.list("a")).map((info) => info.index),
            [7, 9]
          )
        }
        const again = make()
        const { latents } = yield* Checkpoint.run(again.block, inputs, options)
        assert.strictEqual(again.ran[0], 10)
        assert.deepStrictEqual(bits(latents), yield* whole)
        assert.strictEqual(yield* size, 0)
      }).pipe(run)
    )
  })
}

const inMemory = <A, E>(effect: Effect.Effect<A, E, KeyValueStore.KeyValueStore>) =>
  Effect.provide(effect, KeyValueStore.layerMemory)

describe("keys", () => {
  it.effect("two runs with one key in one process: the second is refused", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const slow = make((i) =>
        i === 3 ? Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(go)) : Effect.void
      )
      const fiber = yield* Effect.forkChild(Checkpoint.run(slow.block, inputs, { key: "a" }))
      yield* Deferred.await(reached)
      const error = yield* Effect.flip(Checkpoint.run(make().block, inputs, { key: "a" }))
      assert(error instanceof Checkpoint.CheckpointBusy)
      assert.strictEqual(error.where, "this process")
      assert.strictEqual((yield* Effect.flip(Checkpoint.remove("a")))._tag, "CheckpointBusy")
      yield* Checkpoint.run(make().block, inputs, { key: "b" })
      yield* Deferred.succeed(go, undefined)
      assert.deepStrictEqual(bits((yield* Fiber.join(fiber)).latents), yield* whole)
      yield* Checkpoint.run(make().block, inputs, { key: "a" })
    }).pipe(inMemory)
  )
  it.effect("two runs with one key in two processes: the one that writes second is refused", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      // another store service over the same data, as another process has it
      const elsewhere = Layer.succeed(KeyValueStore.KeyValueStore, KeyValueStore.make({ ...store }))
      const reached = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const slow = make((i) =>
        i === 3 ? Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(go)) : Effect.void
      )
      const fiber = yield* Effect.forkChild(Effect.flip(Checkpoint.run(slow.block, inputs, { key: "a" })))
      yield* Deferred.await(reached)
      const failing = make((i) => (i === 13 ? Effect.fail("power") : Effect.void))
      yield* Effect.provide(Effect.flip(Checkpoint.run(failing.block, inputs, { key: "a", keep: 50 })), elsewhere)
      yield* Deferred.succeed(go, undefined)
      const error = yield* Fiber.join(fiber)
      assert(error instanceof Checkpoint.CheckpointBusy)
      assert.strictEqual(error.where, "another process")
      assert.include(error.message, "another run in another process writes checkpoints under the key 'a'")
      assert.deepStrictEqual(bits((yield* Checkpoint.run(make().block, inputs, { key: "a" })).latents), yield* whole)
    }).pipe(inMemory)
  )
  it.effect("other inputs under a key are refused; keys that begin alike are apart", () =>
    Effect.gen(function* () {
      const failing = make((i) => (i === 13 ? Effect.fail("power") : Effect.void))
      yield* Effect.flip(Checkpoint.run(failing.block, inputs, { key: "a" }))
      const error = yield* Effect.flip(Checkpoint.run(make().block, { ...inputs, scale: 3 }, { key: "a" }))
      assert(error instanceof Checkpoint.CheckpointConflict)
      assert.match(error.message, /^checkpoint 13 of 'a' is of a run with other inputs/)
      for (const key of ["a/b", "A", "a "]) {
        const other = make()
        yield* Checkpoint.run(other.block, { ...inputs, scale: 3 }, { key })
        assert.strictEqual(other.ran[0], 0)
      }
      assert.strictEqual((yield* Checkpoint.list("a")).length, 2)
    }).pipe(inMemory)
  )
  it.effect("a changed composition is refused, and what changed is named", () =>
    Effect.gen(function* () {
      const failing = make((i) => (i === 13 ? Effect.fail("power") : Effect.void))
      yield* Effect.flip(Checkpoint.run(failing.block, inputs, { key: "a" }))
      const { block } = make()
      const last = Block.pure("last", { inputs: {}, outputs: {}, run: () => ({}) })
      const changed = Block.insertAfter(block, "loop", last)
      const error = yield* Effect.flip(Checkpoint.run(changed, inputs, { key: "a" }))
      assert(error instanceof Snapshot.SnapshotMismatch)
      assert.strictEqual(error.path, "main.last")
    }).pipe(inMemory)
  )
})

describe("when", () => {
  it.effect("so much time has passed", () =>
    Effect.gen(function* () {
      const { block } = make(() => TestClock.adjust("10 seconds"))
      yield* Checkpoint.run(block, inputs, { key: "a", every: "35 seconds", keep: 100, onSuccess: "keep" })
      assert.deepStrictEqual(
        (yield* Checkpoint.list("a")).map((info) => info.index),
        [0, 3, 7, 11, 15, 19]
      )
    }).pipe(inMemory)
  )
  it.effect("leaves too", () =>
    Effect.gen(function* () {
      const { block } = make()
      yield* Checkpoint.run(block, { ...inputs, n: 2 }, { key: "a", on: "any", keep: 100, onSuccess: "keep" })
      assert.deepStrictEqual(
        (yield* Checkpoint.list("a")).map((info) => info.at),
        ["start", "leaf", "iteration", "leaf", "iteration"]
      )
    }).pipe(inMemory)
  )
  it.effect("before anything has run: a seed that was drawn is drawn once", () =>
    Effect.gen(function* () {
      let drawn = 0
      let fail = true
      const field = Field.default(
        Schema.Int,
        Effect.sync(() => ++drawn)
      )
      const use = Block.make("use", {
        inputs: { seed: field },
        outputs: { out: Schema.Int },
        run: ({ seed }) => (fail ? Effect.fail("power") : Effect.succeed({ out: seed }))
      })
      yield* Effect.flip(Checkpoint.run(use, {}, { key: "a" }))
      fail = false
      assert.deepStrictEqual(yield* Checkpoint.run(use, {}, { key: "a" }), { out: 1 })
    }).pipe(inMemory)
  )
})

describe("a store that fails", () => {
  it.effect("is a typed error, and the checkpoints before are whole", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      let writes = 0
      const full = KeyValueStore.make({
        ...store,
        set: (key, value) =>
          ++writes > 6
            ? // half of it is written, and then there is no space left
              Effect.andThen(
                store.set(key, (value as Uint8Array).subarray(0, 100)),
                Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "set", key, message: "no space left" }))
              )
            : store.set(key, value)
      })
      const { block } = make()
      const error = yield* Effect.flip(
        Effect.provideService(Checkpoint.run(block, inputs, { key: "a" }), KeyValueStore.KeyValueStore, full)
      )
      assert.strictEqual((error as KeyValueStore.KeyValueStoreError).message, "no space left")
      const again = make()
      assert.deepStrictEqual(bits((yield* Checkpoint.run(again.block, inputs, { key: "a" })).latents), yield* whole)
      assert.strictEqual(again.ran[0], 5)
    }).pipe(inMemory)
  )
})
