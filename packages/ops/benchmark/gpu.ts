/**
 * What the layer suite checks, and figures, on a machine with a GPU; needs neither vitest nor a network.
 *
 *     node packages/ops/benchmark/gpu.ts [--providers cuda,webgpu] [--unet path/to/unet/model.onnx] [--blocks 30]
 *
 * Exits with 1 when a check fails on a provider that starts. `bundle-gpu.ts` makes it one folder of plain JavaScript for
 * machines where the repository is not installed.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { strict as assert } from "node:assert"
import { existsSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import * as Tensor from "../src/Tensor.ts"
import { eventLoopDelay, relativeError, resident, time } from "./support/measure.ts"
import { add, convolutions, ramp } from "./support/models.ts"

const { values: options } = parseArgs({
  options: {
    providers: { type: "string", default: "cuda,webgpu" },
    unet: { type: "string" },
    blocks: { type: "string", default: "30" }
  }
})
const isProvider = (name: string): name is OnnxRuntime.Provider => ["cuda", "webgpu", "coreml", "dml"].includes(name)
const providers = options.providers.split(",").filter(isProvider)

let failures = 0
type Runs = Effect.Effect<unknown, unknown, OnnxRuntime.OnnxRuntime | Scope.Scope>

/** One check: its own scope, a deadline, and a line whatever happens. */
const check = (name: string, self: Runs) =>
  Effect.gen(function* () {
    const started = performance.now()
    const exit = yield* Effect.exit(Effect.timeout(Effect.scoped(self), 60_000))
    const took = `${(performance.now() - started).toFixed(0)} ms`
    if (Exit.isSuccess(exit))
      return console.log(`  ok      ${name} (${took})${typeof exit.value === "string" ? `: ${exit.value}` : ""}`)
    failures++
    console.log(`  FAILED  ${name} (${took}): ${Cause.pretty(exit.cause).split("\n")[0]}`)
  })
const figure = (name: string, value: string) => console.log(`  figure  ${name}: ${value}`)

const status = OnnxRuntime.OnnxRuntime.use((runtime) => runtime.status)
const one = Tensor.make("float32", [4], Float32Array.of(1, 2, 3, 4))
const small = convolutions(4, 64, 32, 2)
/** as wide as the first level of SD 1.5's UNet: 0.03 TFLOP a block */
const blocks = Number(options.blocks)
const large = convolutions(blocks, 320, 64, 4)
const teraflop = (2 * blocks * 4 * 320 * 320 * 9 * 64 * 64) / 1e12

const identity = (dtype: "float16" | "int64" | "bool" | "int32") =>
  OnnxGraph.make(`identity of ${dtype}`, {
    inputs: { x: Tensor[dtype]("n") },
    outputs: { y: Tensor[dtype]("n") },
    nodes: [OnnxGraph.node("Identity", ["x"], ["y"])]
  })

const carries = (sample: Tensor.Tensor<"float16" | "int64" | "bool" | "int32">) =>
  Effect.gen(function* () {
    const model = yield* OnnxRuntime.load(OnnxGraph.encode(identity(sample.dtype)))
    const { y } = yield* model.run({ x: sample })
    assert.deepEqual(y!.data, sample.data)
  })

/** float16 arithmetic on the device itself, with the bits checked: 1.5 * 2 = 3, 65504 stays */
const half = Effect.gen(function* () {
  const graph = OnnxGraph.make("half", {
    inputs: { a: Tensor.float16("n"), b: Tensor.float16("n") },
    outputs: { c: Tensor.float16("n") },
    nodes: [OnnxGraph.node("Mul", ["a", "b"], ["c"])]
  })
  const model = yield* OnnxGraph.load(graph)
  const feeds = {
    a: Tensor.make("float16", [2], Uint16Array.of(0x3e00, 0x7bff)),
    b: Tensor.make("float16", [2], Uint16Array.of(0x4000, 0x3c00))
  }
  return yield* Effect.matchEffect(model.run(feeds), {
    onSuccess: ({ c }) => Effect.sync(() => assert.deepEqual([...c.data], [0x4200, 0x7bff])),
    onFailure: (error) =>
      /does not support/.test(error.message) ? Effect.succeed("the device has no float16") : Effect.fail(error)
  })
})

