/**
 * What the runtime costs over onnxruntime-node itself, whether the event loop stays free, what workers gain, and whether
 * memory stays flat. Ratios are taken in one run.
 *
 *     node --expose-gc packages/ops/benchmark/runtime.ts
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ort from "onnxruntime-node"
import { cpus } from "node:os"
import { fileURLToPath } from "node:url"
import type { Feeds, Model } from "../src/Model.ts"
import * as ModelStore from "../src/ModelStore.ts"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import * as Tensor from "../src/Tensor.ts"
import { type Delay, eventLoopDelay, median, resident, time, times } from "./support/measure.ts"
import { add, convolutions, ramp } from "./support/models.ts"

const unetPath = fileURLToPath(new URL("../../emoji-diffusion/model/unet/model.onnx", import.meta.url))
const unetFeeds = (batch: number, size: number): Feeds => ({
  sample: ramp([batch, 4, size, size]),
  timestep: Tensor.make("float32", [1], Float32Array.of(500)),
  encoder_hidden_states: ramp([batch, 32, 256])
})

const say = (name: string, value: string) => Effect.sync(() => console.log(`${name.padEnd(44)} ${value}`))
const on = <A, E>(
  layer: Layer.Layer<OnnxRuntime.OnnxRuntime>,
  self: Effect.Effect<A, E, OnnxRuntime.OnnxRuntime | Scope.Scope>
) => Effect.provide(Effect.scoped(self), layer)
const us = (milliseconds: number) => `${(milliseconds * 1000).toFixed(0)} us`
const repeatRun = (model: Pick<Model, "run">, feeds: Feeds, count: number) =>
  Effect.repeat(model.run(feeds), { times: count - 1 })

/** The same session options, called by hand. */
const raw = (n: number, count: number) =>
  Effect.promise(async () => {
    ort.env.logLevel = "fatal"
    const session = await ort.InferenceSession.create(OnnxGraph.encode(add), {
      extra: { session: { intra_op: { allow_spinning: "0" } } }
    })
    const { data } = ramp([n])
    const taken: Array<number> = []
    for (let i = 0; i < count; i++) {
      const started = performance.now()
      const tensor = new ort.Tensor("float32", data, [n])
      await session.run({ a: tensor, b: tensor })
      if (i >= count / 5) taken.push(performance.now() - started)
    }
    await session.release()
    return median(taken)
  })

const overhead = Effect.gen(function* () {
  for (const [n, count] of [
    [4, 3000],
    [16_384, 2000],
    [1 << 20, 100]
  ] as const) {
    const a = ramp([n])
    const runs = Effect.flatMap(OnnxGraph.load(add), (model) => time(count, model.run({ a, b: a })))
    // one after the other, twice, so that a busy moment does not fall on one of them alone
    const measured = yield* Effect.forEach([0, 1], () =>
      Effect.all([raw(n, count), on(OnnxRuntime.layerCpu, runs), on(OnnxRuntime.layerWorkers(), runs)])
    )
    const [byHand, cpu, worker] = [0, 1, 2].map((i) => Math.min(...measured.map((_) => _[i]!))) as [
      number,
      number,
      number
    ]
    yield* say(
      `a run of ${n} floats`,
      `by hand ${us(byHand)}, layerCpu ${us(cpu)} (${(cpu / byHand).toFixed(2)}x), layerWorkers ${us(worker)} (${(worker / byHand).toFixed(2)}x)`
    )
  }
})

