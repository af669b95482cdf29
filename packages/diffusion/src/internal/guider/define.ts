/** How a guider's file becomes a guider. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { flag, real } from "../scheduler/options.ts"
import {
  type Capabilities,
  type Config,
  GuiderError,
  type Latents,
  type Moment,
  type PredictionName,
  type Predictions,
  type Shape
} from "./model.ts"

/** Options that every guider has. */
export const commonOptions = (guidanceScale = 7.5) => ({
  guidance_scale: real(guidanceScale),
  guidance_rescale: real(0),
  use_original_formulation: flag(false),
  start: real(0),
  stop: real(1),
  enabled: flag(true)
})

export interface CommonOptions {
  readonly guidance_scale: number
  readonly guidance_rescale: number
  readonly use_original_formulation: boolean
  readonly start: number
  readonly stop: number
  readonly enabled: boolean
}

/** Something wrong with an option. */
export interface Problem {
  readonly option: string
  readonly message: string
  readonly reason?: GuiderError["reason"]
}

/** Checks a range of steps given as shares of the run. */
export const rangeProblem = (
  names: readonly [start: string, stop: string],
  start: number,
  stop: number
): Problem | undefined => {
  if (!(start >= 0 && start < 1))
    return { option: names[0], message: `must be from 0 up to, not including, 1, not ${start}` }
  if (!(stop >= start && stop <= 1))
    return { option: names[1], message: `must be from ${names[0]} (${start}) to 1, not ${stop}` }
  return undefined
}

/** What a guider's file supplies. `unsupported` says why predictions of a shape cannot be combined in a run. */
export interface Method extends Pick<Shape, "predictions" | "combine"> {
  readonly unsupported?: (shape: ReadonlyArray<number>, numInferenceSteps?: number) => string | Problem | undefined
}

/** What a nested record does not know is an error too. */
const strict = { onExcessProperty: "error" } as const

/** A class of guider: its options are decoded and checked, unknown ones are errors. */
export const define =
  <F extends Schema.Struct.Fields>(
    className: string,
    options: Schema.Struct<F>,
    guider: (options: Schema.Struct<F>["Type"], capabilities: Capabilities) => Method,
    ...checks: ReadonlyArray<(options: Schema.Struct<F>["Type"], capabilities: Capabilities) => Problem | undefined>
  ) =>
  (config: Config = {}, capabilities: Capabilities = {}): Result.Result<Shape, GuiderError> => {
    const failed = (reason: GuiderError["reason"], option: string, message: string) =>
      Result.fail(new GuiderError({ className, reason, option, message: `${className}: option ${option} ${message}` }))
    const own: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(config)) {
      if (key.startsWith("_")) continue
      const field = options.fields[key]
      if (field === undefined)
        return failed("UnknownOption", key, `is unknown; known are ${Object.keys(options.fields).join(", ")}`)
      const single = Schema.decodeUnknownResult(Schema.Struct({ [key]: field }) as any)({ [key]: value }, strict)
      if (Result.isFailure(single)) return failed("InvalidOption", key, String(single.failure.message).split("\n")[0]!)
      own[key] = value
    }
    const decoded: Schema.Struct<F>["Type"] = Schema.decodeUnknownSync(options as any)(own) as any
    for (const check of checks) {
      const problem = check(decoded, capabilities)
      if (problem !== undefined) return failed(problem.reason ?? "InvalidOption", problem.option, problem.message)
    }
    const { combine, predictions, unsupported } = guider(decoded, capabilities)
    return Result.succeed({
      className,
      config: { ...decoded, _class_name: className },
      // so that it can be made again with other options
      capabilities,
      supports: (shape, numInferenceSteps) => {
        const why = unsupported?.(shape, numInferenceSteps)
        if (why === undefined) return Result.void
        if (typeof why === "object") return failed("InvalidOption", why.option, why.message)
        return Result.fail(
          new GuiderError({
            className,
            reason: "UnsupportedShape",
            message: `${className}: predictions [${shape.join(", ")}] ${why}`
          })
        )
      },
      predictions,
      combine: (state, moment, given) => {
        // misuse by the caller's program rather than bad input: a defect
        for (const { name } of predictions(moment))
          if (given[name] === undefined) throw new TypeError(`${className}: step ${moment.step} needs ${name}`)
        return combine(state, moment, given)
      }
    })
  }

/** The check of `start` and `stop`. */
export const commonRange = ({ start, stop }: CommonOptions): Problem | undefined =>
  rangeProblem(["start", "stop"], start, stop)

/** Python's `math.isclose` with its defaults. */
const isClose = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b))

/** Does anything hold at some step of a run; where its length is unknown, at some step of any. */
export const atSomeStep = (holds: (moment: Moment) => boolean, numInferenceSteps: number | undefined): boolean =>
  Array.from({ length: numInferenceSteps ?? manySteps }, (_, step) =>
    holds({ step, numInferenceSteps: numInferenceSteps ?? manySteps, timestep: 0 })
  ).includes(true)

/** No share of the steps is rounded away in a run of as many steps as a model was trained on. */
const manySteps = 1000

/** Does guidance act: from the start share of the steps up to, not including, the stop share, where its scale does something. */
export const isActive = (options: CommonOptions, moment: Moment): boolean =>
  options.enabled &&
  Math.trunc(options.start * moment.numInferenceSteps) <= moment.step &&
  moment.step < Math.trunc(options.stop * moment.numInferenceSteps) &&
  doesSomething(options.guidance_scale, options.use_original_formulation)

/** A scale of 1 (0 in the original formulation) leaves the conditional prediction as it is. */
export const doesSomething = (scale: number, originalFormulation: boolean): boolean =>
  !isClose(scale, originalFormulation ? 0 : 1)

/** A prediction that `combine` was found to have. */
export const given = (predictions: Predictions, name: PredictionName): Latents => predictions[name]!
