import * as Brownian from "@effect-blocks/diffusion/Brownian"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"

const correlation = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0) / a.length

describe("Brownian.noise", () => {
  const shape = [1, 1, 64, 64]

  it("is standard normal for any interval, and independent for disjoint ones", () => {
    const path = Brownian.make(3, 0, 15)
    const intervals = [
      [15, 14.9],
      [14.9, 5],
      [5, 0.3],
      [0.3, 0]
    ] as const
    const draws = intervals.map(([from, to]) => Brownian.noise(path, from, to, shape).data)
    draws.forEach((draw, i) => {
      const mean = draw.reduce((sum, value) => sum + value, 0) / draw.length
      // five standard errors of 4096 values
      assert.isBelow(Math.abs(mean), 5 / 64)
      assert.isBelow(Math.abs(correlation(draw, draw) - 1), 5 * Math.sqrt(2 / 4096))
      for (const other of draws.slice(i + 1)) assert.isBelow(Math.abs(correlation(draw, other)), 5 / 64)
    })
  })

  it("adds up over steps of any size", () => {
    const path = Brownian.make(4, 0, 10)
    const increment = (from: number, to: number) =>
      Brownian.noise(path, from, to, [16]).data.map((value) => value * Math.sqrt(Math.abs(to - from)))
    const whole = increment(9.7, 0.1)
    for (const steps of [2, 7]) {
      const times = Array.from({ length: steps + 1 }, (_, i) => 9.7 + ((0.1 - 9.7) * i) / steps)
      const sum = new Float64Array(16)
      times.slice(1).forEach((to, i) => increment(times[i]!, to).forEach((value, k) => (sum[k]! += value)))
      whole.forEach((value, i) => assert.closeTo(sum[i]!, value, 1e-4))
    }
  })

  it("depends on the seed and nothing else, and turns with time", () => {
    const draw = (seed: number, from: number, to: number) =>
      Brownian.noise(Brownian.make(seed, 0, 5), from, to, [8]).data
    assert.deepStrictEqual(draw(1, 4, 2), draw(1, 4, 2))
    assert.notDeepEqual(draw(1, 4, 2), draw(2, 4, 2))
    assert.deepStrictEqual(
      draw(1, 2, 4),
      draw(1, 4, 2).map((value) => -value)
    )
  })

  it("makes an SDE solver's picture nearly independent of its steps, which fresh normals do not", () => {
    const sde = Result.getOrThrow(
      Scheduler.fromConfig({ _class_name: "DPMSolverSDEScheduler", use_karras_sigmas: true })
    )
    const size = [1, 4, 8, 8]
    /** Gaussian data of deviation 0.5: the best prediction of noise is linear. */
    const run = (steps: number, brownian: boolean): Float32Array => {
      const plan = Result.getOrThrow(sde.setTimesteps({ steps }))
      const path = Brownian.make(5, 0, plan.sigmas[0]!)
      const [normals, rng] = Rng.normal(Rng.make(6), size)
      let generator = rng
      let state = Result.getOrThrow(sde.init(plan))
      let sample = Scheduler.initialLatents(plan, normals)
      const { noiseFrom = [], noiseTo = [] } = plan.tables
      while (state.index < plan.timesteps.length) {
        const at = state.index
        const level = at % 2 === 0 ? plan.sigmas[at]! : noiseTo[at - 1]!
        const output = sample.data.map((x) => (level * x) / (0.25 + level * level))
        const [fresh, after] = Rng.normal(generator, size)
        generator = after
        const noise = brownian ? () => Brownian.noise(path, noiseFrom[at]!, noiseTo[at]!, size) : () => fresh
        const out = sde.step(plan, state, {
          sample,
          modelOutput: Tensor.make("float32", size, output),
          ...(plan.noise[at] === true ? { noise: noise() } : {})
        })
        sample = out.sample
        state = out.state
      }
      return sample.data
    }
    const distance = (a: Float32Array, b: Float32Array): number =>
      Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length)
    const refined = distance(run(40, true), run(80, true))
    const unrelated = distance(run(40, false), run(80, false))
    assert.isBelow(refined, 0.25 * unrelated)
  })
})
