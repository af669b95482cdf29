/**
 * A progress bar as text, and an estimate of the time that is left.
 *
 * @module
 */

const eighths = " ▏▎▍▌▋▊▉"

/**
 * A bar of `width` cells, filled to `done` of `total` in eighths of a cell.
 *
 * ```ts
 * import * as ProgressBar from "@effect-blocks/cli/ProgressBar"
 * import assert from "node:assert"
 *
 * assert.equal(ProgressBar.render(5, 8, 4), "██▌ ")
 * ```
 */
export const render = (done: number, total: number, width = 24): string => {
  const cells = total > 0 ? Math.min(1, Math.max(0, done / total)) * width : 0
  const whole = Math.floor(cells)
  const rest = Math.floor((cells - whole) * 8)
  return ("█".repeat(whole) + (rest > 0 ? eighths[rest] : "")).padEnd(width)
}

/**
 * Seconds, minutes and hours for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
 *
 * ```ts
 * import * as ProgressBar from "@effect-blocks/cli/ProgressBar"
 * import assert from "node:assert"
 *
 * assert.deepEqual([400, 12_345, 200_000, 7_500_000].map(ProgressBar.duration), ["0.4 s", "12 s", "3 min 20 s", "2 h 5 min"])
 * ```
 */
export const duration = (milliseconds: number): string => {
  const seconds = Math.max(0, milliseconds) / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`
  const hours = Math.floor(minutes / 60)
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

/** When steps ended, as far as an estimate needs it; made by {@link started}, changed by {@link advance}. */
export interface Pace {
  readonly first: { readonly at: number; readonly done: number } | undefined
  readonly lastAt: number
  readonly done: number
}

/**
 * The pace of a run that has done no step.
 *
 * ```ts
 * import * as ProgressBar from "@effect-blocks/cli/ProgressBar"
 * import assert from "node:assert"
 *
 * assert.equal(ProgressBar.timeLeft(ProgressBar.started, 20), undefined)
 * ```
 */
export const started: Pace = { first: undefined, lastAt: 0, done: 0 }

/**
 * The pace after `done` steps; `now` is in milliseconds of any one clock.
 *
 * ```ts
 * import * as ProgressBar from "@effect-blocks/cli/ProgressBar"
 * import { pipe } from "effect/Function"
 * import assert from "node:assert"
 *
 * const pace = pipe(ProgressBar.started, ProgressBar.advance(1, 500), ProgressBar.advance(3, 700))
 * assert.equal(ProgressBar.timeLeft(pace, 13), 1000)
 * ```
 */
export const advance =
  (done: number, now: number) =>
  (pace: Pace): Pace => ({ ...pace, first: pace.first ?? { at: now, done }, lastAt: now, done })

/**
 * Milliseconds to `total` steps at the pace so far. `undefined` before the second step: the first one pays for loading
 * models and says little of the others.
 *
 * ```ts
 * import * as ProgressBar from "@effect-blocks/cli/ProgressBar"
 * import assert from "node:assert"
 *
 * const pace = ProgressBar.advance(2, 600)(ProgressBar.advance(1, 500)(ProgressBar.started))
 * assert.equal(ProgressBar.timeLeft(pace, 20), 1800)
 * ```
 */
export const timeLeft = ({ done, first, lastAt }: Pace, total: number): number | undefined =>
  first === undefined || done <= first.done
    ? undefined
    : (Math.max(0, total - done) * (lastAt - first.at)) / (done - first.done)
