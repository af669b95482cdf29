/**
 * A lock that processes share, held on a file of the cache. It is SQLite's: the operating system lets go of it when its
 * holder ends, however it ends, so that there is neither a stale lock nor a guess at whether there is one.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const BUSY = 5

const tryLock = async (path: string): Promise<(() => void) | undefined> => {
  // loaded where it is needed: older versions of Node warn when it is
  const { DatabaseSync } = await import("node:sqlite")
  const database = new DatabaseSync(path)
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    return () => database.close()
  } catch (error) {
    database.close()
    // the low byte is the code, the others say more of it
    if (((error as { readonly errcode?: number }).errcode ?? 0) % 256 === BUSY) return undefined
    throw error
  }
}

/** Whether the lock was free; it is let go with the scope. */
export const tryAcquire = <E>(path: string, onError: (error: unknown) => E): Effect.Effect<boolean, E, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.tryPromise({ try: () => tryLock(path), catch: onError }), (release) =>
      release === undefined
        ? Effect.succeed(false)
        : Effect.as(
            Effect.addFinalizer(() => Effect.sync(release)),
            true
          )
    )
  )

/** Waits until the lock is had; it is let go with the scope. */
export const acquire = <E>(path: string, onError: (error: unknown) => E): Effect.Effect<void, E, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => {
    const attempt: Effect.Effect<void, E, Scope.Scope> = Effect.flatMap(tryAcquire(path, onError), (free) =>
      free ? Effect.void : Effect.andThen(restore(Effect.sleep("100 millis")), attempt)
    )
    return attempt
  })
