/** A hub that is spoken to as those on the internet are: over TLS, with certificates, proxies, and hosts that are others. */
import * as Hub from "@effect-blocks/diffusion/Hub"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { spawn } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { certificate } from "./support/certificate.ts"
import { temporary } from "./support/folder.ts"
import type { TestHub, TestHubOptions } from "./support/hub.ts"
import { filesOf, listen, testHub } from "./support/hub.ts"
import { files, MODEL } from "./support/hubPlace.ts"

const TOKEN = "hf_veryVerySecretToken"
const own = certificate()

const ca = own.cert
/** clients that trust the hub's own certificate, each as its documentation says */
const trusting: ReadonlyArray<readonly [name: string, layer: Layer.Layer<HttpClient.HttpClient>]> = [
  ["undici", NodeHttpClient.layerUndiciOptions({ connect: { ca } })],
  ["node:https", NodeHttpClient.layerNodeHttpOptions({ ca })],
  [
    "fetch",
    Layer.provideMerge(
      FetchHttpClient.layer,
      Layer.succeed(FetchHttpClient.RequestInit, {
        // what a program gives `fetch` besides reaches it
        headers: { "x-gateway": "hf_gatewaySecret" },
        dispatcher: new Undici.Agent({ connect: { ca } })
      } as unknown as RequestInit)
    ).pipe(Layer.provideMerge(Layer.succeed(FetchHttpClient.Fetch, Undici.fetch as unknown as typeof fetch)))
  ]
]
const client = trusting[0]![1]

const place = (options: Partial<TestHubOptions> = {}) =>
  Effect.gen(function* () {
    const hub = yield* testHub({ files, tls: own, storageTls: own, token: TOKEN, ...options })
    const cache = yield* temporary("effect-blocks-hub-")
    const get = (more: Partial<Hub.Options> = {}) =>
      Hub.download({
        repo: "org/name",
        endpoint: hub.endpoint,
        cache,
        retries: 3,
        retryDelay: "1 millis",
        token: Redacted.make(TOKEN),
        ...more
      })
    return { hub, cache, get }
  })

const tokens = (hub: TestHub, at: "hub" | "storage") =>
  hub.log.filter((asked) => asked.at === at).map(({ headers }) => headers.authorization)

