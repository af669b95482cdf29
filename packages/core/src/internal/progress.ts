import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/** One finished iteration of a loop. */
export interface IterationEvent {
  /** of the loop, such as `main.outer[2].inner` */
  readonly path: string
  readonly cursor: unknown
  /** number of this iteration in its loop, from 0 */
  readonly index: number
  /** the iteration variables */
  readonly iteration: Readonly<Record<string, unknown>>
  /** the variables at the end of the iteration */
  readonly state: Readonly<Record<string, unknown>>
}
/** Told of each iteration that has finished; the run waits for it. */
export type Listener = (event: IterationEvent) => Effect.Effect<void>
/** Who hears of finished iterations. Default: nobody, and then the fast interpreter runs. */
export const Progress = Context.Reference<Listener | null>("effect-blocks/Progress", { defaultValue: () => null })
