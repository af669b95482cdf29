import { InputError, InputIssue } from "@effect-blocks/core/Errors"
import * as Effect from "effect/Effect"

/** what is wrong with one input */
export interface Problem {
  readonly field: string
  readonly actual: string
  readonly expected: string
}

/** Inputs that are fine by themselves but do not fit the components or each other; fails with all that is wrong. */
export const refuse = (block: string, problems: ReadonlyArray<Problem>): Effect.Effect<never, InputError> =>
  Effect.fail(
    new InputError({
      block,
      issues: problems.map(
        ({ actual, expected, field }) =>
          new InputIssue({ field, path: field, block, expected, reason: `it is ${actual}, expected ${expected}` })
      )
    })
  )

/** as `refuse`, where there is something wrong at all */
export const refuseAny = (block: string, problems: ReadonlyArray<Problem | false>): Effect.Effect<void, InputError> => {
  const found = problems.filter((problem) => problem !== false)
  return found.length === 0 ? Effect.void : refuse(block, found)
}