describe("over TLS", () => {
  for (const [name, layer] of trusting) {
    it.live(`a client that trusts the hub downloads, and tells a storage nothing: ${name}`, () =>
      Effect.gen(function* () {
        const { get, hub } = yield* place()
        assert.match(hub.endpoint, /^https:\/\/localhost:/)
        assert.match(hub.storage, /^https:\/\/127\.0\.0\.1:/)
        assert.deepStrictEqual(filesOf(yield* Effect.provide(get(), layer)), files)
        assert.deepStrictEqual(new Set(tokens(hub, "hub")), new Set([`Bearer ${TOKEN}`]))
        assert.deepStrictEqual(tokens(hub, "storage"), [undefined])
        assert.isFalse(hub.log.some(({ at, headers }) => at === "storage" && JSON.stringify(headers).includes("hf_")))
      })
    )
  }

  it.live("a certificate that nobody vouches for is refused at once, with what to do about it", () =>
    Effect.gen(function* () {
      const { get, hub } = yield* place()
      for (const layer of [FetchHttpClient.layer, NodeHttpClient.layerUndici, NodeHttpClient.layerNodeHttp]) {
        const error = yield* Effect.flip(Effect.provide(get(), layer))
        assert.strictEqual(error.reason, "Unsafe")
        assert.match(
          error.message,
          /^org\/name: the server's certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\); .*NODE_EXTRA_CA_CERTS$/
        )
      }
      assert.strictEqual(hub.log.length, 0)
    })
  )

  it.live("so is one for another host, and that of a storage", () =>
    Effect.gen(function* () {
      const elsewhere = certificate(["elsewhere.test"])
      const wrong = yield* place({ tls: elsewhere })
      const layer = NodeHttpClient.layerUndiciOptions({ connect: { ca: elsewhere.cert } })
      const error = yield* Effect.flip(Effect.provide(wrong.get(), layer))
      assert.match(error.message, /ERR_TLS_CERT_ALTNAME_INVALID/)

      const storage = yield* place({ storageTls: certificate() })
      const second = yield* Effect.flip(Effect.provide(storage.get(), client))
      assert.strictEqual(second.reason, "Unsafe")
      assert.strictEqual(second.file, MODEL)
      assert.strictEqual(storage.hub.log.filter(({ at }) => at === "storage").length, 0)
    })
  )

  const http = { storageTls: undefined } as unknown as Partial<TestHubOptions>
  for (const [who, token, known] of [
    ["who is known", Redacted.make(TOKEN), TOKEN],
    ["who is not", Redacted.make(""), undefined]
  ] as const) {
    it.live(`nobody is sent on to http: ${who}`, () =>
      Effect.gen(function* () {
        const options = { ...http, ...(known === undefined ? { token: undefined } : {}) } as Partial<TestHubOptions>
        const { get, hub } = yield* place(options)
        assert.match(hub.storage, /^http:/)
        const error = yield* Effect.flip(Effect.provide(get({ token }), client))
        assert.strictEqual(error.reason, "Unsafe")
        assert.match(error.message, /unet\/model\.onnx: the hub redirects from https: to http:/)
        assert.strictEqual(hub.log.filter(({ at }) => at === "storage").length, 0)
        // the hub's own questions neither
        hub.tricks.hub = (request, response) => {
          response.writeHead(307, { location: `${hub.storage}${request.url}` }).end()
          return true
        }
        const listing = yield* Effect.flip(Effect.provide(get({ token }), client))
        assert.strictEqual(listing.reason, "Unsafe")
        assert.strictEqual(hub.log.filter(({ at }) => at === "storage").length, 0)
      })
    )
  }

  it.live("the token does not go along when another host sends us back", () =>
    Effect.gen(function* () {
      const { get, hub } = yield* place()
      hub.tricks.storage = (_, response) => {
        response.writeHead(302, { location: `${hub.endpoint}/whatever/it/likes` }).end()
        return true
      }
      const error = yield* Effect.flip(Effect.provide(get(), client))
      assert.strictEqual(error.message, `org/name/${MODEL}: the hub's storage answered 401; run it again later`)
      const back = hub.log.filter(({ path }) => path === "/whatever/it/likes")
      assert.deepStrictEqual(
        back.map(({ headers }) => headers.authorization),
        [undefined]
      )
    })
  )
})

