/**
 * Microseconds per model call (scaling its input and stepping) and latents-sized arrays per step, latents 1 x 4 x 64 x 64.
 *
 * `node packages/diffusion/benchmark/schedulers.ts`. `x copy` is the ratio to copying the latents once, measured in the same
 * run. Exit code 1 where a limit is passed: 200 microseconds (400 with thresholding), 3 arrays.
 */
import * as Rng from "@effect-blocks/ops/Rng"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Result from "effect/Result"
import * as Scheduler from "../src/Scheduler.ts"
import { runs } from "./support/runs.ts"

type Latents = Tensor.Tensor<"float32">

const shape = [1, 4, 64, 64]
const [start, rng] = Rng.normal(Rng.make(0), shape)
const [output, rest] = Rng.normal(rng, shape)
const [noise] = Rng.normal(rest, shape)
const bytes = start.data.byteLength

/**
 * Microseconds of this thread's processor time a call, the least of several trials: other work on the machine, which the clock
 * on the wall would count in, weighs little, though it shares caches and memory. That time comes in steps of up to 4
 * milliseconds: 8 microseconds a call, as trials are 500 calls.
 */
const timeOf = (calls: number, run: () => void): number => {
  const used = (): number => {
    const { system, user } = process.threadCpuUsage()
    return system + user
  }
  const trial = (): number => {
    const before = used()
    run()
    return (used() - before) / calls
  }
  return Math.min(...Array.from({ length: 8 }, trial))
}

/** Whole runs, one after the other; `around` may watch each step. */
const runSteps = (
  scheduler: Scheduler.Shape,
  plan: Scheduler.Plan,
  rounds: number,
  around: (step: () => Scheduler.StepOutput) => Scheduler.StepOutput
): void => {
  for (let round = 0; round < rounds; round++) {
    let state = Result.getOrThrow(scheduler.init(plan))
    let sample: Latents = start
    while (state.index < plan.timesteps.length) {
      const at = state
      const input = { modelOutput: output, sample, ...(plan.noise[at.index] === true ? { noise } : {}) }
      scheduler.scaleModelInput(plan, at, sample)
      const out = around(() => scheduler.step(plan, at, input))
      sample = out.sample
      state = out.state
    }
  }
}

/** The most arrays of a step. A collection in between would count too few, never too many. */
const arraysOf = (scheduler: Scheduler.Shape, plan: Scheduler.Plan): number => {
  let most = 0
  runSteps(scheduler, plan, 2, (step) => {
    const before = process.memoryUsage().arrayBuffers
    const out = step()
    most = Math.max(most, Math.floor((process.memoryUsage().arrayBuffers - before) / bytes))
    return out
  })
  return most
}

const baseline = timeOf(10_000, () => {
  for (let i = 0; i < 10_000; i++) start.data.slice()
})
console.log(`copying the latents: ${baseline.toFixed(1)} us`)
console.log(`${"class and options".padEnd(72)} ${"us".padStart(7)} ${"x copy".padStart(7)} ${"arrays".padStart(6)}`)
let passed = 0
let failed = 0
for (const { config, label, request } of runs) {
  const scheduler = Result.getOrThrow(Scheduler.fromConfig(config))
  const plan = Result.getOrThrow(scheduler.setTimesteps(request))
  const rounds = Math.ceil(500 / plan.timesteps.length)
  const microseconds = timeOf(rounds * plan.timesteps.length, () => runSteps(scheduler, plan, rounds, (step) => step()))
  const arrays = arraysOf(scheduler, plan)
  const limit = config["thresholding"] === true ? 400 : 200
  const fits = microseconds < limit && arrays <= 3
  if (fits) passed++
  else failed++
  const cells = [microseconds.toFixed(0).padStart(7), (microseconds / baseline).toFixed(1).padStart(7)]
  console.log(`${label.padEnd(72)} ${cells.join(" ")} ${String(arrays).padStart(6)}${fits ? "" : "  over the limit"}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
