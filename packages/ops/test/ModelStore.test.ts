import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ModelStore from "../src/ModelStore.ts"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import * as Tensor from "../src/Tensor.ts"
import { counting, eventually, latch, turn } from "./support/backend.ts"
import { add, float32, withWeights } from "./support/graphs.ts"

/** every model counts 40, "huge" 500 */
const sizeOf = (path: string) => Effect.succeed(path.endsWith("huge") ? 500 : 40)

const storeOf = (budget: number, options: Partial<ModelStore.Options> = {}) => {
  const runtime = counting()
  const layer = ModelStore.layer({ budget, sizeOf, ...options }).pipe(Layer.provideMerge(runtime.layer))
  return { ...runtime, layer }
}

const store = ModelStore.ModelStore
const get = (path: string) => store.use((_) => _.get(path))
const touch = (path: string) => Effect.scoped(get(path))
const status = store.use((_) => _.status)
const decisions = store.use((_) => _.decisions)
const names = Effect.map(status, ({ models }) => models.map(({ path }) => path.replace(/^.*\//, "")))
const loaded = (loads: ReadonlyArray<string>, count: number) => eventually(Effect.sync(() => loads.length === count))
/** for what must not happen: some turns in which it could */
const turns = Effect.replicateEffect(turn, 10)

describe("ModelStore", () => {
  it.effect("loads at first use, once, also for many at the same time, and keeps what it loaded", () => {
    const { layer, loads, released } = storeOf(100)
    return Effect.gen(function* () {
      assert.deepStrictEqual(loads, [])
      const models = yield* Effect.all(
        Array.from({ length: 10 }, () => touch("a")),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(models).size, 1)
      yield* touch("a")
      assert.deepStrictEqual(loads, ["a"])
      assert.deepStrictEqual(released, [])
      assert.deepInclude(yield* status, { used: 40, budget: 100 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("evicts what was used least recently, and only when the budget needs it", () => {
    const { layer, loads, released } = storeOf(100)
    return Effect.gen(function* () {
      yield* touch("a")
      yield* touch("b")
      yield* touch("a")
      yield* touch("c") // does not fit beside both; b was used longer ago
      assert.deepStrictEqual(yield* names, ["a", "c"])
      assert.deepStrictEqual(released, ["b"])
      yield* touch("b")
      assert.deepStrictEqual(released, ["b", "a"])
      assert.deepStrictEqual(loads, ["a", "b", "c", "b"])
      assert.deepStrictEqual(
        (yield* decisions).map((_) => `${_._tag} ${_.model.replace(/^.*\//, "")}`),
        ["load a", "load b", "evict b", "load c", "evict a", "load b"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("never evicts what someone holds: it overcommits, says so, and trims when models are given back", () => {
    const { layer, released } = storeOf(100)
    return Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* get("a")
          yield* get("b")
          yield* get("huge")
          assert.deepStrictEqual(released, [])
          assert.deepInclude(yield* status, { used: 580 })
          const overcommit = (yield* decisions).find((_) => _._tag === "overcommit")
          assert.deepInclude(overcommit, { bytes: 500, used: 580, budget: 100 })
          yield* turns // nothing is trimmed while it is held
          assert.deepInclude(yield* status, { used: 580 })
        })
      )
      yield* eventually(Effect.map(status, ({ used }) => used <= 100))
      const { models } = yield* status
      assert.isTrue(models.every(({ references }) => references === 0))
      assert.include(released, "huge")
    }).pipe(Effect.provide(layer))
  })

  it.effect("forgets a load that failed, tells everyone who waited, and tries again", () => {
    const { broken, layer, loads } = storeOf(100)
    broken.set("a", "flaky disk")
    return Effect.gen(function* () {
      const errors = yield* Effect.all([Effect.flip(touch("a")), Effect.flip(touch("a"))], { concurrency: "unbounded" })
      for (const error of errors) assert.include(error.message, "flaky disk")
      assert.deepStrictEqual(loads, ["a"])
      assert.deepInclude(yield* status, { used: 0, models: [] })
      assert.deepInclude((yield* decisions).at(-1), { _tag: "failed" })
      broken.clear()
      yield* touch("a")
      assert.deepStrictEqual(loads, ["a", "a"])
      assert.deepStrictEqual(yield* names, ["a"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not harmed by who stops waiting", () => {
    const { held, layer, loads } = storeOf(100)
    const door = latch()
    held.set("a", door)
    return Effect.gen(function* () {
      const first = yield* Effect.forkChild(touch("a"), { startImmediately: true })
      const second = yield* Effect.forkChild(touch("a"), { startImmediately: true })
      yield* loaded(loads, 1)
      yield* Fiber.interrupt(first)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(first)))
      door.open()
      yield* Fiber.join(second)
      assert.deepStrictEqual(loads, ["a"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("keeps a model whose last waiter went, for the next one", () => {
    const { held, layer, loads } = storeOf(100)
    const door = latch()
    held.set("a", door)
    return Effect.gen(function* () {
      const only = yield* Effect.forkChild(touch("a"), { startImmediately: true })
      yield* loaded(loads, 1)
      yield* Fiber.interrupt(only)
      assert.deepStrictEqual(
        (yield* status).models.map(({ references, state }) => ({ references, state })),
        [{ references: 0, state: "loading" }]
      )
      door.open()
      yield* touch("a")
      assert.deepStrictEqual(loads, ["a"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("loads different models side by side", () => {
    const { held, layer, loads } = storeOf(1000)
    const doors = [latch(), latch(), latch()]
    ;["a", "b", "c"].forEach((name, i) => held.set(name, doors[i]!))
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        store.use((_) => _.preload(["a", "b", "c"])),
        { startImmediately: true }
      )
      yield* loaded(loads, 3)
      assert.deepStrictEqual(loads.toSorted(), ["a", "b", "c"])
      for (const door of doors) door.open()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual((yield* names).toSorted(), ["a", "b", "c"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("starts preloading when it is built, and a failure waits for who asks", () => {
    const { broken, layer, loads } = storeOf(1000, { preload: ["a", "b"] })
    broken.set("b", "flaky disk")
    return Effect.gen(function* () {
      yield* eventually(Effect.map(decisions, (log) => log.length === 2))
      assert.deepStrictEqual(loads.toSorted(), ["a", "b"])
      yield* touch("a")
      assert.include((yield* Effect.flip(touch("b"))).message, "flaky disk")
      assert.deepStrictEqual(loads.toSorted(), ["a", "b", "b"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("waits for a run that goes on in the background before it evicts its model", () => {
    const asked: Array<string> = []
    const size = (path: string) => Effect.sync(() => (asked.push(path), 40))
    const { layer, released, runs, slow } = storeOf(50, { sizeOf: size })
    const door = latch()
    slow.set("a", door)
    return Effect.gen(function* () {
      const model = yield* ModelStore.model("a")
      const running = yield* Effect.forkChild(model.run({}), { startImmediately: true })
      yield* eventually(Effect.sync(() => runs.length === 1))
      yield* Fiber.interrupt(running)
      const next = yield* Effect.forkChild(touch("b"), { startImmediately: true })
      yield* eventually(Effect.sync(() => asked.length === 2))
      yield* turns
      assert.deepStrictEqual(released, [])
      door.open()
      yield* Fiber.join(next)
      assert.deepStrictEqual(released, ["a"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("evicts on request what nobody holds", () => {
    const { layer, released } = storeOf(100)
    const evict = store.use((_) => _.evict("a"))
    return Effect.gen(function* () {
      assert.isFalse(yield* evict)
      yield* Effect.scoped(
        Effect.andThen(
          get("a"),
          Effect.map(evict, (_) => assert.isFalse(_))
        )
      )
      assert.isTrue(yield* evict)
      assert.deepStrictEqual(released, ["a"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("releases everything when it closes, and refuses afterwards", () => {
    const { layer, loads, released } = storeOf(1000)
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layer, scope)
      const opened = yield* Effect.provide(store, context)
      yield* Effect.scoped(opened.get("a"))
      yield* Effect.scoped(opened.get("b"))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(released.toSorted(), loads.toSorted())
      const late = yield* Effect.flip(Effect.scoped(opened.get("a")))
      assert.strictEqual(late.message, "cannot load a (other): the store it was asked of is closed")
    })
  })

  it.effect("stays within its budget and counts right under a storm of gets and interrupts", () => {
    const { layer, live, loads } = storeOf(130)
    return Effect.gen(function* () {
      yield* Effect.forEach(
        Array.from({ length: 400 }, (_, i) => i),
        (i) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.forkChild(
              Effect.scoped(Effect.andThen(get("abcdef"[(i * 7) % 6]!), i % 4 === 0 ? Effect.yieldNow : Effect.void)),
              { startImmediately: true }
            )
            if (i % 5 === 0) yield* Fiber.interrupt(fiber)
            else yield* Fiber.await(fiber)
          }),
        { concurrency: 8, discard: true }
      )
      yield* eventually(Effect.map(status, (_) => _.used <= 130 && _.models.every(({ state }) => state === "loaded")))
      const { models, used } = yield* status
      assert.strictEqual(used, models.length * 40)
      assert.strictEqual(models.length, live())
      assert.isTrue(models.every(({ references }) => references === 0))
      assert.isAbove(loads.length, 6)
    }).pipe(Effect.provide(layer))
  })

  it.effect("keeps the last thousand decisions", () => {
    const { layer } = storeOf(40)
    return Effect.gen(function* () {
      for (let i = 0; i < 600; i++) yield* touch(i % 2 === 0 ? "a" : "b")
      const log = yield* decisions
      assert.strictEqual(log.length, 1000)
      assert.deepInclude(log.at(-1), { _tag: "load" })
    }).pipe(Effect.provide(layer))
  })
})

const withFolder = <A, E, R>(use: (folder: string) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "model-store-"))),
    use,
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )

describe("ModelStore on files", () => {
  const real = (budget: number) => ModelStore.layer({ budget }).pipe(Layer.provideMerge(OnnxRuntime.layerCpu))

  it.effect("knows a file by whatever name, and counts its bytes and those of its weight files", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const bytes = OnnxGraph.encode(add)
        const path = join(folder, "model.onnx")
        writeFileSync(path, bytes)
        writeFileSync(`${path}_data`, new Uint8Array(100))
        symlinkSync(path, join(folder, "link.onnx"))
        for (const name of [path, join(folder, "link.onnx"), join(folder, ".", "model.onnx")]) yield* touch(name)
        const { models, used } = yield* status
        assert.strictEqual(models.length, 1)
        assert.strictEqual(used, bytes.byteLength + 100)
        assert.strictEqual((yield* OnnxRuntime.OnnxRuntime.use((_) => _.status)).models, 1)
      }).pipe(Effect.provide(real(1e6)))
    )
  )

  it.effect("takes a snapshot of the hub's cache for what its links say, with the weights beside each link", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const cache = join(folder, "models--org--name")
        const link = (blob: string, file: string) => symlinkSync(`../../../blobs/${blob}`, join(cache, file))
        for (const part of ["blobs", "snapshots/c0ffee/unet", "snapshots/c0ffee/other"]) {
          mkdirSync(join(cache, part), { recursive: true })
        }
        const bytes = withWeights("b", "model.onnx_data", [1])
        writeFileSync(join(cache, "blobs/graph"), bytes)
        writeFileSync(join(cache, "blobs/five"), Float32Array.of(5))
        writeFileSync(join(cache, "blobs/seven"), Float32Array.of(7))
        const [unet, other] = ["snapshots/c0ffee/unet/model.onnx", "snapshots/c0ffee/other/model.onnx"] as const
        for (const file of [unet, other]) link("graph", file)
        link("five", `${unet}_data`)
        link("seven", `${other}_data`)
        const sum = Effect.fnUntraced(function* (file: string) {
          const model = yield* get(file)
          return (yield* model.run({ a: float32(1) }))["c"]!.data[0]
        }, Effect.scoped)

        assert.strictEqual(yield* sum(join(cache, unet)), 6)
        // the same blob, other weights
        assert.strictEqual(yield* sum(join(cache, other)), 8)
        // another way to a snapshot is no other model
        symlinkSync(join(cache, "snapshots/c0ffee"), join(folder, "newest"))
        assert.strictEqual(yield* sum(join(folder, "newest/unet/model.onnx")), 6)
        const { models, used } = yield* status
        assert.deepStrictEqual(
          models.map(({ path }) => path.slice(-unet.length)).toSorted(),
          [unet, other].map((file) => join(cache, file).slice(-unet.length)).toSorted()
        )
        assert.strictEqual(used, 2 * (bytes.byteLength + 4))
        assert.isTrue(yield* store.use((_) => _.evict(join(cache, unet))))
      }).pipe(Effect.provide(real(1e6)))
    )
  )

  it.effect("loads a link elsewhere by what it leads to, with the weights beside that", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        mkdirSync(join(folder, "blobs"))
        writeFileSync(join(folder, "blobs/model.onnx"), withWeights("b", "weights.bin", [1]))
        writeFileSync(join(folder, "blobs/weights.bin"), Float32Array.of(5))
        symlinkSync("blobs/model.onnx", join(folder, "link.onnx"))
        const model = yield* get(join(folder, "link.onnx"))
        assert.deepStrictEqual([...(yield* model.run({ a: float32(1) }))["c"]!.data], [6])
      }).pipe(Effect.scoped, Effect.provide(real(1e6)))
    )
  )

  it.effect("types a stored model and checks it whenever it was loaded again", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "model.onnx")
        writeFileSync(path, OnnxGraph.encode(add))
        const model = yield* ModelStore.typed(path, {
          inputs: { a: Tensor.float32("n"), b: Tensor.float32("n") },
          outputs: { c: Tensor.float32("n") }
        })
        const { c } = yield* model.run({ a: float32(1), b: float32(2) })
        assert.deepStrictEqual([...c.data], [3])
        const swapped = OnnxGraph.make("swapped", {
          inputs: { a: Tensor.int64("n") },
          outputs: { c: Tensor.int64("n") },
          nodes: [OnnxGraph.node("Neg", ["a"], ["c"])]
        })
        writeFileSync(path, OnnxGraph.encode(swapped))
        assert.deepStrictEqual([...(yield* model.run({ a: float32(1), b: float32(2) })).c.data], [3])
        yield* store.use((_) => _.evict(path))
        const error = yield* Effect.flip(model.run({ a: float32(1), b: float32(2) }))
        assert.include(
          error.message,
          "(contract): input 'a' is int64[n], expected float32[n]; no input 'b'; it has 'a'"
        )
        assert.strictEqual((yield* status).models.length, 1)
      }).pipe(Effect.provide(real(1e6)))
    )
  )

  it.effect("says which file is missing", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(touch("/nowhere/model.onnx"))
      assert.strictEqual(error.message, "cannot load /nowhere/model.onnx (not-found): no such file")
    }).pipe(Effect.provide(real(1e6)))
  )
})
