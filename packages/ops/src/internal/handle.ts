/** A model that is open or opening: its order, its checks, its closing. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Feeds, Model, Results, ValueInfo } from "../Model.ts"
import { type LoadError, ModelClosedError, type RunError } from "../OnnxError.ts"
import type { LoadOptions, Source } from "../OnnxRuntime.ts"
import * as Tensor from "../Tensor.ts"
import type { Backend } from "./backend.ts"
import { detach } from "./detach.ts"
import { checkFeeds, checkOutputs } from "./feeds.ts"
import { modelBytes } from "./files.ts"
import * as metrics from "./metrics.ts"
import { positiveInteger } from "./options.ts"
import type { SessionOptions, Wires } from "./protocol.ts"
import { Replica } from "./replica.ts"
import { traced } from "./trace.ts"

/** What all models of one runtime count together. */
export interface Counts {
  models: number
  bytes: number
  queued: number
  running: number
}

export interface Handle {
  readonly name: string
  readonly open: Effect.Effect<Model, LoadError>
  /** refuses new runs, waits for the running ones, releases once; safe to call again */
  readonly close: Effect.Effect<void>
}

export interface HandleOptions {
  readonly backend: Backend
  readonly source: Source
  readonly session: SessionOptions
  readonly load: LoadOptions
  readonly counts: Counts
}

const defaultName = (source: Source): string =>
  typeof source === "string" ? source : `model of ${source.byteLength} bytes`

const sizeOf = async (source: Source, external: LoadOptions["externalData"]): Promise<number> => {
  const own = typeof source === "string" ? await modelBytes(source) : source.byteLength
  const more = await Promise.all(
    Object.values(external ?? {}).map((data) => (typeof data === "string" ? modelBytes(data) : data.byteLength))
  )
  return more.reduce((sum, bytes) => sum + bytes, own)
}

const toResults = (wires: Wires): Results => {
  const results: Record<string, Tensor.Tensor> = {}
  for (const name in wires) {
    const wire = wires[name]!
    results[name] = Tensor.make(wire.dtype, wire.shape, wire.data)
  }
  return results
}

const batchOf = (inputs: ReadonlyArray<ValueInfo>, feeds: Feeds): number | undefined =>
  inputs.length === 0 ? undefined : feeds[inputs[0]!.name]?.shape[0]

export const makeHandle = ({ backend, counts, load, session, source }: HandleOptions): Handle => {
  const name = load.name ?? defaultName(source)
  const { provider } = backend
  const runSeries = metrics.series(metrics.runs, metrics.runDuration, { model: name, provider })
  const loadSeries = metrics.series(metrics.loads, metrics.loadDuration, { model: name, provider })
  const copies = positiveInteger("load: replicas", load.replicas) ?? 1
  const replicas = Array.from(
    { length: copies },
    () => new Replica({ name, backend, source, session, runs: runSeries, loads: loadSeries })
  )
  /** one permit a copy: orders runs, reloads and the release of this model */
  const permits = Semaphore.makeUnsafe(copies)
  let closed = false
  let counted: number | undefined

  const count = (models: number, bytes: number) =>
    Effect.suspend(() => {
      counts.models += models
      counts.bytes += bytes
      return Effect.andThen(metrics.add(metrics.openModels, models), metrics.add(metrics.loadedBytes, bytes))
    })

  const close = Effect.uninterruptible(
    Effect.suspend(() => {
      closed = true // runs that wait fail with ModelClosedError from here
      return permits.withPermits(copies)(
        Effect.suspend(() => {
          const bytes = counted
          counted = undefined
          return Effect.andThen(
            Effect.promise(() => Promise.all(replicas.map((replica) => replica.release()))),
            bytes === undefined ? Effect.void : count(-1, -bytes)
          )
        })
      )
    })
  )

  const open: Effect.Effect<Model, LoadError> = Effect.gen(function* () {
    const bytes = yield* Effect.promise(() => sizeOf(source, load.externalData))
    const [first] = yield* Effect.forEach(replicas, (replica) => replica.open(), { concurrency: "unbounded" })
    const { inputs, outputs } = first!
    counted = bytes
    yield* count(1, bytes)
    return { name, inputs, outputs, provider, bytes, run: makeRun(inputs, outputs) }
  }).pipe(Effect.onError(() => close))

  /** The free copy whose place has the least to do; there is one, as a permit is held. */
  const take = (): Replica => {
    const free = replicas.filter((replica) => !replica.busy)
    const best = free.reduce((a, b) => (b.load < a.load ? b : a))
    best.busy = true
    return best
  }

  const makeRun = (inputs: ReadonlyArray<ValueInfo>, outputs: ReadonlyArray<ValueInfo>): Model["run"] => {
    const shape = { name, inputs, outputs }
    return (feeds, options) =>
      Effect.suspend((): Effect.Effect<Results, RunError> => {
        const bad =
          checkFeeds(shape, feeds, load.symbolicDims) ??
          (options?.outputs === undefined ? undefined : checkOutputs(shape, options.outputs))
        if (bad !== undefined) return Effect.fail(bad)
        return traced(
          "OnnxRuntime.run",
          () => ({ model: name, provider, batch: batchOf(inputs, feeds) }),
          Effect.map(detach(enqueue(feeds, options?.outputs)), toResults)
        )
      })
  }

  const enqueue = (feeds: Feeds, outputs: ReadonlyArray<string> | undefined): Effect.Effect<Wires, RunError> =>
    Effect.suspend(() => {
      let state: "waiting" | "running" = "waiting"
      counts.queued++
      const leaveQueue = Effect.suspend(() => {
        counts.queued--
        return metrics.add(metrics.queueLength, -1)
      })
      const start = Effect.suspend(() => {
        state = "running"
        counts.running++
        return leaveQueue
      })
      const turn = Effect.suspend((): Effect.Effect<Wires, RunError> => {
        if (closed) return Effect.fail(new ModelClosedError({ model: name }))
        const replica = take()
        return Effect.ensuring(
          replica.run(feeds, outputs, start),
          Effect.sync(() => {
            replica.busy = false
          })
        )
      })
      return Effect.andThen(
        metrics.add(metrics.queueLength, 1),
        Effect.ensuring(
          permits.withPermit(turn),
          Effect.suspend(() => {
            if (state === "waiting") return leaveQueue
            counts.running--
            return Effect.void
          })
        )
      )
    })

  return { name, open, close }
}
