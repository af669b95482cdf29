import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { assertBlocks, fromExec } from "./block.ts"
import { mergeFields } from "./fields.ts"
import type { Compiled, Exec } from "./node.ts"
import { located } from "./place.ts"

/**
 * Runs blocks in order over one state: plain JavaScript while they finish at once, and otherwise one whileLoop whose
 * program counter moves on. `segments` are their names in paths.
 */
export const execAll = (
  steps: ReadonlyArray<Compiled>,
  segments: ReadonlyArray<string> = steps.map((s) => s.name)
): Exec => {
  const n = steps.length
  return (state, run) => {
    const outer = run.places.at
    let pc = 0
    let pending: Effect.Effect<unknown, any, any> | null = null
    try {
      for (; pc < n; pc++) if ((pending = steps[pc]!.exec(state, run)) !== null) break
    } catch (defect) {
      pending = Exit.die(defect)
    }
    if (pending === null) return null
    const loop = Effect.whileLoop({
      while: () => pc < n,
      body: () => {
        if (pending !== null) {
          const e = pending
          pending = null
          return e
        }
        for (; pc < n; pc++) {
          const e = steps[pc]!.exec(state, run)
          if (e !== null) return e
        }
        return Exit.void
      },
      step: (value) => {
        if (pc < n) {
          steps[pc]!.finish(state, value)
          pc++
        }
      }
    })
    return located(run, outer, loop, () => segments[pc] ?? "")
  }
}

export const make = (name: string, given: any, options?: any): any => {
  assertBlocks(name, given)
  const blocks = [...given]
  const steps: ReadonlyArray<Compiled> = blocks
  return fromExec({
    kind: "sequential",
    name,
    description: options?.description,
    ...mergeFields(steps),
    blocks,
    node: { _tag: "sequential", steps },
    rebuild: (blocks) => make(name, blocks, options),
    exec: execAll(steps)
  })
}
