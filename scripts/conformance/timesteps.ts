/** The part of a schedule that image to image and refiners keep: cases of the topic "image" that need a scheduler. */
import * as Schedule from "@effect-blocks/diffusion/Schedule"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Result from "effect/Result"
import { type Case, differenceOf, number } from "./golden.ts"
import { type Outcome, outcome } from "./topic.ts"

/** of timesteps, some of which are no whole numbers: as for those of the schedulers themselves */
const limit = 1e-5

export const runCase = (testCase: Case): Outcome => {
  const { begin_index, config, count, denoising_start, num_inference_steps, order, strength, timesteps } = testCase
  const opened = Result.flatMap(Scheduler.fromConfig({ _class_name: testCase["scheduler"], ...config }), (scheduler) =>
    scheduler.setTimesteps({ steps: num_inference_steps })
  )
  const { error } = testCase
  if (Result.isFailure(opened)) return outcome([], error === undefined ? [opened.failure.message] : [])
  if (error !== undefined) return outcome([], [`should fail: ${error.message}`])
  const plan = opened.success
  const begin =
    denoising_start === null
      ? Schedule.beginOfStrength(plan, strength)
      : Schedule.beginOfDenoisingStart(plan, denoising_start, config.num_train_timesteps)
  const kept = plan.timesteps.slice(begin)
  // diffusers counts steps where a strength cut the schedule, and model calls where a denoising start did
  const counted = denoising_start === null ? plan.numInferenceSteps - begin / plan.order : kept.length
  const check = (place: string, got: ReadonlyArray<number>, want: ReadonlyArray<number>) => ({
    place,
    limit: place === "timesteps" ? limit : 0,
    difference: differenceOf(got, want)
  })
  return outcome([
    check("timesteps", kept, timesteps.map(number)),
    check("count", [counted], [count]),
    check("order", [plan.order], [order]),
    // some classes have no begin index to agree with
    ...(begin_index === null ? [] : [check("begin_index", [begin], [begin_index])])
  ])
}
