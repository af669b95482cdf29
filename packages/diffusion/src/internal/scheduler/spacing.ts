/** Which training timesteps a run visits. */
import { arange, linspace, roundHalfEven } from "./numeric.ts"

export interface SpacingOptions {
  readonly num_train_timesteps: number
  readonly timestep_spacing: "linspace" | "leading" | "trailing"
  readonly steps_offset: number
}

const multiples = (n: number, ratio: number): Array<number> => Array.from({ length: n }, (_, i) => i * ratio)

const trailing = (last: number, step: number): Array<number> => arange(last, 0, -step).map((t) => roundHalfEven(t) - 1)

/** DDPM, DDIM, PNDM: whole numbers, falling. */
export const wholeTimesteps = (options: SpacingOptions, n: number): Array<number> => {
  const { num_train_timesteps: train, steps_offset: offset } = options
  switch (options.timestep_spacing) {
    case "linspace":
      return linspace(0, train - 1, n)
        .map(roundHalfEven)
        .toReversed()
    case "leading":
      return multiples(n, Math.floor(train / n))
        .map((t) => t + offset)
        .toReversed()
    case "trailing":
      return trailing(train, train / n)
  }
}

/** Euler, Heun, LMS: as above, but `linspace` keeps its fractions in float32. */
export const realTimesteps = (options: SpacingOptions, n: number): Array<number> =>
  options.timestep_spacing === "linspace"
    ? linspace(0, options.num_train_timesteps - 1, n)
        .map(Math.fround)
        .toReversed()
    : wholeTimesteps(options, n)

/** DPM-Solver, UniPC, DEIS: n of n + 1 points, so that the last is left out. `last`: one past the first timestep. */
export const solverTimesteps = (
  options: SpacingOptions,
  n: number,
  last: number = options.num_train_timesteps
): Array<number> => {
  switch (options.timestep_spacing) {
    case "linspace":
      return linspace(0, last - 1, n + 1)
        .map(roundHalfEven)
        .toReversed()
        .slice(0, -1)
    case "leading":
      return multiples(n + 1, Math.floor(last / (n + 1)))
        .toReversed()
        .slice(0, -1)
        .map((t) => t + options.steps_offset)
    case "trailing":
      return trailing(last, options.num_train_timesteps / n)
  }
}
