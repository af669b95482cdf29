/** Where an error is on one side only, on purpose: each with its reason. */
import type * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import { type Case, number } from "./golden.ts"

interface Refusal {
  readonly reason: string
  readonly applies: (testCase: Case, message: string) => boolean
}

const distinctSizes = /must match the size of tensor b .* at non-singleton dimension 1/

/** Classes that have no method to add noise, so that no run of theirs is recorded from the middle. */
const withoutNoise = /'NoneType' object has no attribute '__name__'/

const secondOfEqual = "diffusers begins at the second of two timesteps that are equal to the first"

/** Classes that look up nothing but tables by timestep, in diffusers. */
const withoutIndex = new Set(["DDIMScheduler", "DDIMInverseScheduler", "DDPMScheduler", "PNDMScheduler"])

/** A class that is told where it begins does not look the first timestep up. */
const beginsLate = ({ class: name, order, start, start_step, timesteps }: Case): boolean => {
  if (withoutIndex.has(name) || typeof start?.begin_index === "number") return false
  const all: ReadonlyArray<number> = (timesteps?.values ?? []).map(number)
  const first = all[(start_step ?? 0) * (order ?? 1)]
  return first !== undefined && all.filter((timestep) => timestep === first).length > 1
}

/** Why a run may come out otherwise. */
export const lateStartOf = (testCase: Case): string | undefined => (beginsLate(testCase) ? secondOfEqual : undefined)

const refusals: ReadonlyArray<Refusal> = [
  {
    reason:
      "a learned variance is the second half of the output; diffusers keeps three channels, however many there are",
    applies: ({ kwargs }, message) => String(kwargs.variance_type).startsWith("learned") && distinctSizes.test(message)
  },
  {
    reason: `${secondOfEqual}, and runs out of noise levels`,
    applies: (testCase) => /^(Index|Assertion)Error$/.test(testCase["error"].type) && beginsLate(testCase)
  },
  {
    reason: "noise levels are numbers; diffusers wants an array or a tensor of them, and refuses a list",
    applies: ({ error, set_timesteps }, message) =>
      set_timesteps?.sigmas !== undefined &&
      /^(TypeError|AttributeError)$/.test(error.type) &&
      /'list'|multiply sequence/.test(message)
  },
  {
    reason: "the recording adds noise to begin in the middle, for which diffusers has no method in this class",
    applies: ({ start_step }, message) => start_step !== null && withoutNoise.test(message)
  },
  {
    reason: "the recording adds noise before it steps, which moves a run of one timestep past its end",
    applies: ({ class: name, error, timesteps }) =>
      name === "FlowMatchHeunDiscreteScheduler" && error.type === "IndexError" && timesteps?.values.length === 1
  },
  {
    reason: "the recording begins where no timestep is left",
    applies: ({ start_step, timesteps }) => start_step !== null && start_step >= (timesteps?.values.length ?? Infinity)
  },
  {
    reason: "the recording stacks tensors, which are of different sizes here",
    applies: (_, message) => message.startsWith("stack expects each tensor to be equal size")
  }
]

/** Why a recorded error is no error here, where it is none on purpose. */
export const refusalOf = (testCase: Case): string | undefined =>
  refusals.find(({ applies }) => applies(testCase, String(testCase["error"].message)))?.reason

interface Strictness {
  readonly reason: string
  readonly applies: (testCase: Case, error: Scheduler.SchedulerError) => boolean
}

/** Does a schedule of the caller's own rise, or stay where it is, somewhere? */
const risesOrStays = ({ set_timesteps }: Case): boolean =>
  [set_timesteps?.timesteps, set_timesteps?.sigmas].some((values) =>
    values?.some((value: number, i: number) => i > 0 && number(value) >= number(values[i - 1]))
  )

const strictness: ReadonlyArray<Strictness> = [
  {
    reason: "a schedule of one's own that does not fall is refused: a run is meant to remove noise",
    applies: (testCase, { message }) => message.includes("fall from first to last") && risesOrStays(testCase)
  },
  {
    reason: "what comes out as no number in diffusers is refused",
    applies: ({ summary }) => summary?.finite === false
  },
  {
    reason: "a schedule that leaves the training's tables is refused; diffusers counts -1 from their end",
    applies: ({ timesteps }, { message }) =>
      message.includes("is no training timestep") && timesteps.values.some((t: number) => t < 0)
  },
  {
    reason: "betas are one for each training timestep; diffusers takes fewer and more",
    applies: ({ kwargs }, { option }) =>
      option === "trained_betas" && kwargs.trained_betas.length !== (kwargs.num_train_timesteps ?? 1000)
  }
]

/** Why something is refused here that diffusers computes, where it is on purpose. */
export const strictnessOf = (testCase: Case, error: Scheduler.SchedulerError): string | undefined =>
  strictness.find(({ applies }) => applies(testCase, error))?.reason