const realModel = Effect.gen(function* () {
  const feeds = unetFeeds(2, 32)
  const byHand = Effect.promise(async () => {
    const session = await ort.InferenceSession.create(unetPath, {
      extra: { session: { intra_op: { allow_spinning: "0" } } }
    })
    const taken: Array<number> = []
    for (let i = 0; i < 14; i++) {
      const started = performance.now()
      const given: Record<string, ort.Tensor> = {}
      for (const [name, tensor] of Object.entries(feeds))
        given[name] = new ort.Tensor("float32", tensor.data as Float32Array, tensor.shape)
      await session.run(given)
      if (i >= 4) taken.push(performance.now() - started)
    }
    await session.release()
    return median(taken)
  })
  const ours = Effect.flatMap(OnnxRuntime.load(unetPath), (model) =>
    Effect.map(times(14, model.run(feeds)), (_) => median(_.slice(4)))
  )
  const measured = yield* Effect.forEach([0, 1, 2], () =>
    Effect.all([byHand, on(OnnxRuntime.layerCpu, ours), on(OnnxRuntime.layerWorkers(), ours)])
  )
  const [hand, cpu, worker] = [0, 1, 2].map((i) => median(measured.map((_) => _[i]!))) as [number, number, number]
  yield* say(
    "a step of the shipped UNet (batch 2)",
    `by hand ${hand.toFixed(1)} ms, layerCpu ${(cpu / hand).toFixed(2)}x, layerWorkers ${(worker / hand).toFixed(2)}x`
  )
})

/** On a machine that does other things too, single delays are its own: hence the median of several windows, and idle ones between. */
const eventLoop = Effect.gen(function* () {
  const show = (delays: ReadonlyArray<Delay>) =>
    `own work at most ${Math.max(...delays.map((_) => _.own)).toFixed(1)} ms; late ${median(delays.map((_) => _.max)).toFixed(1)} ms (worst of ${delays.length} windows ${Math.max(...delays.map((_) => _.max)).toFixed(1)}), p99 ${median(delays.map((_) => _.p99)).toFixed(1)} ms`
  const idle = eventLoopDelay(Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 500))))
  const feeds = unetFeeds(2, 64)
  const during = Effect.gen(function* () {
    const model = yield* OnnxRuntime.load(unetPath)
    yield* model.run(feeds)
    const started = performance.now()
    yield* model.run(feeds)
    const run = performance.now() - started
    const windows = yield* Effect.forEach([0, 1, 2, 3, 4], () => Effect.all([idle, eventLoopDelay(model.run(feeds))]))
    yield* say("event loop, idle", show(windows.map((_) => _[0])))
    return `${show(windows.map((_) => _[1]))}, during runs of ${run.toFixed(0)} ms`
  })
  yield* say("event loop, layerWorkers", yield* on(OnnxRuntime.layerWorkers(), during))
  yield* say("event loop, layerCpu", yield* on(OnnxRuntime.layerCpu, during))
  const bytes = OnnxGraph.encode(convolutions(12, 320, 8, 1))
  const small = { x: ramp([1, 320, 8, 8]) }
  const loading = eventLoopDelay(Effect.scoped(Effect.flatMap(OnnxRuntime.load(bytes), (model) => model.run(small))))
  const loads = yield* on(
    OnnxRuntime.layerWorkers(),
    Effect.forEach([0, 1, 2], () => loading)
  )
  yield* say(`event loop, a worker loads ${(bytes.byteLength / 1e6).toFixed(0)} MB of bytes`, show(loads))
  const a = ramp([1 << 23])
  const b = ramp([1 << 23])
  const wide = Effect.flatMap(OnnxGraph.load(add), (model) =>
    Effect.forEach([0, 1, 2, 3, 4], () => eventLoopDelay(model.run({ a, b })))
  )
  yield* say("event loop, a worker gets 2 x 34 MB", show(yield* on(OnnxRuntime.layerWorkers(), wide)))
})

const parallel = Effect.gen(function* () {
  const feeds = unetFeeds(1, 32)
  const count = 8
  const compare = (models: ReadonlyArray<Pick<Model, "run">>) =>
    Effect.gen(function* () {
      for (const model of models) yield* model.run(feeds)
      const ratios: Array<number> = []
      for (let i = 0; i < 3; i++) {
        const started = performance.now()
        for (const model of models) yield* repeatRun(model, feeds, count)
        const serial = performance.now() - started
        const begun = performance.now()
        yield* Effect.all(
          models.map((model) => repeatRun(model, feeds, count)),
          { concurrency: "unbounded" }
        )
        ratios.push((performance.now() - begun) / serial)
      }
      return `${median(ratios).toFixed(2)} of the time one after the other`
    })
  const two = Effect.flatMap(Effect.all([OnnxRuntime.load(unetPath), OnnxRuntime.load(unetPath)]), compare)
  const replicas = Effect.flatMap(OnnxRuntime.load(unetPath, { replicas: 2 }), (model) => compare([model, model]))
  yield* say("two models at once, layerCpu", yield* on(OnnxRuntime.layerCpu, two))
  yield* say(
    "two models at once, 2 workers",
    yield* on(OnnxRuntime.layerWorkers({ workers: 2, threadsPerWorker: 1 }), two)
  )
  yield* say(
    "one model, 2 replicas, 2 workers",
    yield* on(OnnxRuntime.layerWorkers({ workers: 2, threadsPerWorker: 1 }), replicas)
  )
})

