/** A runtime whose loads and runs are counted and held by hand. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { localPlace } from "../../src/internal/backend.ts"
import * as runtime from "../../src/internal/runtime.ts"
import { OnnxRuntime } from "../../src/OnnxRuntime.ts"

export interface Latch {
  readonly opened: Promise<void>
  readonly open: () => void
}
export const latch = (): Latch => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: () => resolve() }
}

export const counting = () => {
  /** what was loaded, in order, without folders */
  const loads: Array<string> = []
  const released: Array<string> = []
  /** runs that have begun */
  const runs: Array<string> = []
  /** loads of these wait */
  const held = new Map<string, Latch>()
  /** loads of these fail */
  const broken = new Map<string, string>()
  /** runs of these wait */
  const slow = new Map<string, Latch>()
  const nameOf = (source: string | Uint8Array) => (typeof source === "string" ? source.replace(/^.*\//, "") : "bytes")
  const layer = Layer.effect(
    OnnxRuntime,
    runtime.make({
      provider: "counting",
      workers: 0,
      pick: () =>
        localPlace(async (source) => {
          const name = nameOf(source)
          loads.push(name)
          await held.get(name)?.opened
          const error = broken.get(name)
          if (error !== undefined) throw new Error(error)
          return {
            inputs: [],
            outputs: [],
            run: async () => {
              runs.push(name)
              await slow.get(name)?.opened
              return {}
            },
            release: async () => void released.push(name)
          }
        }),
      close: () => Promise.resolve()
    })
  )
  return { loads, released, runs, held, broken, slow, layer, live: () => loads.length - released.length - broken.size }
}

/** One turn of the event loop. */
export const turn: Effect.Effect<void> = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Waits until something holds, looking once a turn of the event loop; the test's own time limit ends it. */
export const eventually = <R>(holds: Effect.Effect<boolean, never, R>): Effect.Effect<void, never, R> =>
  Effect.flatMap(holds, (yes) => (yes ? Effect.void : Effect.andThen(turn, eventually(holds))))
