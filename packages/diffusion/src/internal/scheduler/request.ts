/** What may be asked of `setTimesteps`, checked alike for every class. */
import type { TimestepRequest } from "./model.ts"

export type Setting = Exclude<keyof TimestepRequest, "steps">

/** What is wrong with a request, and the setting of it (or the option of the class) that this is about. */
export interface Problem {
  readonly option: string
  readonly message: string
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1
const within = (low: number, high: number) => (value: number) => value >= low && value <= high

const ranges: {
  readonly [K in Setting]?: readonly [expected: string, fits: (value: number) => boolean]
} = {
  mu: ["a finite number", Number.isFinite],
  numTrainTimesteps: ["a whole number from 1 to 1000000", (value) => isCount(value) && value <= 1_000_000],
  strength: ["a number above 0, up to 1", (value) => value > 0 && value <= 1],
  originalInferenceSteps: ["a whole number from 1 up", isCount],
  eta: ["a number from 0 to 1", within(0, 1)],
  sChurn: ["a number from 0 up", within(0, Infinity)],
  sTmin: ["a number from 0 up", within(0, Infinity)],
  sTmax: ["a number from 0 up", within(0, Infinity)],
  sNoise: ["a number from 0 up", within(0, Number.MAX_VALUE)],
  order: ["a whole number from 1 up", isCount]
}

/** Which way the timesteps or noise levels of a caller go. */
export type Direction = "falling" | "rising" | "notRising"

const goes = (values: ReadonlyArray<number>, inOrder: (before: number, after: number) => boolean): boolean =>
  values.every((value, i) => i === 0 || inOrder(values[i - 1]!, value))

const directed: {
  readonly [D in Direction]: readonly [expected: string, fits: (values: ReadonlyArray<number>) => boolean]
} = {
  falling: ["fall from first to last", (values) => goes(values, (before, after) => before > after)],
  rising: ["rise from first to last", (values) => goes(values, (before, after) => before < after)],
  // a level may come twice, which is a step that goes nowhere; not the first one, of which diffusers skips one
  notRising: [
    "fall from first to last",
    (values) => values[0] !== values[1] && goes(values, (before, after) => before >= after)
  ]
}

/** Says what is wrong with a request, or nothing. A setting that the class does not know is an error, never ignored. */
export const problemOf = (
  className: string,
  request: TimestepRequest,
  {
    accepts,
    continuousTimesteps = false,
    maxSteps,
    ownSchedule = "falling",
    trainingTimesteps
  }: {
    readonly accepts: ReadonlyArray<Setting>
    readonly trainingTimesteps: number
    readonly maxSteps?: number
    readonly ownSchedule?: Direction
    readonly continuousTimesteps?: boolean
  }
): Problem | undefined => {
  if (typeof request !== "object" || request === null)
    return { option: "steps", message: `setTimesteps needs an object of settings, not ${String(request)}` }
  for (const [key, value] of Object.entries(request)) {
    if (key === "steps" || value === undefined) continue
    const setting = accepts.find((name) => name === key)
    if (setting === undefined) {
      const known = ["steps", ...accepts].join(", ")
      return { option: key, message: `setTimesteps takes no ${key}; ${className} takes ${known}` }
    }
    const range = ranges[setting]
    if (range !== undefined && !(typeof value === "number" && range[1](value)))
      return { option: key, message: `${key} must be ${range[0]}, not ${String(value)}` }
  }
  const { numTrainTimesteps = trainingTimesteps, sigmas, steps, timesteps } = request
  const most = maxSteps ?? numTrainTimesteps
  if (steps === undefined && timesteps === undefined && sigmas === undefined) {
    const one = ["steps", ...accepts.filter((name) => name === "timesteps" || name === "sigmas")].join(" or ")
    return { option: "steps", message: `setTimesteps needs ${one}` }
  }
  if (steps !== undefined && !(isCount(steps) && steps <= most)) {
    const why = maxSteps === undefined ? " (the training timesteps)" : ""
    return { option: "steps", message: `steps must be a whole number from 1 to ${most}${why}, not ${steps}` }
  }
  for (const [name, values] of [
    ["timesteps", timesteps],
    ["sigmas", sigmas]
  ] as const) {
    if (values === undefined) continue
    if (!Array.isArray(values) && !ArrayBuffer.isView(values))
      return { option: name, message: `${name} must be an array of numbers, not ${String(values)}` }
    if (values.length === 0) return { option: name, message: `${name} is empty` }
    const [expected, fits] = directed[ownSchedule]
    // solvers that divide by the difference of two levels cut timesteps to whole ones, which may make them equal
    const visited = name === "timesteps" && ownSchedule === "falling" ? values.map(Math.trunc) : values
    if (!values.every((value) => Number.isFinite(value) && value >= 0) || !fits(visited))
      return { option: name, message: `${name} must be finite, not negative, and ${expected}` }
    if (name === "timesteps" && !continuousTimesteps && values.some((value) => value >= trainingTimesteps))
      return { option: name, message: `timesteps must be below num_train_timesteps (${trainingTimesteps})` }
  }
  return undefined
}

/** For classes where only one of steps, timesteps, sigmas may be given. */
export const onlyOne = ({ sigmas, steps, timesteps }: TimestepRequest): Problem | undefined =>
  [steps, timesteps, sigmas].filter((value) => value !== undefined).length > 1
    ? {
        option: timesteps === undefined ? "sigmas" : "timesteps",
        message: "give only one of steps, timesteps and sigmas"
      }
    : undefined
