/** Where the hub is, who asks, and where files are kept: options first, then Config. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { HubError } from "../../HubError.ts"
import { attempt, readOptional } from "./cache.ts"

export interface Settings {
  /** no slash at its end */
  readonly endpoint: string
  /** scheme, host and port: the one place where the token may go */
  readonly origin: string
  readonly token: Redacted.Redacted | undefined
  readonly cache: string
  readonly offline: boolean
}

export interface Given {
  readonly endpoint?: string | undefined
  readonly token?: Redacted.Redacted | undefined
  readonly cache?: string | undefined
  readonly offline?: boolean | undefined
}

const PUBLIC_HUB = "https://huggingface.co"

/** a variable that is empty counts as not set, as it does for the hub's own client */
const text = (name: string) =>
  Config.option(Config.String(name)).pipe(
    Config.map((value) => (Option.getOrUndefined(value)?.trim() ?? "") || undefined)
  )

/** the hub's own client reads the same, so that both have one login and one cache */
const config = Config.all({
  endpoint: text("HF_ENDPOINT"),
  token: Config.option(Config.Redacted("HF_TOKEN")),
  tokenPath: text("HF_TOKEN_PATH"),
  noToken: text("HF_HUB_DISABLE_IMPLICIT_TOKEN"),
  cache: text("HF_HUB_CACHE"),
  home: text("HF_HOME"),
  xdg: text("XDG_CACHE_HOME"),
  offline: text("HF_HUB_OFFLINE")
})
type Found = Config.Success<typeof config>

const yes = new Set(["1", "true", "yes", "on"])
const no = new Set(["0", "false", "no", "off"])

/** `~` is the shell's; a variable from a file may still have it */
const path = (given: string): string => resolve(given.replace(/^~(?=\/|$)/, homedir()))

const homeOf = ({ home, xdg }: Found): string => path(home ?? join(xdg ?? join(homedir(), ".cache"), "huggingface"))

const cacheOf = (given: string | undefined, found: Found): string =>
  path(given ?? found.cache ?? join(homeOf(found), "hub"))

const readConfig = (repo: string): Effect.Effect<Found, HubError> =>
  Effect.mapError(
    config,
    () =>
      new HubError({
        repo,
        reason: "Invalid",
        detail: "the settings of the hub cannot be read",
        advice: "look at HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HF_HOME and HF_HUB_CACHE"
      })
  )

/** where files are kept, which is all that work within the cache asks for */
export const cacheFolder = (repo: string, given: string | undefined): Effect.Effect<string, HubError> =>
  Effect.map(readConfig(repo), (found) => cacheOf(given, found))

/** the hub that is asked where a caller names none */
export const configuredHub = (repo: string): Effect.Effect<string, HubError> =>
  Effect.flatMap(readConfig(repo), (found) =>
    Effect.map(webAddress(repo, found.endpoint ?? PUBLIC_HUB), (url) => url.href.replace(/\/+$/, ""))
  )

const webAddress = (repo: string, address: string): Effect.Effect<URL, HubError> => {
  const invalid = (detail: string, advice: string) =>
    Effect.fail(new HubError({ repo, reason: "Invalid", detail, advice }))
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    return invalid("the hub's address is no web address", `set HF_ENDPOINT to one such as ${PUBLIC_HUB}`)
  }
  if (url.username !== "" || url.password !== "") {
    return invalid("the hub's address holds a user name or password", "put a token into HF_TOKEN instead")
  }
  return Effect.succeed(url)
}

/** what `hf auth login` left */
const tokenOfFile = (repo: string, found: Found): Effect.Effect<string, HubError> => {
  const file = found.tokenPath === undefined ? join(homeOf(found), "token") : path(found.tokenPath)
  return Effect.mapError(
    Effect.map(
      attempt(repo, () => readOptional(file)),
      (text) => text?.trim() ?? ""
    ),
    () =>
      new HubError({
        repo,
        reason: "Invalid",
        detail: `the token's file cannot be read: ${file}`,
        advice: "see that you may read it, or set HF_TOKEN"
      })
  )
}

const loopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)

/** a header holds visible ASCII only; the message says where the fault is without a part of the token */
const validToken = (token: string): boolean => /^[\x21-\x7e]+$/.test(token)

export const settings = Effect.fnUntraced(function* (repo: string, given: Given): Effect.fn.Return<Settings, HubError> {
  const invalid = (detail: string, advice: string) => new HubError({ repo, reason: "Invalid", detail, advice })
  const found = yield* readConfig(repo)
  const flag = (name: string, value: string | undefined): Effect.Effect<boolean, HubError> => {
    const word = value?.toLowerCase()
    return word === undefined || no.has(word) || yes.has(word)
      ? Effect.succeed(word !== undefined && yes.has(word))
      : Effect.fail(invalid(`${name} is neither true nor false`, "set it to 1 or 0"))
  }
  const url = yield* webAddress(repo, given.endpoint ?? found.endpoint ?? PUBLIC_HUB)
  const byConfig = yield* flag("HF_HUB_OFFLINE", found.offline)
  const offline = given.offline ?? byConfig
  const silent = yield* flag("HF_HUB_DISABLE_IMPLICIT_TOKEN", found.noToken)
  const token = given.token ?? (silent ? undefined : Option.getOrUndefined(found.token))
  const fromOutside = token === undefined ? "" : Redacted.value(token).trim()
  // an empty one that is given means none
  const stored = fromOutside === "" && given.token === undefined && !silent && !offline
  const secret = stored ? yield* tokenOfFile(repo, found) : fromOutside
  if (secret !== "" && !validToken(secret)) {
    return yield* invalid("the token holds characters that a header cannot", "copy it again into HF_TOKEN")
  }
  if (secret !== "" && url.protocol === "http:" && !loopback(url.hostname)) {
    return yield* new HubError({
      repo,
      reason: "Unsafe",
      detail: `a token would go unencrypted to ${url.host}`,
      advice: "use an https address in HF_ENDPOINT, or no token (HF_HUB_DISABLE_IMPLICIT_TOKEN=1)"
    })
  }
  return {
    endpoint: url.href.replace(/\/+$/, ""),
    origin: url.origin,
    token: secret === "" ? undefined : Redacted.make(secret),
    cache: cacheOf(given.cache, found),
    offline
  }
})
