/** Schedulers: tables, one step at a time from the recorded latents, and a free run with our own noise. */
import * as Result from "effect/Result"
import * as Rng from "@effect-blocks/ops/Rng"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import { compareBlend, valuesOf } from "./blends.ts"
import { fakeModel } from "./fakeModel.ts"
import { type Case, type Difference, differenceOf, type Golden, none, number, row } from "./golden.ts"
import { requestOf } from "./keywords.ts"
import { lateStartOf, refusalOf, strictnessOf } from "./refusals.ts"
import { initialNormals } from "./seeds.ts"
import { type Check, failed, outcome, type Outcome, type Topic } from "./topic.ts"

const limits = { integers: 0, timesteps: 1e-5, table: 1e-6, fed: 1e-5, free: 1e-4 }

/** A case's scheduler, plan and first state. */
export const openCase = (testCase: Case) =>
  Result.flatMap(Scheduler.fromConfig({ _class_name: testCase["class"], ...testCase["kwargs"] }), (scheduler) =>
    Result.flatMap(scheduler.setTimesteps(requestOf(testCase)), (plan) =>
      Result.map(scheduler.init(plan, (testCase["start_step"] ?? 0) * plan.order), (state) => ({
        scheduler,
        plan,
        state
      }))
    )
  )

type Opened = Result.Result.Success<ReturnType<typeof openCase>>

/** Does a run fail that begins without an error? Nothing is recorded of it, so it starts from normals. */
const failsLater = (testCase: Case, { plan, scheduler, state }: Opened): boolean => {
  const [normals] = Rng.normal(Rng.make(0), [2, 4, 4, 4])
  const first = { index: state.begin }
  if (testCase["start_step"] !== null && Result.isFailure(scheduler.addNoise(plan, normals, normals, first)))
    return true
  try {
    let sample = normals
    for (let now = state; now.index < plan.timesteps.length;) {
      const learned = testCase["kwargs"].variance_type === "learned_range"
      const modelOutput = fakeModel(scheduler.scaleModelInput(plan, now, sample), plan.timesteps[now.index]!, learned)
      const noise = plan.noise[now.index] === true ? { noise: normals } : {}
      const out = scheduler.step(plan, now, { modelOutput, sample, ...noise })
      sample = out.sample
      now = out.state
    }
    return false
  } catch {
    return true
  }
}

const worse = (a: Difference, b: Difference): Difference => (b.relative > a.relative ? b : a)

const runCase = (golden: Golden, testCase: Case): Outcome => {
  const result = compare(golden, testCase)
  const late = lateStartOf(testCase)
  // only where it ran at all
  return late === undefined || result.checks.length === 0 || !failed(result)
    ? result
    : { ...result, differsByDesign: late }
}

