/** Guiders on recorded predictions; their state goes through JSON between all steps. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Guider from "@effect-blocks/diffusion/Guider"
import { type Case, differenceOf, type Golden } from "./golden.ts"
import { type Check, outcome, type Outcome, type Topic } from "./topic.ts"

const limit = 1e-5

const codec = Schema.toCodecJson(Guider.GuiderState)
const throughJson = (state: Guider.GuiderState): Guider.GuiderState =>
  Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(state))))

/** `pred_cond_skip` is `predCondSkip` here. */
const camelCase = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const runCase = ({ float32 }: Golden, testCase: Case): Outcome => {
  if (testCase["function"] === "rescale_noise_cfg") {
    const { guidance_rescale: amount, noise_cfg: guided, noise_pred_text: conditional, pred } = testCase
    const got = Guider.rescale(float32(guided), float32(conditional), amount)
    return outcome([{ place: "result", limit, difference: differenceOf(got.data, float32(pred).data) }])
  }
  const expectsError = testCase["error"] !== undefined
  // the data holds plain predictions of a perturbed model, so there is one
  const made = Guider.fromConfig({ ...testCase["kwargs"], _class_name: testCase["class"] }, { perturbedModel: true })
  if (Result.isFailure(made)) {
    const { message, reason } = made.failure
    return outcome([], expectsError && reason !== "UnknownClass" ? [] : [`${reason}: ${message}`])
  }
  const guider = made.success
  const numInferenceSteps = testCase["num_inference_steps"]
  if (expectsError) {
    const refused = shapesOf(testCase).some((shape) => Result.isFailure(guider.supports(shape, numInferenceSteps)))
    return outcome([], refused ? [] : [`should fail: ${testCase["error"].message}`])
  }

  const checks: Array<Check> = []
  const problems: Array<string> = []
  let state = Guider.initial
  for (const recorded of testCase["steps"]) {
    const { batches, pred, step, timestep } = recorded
    const moment = { step, numInferenceSteps, timestep }
    const needs = guider.predictions(moment).map(({ name, takes }) => `${name} of ${takes}`)
    const wanted = batches.map((batch: Case) => `${camelCase(batch["identifier"])} of ${batch["takes"]}`)
    if (needs.join() !== wanted.join()) problems.push(`step ${step} needs ${needs.join()} instead of ${wanted.join()}`)
    const predictions = Object.fromEntries(
      batches.map((batch: Case) => [camelCase(batch["identifier"]), float32(batch["noise_pred"])])
    )
    const supported = guider.supports(predictions["predCond"]!.shape, numInferenceSteps)
    if (Result.isFailure(supported)) return outcome(checks, [supported.failure.message])
    const out = guider.combine(state, moment, predictions)
    state = throughJson(out.state)
    const want = float32(pred)
    if (out.prediction.shape.join() !== want.shape.join())
      problems.push(`step ${step} gives [${out.prediction.shape.join(", ")}] instead of [${want.shape.join(", ")}]`)
    checks.push({ place: `step ${step}`, limit, difference: differenceOf(out.prediction.data, want.data) })
  }
  return outcome(checks, problems)
}

/**
 * A case that fails in diffusers at the first prediction does not record its shape: it was one of these pictures', or,
 * where its axes or their length are what diffusers complains about, no picture's.
 */
const shapesOf = ({ error, steps }: Case): ReadonlyArray<ReadonlyArray<number>> =>
  steps.length > 0
    ? [steps[0].batches[0].noise_pred.shape]
    : [
        [2, 4, 4, 4],
        [2, 4, 8, 8],
        [2, 3, 12, 20],
        ...(/dimension mismatch|Padding size/.test(error.message) ? [[2, 16, 8]] : [])
      ]

export const topic: Topic = { name: "guiders", runCase }
