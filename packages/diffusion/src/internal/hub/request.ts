/** One answered request: redirects, the token, and what a status means. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { HubError } from "../../HubError.ts"
import { unreachable } from "./retry.ts"
import type { Settings } from "./settings.ts"

const REDIRECTS = 10

/** What is asked for, as errors name it. */
export interface Subject {
  readonly repo: string
  readonly revision: string
  readonly file?: string
}

const about = ({ file, repo }: Subject) => (file === undefined ? { repo } : { repo, file })

/** What went wrong on the way, without the request: its headers hold the token, and addresses of storage hold signatures. */
const codesOf = ({ cause: first }: Pick<HttpClientError.HttpClientErrorReason, "cause">): ReadonlyArray<string> => {
  let cause: unknown = first
  const codes: Array<string> = []
  for (let depth = 0; depth < 4 && cause instanceof Error; depth++) {
    const { code } = cause as NodeJS.ErrnoException
    if (typeof code === "string") codes.push(code)
    cause = cause.cause
  }
  return codes
}

/** OpenSSL's names of what is wrong with a certificate, and Node's own */
const untrusted = /CERT|UNABLE_TO_VERIFY/

const networkError = (subject: Subject, error: HttpClientError.HttpClientErrorReason): HubError => {
  const codes = codesOf(error)
  if (codes.some((code) => untrusted.test(code))) {
    return new HubError({
      ...about(subject),
      reason: "Unsafe",
      detail: `the server's certificate is not trusted (${codes.join(", ")})`,
      advice: "if the hub or a proxy has a certificate of its own, name its authority's file in NODE_EXTRA_CA_CERTS"
    })
  }
  const code = codes.find(unreachable) ?? codes[0]
  const why = code === undefined || !unreachable(code) ? "" : ": there is no network, or no hub at this address"
  return new HubError({
    ...about(subject),
    reason: "Network",
    detail: codes.length === 0 ? "the connection failed" : `the connection failed (${codes.join(", ")})${why}`,
    advice: "look at the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use what is in the cache",
    ...(code === undefined ? {} : { code })
  })
}

const timedOut = (subject: Subject, limit: Duration.Duration): HubError =>
  new HubError({
    ...about(subject),
    reason: "TimedOut",
    detail: `nothing came for ${Duration.format(limit)}`,
    advice: "run it again: what came is kept"
  })

/** seconds until then: `Retry-After` holds seconds or a date, and `RateLimit` what is left of the window, `"api";r=0;t=55` */
const retryAfter = (
  headers: Readonly<Record<string, string | undefined>>,
  now: number
): { readonly retryAfter?: number } => {
  const header =
    headers["retry-after"]?.trim() ?? /\br\s*=\s*0\s*;\s*t\s*=\s*(\d+)/.exec(headers["ratelimit"] ?? "")?.[1]
  if (header === undefined) return {}
  if (/^\d+$/.test(header)) return { retryAfter: Number(header) }
  const date = Date.parse(header)
  return Number.isNaN(date) ? {} : { retryAfter: Math.max(0, Math.ceil((date - now) / 1000)) }
}

/** what the hub's own refusals mean: it names them in `X-Error-Code` */
const refusal = (
  { endpoint, token }: Settings,
  { file, repo, revision }: Subject,
  { headers, status }: HttpClientResponse.HttpClientResponse
): Pick<HubError, "reason" | "detail" | "advice"> => {
  const code = headers["x-error-code"]
  const names = "see that the names are right, and that a token may read it if it is private"
  if (status === 404 || status === 410) {
    const what =
      code === "RevisionNotFound"
        ? `there is no revision '${revision}'`
        : code === "RepoNotFound"
          ? "there is no such repository"
          : file !== undefined
            ? `there is no such file at ${revision}`
            : `there is no such repository, or no revision '${revision}'`
    return { reason: "NotFound", detail: what, advice: names }
  }
  const answered = `the hub answered ${status}`
  const known = token !== undefined
  if (code === "GatedRepo") {
    return {
      reason: "Unauthorized",
      detail: `${answered}: its owner grants access`,
      advice: `accept its conditions at ${endpoint}/${repo}${known ? "" : " and set HF_TOKEN"}`
    }
  }
  if (headers["x-error-message"] === "Access to this resource is disabled.") {
    return {
      reason: "Unauthorized",
      detail: `${answered}: it has disabled this repository`,
      advice: "choose another repository"
    }
  }
  return {
    reason: "Unauthorized",
    detail: code === "RepoNotFound" ? `${answered}: there is no such repository, or it is private` : answered,
    advice: known
      ? "see that the name is right and that the token of HF_TOKEN may read it"
      : "see that the name is right; if it is private, set HF_TOKEN to a token that may read it"
  }
}

/** `elsewhere`: the answer is not the hub's but that of a storage it sent us to */
const statusError = (
  subject: Subject,
  response: HttpClientResponse.HttpClientResponse,
  settings: Settings,
  elsewhere: boolean
): Effect.Effect<never, HubError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { headers, status } = response
    const common = { ...about(subject), status, ...retryAfter(headers, now) }
    const hub = elsewhere ? "the hub's storage" : "the hub"
    if (status === 429) {
      return Effect.fail(
        new HubError({
          ...common,
          reason: "RateLimited",
          detail: `${hub} answered 429: too many requests`,
          advice: `run it again ${common.retryAfter === undefined ? "later" : `in ${common.retryAfter} seconds`}${settings.token === undefined ? ", or set HF_TOKEN: those who are known may ask more often" : ""}`
        })
      )
    }
    return Effect.fail(
      new HubError({
        ...common,
        ...(!elsewhere && [401, 403, 404, 410].includes(status)
          ? refusal(settings, subject, response)
          : { reason: "Server", detail: `${hub} answered ${status}`, advice: "run it again later" })
      })
    )
  })

