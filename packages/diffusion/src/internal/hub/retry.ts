/** Which failures are worth another try, and when. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { HubError } from "../../HubError.ts"

export interface Policy {
  /** tries in a row that bring nothing */
  readonly retries: number
  /** before the first retry; doubled for each further one, up to `longest` */
  readonly delay: Duration.Duration
  /** as `retries`, of what is not reached at all; as many if not given */
  readonly unreached?: number
}

/** an answer that asks for more patience than this is given to the caller */
const longest = Duration.seconds(120)

const transient: ReadonlySet<HubError["reason"]> = new Set([
  "RateLimited",
  "Server",
  "Network",
  "TimedOut",
  "Truncated"
])

/** too late, too many, and a storage's signature that ran out */
const again: ReadonlySet<number> = new Set([403, 408, 429])

/** a name that nobody knows, and an address where nobody listens: what the system says where there is no network */
export const unreachable = (code: string): boolean =>
  ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH"].includes(code)

const isTransient = (error: HubError): boolean =>
  transient.has(error.reason) && (error.status === undefined || again.has(error.status) || error.status >= 500)

/**
 * Tries again with growing pauses, or with the pause that the server asks for. `progress` counts what came so far: tries
 * that bring something do not use up the retries.
 */
export const retrying = <A, R>(
  policy: Policy,
  attempt: Effect.Effect<A, HubError, R>,
  progress: () => number,
  onRetry: (error: HubError, delay: Duration.Duration) => Effect.Effect<void>
): Effect.Effect<A, HubError, R> => {
  const go = (failures: number): Effect.Effect<A, HubError, R> =>
    Effect.suspend(() => {
      const before = progress()
      return Effect.catch(attempt, (error) => {
        const count = progress() > before ? 1 : failures + 1
        const { retries, unreached = retries } = policy
        const most = error.code !== undefined && unreachable(error.code) ? Math.min(unreached, retries) : retries
        if (count > most || !isTransient(error)) return Effect.fail(error)
        if (error.retryAfter !== undefined && error.retryAfter > Duration.toSeconds(longest)) return Effect.fail(error)
        return Effect.flatMap(Random.next, (random) => {
          // those who were refused together do not come back together
          const own = Duration.times(policy.delay, 2 ** (count - 1) * (1 + random / 4))
          const delay = Duration.min(
            error.retryAfter === undefined ? own : Duration.max(own, Duration.seconds(error.retryAfter)),
            longest
          )
          return onRetry(error, delay).pipe(Effect.andThen(Effect.sleep(delay)), Effect.andThen(go(count)))
        })
      })
    })
  return go(0)
}
