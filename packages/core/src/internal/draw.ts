/** Defaults that are effects: drawn when a run starts, for what the caller left out. */
import * as Effect from "effect/Effect"
import { defaultOf } from "./fields.ts"
import type { Compiled, Rec } from "./node.ts"
import { readersOf } from "./readers.ts"

type Draw = readonly [name: string, effect: Effect.Effect<unknown, any>]

/** of the first reader that has one: the field of the composition itself may be that of another reader */
const drawsOf = (root: Compiled): ReadonlyArray<Draw> => {
  const draws: Array<Draw> = []
  for (const [name, readers] of readersOf(root)) {
    for (const { schema } of readers) {
      const d = defaultOf(name, schema)
      if (d?._tag !== "effect") continue
      draws.push([name, d.effect])
      break
    }
  }
  return draws
}

/** Evaluates them into a state that was just entered; `null` where there is nothing to do. */
export const drawer = (root: Compiled): ((state: Rec) => Effect.Effect<void> | null) => {
  let draws: ReadonlyArray<Draw> | undefined
  return (state) => {
    draws ??= drawsOf(root)
    if (draws.length === 0) return null
    const missing = draws.filter(([name]) => state[name] === undefined)
    if (missing.length === 0) return null
    const draw = ([name, effect]: Draw) =>
      Effect.map(Effect.orDie(effect), (value) => {
        state[name] = value
      })
    return Effect.forEach(missing, draw, { discard: true })
  }
}
