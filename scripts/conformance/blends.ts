/** What a case says of adding noise and of velocities: blends of two tensors at timesteps. */
import type * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Result from "effect/Result"
import { type Case, differenceOf, type Golden, number, row } from "./golden.ts"
import type { Check } from "./topic.ts"

type Latents = Tensor.Tensor<"float32">
type Blend = Scheduler.Shape["addNoise"]

/** The values of a blend; none where it failed. */
export const valuesOf = (result: ReturnType<Blend>): Float32Array =>
  Result.match(result, { onFailure: () => new Float32Array(0), onSuccess: (tensor) => tensor.data })

const levelsOf = (timesteps: ReadonlyArray<number | string>): ReadonlyArray<Scheduler.Level> =>
  timesteps.map((timestep) => ({ timestep: number(timestep) }))

/** A blend at several timesteps, of which torch makes several items where there is one. */
const atTimesteps = (blend: Blend, plan: Scheduler.Plan, x: Latents, y: Latents, timesteps: ReadonlyArray<number>) => {
  const levels = levelsOf(timesteps)
  if (x.shape[0] !== 1) return valuesOf(blend(plan, x, y, levels))
  const items = levels.map((level) => valuesOf(blend(plan, x, y, level)))
  return Float32Array.from(items.flatMap((item) => Array.from(item)))
}

/** The timesteps that a recorded error came from, of which only its text is recorded. */
const triedBy = (testCase: Case, method: "add_noise" | "get_velocity"): ReadonlyArray<number | string> => {
  const all: ReadonlyArray<number | string> = testCase["timesteps"].values
  if (method === "get_velocity" && !testCase["class"].startsWith("Euler")) return [37, 640]
  return [all[Math.min(1, all.length - 1)]!, all[all.length - 1]!]
}

/** Classes that in diffusers take one level for all items, so that an error of two means nothing. */
const oneLevel = new Set(["FlowMatchHeunDiscreteScheduler"])

/** Compares a recorded blend with our own, or says what is wrong; nothing where none is recorded. */
export const compareBlend = (
  { float32 }: Golden,
  testCase: Case,
  method: "add_noise" | "get_velocity",
  blend: Blend | undefined,
  plan: Scheduler.Plan,
  limit: number
): Check | string | undefined => {
  const recorded = testCase[method]
  if (recorded?.result !== undefined) {
    if (blend === undefined) return `the scheduler has no ${method}`
    const x = float32(recorded.original ?? recorded.sample)
    const got = atTimesteps(blend, plan, x, float32(recorded.noise), recorded.timesteps)
    // a timestep before the first counts from the end of a table there, and is refused here
    if (got.length === 0 && recorded.timesteps.some((timestep: number) => timestep < 0)) return undefined
    return { place: method, limit, difference: differenceOf(got, float32(recorded.result).data) }
  }
  if (recorded?.error === undefined || blend === undefined || oneLevel.has(testCase["class"])) return undefined
  const first = row(float32(testCase["latents"]), 0)
  return Result.isFailure(blend(plan, first, first, levelsOf(triedBy(testCase, method))))
    ? undefined
    : `${method} should fail: ${recorded.message}`
}
