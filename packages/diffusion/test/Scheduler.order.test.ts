/**
 * Orders of convergence. For Gaussian data of deviation s the best prediction is linear and the probability-flow ODE has a
 * solution: the sample's share of the total deviation never changes. Halving the steps of a solver of order p divides its
 * error by 2^p, until float32 ends it: for third-order DEIS, whose coefficients cancel, at an error of 1e-3.
 */
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"

type Latents = Tensor.Tensor<"float32">

const dataDeviation = 0.5
const one = (value: number): Latents => Tensor.make("float32", [1, 1, 1, 1], Float32Array.of(value))

/** How a family writes a noise level: signal * data + noise * normals. */
type Family = (sigma: number) => readonly [signal: number, noise: number]
const exploding: Family = (sigma) => [1, sigma]
const preserving: Family = (sigma) => [1 / Math.sqrt(sigma ** 2 + 1), sigma / Math.sqrt(sigma ** 2 + 1)]

const deviation = (family: Family, sigma: number): number => {
  const [signal, noise] = family(sigma)
  return Math.sqrt((signal * dataDeviation) ** 2 + noise ** 2)
}

/** The level at which a solver calls the model: its plan's, or the one between two for midpoint methods. */
const levelAt = (plan: Scheduler.Plan, index: number): number => {
  const { middle } = plan.tables
  return middle !== undefined && index % 2 === 1 ? middle[index]! : plan.sigmas[index]!
}

/** The relative error at the end of a run of so many steps, down to the least level above zero. */
const errorOf = (config: Scheduler.Config, family: Family, steps: number): number => {
  const scheduler = Result.getOrThrow(Scheduler.fromConfig(config))
  const plan = Result.getOrThrow(scheduler.setTimesteps({ steps }))
  const start = plan.sigmas[0]!
  let sample = one(deviation(family, start))
  let state = Result.getOrThrow(scheduler.init(plan))
  let end = start
  while (state.index < plan.timesteps.length) {
    const index = state.index
    const next = plan.sigmas[index + 1]!
    // a step to zero is always of first order, one to the same level (of those that repeat the last) of none
    if (next === 0 || (next === plan.sigmas[index] && state.history["half"] === undefined && plan.order === 1)) break
    const level = levelAt(plan, index)
    const [signal, noise] = family(level)
    const epsilon = (noise * sample.data[0]!) / ((signal * dataDeviation) ** 2 + noise ** 2)
    const out = scheduler.step(plan, state, { sample, modelOutput: one(epsilon) })
    sample = out.sample
    state = out.state
    end = next
  }
  return Math.abs(sample.data[0]! / deviation(family, end) - 1)
}

/** The order between two numbers of steps. */
const orderOf = (config: Scheduler.Config, family: Family, coarse: number, fine: number): number =>
  Math.log(errorOf(config, family, coarse) / errorOf(config, family, fine)) / Math.log(fine / coarse)

const karras = { use_karras_sigmas: true }
const dpm = { ...karras, lower_order_final: false, final_sigmas_type: "sigma_min" }

const cases: ReadonlyArray<
  readonly [label: string, config: Scheduler.Config, family: Family, order: number, coarse: number, fine: number]
> = [
  ["Euler", { _class_name: "EulerDiscreteScheduler", ...karras }, exploding, 1, 40, 160],
  ["Heun", { _class_name: "HeunDiscreteScheduler", ...karras }, exploding, 2, 20, 60],
  ["KDPM2", { _class_name: "KDPM2DiscreteScheduler", ...karras }, exploding, 2, 20, 60],
  ["DPM-Solver++ 1", { _class_name: "DPMSolverMultistepScheduler", ...dpm, solver_order: 1 }, preserving, 1, 40, 160],
  ["DPM-Solver++ 2", { _class_name: "DPMSolverMultistepScheduler", ...dpm, solver_order: 2 }, preserving, 2, 20, 60],
  ["DPM-Solver++ 3", { _class_name: "DPMSolverMultistepScheduler", ...dpm, solver_order: 3 }, preserving, 3, 16, 40],
  ["DEIS 2", { _class_name: "DEISMultistepScheduler", ...karras, lower_order_final: false }, preserving, 2, 20, 60],
  [
    "DEIS 3",
    { _class_name: "DEISMultistepScheduler", ...karras, lower_order_final: false, solver_order: 3 },
    preserving,
    3,
    8,
    14
  ],
  ["UniPC 2", { _class_name: "UniPCMultistepScheduler", ...dpm }, preserving, 3, 16, 40]
]

describe("order of convergence", () => {
  for (const [label, config, family, order, coarse, fine] of cases)
    it(`${label}: ${order}`, () => {
      const measured = orderOf(config, family, coarse, fine)
      assert.isAbove(measured, order - 0.4)
    })
})
