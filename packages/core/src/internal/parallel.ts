import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CompositionError, prependPath } from "../Errors.ts"
import { assertBlocks, fromExec } from "./block.ts"
import { besideFields, writerOf } from "./fields.ts"
import type { Compiled, Rec } from "./node.ts"
import { copy } from "./state.ts"
import { inside } from "./stepping.ts"

export const parallel = (name: string, given: any, options?: any): any => {
  assertBlocks(name, given)
  const blocks = [...given]
  const steps: ReadonlyArray<Compiled> = blocks
  const writer = new Map<string, string>()
  for (const b of steps) {
    for (const k of Object.keys(b.outputs)) {
      if (writer.has(k)) {
        throw new CompositionError({
          block: name,
          reason: `'${writer.get(k)}' and '${b.name}' both write '${k}' in parallel`
        })
      }
      writer.set(k, b.name)
    }
  }
  const writers = steps.map((b) => writerOf(b.outputs))
  const concurrency = options?.concurrency ?? "unbounded"
  return fromExec({
    kind: "parallel",
    name,
    description: options?.description,
    ...besideFields(steps),
    blocks,
    rebuild: (blocks) => parallel(name, blocks, options),
    exec: (state, run) => {
      const states: Array<Rec> = [],
        waiting: Array<Effect.Effect<unknown, any, any>> = []
      const begin = (b: Compiled): void => {
        const own = copy(state)
        states.push(own)
        let e
        try {
          e = b.exec(own, { ...inside(run, b.name), places: { at: null } })
        } catch (defect) {
          e = Exit.die(defect)
        }
        if (e !== null) {
          waiting.push(
            Effect.matchCauseEffect(e, {
              onSuccess: (value) => {
                b.finish(own, value)
                return Exit.void
              },
              onFailure: (cause) => Exit.failCause(prependPath(cause, b.name))
            })
          )
        }
      }
      for (const b of steps) begin(b)
      const merge = () => {
        for (let i = 0; i < states.length; i++) writers[i]!(state, states[i])
      }
      if (waiting.length === 0) {
        merge()
        return null
      }
      return Effect.map(
        Effect.forEach(waiting, (e) => e, { concurrency, discard: true }),
        merge
      )
    }
  })
}
