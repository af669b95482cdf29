/** What a hub may answer, what it may list, and where the token goes. */
import * as Hub from "@effect-blocks/diffusion/Hub"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import type { ServerResponse } from "node:http"
import { readdirSync, rmSync } from "node:fs"
import { inspect } from "node:util"
import { join } from "node:path"
import { temporary } from "./support/folder.ts"
import { bytesOf, filesOf, isolated, sha256, testHub } from "./support/hub.ts"
import { until } from "./support/hubPlace.ts"

const index = {
  _class_name: "StableDiffusionPipeline",
  unet: ["diffusers", "OnnxRuntimeModel"],
  image_encoder: [null, null]
}
const files = new Map([
  ["model_index.json", Buffer.from(JSON.stringify(index))],
  ["unet/config.json", Buffer.from("{}")],
  ["unet/model.onnx", bytesOf(1, 5000)]
])
const TOKEN = "hf_veryVerySecretToken"
const secret = Redacted.make(TOKEN)

/** downloads with the least patience; nothing comes from the environment */
const get = (options: Partial<Hub.Options>) =>
  Hub.download({ repo: "org/name", retries: 0, retryDelay: "1 millis", ...options }).pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(isolated))
  )

const place = (options: Partial<Parameters<typeof testHub>[0]> = {}) =>
  Effect.gen(function* () {
    const hub = yield* testHub({ files, ...options })
    const cache = yield* temporary("effect-blocks-hub-")
    return { hub, cache, given: { endpoint: hub.endpoint, cache } }
  })

