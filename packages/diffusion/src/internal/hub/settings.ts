/** Where the hub is, who asks, and where files are kept: options first, then Config. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { HubError } from "../../HubError.ts"

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

const config = Config.all({
  endpoint: text("HF_ENDPOINT"),
  token: Config.option(Config.Redacted("HF_TOKEN")),
  cache: text("EFFECT_BLOCKS_CACHE"),
  xdg: text("XDG_CACHE_HOME"),
  offline: text("HF_HUB_OFFLINE")
})

const yes = new Set(["1", "true", "yes", "on"])
const no = new Set(["0", "false", "no", "off"])

const loopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)

/** a header holds visible ASCII only; the message says where the fault is without a part of the token */
const validToken = (token: string): boolean => /^[\x21-\x7e]+$/.test(token)

export const settings = Effect.fnUntraced(function* (repo: string, given: Given): Effect.fn.Return<Settings, HubError> {
  const invalid = (detail: string, advice: string) => new HubError({ repo, reason: "Invalid", detail, advice })
  const found = yield* Effect.mapError(config, () =>
    invalid(
      "the settings of the hub cannot be read",
      "look at HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and EFFECT_BLOCKS_CACHE"
    )
  )
  const address = given.endpoint ?? found.endpoint ?? PUBLIC_HUB
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    return yield* invalid("the hub's address is no web address", `set HF_ENDPOINT to one such as ${PUBLIC_HUB}`)
  }
  if (url.username !== "" || url.password !== "") {
    return yield* invalid("the hub's address holds a user name or password", "put a token into HF_TOKEN instead")
  }
  const token = given.token ?? Option.getOrUndefined(found.token)
  const secret = token === undefined ? "" : Redacted.value(token).trim()
  if (secret !== "" && !validToken(secret)) {
    return yield* invalid("the token holds characters that a header cannot", "copy it again into HF_TOKEN")
  }
  if (secret !== "" && url.protocol === "http:" && !loopback(url.hostname)) {
    return yield* new HubError({
      repo,
      reason: "Unsafe",
      detail: `a token would go unencrypted to ${url.host}`,
      advice: "use an https address in HF_ENDPOINT, or no token"
    })
  }
  const word = found.offline?.toLowerCase()
  if (word !== undefined && !yes.has(word) && !no.has(word)) {
    return yield* invalid("HF_HUB_OFFLINE is neither true nor false", "set it to 1 or 0")
  }
  return {
    endpoint: url.href.replace(/\/+$/, ""),
    origin: url.origin,
    token: secret === "" ? undefined : Redacted.make(secret),
    cache: resolve(given.cache ?? found.cache ?? join(found.xdg ?? join(homedir(), ".cache"), "effect-blocks", "hub")),
    offline: given.offline ?? (word !== undefined && yes.has(word))
  }
})
