/** The ledger behind ModelStore. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Model } from "../Model.ts"
import type { Decision, ModelStore } from "../ModelStore.ts"
import { type LoadError, ModelLoadError } from "../OnnxError.ts"
import { canonical } from "./files.ts"

interface Entry {
  readonly path: string
  bytes: number
  readonly scope: Scope.Closeable
  readonly loaded: Deferred.Deferred<Model, LoadError>
  state: "loading" | "loaded"
  references: number
  lastUsed: number
}

export interface StoreOptions {
  readonly budget: number
  readonly preload: ReadonlyArray<string>
  readonly sizeOf: (path: string) => Effect.Effect<number>
  readonly load: (path: string) => Effect.Effect<Model, LoadError, Scope.Scope>
}

const kept = 1000

export const make = (options: StoreOptions): Effect.Effect<ModelStore["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const { budget } = options
    const storeScope = yield* Effect.scope
    const entries = new Map<string, Entry>()
    /** which file a path led to when its entry was made; asking the file system at every run would cost more than a small run */
    const names = new Map<string, string>()
    const log: Array<Decision> = []
    /** one decision about room at a time; loads themselves go side by side */
    const admission = Semaphore.makeUnsafe(1)
    let used = 0
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
      })
    )

    const note = (decision: Decision) =>
      Effect.suspend(() => {
        if (log.length === kept) log.shift()
        log.push(decision)
        return Effect.logDebug("ModelStore", decision)
      })

    const forget = (entry: Entry): void => {
      if (entries.get(entry.path) !== entry) return
      entries.delete(entry.path)
      for (const [name, path] of names) if (path === entry.path) names.delete(name)
      used -= entry.bytes
    }

    const drop = (entry: Entry, reason: string) =>
      Effect.suspend(() => {
        forget(entry)
        const decision: Decision = {
          _tag: "evict",
          model: entry.path,
          bytes: entry.bytes,
          used,
          for: reason,
          idleMilliseconds: performance.now() - entry.lastUsed
        }
        return Effect.andThen(Scope.close(entry.scope, Exit.void), note(decision))
      })

    /** entries are in the order of their last use */
    const victim = (): Entry | undefined => {
      for (const entry of entries.values()) if (entry.references === 0 && entry.state === "loaded") return entry
      return undefined
    }

    const makeRoom = (bytes: number, reason: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (used + bytes <= budget) return Effect.void
        const entry = victim()
        return entry === undefined ? Effect.void : Effect.andThen(drop(entry, reason), makeRoom(bytes, reason))
      })

    const trim = admission.withPermit(Effect.suspend(() => makeRoom(0, "the budget")))

    const release = (entry: Entry): Effect.Effect<void> =>
      Effect.suspend(() => {
        entry.references--
        entry.lastUsed = performance.now()
        if (entries.get(entry.path) === entry) {
          entries.delete(entry.path)
          entries.set(entry.path, entry)
        }
        // not waited for: who gives a model back need not wait until another one is released
        return used > budget ? Effect.asVoid(Effect.forkIn(trim, storeScope)) : Effect.void
      })

    const settle = (entry: Entry, started: number, exit: Exit.Exit<Model, LoadError>): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (Exit.isSuccess(exit)) {
          entry.state = "loaded"
          entry.lastUsed = performance.now()
          const milliseconds = entry.lastUsed - started
          return note({ _tag: "load", model: entry.path, bytes: entry.bytes, used, milliseconds })
        }
        forget(entry) // the next `get` tries again
        const error = Cause.squash(exit.cause)
        const reason = error instanceof Error ? error.message : String(error)
        return Effect.andThen(Scope.close(entry.scope, Exit.void), note({ _tag: "failed", model: entry.path, reason }))
      }).pipe(Effect.andThen(Deferred.done(entry.loaded, exit)), Effect.asVoid)

    /** the room is booked before the load starts, so that loads side by side do not overcommit together */
    const book = (entry: Entry) =>
      admission.withPermit(
        Effect.gen(function* () {
          const bytes = yield* options.sizeOf(entry.path)
          yield* makeRoom(bytes, entry.path)
          entry.bytes = bytes
          used += bytes
          if (used > budget) yield* note({ _tag: "overcommit", model: entry.path, bytes, used, budget })
        })
      )

    /** In the store's scope: who asked first may be interrupted without harm to those who wait with it. */
    const start = (path: string): Effect.Effect<Entry> =>
      Effect.gen(function* () {
        const entry: Entry = {
          path,
          bytes: 0,
          scope: yield* Scope.fork(storeScope),
          loaded: Deferred.makeUnsafe<Model, LoadError>(),
          state: "loading",
          references: 0,
          lastUsed: performance.now()
        }
        entries.set(path, entry)
        const started = performance.now()
        yield* Effect.andThen(book(entry), Scope.provide(options.load(path), entry.scope)).pipe(
          Effect.onExit((exit) => settle(entry, started, exit)),
          Effect.exit,
          Effect.andThen(Effect.suspend(() => (used > budget ? trim : Effect.void))),
          Effect.forkIn(storeScope, { startImmediately: true })
        )
        return entry
      })

    const get = (path: string): Effect.Effect<Model, LoadError, Scope.Scope> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const known = names.get(path)
          const file = known ?? (yield* restore(Effect.promise(() => canonical(path))))
          if (closed)
            return yield* new ModelLoadError({
              model: path,
              reason: "other",
              detail: "the store it was asked of is closed"
            })
          const entry = entries.get(file) ?? (yield* start(file))
          entry.references++
          if (known === undefined && entries.get(file) === entry) names.set(path, file)
          yield* Effect.addFinalizer(() => release(entry))
          return yield* restore(Deferred.await(entry.loaded))
        })
      )

    const preload = (paths: Iterable<string>): Effect.Effect<void, LoadError> =>
      Effect.forEach(paths, (path) => Effect.scoped(get(path)), { concurrency: "unbounded", discard: true })

    const evict = (path: string): Effect.Effect<boolean> =>
      admission.withPermit(
        Effect.gen(function* () {
          const entry = entries.get(yield* Effect.promise(() => canonical(path)))
          if (entry === undefined || entry.references > 0 || entry.state !== "loaded") return false
          yield* drop(entry, "it was asked to")
          return true
        })
      )

    if (options.preload.length > 0) yield* Effect.forkScoped(Effect.ignore(preload(options.preload)))

    return {
      get,
      preload,
      evict,
      decisions: Effect.sync(() => [...log]),
      status: Effect.sync(() => ({
        used,
        budget,
        models: [...entries.values()].map(({ bytes, path, references, state }) => ({
          path,
          bytes,
          references,
          state
        }))
      }))
    }
  })
