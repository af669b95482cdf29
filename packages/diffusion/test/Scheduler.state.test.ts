/** What a scheduler promises of its state, for every class and the options that change what it remembers. */
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fakeModel } from "../../../scripts/conformance/fakeModel.ts"
import { runs } from "../benchmark/support/runs.ts"

type Latents = Tensor.Tensor<"float32">

const Run = Schema.Struct({
  plan: Scheduler.Plan,
  scheduler: Scheduler.SchedulerState,
  sample: Tensor.any("float32"),
  rng: Rng.Rng
})
type Run = typeof Run.Type

const codec = Schema.toCodecJson(Run)
const write = (run: Run): string => JSON.stringify(Schema.encodeSync(codec)(run))
const read = (text: string): Run => Schema.decodeUnknownSync(codec)(JSON.parse(text))

const shape = [2, 4, 4, 4]

const cases = [
  ...runs,
  {
    label: "FlowMatchLCM with growing sizes",
    config: { _class_name: "FlowMatchLCMScheduler", scale_factors: [1.5, 2, 3] },
    request: { steps: 4 }
  },
  {
    label: "DDPM with a learned variance",
    config: { _class_name: "DDPMScheduler", variance_type: "learned_range" },
    request: { steps: 6 }
  }
]

const begin = (scheduler: Scheduler.Shape, request: Scheduler.TimestepRequest, seed: number): Run => {
  const plan = Result.getOrThrow(scheduler.setTimesteps(request))
  const [normals, rng] = Rng.normal(Rng.make(seed), shape)
  const state = Result.getOrThrow(scheduler.init(plan))
  return { plan, scheduler: state, sample: Scheduler.initialLatents(plan, normals), rng }
}

const isOver = ({ plan, scheduler }: Run): boolean => scheduler.index >= plan.timesteps.length

const advance = (scheduler: Scheduler.Shape, run: Run): Run => {
  const { plan, sample, scheduler: state } = run
  const scaled = scheduler.scaleModelInput(plan, state, sample)
  const learned = scheduler.config["variance_type"] === "learned_range"
  const modelOutput = fakeModel(scaled, plan.timesteps[state.index]!, learned)
  const [noise, rng] =
    plan.noise[state.index] === true
      ? Rng.normal(run.rng, scheduler.noiseShape(plan, state, sample))
      : [undefined, run.rng]
  const given: ReadonlyArray<Latents> = [
    sample,
    modelOutput,
    ...(noise === undefined ? [] : [noise]),
    ...Object.values(state.history).flat()
  ]
  const copies = given.map((tensor) => tensor.data.slice())
  const out = scheduler.step(plan, state, { modelOutput, sample, noise })
  given.forEach((tensor, i) =>
    assert.deepStrictEqual(tensor.data, copies[i], `${scheduler.className} wrote to its input`)
  )
  return { plan, scheduler: out.state, sample: out.sample, rng }
}

const finish = (scheduler: Scheduler.Shape, from: Run): Run => {
  let run = from
  while (!isOver(run)) run = advance(scheduler, run)
  return run
}

describe("a scheduler's state", () => {
  for (const { config, label, request } of cases) {
    const scheduler = Result.getOrThrow(Scheduler.fromConfig(config))

    it(`is all a run needs, through JSON at every step, bit for bit: ${label}`, () => {
      const want = write(finish(scheduler, begin(scheduler, request, 1)))
      let points = 0
      for (let run = begin(scheduler, request, 1); !isOver(run); run = advance(scheduler, run)) {
        // a scheduler made anew, as in another process
        const other = Result.getOrThrow(Scheduler.fromConfig(JSON.parse(JSON.stringify(scheduler.config))))
        assert.strictEqual(write(finish(other, read(write(run)))), want)
        points++
      }
      assert.isAtLeast(points, 4)
    })

    it.effect(`lets concurrent runs share one scheduler: ${label}`, () =>
      Effect.gen(function* () {
        const stepping = (seed: number) =>
          Effect.gen(function* () {
            let run = begin(scheduler, request, seed)
            while (!isOver(run)) {
              run = advance(scheduler, run)
              yield* Effect.yieldNow // the other fibers' turn, between all steps
            }
            return write(run)
          })
        const seeds = [1, 2, 3, 4]
        const together = yield* Effect.all(seeds.map(stepping), { concurrency: "unbounded" })
        const alone = seeds.map((seed) => write(finish(scheduler, begin(scheduler, request, seed))))
        assert.deepStrictEqual(together, alone)
        assert.strictEqual(new Set(alone).size, seeds.length)
      })
    )
  }
})

describe("a scheduler's step", () => {
  it("allocates at most three arrays of the latents' size", () => {
    const large = [1, 4, 64, 64]
    const [sample, rng] = Rng.normal(Rng.make(0), large)
    const [modelOutput, rest] = Rng.normal(rng, large)
    const [normals] = Rng.normal(rest, large)
    for (const { config, label, request } of runs) {
      const scheduler = Result.getOrThrow(Scheduler.fromConfig(config))
      const plan = Result.getOrThrow(scheduler.setTimesteps(request))
      let state = Result.getOrThrow(scheduler.init(plan))
      while (state.index < plan.timesteps.length) {
        const noise = plan.noise[state.index] === true ? normals : undefined
        const before = process.memoryUsage().arrayBuffers
        const out = scheduler.step(plan, state, { modelOutput, sample, noise })
        // a collection in between would make this less, never more
        const arrays = (process.memoryUsage().arrayBuffers - before) / sample.data.byteLength
        assert.isAtMost(Math.floor(arrays), 3, label)
        state = out.state
      }
    }
  })
})
