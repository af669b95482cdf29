/** Every class with its defaults, and with the options that cost more. */
import * as Scheduler from "../../src/Scheduler.ts"

export interface Run {
  readonly label: string
  readonly config: Scheduler.Config
  readonly request: Scheduler.TimestepRequest
}

/** With a bound above 1: with the default of 1, what is cut has its scale already. */
const thresholds = { thresholding: true, sample_max_value: 1.5 }

const extra: Readonly<Record<string, ReadonlyArray<readonly [Scheduler.Config, Scheduler.TimestepRequest]>>> = {
  DDIMScheduler: [
    [{ ...thresholds, clip_sample: false }, { steps: 10 }],
    [{ prediction_type: "v_prediction" }, { steps: 10, eta: 0.5, useClippedModelOutput: true }]
  ],
  DDPMScheduler: [[{ ...thresholds, prediction_type: "v_prediction" }, { steps: 10 }]],
  DDIMInverseScheduler: [[{ prediction_type: "v_prediction" }, { steps: 10 }]],
  DEISMultistepScheduler: [[{ solver_order: 3, ...thresholds, prediction_type: "v_prediction" }, { steps: 10 }]],
  DPMSolverMultistepScheduler: [
    [{ solver_order: 3, ...thresholds }, { steps: 10 }],
    [{ algorithm_type: "sde-dpmsolver++", prediction_type: "v_prediction" }, { steps: 10 }],
    [{ algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min", ...thresholds }, { steps: 10 }]
  ],
  DPMSolverSinglestepScheduler: [[{ solver_order: 3, solver_type: "heun", ...thresholds }, { steps: 10 }]],
  EulerDiscreteScheduler: [[{ prediction_type: "v_prediction" }, { steps: 10, sChurn: 5 }]],
  FlowMatchEulerDiscreteScheduler: [[{ stochastic_sampling: true }, { steps: 10 }]],
  FlowMatchHeunDiscreteScheduler: [[{}, { steps: 10, sChurn: 5 }]],
  HeunDiscreteScheduler: [[{ clip_sample: true }, { steps: 10 }]],
  LCMScheduler: [[{ ...thresholds }, { steps: 10 }]],
  PNDMScheduler: [[{ skip_prk_steps: true, prediction_type: "v_prediction" }, { steps: 10 }]],
  SASolverScheduler: [[{ predictor_order: 3, corrector_order: 4 }, { steps: 10 }]],
  UniPCMultistepScheduler: [[{ solver_order: 3, ...thresholds }, { steps: 10 }]]
}

export const runs: ReadonlyArray<Run> = Scheduler.classNames.flatMap((className) =>
  [[{}, { steps: 10 }] as const, ...(extra[className] ?? [])].map(([options, request]) => {
    const { steps: _, ...settings } = request
    const text = JSON.stringify({ ...options, ...settings })
      .replaceAll('"', "")
      .slice(1, -1)
    return {
      label: `${className.replace(/Scheduler$/, "")} ${text}`.slice(0, 72),
      config: { ...options, _class_name: className },
      request
    }
  })
)