const unsafe = (subject: Subject, detail: string): HubError =>
  new HubError({
    ...about(subject),
    reason: "Unsafe",
    detail,
    advice: "see that HF_ENDPOINT is the hub that you mean"
  })

/** What the hub itself said before it sent us to a storage. */
export interface Linked {
  /** `X-Linked-Etag` or `ETag` of the hub's own answer, without its quotes */
  readonly etag?: string
  readonly size?: number
  /** whether it says so of a file in large file storage */
  readonly final?: boolean
}

export interface Answered {
  readonly response: HttpClientResponse.HttpClientResponse
  readonly linked: Linked
}

const linkedOf = (response: HttpClientResponse.HttpClientResponse): Linked => {
  const etag = (response.headers["x-linked-etag"] ?? response.headers["etag"])?.replace(/^W\//, "").replaceAll('"', "")
  const size = response.headers["x-linked-size"]
  return {
    final: response.headers["x-linked-etag"] !== undefined,
    ...(etag === undefined ? {} : { etag }),
    ...(size !== undefined && /^\d+$/.test(size) ? { size: Number(size) } : {})
  }
}

/**
 * Gets an address of the hub. Redirects are followed here and not by the client: the token goes to the hub's own origin
 * and nowhere else, nor there when another host sends us back, and what the hub says of a file is on its answer, not on
 * that of the storage.
 * Statuses of 200, 206 and 416 are given back; any other is an error.
 */
export const get = Effect.fnUntraced(
  function* (
    settings: Settings,
    subject: Subject,
    path: string,
    headers: Readonly<Record<string, string>>,
    limit: Duration.Duration
  ): Effect.fn.Return<Answered, HubError, HttpClient.HttpClient | Scope.Scope> {
    // what is left unread ends with the scope
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    // headers of the program's own would go to storages too
    const { headers: _, ...given } = Option.getOrElse(
      yield* Effect.serviceOption(FetchHttpClient.RequestInit),
      (): RequestInit => ({})
    )
    let url = new URL(`${settings.endpoint}${path}`)
    let linked: Linked = {}
    let own = true
    for (let hop = 0; hop <= REDIRECTS; hop++) {
      own &&= url.origin === settings.origin
      const request = HttpClientRequest.get(url.href, {
        headers: {
          // a compressed body has neither the length nor the ranges of the file
          "accept-encoding": "identity",
          "user-agent": "effect-blocks",
          ...headers,
          ...(own && settings.token !== undefined ? { authorization: `Bearer ${Redacted.value(settings.token)}` } : {})
        }
      })
      const response = yield* client.execute(request).pipe(
        // `fetch` would follow redirects by itself
        Effect.provideService(FetchHttpClient.RequestInit, { ...given, redirect: "manual" }),
        // a client of the program's own may take statuses for errors
        Effect.catch(({ reason }) =>
          reason._tag === "StatusCodeError"
            ? Effect.succeed(reason.response)
            : Effect.fail(networkError(subject, reason))
        ),
        Effect.timeoutOrElse({ duration: limit, orElse: () => Effect.fail(timedOut(subject, limit)) })
      )
      const { status } = response
      // the hub may redirect to itself first, and keep small files itself
      if (own && linked.final !== true) linked = linkedOf(response)
      if (status === 200 || status === 206 || status === 416) return { response, linked }
      const location = response.headers["location"]
      if (status < 300 || status >= 400 || location === undefined) {
        return yield* statusError(subject, response, settings, !own)
      }
      if (!URL.canParse(location, url.href)) return yield* unsafe(subject, "the hub redirects to what is no address")
      const next = new URL(location, url.href)
      if (next.protocol !== "https:" && next.protocol !== url.protocol) {
        return yield* unsafe(subject, `the hub redirects from ${url.protocol} to ${next.protocol}`)
      }
      next.username = ""
      next.password = ""
      url = next
    }
    return yield* new HubError({
      ...about(subject),
      reason: "Server",
      detail: `the hub redirects more than ${REDIRECTS} times`,
      advice: "see that HF_ENDPOINT is the hub that you mean"
    })
  },
  // spans of the client would show signed addresses, and would tell a storage who asks
  Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
)

/** a body in memory, of at most `most` bytes */
export const readAll = (
  subject: Subject,
  response: HttpClientResponse.HttpClientResponse,
  limit: Duration.Duration,
  most: number
): Effect.Effect<Uint8Array, HubError> => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  return body(subject, response, limit).pipe(
    Stream.runForEach((chunk) => {
      size += chunk.byteLength
      if (size > most) {
        return Effect.fail(
          new HubError({
            ...about(subject),
            reason: "TooLarge",
            detail: `the hub's answer has more than ${most} bytes`,
            advice: "see that HF_ENDPOINT is a hub"
          })
        )
      }
      chunks.push(chunk)
      return Effect.void
    }),
    Effect.map(() => Buffer.concat(chunks))
  )
}

/** the body; waiting for its next bytes for longer than `limit` is an error */
export const body = (
  subject: Subject,
  response: HttpClientResponse.HttpClientResponse,
  limit: Duration.Duration
): Stream.Stream<Uint8Array, HubError> =>
  response.stream.pipe(
    Stream.mapError(({ reason }) => networkError(subject, reason)),
    Stream.timeoutOrElse({ duration: limit, orElse: () => Stream.fail(timedOut(subject, limit)) })
  )