describe("an answer that is none", () => {
  const end =
    (status: number, headers: Record<string, string> = {}) =>
    (response: ServerResponse) =>
      void response.writeHead(status, headers).end("the body may say anything")
  const answers: ReadonlyArray<
    readonly [what: string, answer: (response: ServerResponse) => void, reason: Hub.HubError["reason"], message: RegExp]
  > = [
    ["401", end(401), "Unauthorized", /^org\/name: the hub answered 401; .*set HF_TOKEN/],
    ["403", end(403), "Unauthorized", /the hub answered 403/],
    ["gated", end(403, { "x-error-code": "GatedRepo" }), "Unauthorized", /accept its conditions at http.*\/org\/name/],
    [
      "401 of no repository",
      end(401, { "x-error-code": "RepoNotFound" }),
      "Unauthorized",
      /^org\/name: the hub answered 401: there is no such repository, or it is private; .*set HF_TOKEN/
    ],
    [
      "403 of a disabled one",
      end(403, { "x-error-message": "Access to this resource is disabled." }),
      "Unauthorized",
      /the hub answered 403: it has disabled this repository; choose another/
    ],
    [
      "404 of no repository",
      end(404, { "x-error-code": "RepoNotFound" }),
      "NotFound",
      /: there is no such repository;/
    ],
    ["404", end(404), "NotFound", /no such repository, or no revision 'main'/],
    ["404 of a revision", end(404, { "x-error-code": "RevisionNotFound" }), "NotFound", /there is no revision 'main'/],
    ["429", end(429, { "retry-after": "7" }), "RateLimited", /run it again in 7 seconds, or set HF_TOKEN/],
    [
      "429 by the window",
      end(429, { ratelimit: `"api";r=0;t=55`, "ratelimit-policy": `"fixed window";"api";q=1000;w=300` }),
      "RateLimited",
      /run it again in 55 seconds/
    ],
    ["500", end(500), "Server", /the hub answered 500; run it again later/],
    ["a page", (response) => response.end("<html>"), "Server", /no JSON; see that HF_ENDPOINT is a hub/],
    [
      "other JSON",
      (response) => response.end(`{ "sha": "the body may say anything", "siblings": [] }`),
      "Server",
      /no listing of a commit/
    ],
    ["a redirect to nowhere", end(302), "Server", /the hub answered 302/],
    ["a redirect to no address", end(302, { location: "http://[" }), "Unsafe", /redirects to what is no address/],
    ["a redirect to a file", end(302, { location: "file:///etc/passwd" }), "Unsafe", /from http: to file:/],
    ["redirects without end", end(302, { location: "/again" }), "Server", /redirects more than 10 times/],
    ["no answer", (response) => response.destroy(), "Network", /the connection failed .*HF_HUB_OFFLINE=1/]
  ]
  for (const [what, answer, reason, message] of answers) {
    it.live(`${what} is a typed error that says what to do`, () =>
      Effect.gen(function* () {
        const { cache, given, hub } = yield* place()
        hub.tricks.hub = (_, response) => {
          answer(response)
          return true
        }
        const error = yield* Effect.flip(get(given))
        assert.strictEqual(error._tag, "HubError")
        assert.strictEqual(error.reason, reason)
        assert.match(error.message, message)
        assert.notMatch(error.message, /the body may say/)
        assert.deepStrictEqual(readdirSync(cache), [])
      })
    )
  }

  for (const [what, status, headers, reason, message] of [
    [
      "gated",
      403,
      { "x-error-code": "GatedRepo" },
      "Unauthorized",
      /^org\/name\/unet\/model\.onnx: .*403: its owner grants access/
    ],
    [
      "deleted",
      404,
      { "x-error-code": "EntryNotFound" },
      "NotFound",
      /unet\/model\.onnx: there is no such file at [0-9a-f]{40}/
    ],
    [
      "of no revision",
      404,
      { "x-error-code": "RevisionNotFound" },
      "NotFound",
      /model\.onnx: there is no revision '[0-9a-f]{40}'/
    ],
    ["too much", 429, { "retry-after": "200" }, "RateLimited", /model\.onnx: .*run it again in 200 seconds/],
    ["broken", 503, {}, "Server", /model\.onnx: the hub answered 503; run it again later/]
  ] as const) {
    it.live(`of a file that is ${what}: a typed error with its name`, () =>
      Effect.gen(function* () {
        const { given, hub } = yield* place()
        hub.tricks.hub = (_, response, { path }) => {
          if (path !== "unet/model.onnx") return false
          response.writeHead(status, headers).end("the body may say anything")
          return true
        }
        const error = yield* Effect.flip(get(given))
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(error.status, status)
        assert.match(error.message, message)
        assert.notMatch(error.message, /the body may say/)
      })
    )
  }

  it.live("headers of another storage of the hub's are passed over", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      hub.tricks.hub = (request, response, { path }) => {
        if (path !== "unet/model.onnx") return false
        response.writeHead(302, {
          location: `${hub.storage}/${path}?name=${sha256(files.get(path)!)}`,
          "x-linked-etag": `"${sha256(files.get(path)!)}"`,
          "x-xet-hash": "0".repeat(64),
          "x-xet-refresh-route": `${hub.endpoint}/api/models/org/name/xet-read-token/main`,
          link: `<${hub.endpoint}/xet>; rel="xet-auth", <${hub.endpoint}/next>; rel="next"`
        })
        response.end()
        return request !== undefined
      }
      assert.deepStrictEqual(filesOf(yield* get(given)), files)
      assert.isFalse(hub.log.some(({ path }) => path.includes("xet") || path === "/next"))
    })
  )

  it.live("of a server that is not there", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      const gone = yield* Effect.scoped(testHub({ files }))
      const error = yield* Effect.flip(get({ ...given, endpoint: gone.endpoint }))
      assert.strictEqual(error.reason, "Network")
      assert.match(error.message, /ECONNREFUSED\): there is no network, or no hub at this address; .*HF_HUB_OFFLINE=1/)
      assert.strictEqual(error.code, "ECONNREFUSED")
      assert.strictEqual(hub.log.length, 0)
    })
  )

  it.live("is tried again if that may help, and not if it cannot", () =>
    Effect.gen(function* () {
      for (const [status, times] of [
        [500, 4],
        [503, 4],
        [429, 4],
        [401, 1],
        [404, 1]
      ] as const) {
        const { given, hub } = yield* place()
        hub.tricks.hub = (_, response) => {
          response.writeHead(status).end()
          return true
        }
        yield* Effect.flip(get({ ...given, retries: 3 }))
        assert.strictEqual(hub.log.length, times, `${status}`)
        // and is got over
        let bad = 2
        hub.tricks.hub = (_, response) => {
          if (bad-- <= 0) return false
          response.writeHead(status >= 429 ? status : 500).end()
          return true
        }
        assert.deepStrictEqual(filesOf(yield* get({ ...given, retries: 3 })), files)
      }
    })
  )

  it.live("a storage whose signature ran out is asked for anew, by way of the hub", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      let expired = true
      hub.tricks.storage = (_, response) => {
        if (!expired) return false
        expired = false
        response.writeHead(403).end()
        return true
      }
      yield* get({ ...given, retries: 1 })
      assert.strictEqual(hub.log.filter(({ at, path }) => at === "hub" && path === "unet/model.onnx").length, 2)
    })
  )

  /** a hub that answers from a list; it touches neither network nor disk before it says yes */
  const scripted = (answers: Array<Response>, times: Array<number>) =>
    Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make((request) =>
        Effect.clockWith((clock) => {
          times.push(clock.currentTimeMillisUnsafe() / 1000)
          return Effect.succeed(
            HttpClientResponse.fromWeb(request, answers.shift() ?? new Response(null, { status: 404 }))
          )
        })
      )
    )

  it.effect("429 is waited for as long as it says, a date included", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const busy = (after: string) => new Response(null, { status: 429, headers: { "retry-after": after } })
      const client = scripted([busy("7"), busy("Thu, 01 Jan 1970 00:01:00 GMT")], times)
      const fiber = yield* Hub.download({ repo: "org/name", retryDelay: "1 second" }).pipe(
        Effect.flip,
        Effect.provide(client),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(isolated)),
        Effect.forkChild
      )
      // the login is looked for on the disk, which does not follow the test's clock
      yield* until(() => times.length === 1)
      for (let second = 0; second < 70; second++) yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "NotFound")
      assert.deepStrictEqual(times, [0, 7, 60])
    })
  )

  it.effect("nobody there is tried once more, and a connection that broke as often as is asked for", () =>
    Effect.gen(function* () {
      const tried = (code: string) =>
        Effect.gen(function* () {
          let tries = 0
          const client = HttpClient.make((request) =>
            Effect.suspend(() => {
              tries++
              const cause = new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) })
              const reason = new HttpClientError.TransportError({ request, cause })
              return Effect.fail(new HttpClientError.HttpClientError({ reason }))
            })
          )
          const fiber = yield* Hub.download({ repo: "org/name", retries: 3 }).pipe(
            Effect.flip,
            Effect.provideService(HttpClient.HttpClient, client),
            Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(isolated)),
            Effect.forkChild
          )
          yield* until(() => tries === 1)
          for (let second = 0; second < 20; second++) yield* TestClock.adjust("1 second")
          const error = yield* Fiber.join(fiber)
          assert.deepStrictEqual([error.reason, error.code], ["Network", code])
          return tries
        })
      for (const code of ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED"]) assert.strictEqual(yield* tried(code), 2, code)
      assert.strictEqual(yield* tried("ECONNRESET"), 4)
    })
  )

  it.effect("429 for an hour is given to the caller", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const client = scripted([new Response(null, { status: 429, headers: { "retry-after": "3600" } })], times)
      const error = yield* Hub.download({ repo: "org/name" }).pipe(
        Effect.flip,
        Effect.provide(client),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(isolated))
      )
      assert.strictEqual(error.retryAfter, 3600)
      assert.strictEqual(times.length, 1)
    })
  )

  it.effect("a hub may lie below an address", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const client = HttpClient.make((request) => {
        asked.push(request.url)
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 404 })))
      })
      const options = { repo: "org/name", endpoint: "https://mirror.test/of/models/", revision: "refs/pr/1" }
      yield* Hub.download(options).pipe(
        Effect.flip,
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(isolated))
      )
      assert.deepStrictEqual(asked, [
        "https://mirror.test/of/models/api/models/org/name/revision/refs%2Fpr%2F1?blobs=true"
      ])
    })
  )

  it.effect("a redirect from https to http is not followed", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const client = scripted([new Response(null, { status: 302, headers: { location: "http://hub.test/" } })], times)
      const error = yield* Hub.download({ repo: "org/name", endpoint: "https://hub.test", token: secret }).pipe(
        Effect.flip,
        Effect.provide(client),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(isolated))
      )
      assert.strictEqual(error.reason, "Unsafe")
      assert.strictEqual(times.length, 1)
    })
  )
})

