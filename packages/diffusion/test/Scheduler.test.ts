import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Euler from "@effect-blocks/diffusion/schedulers/Euler"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { quantileOfMagnitudes } from "../src/internal/scheduler/quantile.ts"

const make = (config: Scheduler.Config) => Result.getOrThrow(Scheduler.fromConfig(config))

const failure = <A>(result: Result.Result<A, Scheduler.SchedulerError>): Scheduler.SchedulerError =>
  Result.getOrThrow(Result.flip(result))

const refused = (
  result: Result.Result<unknown, Scheduler.SchedulerError>,
  reason: Scheduler.SchedulerError["reason"],
  message: RegExp
) => {
  const error = failure(result)
  assert.strictEqual(error.reason, reason)
  assert.match(error.message, message)
}

/** A request that every class accepts, with what dynamic shifting and Runge-Kutta need left aside. */
const classes = Scheduler.classNames.map((className) => ({ className, scheduler: make({ _class_name: className }) }))

describe("Scheduler.fromConfig", () => {
  it("refuses an unknown class and names those it knows", () => {
    refused(
      Scheduler.fromConfig({ _class_name: "FancyScheduler" }),
      "UnknownClass",
      /FancyScheduler.*known, each followed by Scheduler: .* DDIM, /
    )
    refused(Scheduler.fromConfig({}), "UnknownClass", /no _class_name/)
    refused(Scheduler.fromConfig({ _class_name: 7 }), "UnknownClass", /there is no scheduler 7/)
    const near = Scheduler.fromConfig({ _class_name: "EulrDiscreteScheduler" })
    refused(near, "UnknownClass", /EulrDiscreteScheduler, did you mean EulerDiscreteScheduler\?/)
  })

  it("refuses what is no object of options, and no request", () => {
    // as JSON may give them to a program in JavaScript
    for (const config of JSON.parse('[null, 5, "DDIMScheduler", [1]]'))
      refused(Scheduler.fromConfig(config), "InvalidOption", /expected an object of options/)
    const euler = make({ _class_name: Euler.className })
    for (const request of [undefined, ...JSON.parse('[null, 5, "5"]')])
      refused(euler.setTimesteps(request), "InvalidRequest", /setTimesteps needs an object/)
    for (const timesteps of JSON.parse('[5, "5", {}, null]'))
      refused(euler.setTimesteps({ timesteps }), "InvalidRequest", /timesteps must be an array of numbers/)
    for (const timesteps of JSON.parse('[["5"], [null], [[5]]]'))
      refused(euler.setTimesteps({ timesteps }), "InvalidRequest", /timesteps must be finite/)
    for (const steps of JSON.parse('["5", null, [5]]'))
      refused(euler.setTimesteps({ steps }), "InvalidRequest", /steps must be a whole number/)
  })

  it("refuses an option that no class has, with a suggestion", () => {
    const error = failure(Scheduler.fromConfig({ _class_name: Euler.className, use_karas_sigmas: true }))
    assert.strictEqual(error.reason, "UnknownOption")
    assert.strictEqual(error.option, "use_karas_sigmas")
    assert.match(error.message, /did you mean use_karras_sigmas/)
    // of another class too, whose options are allowed
    const foreign = Scheduler.fromConfig({ _class_name: "DDIMScheduler", use_karas_sigmas: true })
    refused(foreign, "UnknownOption", /did you mean use_karras_sigmas/)
    const nowhere = Scheduler.fromConfig({ _class_name: "DDIMScheduler", colour: "red" })
    refused(nowhere, "UnknownOption", /no scheduler has an option colour: remove the key/)
  })

  it("ignores options that schedulers of diffusers had once", () => {
    for (const { className, scheduler } of classes) {
      const old = { timestep_values: null, tensor_format: "pt", predict_epsilon: true }
      const read = Result.getOrThrow(Scheduler.reconfigure(scheduler, old))
      assert.deepStrictEqual(
        Result.getOrThrow(read.setTimesteps({ steps: 5 })),
        Result.getOrThrow(scheduler.setTimesteps({ steps: 5 })),
        className
      )
    }
  })

  it("keeps options of other classes, as files from the hub carry them", () => {
    const sdxl = make({ _class_name: Euler.className, _diffusers_version: "0.19.0", skip_prk_steps: true })
    assert.strictEqual(sdxl.config["skip_prk_steps"], true)
    const switched = Result.getOrThrow(Scheduler.reconfigure(sdxl, { _class_name: "PNDMScheduler" }))
    assert.strictEqual(Result.getOrThrow(switched.setTimesteps({ steps: 2 })).settings["rungeKuttaCalls"], 0)
  })

  it("refuses values of the wrong type or out of range, naming the option", () => {
    const cases: ReadonlyArray<readonly [Scheduler.Config, string]> = [
      [{ timestep_spacing: "sideways" }, "timestep_spacing"],
      [{ num_train_timesteps: "1000" }, "num_train_timesteps"],
      [{ num_train_timesteps: 0 }, "num_train_timesteps"],
      [{ num_train_timesteps: 10.5 }, "num_train_timesteps"],
      [{ beta_start: -1 }, "beta_start"],
      [{ beta_start: 1 }, "beta_start"],
      [{ beta_end: 3 }, "beta_end"],
      [{ trained_betas: [0.1, 1] }, "trained_betas"],
      [{ trained_betas: ["a"] }, "trained_betas"],
      [{ sigma_max: Infinity }, "sigma_max"]
    ]
    for (const [options, option] of cases) {
      const error = failure(Scheduler.fromConfig({ _class_name: Euler.className, ...options }))
      assert.strictEqual(error.reason, "InvalidOption")
      assert.strictEqual(error.option, option)
      assert.match(error.message, new RegExp(`^${Euler.className}: option ${option}: `))
    }
  })

  it("refuses trainings of no size or of any, in every class that has one", () => {
    for (const { className, scheduler } of classes) {
      for (const num_train_timesteps of [0, 1_000_001, 1e9]) {
        const error = failure(Scheduler.reconfigure(scheduler, { num_train_timesteps }))
        assert.deepInclude(error, { className, reason: "InvalidOption", option: "num_train_timesteps" })
      }
      const none = Scheduler.reconfigure(scheduler, { trained_betas: [] })
      // an option of another class is not looked at
      assert.strictEqual(Result.isFailure(none), "trained_betas" in scheduler.config, className)
      if (Result.isFailure(none)) {
        assert.deepInclude(none.failure, { className, reason: "InvalidOption", option: "trained_betas" })
      }
    }
    assert.isTrue("trained_betas" in make({ _class_name: "DDIMScheduler" }).config)
  })

  it("refuses betas that are not one for each timestep of the training", () => {
    const betas = (length: number) => ({ trained_betas: Array.from({ length }, () => 0.01), num_train_timesteps: 50 })
    for (const { className, scheduler } of classes) {
      if (!("beta_schedule" in scheduler.config)) continue
      for (const length of [2, 51]) {
        const error = failure(Scheduler.reconfigure(scheduler, betas(length)))
        assert.deepInclude(error, { className, reason: "UnsupportedOption", option: "trained_betas" })
        assert.include(error.message, `has ${length} values for num_train_timesteps 50`)
      }
    }
    const own = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler", ...betas(50) }))
    assert.lengthOf(Result.getOrThrow(own.setTimesteps({ steps: 5 })).timesteps, 5)
  })

  it("refuses options that contradict each other", () => {
    const cases: ReadonlyArray<readonly [string, Scheduler.Config, string]> = [
      [Euler.className, { use_karras_sigmas: true, use_beta_sigmas: true }, "use_beta_sigmas"],
      [Euler.className, { use_karras_sigmas: true, sigma_min: 10, sigma_max: 1 }, "sigma_min"],
      ["EDMEulerScheduler", { sigma_min: 100 }, "sigma_min"],
      ["EDMDPMSolverMultistepScheduler", { sigma_max: 0.001 }, "sigma_min"],
      ["CMStochasticIterativeScheduler", { sigma_min: 80 }, "sigma_min"],
      ["DPMSolverMultistepScheduler", { algorithm_type: "dpmsolver" }, "final_sigmas_type"],
      [
        "DPMSolverMultistepScheduler",
        { algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min", prediction_type: "flow_prediction" },
        "prediction_type"
      ],
      // diffusers takes deis for dpmsolver++, but not to a level of zero
      ["DPMSolverMultistepScheduler", { algorithm_type: "deis" }, "final_sigmas_type"],
      ["DPMSolverSinglestepScheduler", { algorithm_type: "deis" }, "final_sigmas_type"],
      ["EDMDPMSolverMultistepScheduler", { algorithm_type: "deis" }, "final_sigmas_type"],
      [
        "DPMSolverSinglestepScheduler",
        { algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min", thresholding: true },
        "thresholding"
      ],
      ["UniPCMultistepScheduler", { shift_terminal: 0.1 }, "shift_terminal"],
      ["UniPCMultistepScheduler", { predict_x0: false, prediction_type: "flow_prediction" }, "prediction_type"],
      [
        "SASolverScheduler",
        { algorithm_type: "noise_prediction", prediction_type: "flow_prediction" },
        "prediction_type"
      ],
      ["FlowMatchLCMScheduler", { scale_factors: [2], upscale_mode: "trilinear" }, "upscale_mode"]
    ]
    for (const [_class_name, options, option] of cases) {
      const error = failure(Scheduler.fromConfig({ _class_name, ...options }))
      assert.strictEqual(error.reason, "UnsupportedOption", `${_class_name} ${option}`)
      assert.strictEqual(error.option, option)
    }
  })

  it("gives a configuration that makes the same scheduler again", () => {
    for (const { scheduler } of classes) {
      const again = make(JSON.parse(JSON.stringify(scheduler.config)))
      assert.deepStrictEqual(again.config, scheduler.config)
    }
  })
})

describe("Scheduler.parseConfig", () => {
  it("reads the numbers that Python writes and JSON lacks", () => {
    const text = `{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "note_NaN": "NaN, Infinity"}`
    const config = Result.getOrThrow(Scheduler.parseConfig(text))
    assert.deepStrictEqual(config, {
      _class_name: "DPMSolverMultistepScheduler",
      lambda_min_clipped: "-Infinity",
      note_NaN: "NaN, Infinity"
    })
  })

  it("refuses what is no object", () => {
    refused(Scheduler.parseConfig("[1]"), "InvalidOption", /expected an object/)
    refused(Scheduler.parseConfig("{"), "InvalidOption", /scheduler configuration: SyntaxError/)
  })
})

describe("setTimesteps", () => {
  it("refuses counts of steps that cannot be, in every class", () => {
    for (const { className, scheduler } of classes)
      for (const steps of [0, -1, 2.5, NaN, Infinity, 1_000_000])
        refused(scheduler.setTimesteps({ steps }), "InvalidRequest", new RegExp(`^${className}: steps must be a whole`))
  })

  it("refuses more steps than training timesteps, where their levels are those of the training", () => {
    for (const { className, scheduler } of classes) {
      const training = Number(scheduler.config["num_train_timesteps"])
      const steps = training + 1
      if (/^(FlowMatch|EDM|IPNDM)/.test(className)) {
        assert.isAtLeast(Result.getOrThrow(scheduler.setTimesteps({ steps })).timesteps.length, steps)
        refused(scheduler.setTimesteps({ steps: 100_001 }), "InvalidRequest", /from 1 to 100000, not 100001/)
      } else refused(scheduler.setTimesteps({ steps }), "InvalidRequest", new RegExp(`from 1 to ${training} \\(`))
    }
  })

  it("refuses schedules that leave the training's tables", () => {
    const pushed = { steps_offset: 5 }
    for (const _class_name of ["DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "DDIMInverseScheduler"])
      refused(make({ _class_name, ...pushed }).setTimesteps({ steps: 1000 }), "InvalidRequest", /has timestep 100\d,/)
    // rounding makes 62 timesteps of these, the last one -1
    const trailing = make({ _class_name: "DDIMScheduler", timestep_spacing: "trailing" })
    refused(
      trailing.setTimesteps({ steps: 61 }),
      "InvalidRequest",
      /has timestep -1, .* choose another number of steps/
    )
    assert.lengthOf(Result.getOrThrow(trailing.setTimesteps({ steps: 60 })).timesteps, 60)
    // where levels are interpolated, such a timestep has that of the first
    const euler = make({ _class_name: "EulerDiscreteScheduler", timestep_spacing: "trailing" })
    assert.lengthOf(Result.getOrThrow(euler.setTimesteps({ steps: 61 })).timesteps, 62)
  })

  it("refuses schedules that begin with no number", () => {
    const noSignal = { beta_end: 0.9, use_beta_sigmas: true }
    for (const _class_name of ["HeunDiscreteScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"])
      refused(make({ _class_name, ...noSignal }).setTimesteps({ steps: 3 }), "InvalidRequest", /no number: its betas/)
  })

  it("refuses third-order steps that an algorithm does not have, before the run", () => {
    for (const [_class_name, algorithm_type] of [
      ["DPMSolverMultistepScheduler", "sde-dpmsolver"],
      ["DPMSolverMultistepInverseScheduler", "sde-dpmsolver"],
      ["DPMSolverMultistepInverseScheduler", "sde-dpmsolver++"]
    ] as const) {
      const third = make({ _class_name, algorithm_type, final_sigmas_type: "sigma_min", solver_order: 3 })
      const plan = (steps: number) => Result.getOrThrow(third.setTimesteps({ steps }))
      refused(third.init(plan(6)), "Unsolvable", /model call 2 is of order 3, .* set solver_order to 1 or 2/)
      refused(third.init(plan(20), 1), "Unsolvable", /model call 3 is of order 3/)
      assert.strictEqual(Result.getOrThrow(third.init(plan(3))).index, 0)
    }
  })

  it("refuses schedules of one's own that do not fall", () => {
    const own = (_class_name: string, request: Scheduler.TimestepRequest, options: Scheduler.Config = {}) =>
      make({ _class_name, ...options }).setTimesteps(request)
    refused(own("EulerDiscreteScheduler", { timesteps: [900, 100, 500] }), "InvalidRequest", /and fall from first/)
    refused(own("EulerDiscreteScheduler", { timesteps: [500, 500, 100] }), "InvalidRequest", /and fall from first/)
    assert.lengthOf(Result.getOrThrow(own("EulerDiscreteScheduler", { timesteps: [900, 500, 500] })).timesteps, 3)
    refused(own("DDPMScheduler", { timesteps: [1, 500] }), "InvalidRequest", /and fall from first to last/)
    refused(own("EDMEulerScheduler", { sigmas: [0.5, 0] }), "InvalidRequest", /and rise from first to last/)
    refused(own("EDMEulerScheduler", { sigmas: [0, 1.5] }), "InvalidRequest", /positions from 0 .* to 1/)
    const falling = { timesteps: [900, 500, 100] }
    for (const name of ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"])
      refused(own(name, falling, { use_karras_sigmas: true }), "InvalidRequest", /do not go with respaced/)
    refused(own("DPMSolverMultistepScheduler", falling, { use_flow_sigmas: true }), "InvalidRequest", /use_flow_sigmas/)
    const nowhere = own("DPMSolverMultistepInverseScheduler", { steps: 3 }, { lambda_min_clipped: 5 })
    refused(nowhere, "InvalidRequest", /lambda_min_clipped \(5\) leaves no timestep/)
  })

  it("refuses a range of noise levels of which one end is beyond the other, that of the training", () => {
    for (const [options, option] of [
      [{ sigma_min: 200 }, "sigma_min"],
      [{ sigma_max: 0.001 }, "sigma_max"]
    ] as const)
      for (const spacing of ["use_karras_sigmas", "use_exponential_sigmas"]) {
        const euler = make({ _class_name: Euler.className, [spacing]: true, ...options })
        const error = failure(euler.setTimesteps({ steps: 4 }))
        assert.deepStrictEqual([error.reason, error.option], ["InvalidRequest", option])
        assert.match(error.message, /makes noise levels rise/)
      }
    // without a spacing the range is not used, and of another class not looked at
    assert.isTrue(Result.isSuccess(make({ _class_name: Euler.className, sigma_min: 200 }).setTimesteps({ steps: 4 })))
    const inverse = make({ _class_name: "DPMSolverMultistepInverseScheduler", sigma_min: 200 })
    assert.isTrue(Result.isSuccess(inverse.setTimesteps({ steps: 4 })))
  })

  it("looks timesteps up with the precision of the table", () => {
    // float64 throughout gives 75.99999999, which is cut to 75
    const options = { beta_schedule: "squaredcos_cap_v2", rescale_betas_zero_snr: true, use_exponential_sigmas: true }
    const unipc = make({ _class_name: "UniPCMultistepScheduler", num_train_timesteps: 77, ...options })
    assert.deepStrictEqual(Result.getOrThrow(unipc.setTimesteps({ steps: 7 })).timesteps, [76, 75, 75, 71, 47, 8, 0])
  })

  it("needs a schedule to stretch, and a mu of the right kind", () => {
    const one = make({ _class_name: "FlowMatchEulerDiscreteScheduler", shift_terminal: 0.1 })
    refused(one.setTimesteps({ steps: 1 }), "InvalidRequest", /shift_terminal has no schedule/)
    const shifted = make({
      _class_name: "FlowMatchEulerDiscreteScheduler",
      use_dynamic_shifting: true,
      time_shift_type: "linear"
    })
    refused(shifted.setTimesteps({ steps: 4, mu: 0 }), "InvalidRequest", /mu of 0 leaves no noise levels/)
    const linear = { use_flow_sigmas: true, use_dynamic_shifting: true, time_shift_type: "linear" }
    for (const _class_name of ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"]) {
      const scheduler = make({ _class_name, ...linear })
      refused(scheduler.setTimesteps({ steps: 4, mu: 1 }), "InvalidRequest", /time_shift_type exponential/)
      assert.lengthOf(Result.getOrThrow(scheduler.setTimesteps({ steps: 4 })).timesteps, 4)
    }
  })

  it("refuses an empty request and settings of other classes, in every class", () => {
    for (const { scheduler } of classes) {
      refused(scheduler.setTimesteps({}), "InvalidRequest", /setTimesteps needs steps/)
      const foreign = { eta: 0.5, sChurn: 1, order: 2, mu: 1, strength: 0.5 }
      const unknown = Object.entries(foreign).filter(([key, value]) =>
        Result.isFailure(scheduler.setTimesteps({ steps: 4, [key]: value }))
      )
      assert.isAtLeast(unknown.length, 3)
    }
    refused(
      make({ _class_name: "EulerDiscreteScheduler" }).setTimesteps({ steps: 4, eta: 1 }),
      "InvalidRequest",
      /takes no eta/
    )
  })

  it("refuses schedules that go nowhere, are empty or hold what is no number", () => {
    let asked = 0
    for (const { scheduler } of classes)
      for (const name of ["timesteps", "sigmas"] as const) {
        if (
          /takes no/.test(
            Result.match(scheduler.setTimesteps({ [name]: [1] }), { onFailure: String, onSuccess: String })
          )
        )
          continue
        asked++
        for (const values of [[], [20, 20], [10, 20, 15], [5, NaN], [Infinity, 1], [3, -1]])
          refused(
            scheduler.setTimesteps({ [name]: values }),
            "InvalidRequest",
            new RegExp(`${name} (is empty|must be finite)`)
          )
      }
    assert.isAtLeast(asked, 10)
  })

  it("refuses timesteps beyond training and two schedules at once", () => {
    for (const className of ["DDPMScheduler", "LCMScheduler", "TCDScheduler"]) {
      const scheduler = make({ _class_name: className })
      refused(scheduler.setTimesteps({ timesteps: [1000, 5] }), "InvalidRequest", /below num_train_timesteps/)
      refused(scheduler.setTimesteps({ timesteps: [9, 5], steps: 2 }), "InvalidRequest", /only one of steps/)
    }
  })

  it("refuses settings out of range, naming them", () => {
    const ddim = make({ _class_name: "DDIMScheduler" })
    for (const eta of [-0.1, 1.1, NaN]) refused(ddim.setTimesteps({ steps: 4, eta }), "InvalidRequest", /eta must be/)
    const euler = make({ _class_name: "EulerDiscreteScheduler" })
    refused(euler.setTimesteps({ steps: 4, sChurn: -1 }), "InvalidRequest", /sChurn must be/)
    const lms = make({ _class_name: "LMSDiscreteScheduler" })
    refused(lms.setTimesteps({ steps: 4, order: 0 }), "InvalidRequest", /order must be/)
    const lcm = make({ _class_name: "LCMScheduler" })
    for (const strength of [0, 1.5])
      refused(lcm.setTimesteps({ steps: 1, strength }), "InvalidRequest", /strength must be/)
    refused(lcm.setTimesteps({ steps: 60 }), "InvalidRequest", /originalInferenceSteps/)
  })

  it("says what goes together", () => {
    const dynamic = make({ _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true })
    refused(dynamic.setTimesteps({ steps: 4 }), "InvalidRequest", /needs mu/)
    const dpm = make({ _class_name: "DPMSolverMultistepScheduler" })
    refused(dpm.setTimesteps({ steps: 4, mu: 1 }), "InvalidRequest", /mu goes with use_dynamic_shifting/)
    refused(make({ _class_name: "PNDMScheduler" }).setTimesteps({ steps: 3 }), "InvalidRequest", /at least 4/)
  })
})

describe("what a refused request names", () => {
  const cases: ReadonlyArray<readonly [option: string, config: Scheduler.Config, request: Scheduler.TimestepRequest]> =
    [
      ["steps", { _class_name: "DDIMScheduler" }, { steps: 0 }],
      ["steps", { _class_name: "DDIMScheduler" }, {}],
      ["steps", { _class_name: "DDIMScheduler", timestep_spacing: "trailing" }, { steps: 61 }],
      ["sigmas", { _class_name: "DDIMScheduler" }, { steps: 4, sigmas: [1] }],
      ["timesteps", { _class_name: Euler.className }, { timesteps: [1, 500, 2] }],
      ["timesteps", { _class_name: Euler.className }, { steps: 2, timesteps: [500, 2] }],
      ["sigmas", { _class_name: Euler.className }, { steps: 2, sigmas: [5, 2] }],
      ["timesteps", { _class_name: Euler.className, use_karras_sigmas: true }, { timesteps: [500, 2] }],
      ["timesteps", { _class_name: "DDPMScheduler" }, { timesteps: [1000, 2] }],
      ["eta", { _class_name: "DDIMScheduler" }, { steps: 4, eta: 2 }],
      ["strength", { _class_name: "LCMScheduler" }, { timesteps: [900, 400], strength: 0.1 }],
      ["originalInferenceSteps", { _class_name: "LCMScheduler" }, { steps: 4, originalInferenceSteps: 2000 }],
      ["steps", { _class_name: "LCMScheduler" }, { steps: 60 }],
      ["steps", { _class_name: "PNDMScheduler" }, { steps: 3 }],
      ["mu", { _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true }, { steps: 4 }],
      ["sigmas", { _class_name: "FlowMatchEulerDiscreteScheduler" }, { steps: 4, sigmas: [1, 0.5] }]
    ]
  it.each(cases)("%s", (option, config, request) => {
    const error = failure(make(config).setTimesteps(request))
    assert.deepStrictEqual([error.reason, error.option], ["InvalidRequest", option], error.message)
  })
})

describe("init and step", () => {
  it("refuses a begin index outside the plan", () => {
    for (const { scheduler } of classes) {
      const plan = Result.getOrThrow(scheduler.setTimesteps({ steps: 5 }))
      for (const begin of [-1, 0.5, plan.timesteps.length + 1])
        refused(scheduler.init(plan, begin), "InvalidRequest", /begin index/)
    }
  })

  it("refuses to begin in the middle of a step, which the first call's memory is missing for", () => {
    let second = 0
    for (const { className, scheduler } of classes) {
      const plan = Result.getOrThrow(scheduler.setTimesteps({ steps: 5 }))
      if (plan.order === 1) continue
      second++
      const error = failure(scheduler.init(plan, 3))
      assert.deepStrictEqual([error.reason, error.option], ["InvalidRequest", "begin"], className)
      assert.match(error.message, /begin index 3 is in the middle of a step, .* order \(2\)/, className)
      for (const begin of [0, 4, plan.timesteps.length])
        assert.strictEqual(Result.getOrThrow(scheduler.init(plan, begin)).index, begin, className)
    }
    assert.strictEqual(second, 5)
  })

  it("refuses a run whose equations are singular", () => {
    const unipc = make({ _class_name: "UniPCMultistepScheduler", solver_order: 3, lower_order_final: false })
    const plan = Result.getOrThrow(unipc.setTimesteps({ steps: 5 }))
    refused(unipc.init(plan), "Unsolvable", /model call 4 is singular/)
  })

  it("dies of a run that is over and of noise that does not fit", () => {
    const zero = Tensor.zeros("float32", [1, 4, 2, 2])
    const ddim = make({ _class_name: "DDIMScheduler" })
    const plan = Result.getOrThrow(ddim.setTimesteps({ steps: 2 }))
    const over = Result.getOrThrow(ddim.init(plan, 2))
    const begun = Result.getOrThrow(ddim.init(plan))
    assert.throws(() => ddim.step(plan, over, { modelOutput: zero, sample: zero }), /is over/)
    assert.throws(() => ddim.step(plan, begun, { modelOutput: zero, sample: zero, noise: zero }), /takes no noise/)
    const euler = make({ _class_name: "EulerAncestralDiscreteScheduler" })
    const noisy = Result.getOrThrow(euler.setTimesteps({ steps: 2 }))
    const state = Result.getOrThrow(euler.init(noisy))
    assert.throws(() => euler.step(noisy, state, { modelOutput: zero, sample: zero }), /takes a noise/)
  })
})

describe("the model's output", () => {
  it("has the sample's channels, or as many again where its variance is learned", () => {
    for (const { className, scheduler } of classes) {
      assert.deepStrictEqual(scheduler.outputChannels(4), [4], className)
      for (const variance_type of ["learned", "learned_range"]) {
        const learned = Result.getOrThrow(Scheduler.reconfigure(scheduler, { variance_type }))
        const dropped = /^(DPMSolver(Multi|Single)step|DPMSolverMultistepInverse|SASolver)Scheduler$/.test(className)
        const expected = className === "DDPMScheduler" ? [8] : dropped ? [4, 8] : [4]
        assert.deepStrictEqual(learned.outputChannels(4), expected, className)
      }
    }
  })

  it("is refused in words where the learned variance is missing", () => {
    const ddpm = make({ _class_name: "DDPMScheduler", variance_type: "learned_range" })
    const plan = Result.getOrThrow(ddpm.setTimesteps({ steps: 2 }))
    const state = Result.getOrThrow(ddpm.init(plan))
    const zero = Tensor.zeros("float32", [1, 4, 2, 2])
    const step = () => ddpm.step(plan, state, { modelOutput: zero, sample: zero, noise: zero })
    assert.throws(step, /must have twice the sample's channels, as variance_type is learned_range.*set variance_type/)
  })
})

describe("addNoise", () => {
  const [original, rng] = Rng.normal(Rng.make(1), [2, 4, 4, 4])
  const [noise] = Rng.normal(rng, [2, 4, 4, 4])

  it("takes one level for all or one for each batch item", () => {
    for (const { className, scheduler } of classes) {
      const plan = Result.getOrThrow(scheduler.setTimesteps({ steps: 5 }))
      const one = Result.getOrThrow(scheduler.addNoise(plan, original, noise, { index: 1 }))
      const each = Result.getOrThrow(scheduler.addNoise(plan, original, noise, [{ index: 1 }, { index: 3 }]))
      assert.deepStrictEqual(each.data.slice(0, 64), one.data.slice(0, 64), className)
      assert.notDeepEqual(each.data.slice(64), one.data.slice(64), className)
    }
  })

  it("refuses levels that are not there and sizes that differ", () => {
    const euler = make({ _class_name: "EulerDiscreteScheduler" })
    const plan = Result.getOrThrow(euler.setTimesteps({ steps: 5 }))
    refused(euler.addNoise(plan, original, noise, { index: 5 }), "InvalidRequest", /index 5 is outside/)
    refused(euler.addNoise(plan, original, noise, { timestep: 1 }), "InvalidRequest", /timestep 1 is not in the plan/)
    const small = Tensor.zeros("float32", [1, 4, 4, 4])
    refused(euler.addNoise(plan, original, small, { index: 1 }), "InvalidRequest", /differ in size/)
    const levels = [{ index: 1 }, { index: 1 }, { index: 1 }]
    refused(euler.addNoise(plan, original, noise, levels), "InvalidRequest", /3 levels for 2 batch items/)
    const ddpm = make({ _class_name: "DDPMScheduler" })
    const whole = Result.getOrThrow(ddpm.setTimesteps({ steps: 5 }))
    refused(ddpm.addNoise(whole, original, noise, { timestep: 1000 }), "InvalidRequest", /not a training timestep/)
  })
})

describe("arithmetic", () => {
  it("divides by multiplication with a float64 reciprocal to the same float32", () => {
    const [bits] = Rng.integers(Rng.make(3), 0, 2 ** 31, [200_000])
    const float = new Float32Array(Uint32Array.from(bits.data, Number).buffer)
    for (let i = 0; i + 1 < float.length; i += 2) {
      const quotient = Math.fround(float[i]! / float[i + 1]!)
      if (quotient < 2 ** -126) continue
      assert.ok(Object.is(Math.fround(float[i]! * (1 / float[i + 1]!)), quotient), `${float[i]} / ${float[i + 1]}`)
    }
  })

  it("finds the quantile that sorting finds", () => {
    for (const size of [1, 2, 7, 100, 4097]) {
      const [normals] = Rng.normal(Rng.make(size), [size])
      for (const ratio of [0, 0.3, 0.5, 0.995, 1]) {
        const sorted = normals.data.map(Math.abs).toSorted()
        const rank = Math.fround(Math.fround(ratio) * (size - 1))
        const [low, high] = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!]
        const found = quantileOfMagnitudes(normals.data, ratio)
        assert.closeTo(found, low + (rank - Math.floor(rank)) * (high - low), 1e-6)
        assert.ok(found >= low && found <= high)
      }
    }
    assert.ok(Number.isNaN(quantileOfMagnitudes(Float32Array.of(1, NaN), 0.5)))
    assert.strictEqual(quantileOfMagnitudes(new Float32Array(9).fill(-2), 0.7), 2)
  })
})

describe("Scheduler", () => {
  it.effect("is a service whose layer fails with what is wrong", () =>
    Effect.gen(function* () {
      const name = Effect.map(Scheduler.Scheduler, ({ className }) => className)
      const layer = Scheduler.layer({ _class_name: "DDIMScheduler" })
      assert.strictEqual(yield* Effect.provide(name, layer), "DDIMScheduler")
      const made = Scheduler.Scheduler.layerOf(make({ _class_name: "LCMScheduler" }))
      assert.strictEqual(yield* Effect.provide(name, made), "LCMScheduler")
      const error = yield* Effect.flip(Effect.provide(name, Scheduler.layer({ _class_name: "Nothing" })))
      assert.strictEqual(error._tag, "SchedulerError")
    })
  )

  it("has plans that survive JSON, infinities included", () => {
    const codec = Schema.toCodecJson(Scheduler.Plan)
    for (const { scheduler } of classes) {
      const plan = Result.getOrThrow(scheduler.setTimesteps({ steps: 5 }))
      const text = JSON.stringify(Schema.encodeSync(codec)(plan))
      assert.deepStrictEqual(Schema.decodeUnknownSync(codec)(JSON.parse(text)), plan)
    }
  })
})