const compare = (golden: Golden, testCase: Case): Outcome => {
  const { float32 } = golden
  const expectsError = testCase["error"] !== undefined
  const opened = openCase(testCase)
  if (Result.isFailure(opened)) {
    const { message, reason } = opened.failure
    if (expectsError && reason !== "UnknownClass") return outcome([])
    const strict = strictnessOf(testCase, opened.failure)
    return strict === undefined ? outcome([], [`${reason}: ${message}`]) : { ...outcome([]), differsByDesign: strict }
  }
  if (expectsError) {
    const lenient = refusalOf(testCase)
    if (lenient !== undefined) return { ...outcome([]), differsByDesign: lenient }
    return outcome([], failsLater(testCase, opened.success) ? [] : [`should fail: ${testCase["error"].message}`])
  }
  const { plan, scheduler, state } = opened.success
  const checks: Array<Check> = []
  const problems: Array<string> = []
  const check = (place: string, limit: number, got: ArrayLike<number>, want: ArrayLike<number>) => {
    checks.push({ place, limit, difference: differenceOf(got, want) })
  }

  const { sigmas, start, timesteps } = testCase
  const timestepLimit = timesteps.dtype === "int64" ? limits.integers : limits.timesteps
  check("timesteps", timestepLimit, plan.timesteps, timesteps.values.map(number))
  if (sigmas !== null) check("sigmas", limits.table, plan.sigmas, sigmas.values.map(number))
  check("init_noise_sigma", limits.table, [plan.initNoiseSigma], [number(testCase["init_noise_sigma"])])
  check("order", limits.integers, [plan.order], [testCase["order"]])
  for (const found of [
    compareBlend(golden, testCase, "add_noise", scheduler.addNoise, plan, limits.table),
    compareBlend(golden, testCase, "get_velocity", scheduler.getVelocity, plan, limits.table)
  ])
    if (typeof found === "string") problems.push(found)
    else if (found !== undefined) checks.push(found)

  const latents = float32(testCase["latents"])
  const calls = latents.shape[0]! - 1
  const first = row(latents, 0)
  if (start === undefined) {
    const normals = initialNormals(testCase["noise_generator_seed"], first, plan.initNoiseSigma)
    if (normals !== undefined)
      check("initial latents", limits.table, Scheduler.initialLatents(plan, normals).data, first.data)
  } else {
    const got = scheduler.addNoise(plan, float32(start.original), float32(start.noise), { index: state.begin })
    check("start", limits.table, valuesOf(got), first.data)
  }
  const draws = testCase["noise"] === null ? [] : rowsOf(float32(testCase["noise"]))
  const needed = plan.noise.slice(state.begin).filter(Boolean).length
  if (plan.timesteps.length - state.begin !== calls)
    problems.push(`${plan.timesteps.length - state.begin} model calls instead of ${calls}`)
  else if (needed !== draws.length) problems.push(`${needed} draws of noise instead of ${draws.length}`)
  if (problems.length > 0) return outcome(checks, problems)

  const learned = testCase["kwargs"].variance_type === "learned_range"
  const call = (
    sample: Tensor.Tensor<"float32">,
    at: Scheduler.SchedulerState,
    noise: () => Tensor.Tensor<"float32">
  ) => {
    const scaled = scheduler.scaleModelInput(plan, at, sample)
    const modelOutput = fakeModel(scaled, plan.timesteps[at.index]!, learned)
    const input = { modelOutput, sample, ...(plan.noise[at.index] === true ? { noise: noise() } : {}) }
    return { scaled, out: scheduler.step(plan, at, input) }
  }

  // each step from the recorded latents, with the recorded noise
  const { pred_original_sample: predictions, scaled_inputs: inputs } = testCase
  let drawn = 0
  let now = state
  for (let i = 0; i < calls; i++) {
    const { out, scaled } = call(row(latents, i), now, () => draws[drawn++]!)
    const recorded = inputs.steps.indexOf(i)
    if (recorded >= 0) {
      check(`scaled input of step ${i}`, limits.table, scaled.data, row(float32(inputs.values), recorded).data)
      if (predictions) {
        const want = row(float32(predictions.values), recorded)
        check(`predicted sample of step ${i}`, limits.fed, out.predOriginalSample?.data ?? [], want.data)
      }
    }
    check(`step ${i}`, limits.fed, out.sample.data, row(latents, i + 1).data)
    now = out.state
  }

  // the whole run by itself, noise from our own generator
  let free = none
  let rng = Rng.make(testCase["noise_generator_seed"] ?? 0)
  let sample = first
  now = state
  for (let i = 0; i < calls; i++) {
    const shape = scheduler.noiseShape(plan, now, sample)
    const { out } = call(sample, now, () => {
      const [normals, after] = Rng.normal(rng, shape)
      rng = after
      return normals
    })
    sample = out.sample
    now = out.state
    free = worse(free, differenceOf(sample.data, row(latents, i + 1).data))
  }
  checks.push({ place: "free run", limit: limits.free, difference: free })
  return outcome(checks)
}

const rowsOf = (tensor: Tensor.Tensor<"float32">): ReadonlyArray<Tensor.Tensor<"float32">> =>
  Array.from({ length: tensor.shape[0]! }, (_, i) => row(tensor, i))

export const topic: Topic = { name: "schedulers", runCase }