describe("any HTTP client of Effect", () => {
  for (const [name, layer] of [
    ["fetch", FetchHttpClient.layer],
    ["undici", NodeHttpClient.layerUndici],
    ["node:http", NodeHttpClient.layerNodeHttp],
    [
      "one that takes every status but those of success for an error",
      Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk)).pipe(
        Layer.provide(NodeHttpClient.layerUndici)
      )
    ],
    [
      "one that follows redirects",
      Layer.effect(
        HttpClient.HttpClient,
        Effect.map(HttpClient.HttpClient, (client) => HttpClient.followRedirects(client))
      ).pipe(Layer.provide(NodeHttpClient.layerUndici))
    ]
  ] as const) {
    it.live(`downloads, with redirects and without telling the token: ${name}`, () =>
      Effect.gen(function* () {
        const { given, hub } = yield* place({ token: TOKEN })
        const folder = yield* Hub.download({ repo: "org/name", ...given, token: secret }).pipe(Effect.provide(layer))
        assert.deepStrictEqual(filesOf(folder), files)
        assert.isTrue(hub.log.some(({ at }) => at === "storage"))
        assert.isTrue(hub.log.every(({ at, headers }) => (at === "hub") === (headers.authorization !== undefined)))
      })
    )
  }
})

describe("the token", () => {
  it.live("opens a private repository, from Config or by option", () =>
    Effect.gen(function* () {
      const { cache, given, hub } = yield* place({ token: TOKEN })
      const without = yield* Effect.flip(get(given))
      assert.match(without.message, /if it is private, set HF_TOKEN to a token that may read it/)
      const wrong = yield* Effect.flip(get({ ...given, token: Redacted.make("hf_another") }))
      assert.match(wrong.message, /the token of HF_TOKEN may read it/)
      yield* get({ ...given, token: secret })
      const config = { HF_TOKEN: TOKEN, HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: join(cache, "other"), ...isolated }
      const folder = yield* Hub.download({ repo: "org/name" }).pipe(
        Effect.provide(FetchHttpClient.layer),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(config))
      )
      assert.isTrue(folder.startsWith(join(cache, "other")))
      assert.deepStrictEqual(filesOf(folder), files)
    })
  )

  it.live("goes to the hub and to no other host, nor port", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place({ token: TOKEN })
      yield* get({ ...given, token: secret })
      const sent = (at: string) =>
        hub.log.filter((asked) => asked.at === at).map(({ headers }) => headers.authorization)
      assert.deepStrictEqual(new Set(sent("hub")), new Set([`Bearer ${TOKEN}`]))
      assert.deepStrictEqual(sent("storage"), [undefined])
      // nor does a storage hear whose trace this is
      assert.isFalse(hub.log.some(({ headers }) => "traceparent" in headers || "b3" in headers))
    })
  )

  it.live("is in no log, span, report, error or file, and neither is a signature", () =>
    Effect.gen(function* () {
      const { cache, given, hub } = yield* place({ token: TOKEN })
      let bad = 0
      hub.tricks.storage = (_, response) => {
        if (bad++ > 0) return false
        response.destroy()
        return true
      }
      const seen: Array<unknown> = []
      const logger = Logger.make((entry) => void seen.push(entry.message, Cause.pretty(entry.cause)))
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          seen.push(span)
          return span
        }
      })
      const watched = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        effect.pipe(
          Effect.withSpan("test"),
          Effect.withTracer(tracer),
          Effect.provide(Logger.layer([logger])),
          Effect.provideService(References.MinimumLogLevel, "All"),
          Effect.provideService(Hub.Progress, (event) => Effect.logInfo(event)),
          Effect.exit
        )
      seen.push(yield* watched(get({ ...given, token: secret, retries: 1 })))
      hub.tricks.hub = (_, response) => {
        response.writeHead(401).end()
        return true
      }
      seen.push(yield* watched(get({ ...given, token: secret })))
      hub.tricks.hub = (_, response) => {
        response.destroy()
        return true
      }
      const failed = yield* watched(get({ ...given, token: secret }))
      seen.push(failed, failed._tag === "Failure" ? Cause.pretty(failed.cause) : assert.fail("it failed"))
      const text = inspect(seen, { depth: 12, showHidden: true }) + JSON.stringify(seen, circular())
      // what is looked for would be found
      assert.include(text, "Hub.download")
      assert.include(text, "the hub answered 401")
      assert.include(text, "unet/model.onnx")
      assert.notInclude(text, TOKEN)
      assert.notInclude(text, "secret-signature")
      for (const [path, bytes] of filesOf(cache)) assert.isFalse(bytes.includes(TOKEN), path)
    })
  )

  it.live("does not go unencrypted over a network", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(get({ endpoint: "http://hub.test", token: secret, cache: "/nowhere" }))
      assert.strictEqual(error.reason, "Unsafe")
      assert.match(error.message, /a token would go unencrypted to hub\.test; use an https address/)
    })
  )

  it.live("is refused where a header cannot hold it, without being shown", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(get({ token: Redacted.make(`${TOKEN}\nx`), cache: "/nowhere" }))
      assert.strictEqual(error.reason, "Invalid")
      assert.notInclude(inspect(error), TOKEN)
    })
  )
})