/** all that a process of its own says, whose settings are its environment */
const process_ = (env: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const script = fileURLToPath(new URL("./support/downloadLoudly.ts", import.meta.url))
      const { HTTPS_PROXY: _, https_proxy: __, NO_PROXY: ___, no_proxy: ____, ...rest } = process.env
      const child = spawn(process.execPath, [script], { env: { ...rest, ...env }, stdio: ["ignore", "pipe", "pipe"] })
      let out = ""
      let all = ""
      child.stdout.on("data", (text) => ((out += String(text)), (all += String(text))))
      child.stderr.on("data", (text) => (all += String(text)))
      const ended = new Promise<{ readonly last: string; readonly all: string }>((resolve) =>
        child.on("close", () => resolve({ last: out.trim().split("\n").at(-1)!, all }))
      )
      return { child, ended }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(Effect.flatMap(({ ended }) => Effect.promise(() => ended)))

describe("a program with `fetch` and an environment", () => {
  const setUp = Effect.gen(function* () {
    const at = yield* place()
    const folder = yield* temporary("effect-blocks-ca-")
    const file = join(folder, "ca.pem")
    writeFileSync(file, ca)
    const cache = join(folder, "home", "hub")
    const env = {
      HF_TOKEN: TOKEN,
      HF_ENDPOINT: at.hub.endpoint,
      HF_HOME: join(folder, "home"),
      NODE_EXTRA_CA_CERTS: file
    }
    return { ...at, cache, env, folder }
  })

  it.live(
    "trusts what NODE_EXTRA_CA_CERTS names, and never says the token or a signature, well or ill",
    () =>
      Effect.gen(function* () {
        const { cache, env, hub } = yield* setUp
        let broken = 0
        hub.tricks.storage = (_, response) => {
          if (broken++ > 0) return false
          response.destroy()
          return true
        }
        const well = yield* process_(env)
        assert.match(well.last, /^Success .*\/models--org--name\/snapshots\/[0-9a-f]{40}$/)
        assert.deepStrictEqual(filesOf(well.last.slice("Success ".length)), files)
        const ill = yield* process_({ ...env, HF_TOKEN: `${TOKEN}ButWrong`, HF_HUB_CACHE: join(cache, "other") })
        assert.strictEqual(ill.last, "Failure")
        const untrusted = yield* process_({ ...env, NODE_EXTRA_CA_CERTS: "", HF_HUB_CACHE: join(cache, "other") })
        assert.strictEqual(untrusted.last, "Failure")
        for (const { all } of [well, ill, untrusted]) {
          // what is looked for would be found
          assert.include(all, "Hub.download")
          assert.notInclude(all, TOKEN)
          assert.notInclude(all, "secret-signature")
        }
        assert.include(well.all, "Retrying")
        assert.include(ill.all, "the hub answered 401")
        assert.include(untrusted.all, "NODE_EXTRA_CA_CERTS")
        for (const [path, bytes] of filesOf(cache)) {
          assert.isFalse(bytes.includes(TOKEN), path)
          assert.isFalse(bytes.includes("secret-signature"), path)
        }
        assert.isFalse(existsSync(join(cache, "token")))
      }),
    60_000
  )

  it.live(
    "goes through the proxy of HTTPS_PROXY, which sees neither",
    () =>
      Effect.gen(function* () {
        const { env, hub } = yield* setUp
        const proxy = yield* listeningProxy
        const { all, last } = yield* process_({ ...env, NODE_USE_ENV_PROXY: "1", HTTPS_PROXY: proxy.address })
        assert.match(last, /^Success/, all)
        assert.deepStrictEqual(filesOf(last.slice("Success ".length)), files)
        assert.deepStrictEqual(new Set(proxy.hosts), new Set([hub.endpoint, hub.storage]))
        const seen = Buffer.concat(proxy.seen).toString("latin1")
        assert.isAbove(seen.length, 1000)
        assert.notInclude(seen, TOKEN)
        assert.notInclude(seen, "secret-signature")
      }),
    60_000
  )
})

describe("a program with a proxy in its client", () => {
  it.live("goes through it, and says so when it refuses", () =>
    Effect.gen(function* () {
      const { get, hub } = yield* place()
      const proxy = yield* listeningProxy
      const by = (uri: string) =>
        Layer.provide(
          NodeHttpClient.layerUndiciNoDispatcher,
          Layer.succeed(NodeHttpClient.Dispatcher, new Undici.ProxyAgent({ uri, requestTls: { ca } }))
        )
      assert.deepStrictEqual(filesOf(yield* Effect.provide(get(), by(proxy.address))), files)
      assert.deepStrictEqual(new Set(proxy.hosts), new Set([hub.endpoint, hub.storage]))
      const refusing = yield* listen((_, response) => void response.end())
      refusing.server.on(
        "connect",
        (_, socket) => void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
      )
      const there = yield* Effect.flip(
        Effect.provide(get({ retries: 0, revision: "v2" }), by(`http://me:hf_proxySecret@127.0.0.1:${refusing.port}`))
      )
      assert.strictEqual(there.reason, "Network")
      assert.notInclude(inspect(there, { depth: 9 }), "hf_")
    })
  )
})

/** a proxy that keeps what passes through */
const listeningProxy = Effect.gen(function* () {
  const hosts: Array<string> = []
  const seen: Array<Buffer> = []
  const { port, server } = yield* listen((_, response) => void response.writeHead(400).end())
  server.on("connect", (request, socket) => {
    hosts.push(`https://${request.url}`)
    seen.push(Buffer.from(JSON.stringify(request.headers)))
    const [host, to] = request.url!.split(":")
    const onward = connect(Number(to), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
      socket.on("data", (bytes: Buffer) => seen.push(bytes))
      socket.pipe(onward)
      onward.pipe(socket)
    })
    const end = () => (onward.destroy(), socket.destroy())
    onward.on("error", end).on("close", end)
    socket.on("error", end).on("close", end)
  })
  return { address: `http://127.0.0.1:${port}`, hosts, seen }
})
