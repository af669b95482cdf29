/**
 * Microseconds per model call (scaling its input and stepping) and latents-sized arrays per step, latents 1 x 4 x 64 x 64.
 *
 * `node packages/diffusion/benchmark/schedulers.ts`. The time is the fastest of several runs' medians, as other work on the
 * machine only adds to it. `x copy` is the ratio to copying the latents once, measured in the same run. Exit code 1 where a
 * limit is passed: 200 microseconds (400 with thresholding), 3 arrays.
 */
import * as Rng from "@effect-blocks/ops/Rng"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Result from "effect/Result"
import * as Scheduler from "../src/Scheduler.ts"
import { runs } from "./support/runs.ts"

type Latents = Tensor.Tensor<"float32">

const shape = [1, 4, 64, 64]
const [sample, rng] = Rng.normal(Rng.make(0), shape)
const [output, rest] = Rng.normal(rng, shape)
const [noise] = Rng.normal(rest, shape)
const bytes = sample.data.byteLength

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

interface Measured {
  readonly microseconds: number
  readonly arrays: number
}

/** One run: the median time of a model call after warming up, and the most arrays that one made. */
const measure = (scheduler: Scheduler.Shape, plan: Scheduler.Plan, rounds: number): Measured => {
  const times: Array<number> = []
  let arrays = 0
  for (let round = 0; round < rounds; round++) {
    let state = Result.getOrThrow(scheduler.init(plan))
    let latents: Latents = sample
    while (state.index < plan.timesteps.length) {
      const input = { modelOutput: output, sample: latents, ...(plan.noise[state.index] === true ? { noise } : {}) }
      const start = performance.now()
      scheduler.scaleModelInput(plan, state, latents)
      const between = performance.now()
      const before = process.memoryUsage().arrayBuffers
      const resumed = performance.now()
      const out = scheduler.step(plan, state, input)
      times.push((performance.now() - resumed + between - start) * 1000)
      // a collection in between would count too few, never too many: so the most counts
      arrays = Math.max(arrays, Math.floor((process.memoryUsage().arrayBuffers - before) / bytes))
      latents = out.sample
      state = out.state
    }
  }
  return { microseconds: median(times.slice(times.length >> 1)), arrays }
}

const copy = (): number => {
  const times = Array.from({ length: 400 }, () => {
    const start = performance.now()
    sample.data.slice()
    return (performance.now() - start) * 1000
  })
  return median(times)
}

const baseline = Math.min(copy(), copy(), copy())
console.log(`copying the latents: ${baseline.toFixed(1)} us`)
console.log(`${"class and options".padEnd(72)} ${"us".padStart(7)} ${"x copy".padStart(7)} ${"arrays".padStart(6)}`)
let passed = 0
let failed = 0
for (const { config, label, request } of runs) {
  const scheduler = Result.getOrThrow(Scheduler.fromConfig(config))
  const plan = Result.getOrThrow(scheduler.setTimesteps(request))
  const rounds = Math.ceil(120 / plan.timesteps.length)
  const results = Array.from({ length: 3 }, () => measure(scheduler, plan, rounds))
  const microseconds = Math.min(...results.map((result) => result.microseconds))
  const arrays = Math.max(...results.map((result) => result.arrays))
  const limit = config["thresholding"] === true ? 400 : 200
  const fits = microseconds < limit && arrays <= 3
  if (fits) passed++
  else failed++
  const cells = [microseconds.toFixed(0).padStart(7), (microseconds / baseline).toFixed(1).padStart(7)]
  console.log(`${label.padEnd(72)} ${cells.join(" ")} ${String(arrays).padStart(6)}${fits ? "" : "  over the limit"}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