const circular = () => {
  const seen = new Set<unknown>()
  return (_key: string, value: unknown) => {
    if (typeof value === "bigint") return String(value)
    if (typeof value !== "object" || value === null) return value
    if (value instanceof Map) return [...value]
    if (seen.has(value)) return "again"
    seen.add(value)
    return value
  }
}

describe("offline", () => {
  it.live("gives what the cache has and asks nobody", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      const offline = { ...given, offline: true }
      const nothing = yield* Effect.flip(get(offline))
      assert.strictEqual(nothing.reason, "Offline")
      assert.match(nothing.message, /the cache has nothing of revision 'main'; run it once with a network/)
      const folder = yield* get(given)
      const before = hub.log.length
      assert.strictEqual(yield* get(offline), folder)
      assert.strictEqual(yield* get({ ...offline, revision: hub.commit }), folder)
      // a name that is gone comes back by the content, which has another
      rmSync(join(folder, "unet/model.onnx"))
      yield* get(offline)
      assert.deepStrictEqual(filesOf(folder), files)
      rmSync(join(folder, "unet/model.onnx"))
      rmSync(join(folder, "../../blobs", sha256(files.get("unet/model.onnx")!)))
      const missing = yield* Effect.flip(get(offline))
      assert.match(missing.message, /the cache has not unet\/model\.onnx/)
      assert.strictEqual(hub.log.length, before)
      // by Config
      const config = { HF_HUB_OFFLINE: "1", HF_HUB_CACHE: given.cache, HF_ENDPOINT: hub.endpoint }
      const byConfig = Hub.download({ repo: "org/name", revision: "v2" }).pipe(
        Effect.provide(FetchHttpClient.layer),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(config))
      )
      assert.strictEqual((yield* Effect.flip(byConfig)).reason, "Offline")
      assert.strictEqual(hub.log.length, before)
    })
  )
})

describe("an option or setting", () => {
  const wrong: ReadonlyArray<readonly [options: Partial<Hub.Options>, message: RegExp]> = [
    [{ repo: "../name" }, /no name of a repository; give it as 'organisation\/name'/],
    [{ repo: "a/b/c" }, /no name of a repository/],
    [{ repo: "a--b/c" }, /no name of a repository/],
    [{ repo: "org/.." }, /no name of a repository/],
    [{ revision: "" }, /is no revision; give a branch, a tag or a commit/],
    [{ revision: "../main" }, /is no revision/],
    [{ endpoint: "hub.test" }, /no web address; set HF_ENDPOINT/],
    [{ endpoint: "ftp://hub.test" }, /no web address/],
    [{ endpoint: "https://me:pw@hub.test" }, /a user name or password/],
    [{ concurrency: 0 }, /concurrency, retries or maxBytes/],
    [{ retries: -1 }, /concurrency, retries or maxBytes/]
  ]
  for (const [options, message] of wrong) {
    it.effect(`${JSON.stringify(options)} is refused`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(get({ cache: "/nowhere", ...options }))
        assert.strictEqual(error.reason, "Invalid")
        assert.match(error.message, message)
      })
    )
  }
})