const checks = (provider: string, reference: Float32Array, input: Tensor.Tensor<"float32">) =>
  Effect.gen(function* () {
    yield* check(
      "starts, and says what it runs on",
      Effect.gen(function* () {
        const model = yield* OnnxGraph.load(add)
        assert.equal(model.provider, provider)
        const { c } = yield* model.run({ a: one, b: one })
        assert.deepEqual([...c.data], [2, 4, 6, 8])
      })
    )
    yield* check(
      "agrees with the CPU",
      Effect.gen(function* () {
        const { y } = yield* (yield* OnnxGraph.load(small)).run({ x: input })
        const error = relativeError(y.data, reference)
        assert.ok(error < 5e-3, `relative error ${error}`)
        return `relative error ${error.toExponential(1)}`
      })
    )
    yield* check("carries int32", carries(Tensor.make("int32", [2], Int32Array.of(-5, 2 ** 31 - 1))))
    yield* check("carries int64", carries(Tensor.make("int64", [2], BigInt64Array.of(-5n, 2n ** 62n))))
    yield* check("carries bool", carries(Tensor.make("bool", [2], Uint8Array.of(1, 0))))
    yield* check("carries float16", carries(Tensor.make("float16", [2], Uint16Array.of(0x3c00, 0xfbff))))
    yield* check("computes in float16", half)
    yield* check(
      "refuses bad feeds before the device sees them",
      Effect.gen(function* () {
        const model = yield* OnnxRuntime.load(OnnxGraph.encode(add), { name: "add" })
        const error = yield* Effect.flip(model.run({ a: Tensor.zeros("int32", [1]), d: one }))
        assert.match(error.message, /'a': expected float32.*'b': missing.*'d': no such input/)
      })
    )
    yield* check(
      "runs 50 at once of two models, in order",
      Effect.gen(function* () {
        const a = yield* OnnxGraph.load(add)
        const b = yield* OnnxGraph.load(small)
        const sums = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, i) => Tensor.make("float32", [1], Float32Array.of(i))),
          (x, i) =>
            Effect.andThen(
              i % 10 === 0 ? b.run({ x: input }) : Effect.void,
              Effect.map(a.run({ a: x, b: x }), ({ c }) => c.data[0])
            ),
          { concurrency: "unbounded" }
        )
        assert.deepEqual(
          sums,
          Array.from({ length: 50 }, (_, i) => 2 * i)
        )
      })
    )
    yield* check(
      "frees an interrupted caller at once",
      Effect.gen(function* () {
        const model = yield* OnnxGraph.load(small)
        const running = yield* Effect.forkChild(model.run({ x: input }), { startImmediately: true })
        const waiting = yield* Effect.forkChild(model.run({ x: input }), { startImmediately: true })
        const started = performance.now()
        yield* Fiber.interrupt(waiting)
        yield* Fiber.interrupt(running)
        const took = performance.now() - started
        assert.equal((yield* status).running, 1)
        yield* model.run({ x: input })
        return `${took.toFixed(2)} ms for a waiting and a running one`
      })
    )
    yield* check(
      "drains before it releases",
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const model = yield* Scope.provide(OnnxGraph.load(small), scope)
        const running = yield* Effect.forkChild(model.run({ x: input }), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        assert.ok(Exit.isSuccess(yield* Fiber.await(running)))
        assert.equal((yield* status).models, 0)
      })
    )
    yield* check(
      "survives 300 interrupted runs",
      Effect.gen(function* () {
        const model = yield* OnnxGraph.load(small)
        for (let i = 0; i < 300; i++) {
          const fiber = yield* Effect.forkChild(model.run({ x: input }), { startImmediately: true })
          yield* i % 3 === 0 ? Effect.yieldNow : Effect.void
          yield* Fiber.interrupt(fiber)
        }
        const { y } = yield* model.run({ x: input })
        assert.ok(relativeError(y.data, reference) < 5e-3)
      })
    )
    yield* check(
      "loads and releases 20 times",
      Effect.forEach(Array.from({ length: 20 }), () => Effect.scoped(OnnxGraph.load(small)), { discard: true })
    )
  })

const overhead = Effect.gen(function* () {
  const model = yield* OnnxGraph.load(add)
  const sizes = yield* Effect.forEach([4, 16_384, 1 << 20], (n) => {
    const x = ramp([n])
    return Effect.map(
      time(n > 100_000 ? 50 : 300, model.run({ a: x, b: x })),
      (ms) => `${n} floats ${(ms * 1000).toFixed(0)} us`
    )
  })
  return sizes.join(", ")
})

const heavyRun = (repeat: number) =>
  Effect.gen(function* () {
    const x = ramp([4, 320, 64, 64])
    const model = yield* OnnxGraph.load(large)
    yield* model.run({ x })
    const started = performance.now()
    const delay = yield* eventLoopDelay(Effect.repeat(model.run({ x }), { times: repeat - 1 }))
    const each = (performance.now() - started) / repeat
    return `${each.toFixed(1)} ms a run (${((teraflop / each) * 1000).toFixed(1)} TFLOP/s); event loop late at most ${delay.max.toFixed(1)} ms, p99 ${delay.p99.toFixed(1)} ms, own work ${delay.own.toFixed(1)} ms`
  })

