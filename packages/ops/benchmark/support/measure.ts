import * as Effect from "effect/Effect"
import { monitorEventLoopDelay } from "node:perf_hooks"

export const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Milliseconds of each of n runs. */
export const times = <A, E, R>(n: number, self: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<number>, E, R> =>
  Effect.gen(function* () {
    const taken: Array<number> = []
    for (let i = 0; i < n; i++) {
      const started = performance.now()
      yield* self
      taken.push(performance.now() - started)
    }
    return taken
  })

/** Median milliseconds, after some runs that are not counted. */
export const time = <A, E, R>(n: number, self: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.flatMap(times(Math.min(20, Math.ceil(n / 5)), self), () => Effect.map(times(n, self), median))

export interface Delay {
  /** wall time, ms: what others waited, on a busy machine also for other processes */
  readonly max: number
  readonly p99: number
  /** the longest that this thread itself computed between two turns, ms: what is ours whatever else the machine does */
  readonly own: number
}

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 2))

/** How long the event loop stood still while the effect ran. A fresh histogram: one that is enabled again counts what was before as a gap. */
export const eventLoopDelay = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<Delay, E, R> =>
  Effect.suspend(() => {
    const histogram = monitorEventLoopDelay({ resolution: 1 })
    let own = 0
    let before = process.threadCpuUsage()
    const look = () => {
      const now = process.threadCpuUsage()
      own = Math.max(own, now.user + now.system - before.user - before.system)
      before = now
    }
    const milliseconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - 1)
    return Effect.gen(function* () {
      histogram.enable()
      yield* Effect.promise(tick)
      before = process.threadCpuUsage()
      const timer = setInterval(look, 1)
      yield* Effect.ensuring(
        Effect.andThen(self, Effect.promise(tick)),
        Effect.sync(() => clearInterval(timer))
      )
      look()
      histogram.disable()
      return { max: milliseconds(histogram.max), p99: milliseconds(histogram.percentile(99)), own: own / 1000 }
    })
  })

/** Resident memory in MB, after garbage was collected where `--expose-gc` allows it. */
export const resident = (): number => {
  const gc: unknown = Reflect.get(globalThis, "gc")
  if (typeof gc === "function") gc()
  return Math.round(process.memoryUsage().rss / 2 ** 20)
}

export const relativeError = (got: ArrayLike<number>, expected: ArrayLike<number>): number => {
  let error = 0
  let size = 0
  for (let i = 0; i < expected.length; i++) {
    error += (got[i]! - expected[i]!) ** 2
    size += expected[i]! ** 2
  }
  return Math.sqrt(error / size)
}
