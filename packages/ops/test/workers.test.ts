import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { makePool, type ThreadPool } from "../src/internal/pool.ts"
import * as runtime from "../src/internal/runtime.ts"
import { Carrier } from "../src/internal/transfer.ts"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import type * as Tensor from "../src/Tensor.ts"
import { add, float32, heavy, ramp } from "./support/graphs.ts"

/** layerWorkers, with a hand on its threads. */
const workers = (size: number): { readonly pool: ThreadPool; readonly layer: Layer.Layer<OnnxRuntime.OnnxRuntime> } => {
  const pool = makePool({ provider: "cpu", size })
  return { pool, layer: Layer.effect(OnnxRuntime.OnnxRuntime, runtime.make(pool, { threads: 1 })) }
}
const crash = (pool: ThreadPool) =>
  Effect.promise(async () => {
    const threads = pool.threads().filter((thread) => thread.alive())
    for (const thread of threads) thread.call({ _tag: "crash" }).catch(() => {})
    await Promise.all(threads.map((thread) => thread.exited))
  })
const sum = (model: {
  readonly run: (feeds: {
    readonly a: Tensor.Tensor<"float32">
    readonly b: Tensor.Tensor<"float32">
  }) => Effect.Effect<{ readonly c: Tensor.Tensor<"float32"> }, unknown>
}) => Effect.map(model.run({ a: float32(1), b: float32(2) }), ({ c }) => c.data[0])
const x = ramp([256, 256])