const memory = Effect.gen(function* () {
  const model = yield* OnnxGraph.load(small)
  const x = ramp([2, 64, 32, 32])
  const seen: Array<number> = []
  for (const runs of [100, 400, 500]) {
    for (let i = 0; i < runs; i++) yield* model.run({ x })
    seen.push(resident())
  }
  return `${seen.join(" / ")} MB after 100 / 500 / 1,000 runs`
})

const unet = (path: string, expected: { value?: Float32Array }) =>
  Effect.gen(function* () {
    const started = performance.now()
    const model = yield* OnnxRuntime.load(path)
    const loaded = performance.now() - started
    const feeds = {
      sample: ramp([2, 4, 32, 32]),
      timestep: Tensor.make("float32", [1], Float32Array.of(500)),
      encoder_hidden_states: ramp([2, 32, 256])
    }
    const begun = performance.now()
    const { out_sample } = yield* model.run(feeds)
    const first = performance.now() - begun
    const data = Float32Array.from(out_sample!.data, Number)
    expected.value ??= data
    const ms = yield* time(30, model.run(feeds))
    return `${ms.toFixed(2)} ms a step (load ${loaded.toFixed(0)}, first ${first.toFixed(0)} ms), relative error to the CPU ${relativeError(data, expected.value).toExponential(1)}`
  })

const measure = (
  name: string,
  layer: Layer.Layer<OnnxRuntime.OnnxRuntime>,
  self: Effect.Effect<string, unknown, OnnxRuntime.OnnxRuntime | Scope.Scope>
) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Effect.timeout(Effect.scoped(Effect.provide(self, layer)), 60_000))
    figure(name, Exit.isSuccess(exit) ? exit.value : `FAILED ${Cause.pretty(exit.cause).split("\n")[0]}`)
  })

const program = Effect.gen(function* () {
  console.log(`Node ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} x ${cpus()[0]?.model}`)
  console.log("layerAuto")
  let picked = "cpu"
  yield* Effect.provide(
    Effect.gen(function* () {
      const started = performance.now()
      picked = (yield* status).provider
      yield* check(
        "runs what it picked",
        Effect.flatMap(OnnxGraph.load(add), (model) => model.run({ a: one, b: one }))
      )
      figure("picked", `${picked} (${(performance.now() - started).toFixed(0)} ms to the first result)`)
    }),
    OnnxRuntime.layerAuto()
  )

  const input = ramp([2, 64, 32, 32])
  const cpu = OnnxRuntime.layerWorkers()
  const { y } = yield* Effect.flatMap(OnnxGraph.load(small), (model) => model.run({ x: input })).pipe(
    Effect.scoped,
    Effect.provide(cpu)
  )
  const reference: { value?: Float32Array } = {}
  const path = options.unet
  console.log("cpu")
  yield* measure("add, in process", OnnxRuntime.layerCpu, overhead)
  yield* measure("add, in a worker", cpu, overhead)
  yield* measure(`${blocks} convolutions, in a worker`, cpu, heavyRun(2))
  if (path !== undefined && existsSync(path)) yield* measure("UNet, in a worker", cpu, unet(path, reference))

  for (const provider of providers) {
    console.log(provider)
    const worker = OnnxRuntime.layerGpu({ provider })
    const starts = yield* OnnxGraph.load(add).pipe(Effect.scoped, Effect.provide(worker), Effect.exit)
    if (Exit.isFailure(starts)) {
      console.log(`  does not start: ${Cause.pretty(starts.cause).split("\n")[0]}`)
      continue
    }
    yield* Effect.provide(checks(provider, y.data, input), worker)
    const main = OnnxRuntime.layerGpu({ provider, thread: "main" })
    yield* measure("add, in a worker", worker, overhead)
    yield* measure("add, in the main thread", main, overhead)
    yield* measure(`${blocks} convolutions, in a worker`, worker, heavyRun(20))
    yield* measure(`${blocks} convolutions, in the main thread`, main, heavyRun(20))
    if (path !== undefined && existsSync(path)) {
      yield* measure("UNet, in a worker", worker, unet(path, reference))
      yield* measure("UNet, in the main thread", main, unet(path, reference))
    }
    yield* measure("memory", worker, memory)
  }
  console.log(failures === 0 ? "all checks passed" : `${failures} checks failed`)
})

await Effect.runPromise(program)
process.exitCode = failures === 0 ? 0 : 1
