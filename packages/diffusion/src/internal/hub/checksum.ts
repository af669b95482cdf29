/** What a file must be, and whether it is. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { open } from "node:fs/promises"
import type { HubError } from "../../HubError.ts"
import { attempt } from "./cache.ts"
import type { Entry } from "./listing.ts"
import type { Linked } from "./request.ts"

/** as far as the hub says */
export interface Expected {
  readonly size: number | undefined
  readonly sha256: string | undefined
  readonly gitSha1: string | undefined
}

/** from the listing, else from the hub's answer */
export const expectation = (entry: Entry, linked: Linked = {}): Expected => {
  const listed = entry.sha256 !== undefined || entry.gitSha1 !== undefined
  const etag = listed ? undefined : linked.etag
  return {
    size: entry.size ?? linked.size,
    sha256: entry.sha256 ?? (etag !== undefined && /^[0-9a-f]{64}$/.test(etag) ? etag : undefined),
    gitSha1: entry.gitSha1 ?? (etag !== undefined && /^[0-9a-f]{40}$/.test(etag) ? etag : undefined)
  }
}

export const isKnown = ({ gitSha1, sha256 }: Expected): boolean => sha256 !== undefined || gitSha1 !== undefined

/** which checksum a file has not, or `undefined`: of what lies on the disk, not of what went through memory */
export const mismatch = (
  repo: string,
  file: string,
  path: string,
  expected: Expected
): Effect.Effect<{ readonly algorithm: "SHA-256" | "SHA-1"; readonly wanted: string } | undefined, HubError> => {
  const wanted = expected.sha256 ?? expected.gitSha1
  if (wanted === undefined) return Effect.succeed(undefined)
  return Effect.scoped(
    Effect.gen(function* () {
      const handle = yield* Effect.acquireRelease(
        attempt(repo, () => open(path, "r"), file),
        (handle) => Effect.promise(() => handle.close())
      )
      const hash = createHash(expected.sha256 === undefined ? "sha1" : "sha256")
      if (expected.sha256 === undefined) {
        const { size } = yield* attempt(repo, () => handle.stat(), file)
        hash.update(`blob ${size}\0`)
      }
      const buffer = Buffer.allocUnsafe(1 << 20)
      for (;;) {
        const { bytesRead } = yield* attempt(repo, () => handle.read(buffer, 0, buffer.length), file)
        if (bytesRead === 0) break
        hash.update(buffer.subarray(0, bytesRead))
      }
      if (hash.digest("hex") === wanted) return undefined
      return { algorithm: expected.sha256 === undefined ? "SHA-1" : "SHA-256", wanted } as const
    })
  )
}