describe("worker threads", () => {
  it.effect("that die fail the run that is on, and serve the next one", () => {
    const { layer, pool } = workers(1)
    return Effect.gen(function* () {
      const model = yield* OnnxGraph.load(heavy(20))
      const running = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
      const waiting = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
      // the thread serves one request after the other, so this ends it under the run that waits in its port
      const dying = yield* Effect.forkChild(crash(pool), { startImmediately: true })
      yield* Fiber.join(running)
      yield* Fiber.join(dying)
      // it was sent to the dying thread, or waited until that was known: both are right, anything else is not
      const exit = yield* Effect.exit(Fiber.join(waiting))
      const outcome = Exit.isSuccess(exit) ? "success" : (yield* Effect.flip(exit))._tag
      assert.include(["success", "WorkerCrashedError"], outcome)
      assert.deepStrictEqual((yield* model.run({ x })).y.shape, [256, 256])
      assert.strictEqual(pool.threads()[0]!.sessions, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("that die inside a run fail it as crashed", () => {
    const { layer, pool } = workers(1)
    return Effect.gen(function* () {
      const model = yield* OnnxGraph.load(add)
      pool
        .threads()[0]!
        .call({ _tag: "crash" })
        .catch(() => {})
      const error = yield* Effect.flip(model.run({ a: float32(1), b: float32(2) }))
      assert.strictEqual(error._tag, "WorkerCrashedError")
      assert.strictEqual(error.message, "the worker that ran add died: it exited (code 70)")
      assert.strictEqual(yield* sum(model), 3)
    }).pipe(Effect.provide(layer))
  })

  it.effect("that died while idle are replaced without a word", () => {
    const { layer, pool } = workers(2)
    return Effect.gen(function* () {
      const models = yield* Effect.all([OnnxGraph.load(add), OnnxGraph.load(add), OnnxGraph.load(add)])
      yield* crash(pool)
      for (const model of models) assert.strictEqual(yield* sum(model), 3)
      assert.deepStrictEqual(
        pool
          .threads()
          .map((thread) => thread.sessions)
          .toSorted(),
        [1, 2]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("leave a typed error where the model cannot be loaded again", () => {
    const { layer, pool } = workers(1)
    return Effect.gen(function* () {
      const bytes = OnnxGraph.encode(add)
      const model = yield* OnnxRuntime.load(bytes, { name: "add" })
      yield* crash(pool)
      bytes.fill(0xff) // as a file would be that was overwritten
      const error = yield* Effect.flip(model.run({ a: float32(1), b: float32(2) }))
      assert.match(
        error.message,
        /^the worker that ran add died: and loading it again failed: cannot load add \(corrupt\)/
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("get models evenly, and replicas of one model", () => {
    const { layer, pool } = workers(3)
    return Effect.gen(function* () {
      yield* Effect.all([OnnxGraph.load(add), OnnxGraph.load(add)], { concurrency: "unbounded" })
      const model = yield* OnnxGraph.load(heavy(20), { replicas: 2 })
      assert.deepStrictEqual(
        pool
          .threads()
          .map((thread) => thread.sessions)
          .toSorted(),
        [1, 1, 2]
      )
      const runs = yield* Effect.all(
        [1, 2, 3].map(() => Effect.forkChild(model.run({ x }), { startImmediately: true }))
      )
      const status = yield* OnnxRuntime.OnnxRuntime.use((_) => _.status)
      assert.deepInclude(status, { running: 2, queued: 1, models: 3 })
      for (const run of runs) yield* Fiber.join(run)
    }).pipe(Effect.provide(layer))
  })

  it.effect("have closed when their layer has", () => {
    const { layer, pool } = workers(2)
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layer, scope)
      const model = yield* OnnxGraph.load(heavy(20)).pipe(Scope.provide(scope), Effect.provide(context))
      const running = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
      assert.isTrue(pool.threads().every((thread) => thread.alive()))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(running)))
      assert.isTrue(pool.threads().every((thread) => !thread.alive() && thread.sessions === 0))
    })
  })

  it.effect("keep no session of a load that was interrupted", () => {
    const { layer, pool } = workers(1)
    return Effect.gen(function* () {
      for (let i = 0; i < 5; i++) {
        const loading = yield* Effect.forkChild(Effect.scoped(OnnxGraph.load(heavy(20))), { startImmediately: true })
        if (i % 2 === 0) yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        yield* Fiber.interrupt(loading)
      }
      yield* OnnxGraph.load(add) // behind them in the thread's order
      while (pool.threads()[0]!.sessions > 1)
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      assert.deepInclude(yield* OnnxRuntime.OnnxRuntime.use((_) => _.status), { models: 1 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("leave the event loop to others while a model runs; in process it stands still", () => {
    const turnsDuringRun = Effect.gen(function* () {
      const model = yield* OnnxGraph.load(heavy(60))
      let turns = 0
      const done = yield* Deferred.make<void>()
      const count = () => {
        turns++
        if (!Deferred.isDoneUnsafe(done)) setImmediate(count)
      }
      setImmediate(count)
      yield* model.run({ x })
      yield* Deferred.succeed(done, undefined)
      return turns
    })
    return Effect.gen(function* () {
      const free = yield* Effect.provide(Effect.scoped(turnsDuringRun), OnnxRuntime.layerWorkers())
      const blocked = yield* Effect.provide(Effect.scoped(turnsDuringRun), OnnxRuntime.layerCpu)
      assert.isBelow(blocked, 10)
      assert.isAbove(free, 10 * blocked)
    })
  })

  it.effect("are what loads onnxruntime-node: this thread does not", () =>
    Effect.gen(function* () {
      const url = (name: string) => JSON.stringify(new URL(`../src/${name}.ts`, import.meta.url).href)
      const code = `
        import * as Effect from "effect/Effect"
        const OnnxRuntime = await import(${url("OnnxRuntime")})
        const OnnxGraph = await import(${url("OnnxGraph")})
        const Tensor = await import(${url("Tensor")})
        const x = { x: Tensor.float32("n") }
        const graph = OnnxGraph.make("g", { inputs: x, outputs: { y: Tensor.float32("n") }, nodes: [OnnxGraph.node("Neg", ["x"], ["y"])] })
        const run = OnnxGraph.load(graph).pipe(Effect.flatMap((model) => model.run({ x: Tensor.zeros("float32", [1]) })), Effect.scoped)
        const { createRequire } = await import("node:module")
        const cached = () => Object.keys(createRequire(${url("OnnxRuntime")}).cache).some((file) => file.includes("onnxruntime-node"))
        await Effect.runPromise(run.pipe(Effect.provide(OnnxRuntime.layerWorkers())))
        const after = cached()
        await Effect.runPromise(run.pipe(Effect.provide(OnnxRuntime.layerCpu)))
        process.stdout.write(JSON.stringify([after, cached()]))`
      const cwd = fileURLToPath(new URL("../../..", import.meta.url))
      const { stdout } = yield* Effect.promise(() =>
        promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], { cwd })
      )
      assert.deepStrictEqual(JSON.parse(stdout), [false, true])
    })
  )
})

describe("feeds on their way to a worker", () => {
  const wire = (data: Float32Array) => ({ x: { dtype: "float32" as const, shape: [data.length], data } })
  const loaded = (carrier: Carrier, data: Float32Array) =>
    Effect.promise(async () => (await carrier.load(wire(data)))["x"]!.data as Float32Array)

  it.effect("take no more than their own bytes along, and never leave the caller without them", () =>
    Effect.gen(function* () {
      const carrier = new Carrier()
      const whole = Float32Array.of(1, 2, 3)
      assert.strictEqual(yield* loaded(carrier, whole), whole)
      const view = yield* loaded(carrier, whole.subarray(1))
      assert.deepStrictEqual([...view], [2, 3])
      assert.strictEqual(view.buffer.byteLength, 8)
      const large = new Float32Array((1 << 20) + 1).fill(2)
      const copied = yield* loaded(carrier, large)
      assert.instanceOf(copied.buffer, SharedArrayBuffer)
      assert.isTrue(copied.length === large.length && copied.every((value) => value === 2))
      assert.strictEqual(large.length, (1 << 20) + 1)
      const shared = new Float32Array(new SharedArrayBuffer(16))
      assert.strictEqual(yield* loaded(carrier, shared), shared)
    })
  )

  it.effect("are in the same memory as those of the run before, when that is over", () =>
    Effect.gen(function* () {
      const carrier = new Carrier()
      const size = 1 << 20
      const first = yield* loaded(carrier, new Float32Array(size).fill(1))
      const second = yield* loaded(carrier, new Float32Array(size).fill(2))
      assert.notStrictEqual(first.buffer, second.buffer)
      carrier.unload()
      const third = yield* loaded(carrier, new Float32Array(size).fill(3))
      assert.strictEqual(third.buffer, first.buffer)
      assert.isTrue(first.every((value) => value === 3))
      carrier.unload()
      const same = new Float32Array(size)
      const pair = yield* Effect.promise(async () => carrier.load({ a: wire(same).x, b: wire(same).x }))
      assert.strictEqual(pair["a"]!.data, pair["b"]!.data)
    })
  )
})
