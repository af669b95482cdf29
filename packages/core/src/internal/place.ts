/**
 * Where a run waits. A failure gets its path on its way out, block by block; but where a fiber is interrupted from
 * outside, no handler on the way runs, so composites that wait note where they are.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { prependPath } from "../Errors.ts"
import type { Run } from "./node.ts"

/** A composite that waits for a block inside. */
export interface Place {
  /** from the composite to that block: `unet`, `[3].unet` */
  readonly segment: () => string
  outer: Place | null
}
/** The innermost place of a run; blocks on fibers of their own have one each. */
export interface Places {
  at: Place | null
}

/**
 * The effect of a composite that waits, with `segment` before the path of its failures. `outer` is what `run.places.at`
 * was when the composite began: the blocks inside have begun since then and come between.
 */
export const located = <A, E, R>(
  run: Run,
  outer: Place | null,
  effect: Effect.Effect<A, E, R>,
  segment: () => string
): Effect.Effect<A, E, R> => {
  const { places } = run
  const place: Place = { segment, outer }
  let inner = places.at
  if (inner === outer) places.at = place
  else {
    while (inner !== null && inner.outer !== outer) inner = inner.outer
    if (inner !== null) inner.outer = place
  }
  return Effect.matchCauseEffect(effect, {
    onSuccess: (value) => {
      places.at = place.outer
      return Exit.succeed(value)
    },
    onFailure: (cause) => {
      places.at = place.outer
      return Exit.failCause(prependPath(cause, segment()))
    }
  })
}

/**
 * The effect of a whole run, with `name` before the path of its failures, and also said where the run was when it is
 * interrupted from outside.
 */
export const settled = <A, B, E, R>(
  run: Run,
  effect: Effect.Effect<A, E, R>,
  onSuccess: (value: A) => Exit.Exit<B>,
  name: () => string
): Effect.Effect<B, E, R> => {
  let handled = false
  const ended = Effect.matchCauseEffect(effect, {
    onSuccess: (value) => {
      handled = true
      return onSuccess(value)
    },
    onFailure: (cause) => {
      handled = true
      return Exit.failCause(prependPath(cause, name()))
    }
  })
  return Effect.onExit(ended, (exit) =>
    handled || Exit.isSuccess(exit) ? Exit.void : fail(prependPath(whole(run, exit.cause), name()))
  )
}

/** The same for an effect made with `located`, whose places are gone where a handler has run. */
export const orInterrupted = <A, E, R>(
  run: Run,
  effect: Effect.Effect<A, E, R>,
  name: string
): Effect.Effect<A, E, R> =>
  Effect.onExit(effect, (exit) =>
    run.places.at === null || Exit.isSuccess(exit) ? Exit.void : fail(prependPath(whole(run, exit.cause), name))
  )

const whole = (run: Run, cause: Cause.Cause<any>): Cause.Cause<any> => {
  let out = cause
  for (let place = run.places.at; place !== null; place = place.outer) out = prependPath(out, place.segment())
  return out
}
const fail = (cause: Cause.Cause<any>) => Exit.failCause(cause) as Exit.Exit<never>
