/** Schedules of the caller's own, in every class that takes them. */
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"

const made = (config: Scheduler.Config) => Result.getOrThrow(Scheduler.fromConfig(config))
const all = Scheduler.classNames.map((_class_name) => made({ _class_name }))
const accepts = (name: "timesteps" | "sigmas") => (scheduler: Scheduler.Shape) =>
  Result.match(scheduler.setTimesteps({ [name]: [] }), {
    onFailure: ({ message }) => message.includes(`${name} is empty`),
    onSuccess: () => true
  })
const byTimesteps = all.filter(accepts("timesteps"))
const bySigmas = all.filter(accepts("sigmas"))

const refused = (scheduler: Scheduler.Shape, request: Scheduler.TimestepRequest, message: RegExp) => {
  const result = scheduler.setTimesteps(request)
  assert.isTrue(Result.isFailure(result), `${scheduler.className} ${JSON.stringify(request)}`)
  if (Result.isSuccess(result)) return
  assert.strictEqual(result.failure.reason, "InvalidRequest")
  assert.strictEqual(result.failure.option, Object.keys(request)[0])
  assert.match(result.failure.message, message)
}

/** Whole runs, of a model that says the sample's sine. */
const runs = (scheduler: Scheduler.Shape, request: Scheduler.TimestepRequest): ReadonlyArray<number> => {
  const plan = Result.getOrThrow(scheduler.setTimesteps(request))
  const [normals] = Rng.normal(Rng.make(5), [1, 4, 4, 4])
  let sample = Scheduler.initialLatents(plan, normals)
  let state = Result.getOrThrow(scheduler.init(plan))
  while (state.index < plan.timesteps.length) {
    const input = scheduler.scaleModelInput(plan, state, sample)
    const modelOutput = Tensor.make("float32", input.shape, input.data.map(Math.sin))
    const noise = plan.noise[state.index] === true ? { noise: normals } : {}
    const out = scheduler.step(plan, state, { modelOutput, sample, ...noise })
    sample = out.sample
    state = out.state
  }
  return [...sample.data]
}

describe("timesteps of one's own", () => {
  it("are refused where they are out of order, in every class that takes them", () => {
    assert.lengthOf(byTimesteps, 10)
    for (const scheduler of byTimesteps) {
      refused(scheduler, { timesteps: [1, 20, 39] }, /must be finite, not negative, and fall from first to last/)
      refused(scheduler, { timesteps: [39, 1, 20] }, /fall from first to last/)
      refused(scheduler, { timesteps: [20, 20, 1] }, /fall from first to last/)
    }
  })

  it("are refused beyond the training, but where they are the noise level itself", () => {
    for (const scheduler of byTimesteps) {
      const train = Number(scheduler.config["num_train_timesteps"])
      refused(scheduler, { timesteps: [5, -1] }, /not negative/)
      const most = scheduler.setTimesteps({ timesteps: [train, 5] })
      if (scheduler.className.startsWith("FlowMatch")) assert.isTrue(Result.isSuccess(most), scheduler.className)
      else refused(scheduler, { timesteps: [train, 5] }, new RegExp(`below num_train_timesteps \\(${train}\\)`))
    }
  })

  it("may come twice only where a step does not divide by the difference of two levels", () => {
    const twice: Array<string> = []
    for (const scheduler of byTimesteps) {
      const request = { timesteps: [38, 20, 20, 5] }
      if (Result.isFailure(scheduler.setTimesteps(request))) continue
      twice.push(scheduler.className)
      assert.isTrue(runs(scheduler, request).every(Number.isFinite), scheduler.className)
    }
    assert.deepStrictEqual(twice, [
      "EulerDiscreteScheduler",
      "FlowMatchEulerDiscreteScheduler",
      "FlowMatchLCMScheduler",
      "HeunDiscreteScheduler"
    ])
    // cut to whole ones, these are equal
    refused(made({ _class_name: "DPMSolverMultistepScheduler" }), { timesteps: [38, 20.9, 20.1] }, /fall from first/)
  })

  it("give finite numbers where they are taken", () => {
    for (const scheduler of byTimesteps)
      for (const timesteps of [[39], [39, 20, 1], [39, 0], [38.5, 20.25, 3]])
        assert.isTrue(runs(scheduler, { timesteps }).every(Number.isFinite), `${scheduler.className} ${timesteps}`)
  })
})

describe("sigmas of one's own", () => {
  it("are refused where they rise, and positions where they fall", () => {
    const names = bySigmas.map(({ className }) => className)
    assert.deepStrictEqual(names, [
      "EDMEulerScheduler",
      "EulerDiscreteScheduler",
      "FlowMatchEulerDiscreteScheduler",
      "FlowMatchLCMScheduler",
      "UniPCMultistepScheduler"
    ])
    for (const scheduler of bySigmas) {
      const rises = scheduler.className === "EDMEulerScheduler"
      refused(scheduler, { sigmas: rises ? [1, 0.5, 0.1] : [0.1, 0.5, 1] }, rises ? /and rise/ : /and fall/)
      refused(scheduler, { sigmas: [0.5, 1, 0.1] }, /from first to last/)
    }
  })

  it("are above zero but for the last, where a step divides by them", () => {
    const euler = made({ _class_name: "EulerDiscreteScheduler" })
    refused(euler, { sigmas: [5, 0, 0] }, /above 0, but for the last/)
    assert.isTrue(runs(euler, { sigmas: [5, 2, 2, 0] }).every(Number.isFinite))
  })
})