const memory = (name: string, layer: Layer.Layer<OnnxRuntime.OnnxRuntime>) =>
  on(
    layer,
    Effect.gen(function* () {
      const model = yield* OnnxGraph.load(convolutions(2, 32, 32, 1))
      const x = ramp([1, 32, 32, 32])
      const series = (run: (i: number) => Effect.Effect<unknown, unknown>) =>
        Effect.gen(function* () {
          const seen: Array<number> = []
          for (let i = 1; i <= 1000; i++) {
            yield* run(i)
            if (i === 100 || i === 500 || i === 1000) seen.push(resident())
          }
          yield* model.run({ x })
          return `${seen.join(" / ")} MB after 100 / 500 / 1,000`
        })
      yield* say(`memory, runs, ${name}`, yield* series(() => model.run({ x })))
      yield* say(
        `memory, interrupted runs, ${name}`,
        yield* series((i) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.forkChild(model.run({ x }), { startImmediately: true })
            yield* i % 3 === 0
              ? Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
              : Effect.yieldNow
            yield* Fiber.interrupt(fiber)
          })
        )
      )
    })
  )

const interruption = (name: string, layer: Layer.Layer<OnnxRuntime.OnnxRuntime>) =>
  on(
    layer,
    Effect.gen(function* () {
      const model = yield* OnnxRuntime.load(unetPath)
      const feeds = unetFeeds(4, 64)
      yield* model.run(feeds)
      const started = performance.now()
      yield* model.run(feeds)
      const run = performance.now() - started
      const begun = performance.now()
      yield* Effect.exit(Effect.timeout(model.run(feeds), 10))
      yield* say(
        `a timeout of 10 ms on a run, ${name}`,
        `${(performance.now() - begun).toFixed(1)} ms (a run takes ${run.toFixed(0)} ms)`
      )
    })
  )

const stored = Effect.gen(function* () {
  const store = yield* ModelStore.ModelStore
  const path = unetPath
  const started = performance.now()
  yield* Effect.scoped(store.get(path))
  const loaded = performance.now() - started
  const one = yield* time(3000, Effect.scoped(store.get(path)))
  yield* say(
    "ModelStore",
    `first get of the UNet ${loaded.toFixed(0)} ms, then get and give back ${(one * 1000).toFixed(1)} us`
  )
}).pipe(Effect.provide(ModelStore.layer({ budget: 1e9 })), Effect.provide(OnnxRuntime.layerWorkers()))

const started = Effect.gen(function* () {
  for (const [name, layer] of [
    ["layerCpu", OnnxRuntime.layerCpu],
    ["layerWorkers", OnnxRuntime.layerWorkers()],
    ["layerAuto", OnnxRuntime.layerAuto()]
  ] as const) {
    const begun = performance.now()
    yield* on(
      layer,
      Effect.flatMap(OnnxGraph.load(add), (model) => model.run({ a: ramp([1]), b: ramp([1]) }))
    )
    yield* say(`first result of a tiny model, ${name}`, `${(performance.now() - begun).toFixed(0)} ms`)
  }
})

await Effect.runPromise(
  Effect.gen(function* () {
    yield* say(
      "machine",
      `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, onnxruntime-node ${ort.env.versions.node}`
    )
    yield* started
    yield* overhead
    yield* realModel
    yield* eventLoop
    yield* interruption("layerCpu", OnnxRuntime.layerCpu)
    yield* interruption("layerWorkers", OnnxRuntime.layerWorkers())
    yield* parallel
    yield* stored
    yield* memory("layerCpu", OnnxRuntime.layerCpu)
    yield* memory("layerWorkers", OnnxRuntime.layerWorkers())
  })
)
