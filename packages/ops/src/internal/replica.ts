/** One copy of a model on one place: loading it, running it, loading it again where its place died. */
import * as Effect from "effect/Effect"
import type { Feeds } from "../Model.ts"
import { type LoadError, ModelRunError, type RunError, WorkerCrashedError } from "../OnnxError.ts"
import { type Backend, Crashed, type Place, type Session } from "./backend.ts"
import { toLoadError } from "./errors.ts"
import { record, type Series } from "./metrics.ts"
import type { Bytes, SessionOptions, Wires } from "./protocol.ts"

export interface ReplicaOptions {
  readonly name: string
  readonly backend: Backend
  readonly source: string | Bytes
  readonly session: SessionOptions
  readonly runs: Series
  readonly loads: Series
}

export class Replica {
  readonly #options: ReplicaOptions
  #place: Place | undefined
  #session: Session | undefined
  /** a run has it */
  busy = false

  constructor(options: ReplicaOptions) {
    this.#options = options
  }

  /** how much there is to do where it lives */
  get load(): number {
    return this.#place?.runs ?? 0
  }

  /** Waiting for the place can be interrupted, the native load cannot. */
  open(): Effect.Effect<Session, LoadError> {
    return Effect.suspend(() => {
      const { backend, loads, name, session, source } = this.#options
      const place = backend.pick()
      place.sessions++
      const native = Effect.suspend(() => {
        const started = performance.now()
        return Effect.tryPromise({
          try: () => place.open(source, session),
          catch: (thrown) => toLoadError(name, backend.provider, thrown)
        }).pipe(
          Effect.onExit((exit) => record(loads, exit, performance.now() - started)),
          Effect.tap((opened) =>
            Effect.sync(() => {
              this.#place = place
              this.#session = opened
            })
          )
        )
      })
      return Effect.ensuring(
        place.gate.withPermit(Effect.uninterruptible(native)),
        Effect.sync(() => {
          if (this.#place !== place) place.sessions--
        })
      )
    })
  }

  #forget(): void {
    if (this.#place !== undefined) this.#place.sessions--
    this.#place = undefined
    this.#session = undefined
  }

  async release(): Promise<void> {
    const session = this.#session
    this.#forget()
    await session?.release().catch(() => {})
  }

  run(
    feeds: Feeds,
    outputs: ReadonlyArray<string> | undefined,
    onStart: Effect.Effect<void>
  ): Effect.Effect<Wires, RunError> {
    return Effect.suspend(() => {
      const place = this.#place
      const session = this.#session
      if (place === undefined || session === undefined || !place.alive()) return this.#reload(feeds, outputs, onStart)
      place.runs++
      const held = Effect.suspend((): Effect.Effect<Wires | undefined, RunError> =>
        // it may have died while this run waited
        place.alive()
          ? Effect.uninterruptible(Effect.andThen(onStart, this.#call(session, feeds, outputs)))
          : Effect.succeed(undefined)
      )
      return Effect.flatMap(
        Effect.ensuring(
          place.gate.withPermit(held),
          Effect.sync(() => {
            place.runs--
          })
        ),
        (wires) => (wires === undefined ? this.#reload(feeds, outputs, onStart) : Effect.succeed(wires))
      )
    })
  }

  #reload(
    feeds: Feeds,
    outputs: ReadonlyArray<string> | undefined,
    onStart: Effect.Effect<void>
  ): Effect.Effect<Wires, RunError> {
    return Effect.suspend(() => {
      this.#forget()
      return Effect.flatMap(
        Effect.mapError(this.open(), (error) => this.#crashed(`and loading it again failed: ${error.message}`)),
        () => this.run(feeds, outputs, onStart)
      )
    })
  }

  #call(session: Session, feeds: Feeds, outputs: ReadonlyArray<string> | undefined): Effect.Effect<Wires, RunError> {
    return Effect.suspend(() => {
      const started = performance.now()
      const running = session.run(feeds, outputs)
      const settled = Effect.isEffect(running)
        ? running
        : Effect.tryPromise({ try: () => running, catch: (thrown) => this.#failed(thrown) })
      return Effect.onExit(settled, (exit) => record(this.#options.runs, exit, performance.now() - started))
    })
  }

  #failed(thrown: unknown): RunError {
    const detail = thrown instanceof Error ? thrown.message : String(thrown)
    if (!(thrown instanceof Crashed)) return new ModelRunError({ model: this.#options.name, detail })
    this.#forget() // the next run loads it again
    return this.#crashed(detail)
  }

  #crashed(detail: string): WorkerCrashedError {
    return new WorkerCrashedError({ model: this.#options.name, detail })
  }
}
