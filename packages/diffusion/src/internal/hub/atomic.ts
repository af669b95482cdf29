/** Files that are whole or not there: written under another name, flushed to the disk, renamed. */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { basename, dirname, join } from "node:path"

/**
 * A reader sees the old file or the new one. A failure or an interruption leaves nothing; what a killed process leaves has
 * the temporary name, which must be on the same file system.
 */
export const write = <E>(
  target: string,
  content: string,
  onError: (error: unknown) => E,
  temporary: string = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`)
): Effect.Effect<void, E> => {
  const attempt = <A>(use: (signal: AbortSignal) => Promise<A>) => Effect.tryPromise({ try: use, catch: onError })
  return Effect.scoped(
    Effect.gen(function* () {
      yield* attempt(() => mkdir(dirname(target), { recursive: true }))
      yield* attempt(() => mkdir(dirname(temporary), { recursive: true }))
      yield* Effect.addFinalizer(() => Effect.promise(() => rm(temporary, { force: true }).catch(() => undefined)))
      const file = yield* Effect.acquireRelease(
        attempt(() => open(temporary, "wx")),
        // waits for what is still being written; it is closed already where all went well
        (file) => Effect.promise(() => file.close().catch(() => undefined))
      )
      yield* attempt((signal) => file.writeFile(content, { signal }))
      yield* attempt(() => file.sync())
      yield* attempt(() => file.close())
      yield* Effect.uninterruptible(attempt(() => rename(temporary, target)))
    })
  )
}
