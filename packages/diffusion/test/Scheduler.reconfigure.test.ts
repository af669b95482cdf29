/** Another class with the options of one that is loaded: what diffusers' `Other.from_config(old.config)` gives. */
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"

/** The options in the file of Stable Diffusion 1.5, which has no timestep_spacing. */
const file = {
  _class_name: "PNDMScheduler",
  _diffusers_version: "0.6.0",
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
  clip_sample: false
}

const made = (config: Scheduler.Config) => Result.getOrThrow(Scheduler.fromConfig(config))
const as = (scheduler: Scheduler.Shape, _class_name: string, options: Scheduler.Config = {}) =>
  Result.getOrThrow(Scheduler.reconfigure(scheduler, { ...options, _class_name }))
const timesteps = (scheduler: Scheduler.Shape) => Result.getOrThrow(scheduler.setTimesteps({ steps: 5 })).timesteps

describe("Scheduler.reconfigure", () => {
  it("leaves defaults of the old class behind", () => {
    const pndm = made(file)
    assert.strictEqual(pndm.config["timestep_spacing"], "leading")
    assert.notProperty(pndm.given, "timestep_spacing")
    assert.deepStrictEqual(timesteps(as(pndm, "DPMSolverMultistepScheduler")), [999, 799, 599, 400, 200])
    assert.deepStrictEqual(timesteps(as(pndm, "EulerDiscreteScheduler")), [999, 749.25, 499.5, 249.75, 0])
    assert.deepStrictEqual(timesteps(as(pndm, "DDIMScheduler")), [801, 601, 401, 201, 1])
  })

  it("carries what was given, also through a class that does not have it", () => {
    const karras = as(made(file), "DPMSolverMultistepScheduler", { use_karras_sigmas: true })
    assert.deepStrictEqual(timesteps(karras), [999, 786, 427, 59, 0])
    const ddim = as(karras, "DDIMScheduler")
    assert.deepStrictEqual(timesteps(ddim), [801, 601, 401, 201, 1])
    assert.deepInclude(ddim.config, { use_karras_sigmas: true, skip_prk_steps: true })
    const euler = as(ddim, "EulerDiscreteScheduler")
    const expected = [999, 785.9539794921875, 427.48980712890625, 58.8914909362793, 0]
    for (const [i, t] of timesteps(euler).entries()) assert.closeTo(t, expected[i]!, 1e-2)
    // skip_prk_steps came through all of them
    assert.deepStrictEqual(timesteps(as(euler, "PNDMScheduler")), [801, 601, 601, 401, 201, 1])
  })

  it("works between all classes: no default of one is a bad option of another", () => {
    let pairs = 0
    for (const from of Scheduler.classNames)
      for (const to of Scheduler.classNames) {
        const old = made({ _class_name: from })
        assert.deepStrictEqual(as(old, to).config, made({ _class_name: to }).config, `${from} to ${to}`)
        pairs++
      }
    assert.strictEqual(pairs, Scheduler.classNames.length ** 2)
  })
})
