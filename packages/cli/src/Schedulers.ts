/**
 * Schedulers by the names that people use, on the configuration of a model.
 *
 * @module
 */
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"

/** Short names: the class of diffusers and the options that make it this solver. */
const short: Readonly<Record<string, Scheduler.Config>> = {
  ddim: { _class_name: "DDIMScheduler" },
  ddpm: { _class_name: "DDPMScheduler" },
  euler: { _class_name: "EulerDiscreteScheduler" },
  "euler-a": { _class_name: "EulerAncestralDiscreteScheduler" },
  heun: { _class_name: "HeunDiscreteScheduler" },
  lms: { _class_name: "LMSDiscreteScheduler" },
  pndm: { _class_name: "PNDMScheduler" },
  lcm: { _class_name: "LCMScheduler" },
  unipc: { _class_name: "UniPCMultistepScheduler" },
  "dpmsolver++": {
    _class_name: "DPMSolverMultistepScheduler",
    algorithm_type: "dpmsolver++",
    use_karras_sigmas: false
  },
  "dpmsolver++-karras": {
    _class_name: "DPMSolverMultistepScheduler",
    algorithm_type: "dpmsolver++",
    use_karras_sigmas: true
  },
  "dpmsolver++-sde": {
    _class_name: "DPMSolverMultistepScheduler",
    algorithm_type: "sde-dpmsolver++",
    use_karras_sigmas: false
  }
}

/**
 * The names that `--scheduler` takes: short ones, then diffusers' classes.
 *
 * ```ts
 * import * as Schedulers from "@effect-blocks/cli/Schedulers"
 * import assert from "node:assert"
 *
 * assert(Schedulers.names.includes("dpmsolver++") && Schedulers.names.includes("DDIMScheduler"))
 * ```
 */
export const names: ReadonlyArray<string> = [
  ...Object.keys(short).filter((name) => Scheduler.classNames.includes(String(short[name]!["_class_name"]))),
  ...Scheduler.classNames
]

/**
 * The options to lay over a model's own configuration for a name of `names`.
 *
 * ```ts
 * import * as Schedulers from "@effect-blocks/cli/Schedulers"
 * import assert from "node:assert"
 *
 * assert.deepEqual(Schedulers.options("euler"), { _class_name: "EulerDiscreteScheduler" })
 * assert.deepEqual(Schedulers.options("DDIMScheduler"), { _class_name: "DDIMScheduler" })
 * ```
 */
export const options = (name: string): Scheduler.Config => short[name] ?? { _class_name: name }
