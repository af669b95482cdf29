/** What a hub may list, and what of it is downloaded. */
import * as Hub from "@effect-blocks/diffusion/Hub"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { temporary } from "./support/folder.ts"
import type { Sibling, TestHub } from "./support/hub.ts"
import { bytesOf, filesOf, gitSha1, isolated, sha256, testHub } from "./support/hub.ts"

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

describe("a listing", () => {
  const paths = [
    "../outside",
    "unet/../../outside",
    "/etc/outside",
    "unet\\..\\outside",
    "C:/outside",
    "unet//model.onnx",
    "./model.onnx",
    "unet/\0",
    "",
    `unet/${"x".repeat(300)}`
  ]
  for (const path of paths) {
    it.live(`with the path ${JSON.stringify(path.slice(0, 30))} is refused`, () =>
      Effect.gen(function* () {
        const { cache, given, hub } = yield* place()
        hub.tricks.siblings = (siblings: Array<Sibling>) => void siblings.push({ rfilename: path, size: 1 })
        const error = yield* Effect.flip(get(given))
        assert.strictEqual(error.reason, "Unsafe")
        assert.deepStrictEqual(readdirSync(cache), [])
      })
    )
  }

  it.live("leads nowhere through a link that someone put into the cache", () =>
    Effect.gen(function* () {
      const { cache, given, hub } = yield* place()
      const outside = yield* temporary("effect-blocks-outside-")
      const snapshot = join(cache, "models--org--name", "snapshots", hub.commit)
      mkdirSync(snapshot, { recursive: true })
      symlinkSync(outside, join(snapshot, "unet"))
      const error = yield* Effect.flip(get(given))
      assert.strictEqual(error.reason, "Unsafe")
      assert.deepStrictEqual(readdirSync(outside), [])
    })
  )

  it.live("of more than is allowed, or than there is room for, is not begun", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      assert.strictEqual((yield* Effect.flip(get({ ...given, maxBytes: 4000 }))).reason, "TooLarge")
      hub.tricks.siblings = (siblings) => {
        for (const { lfs } of siblings) if (lfs) lfs.size = 2 ** 52
      }
      const error = yield* Effect.flip(get({ ...given, maxBytes: 2 ** 53 - 1 }))
      assert.strictEqual(error.reason, "NoSpace")
      assert.match(error.message, /name another folder in HF_HUB_CACHE/)
      assert.strictEqual(hub.asked("unet/model.onnx").length, 0)
    })
  )

  it.live("without an index, or without models, says so", () =>
    Effect.gen(function* () {
      const none = yield* place({ files: new Map([["README.md", Buffer.from("hello")]]) })
      assert.match((yield* Effect.flip(get(none.given))).message, /model_index\.json: the repository has no index/)
      const torch = yield* place({
        files: new Map([
          ["model_index.json", files.get("model_index.json")!],
          ["unet/diffusion_pytorch_model.safetensors", Buffer.from("weights")]
        ])
      })
      assert.match((yield* Effect.flip(get(torch.given))).message, /has no model\.onnx .* export it with optimum/)
      const text = yield* place({ files: new Map([["model_index.json", Buffer.from("hello")]]) })
      assert.match((yield* Effect.flip(get(text.given))).message, /model_index\.json: it is no JSON object/)
    })
  )

  it.live("with another index than the one that is asked for is refused before its weights come", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place({
        files: new Map([...files].map(([path, bytes]) => [path.replace(/^model_index/, "modular_model_index"), bytes]))
      })
      const error = yield* Effect.flip(get({ ...given, files: ["model_index.json"] }))
      assert.deepStrictEqual([error.reason, error.file], ["NotFound", "model_index.json"])
      assert.match(error.message, /only a modular_model_index\.json; read that one with ModularIndex/)
      assert.strictEqual(hub.asked("unet/model.onnx").length, 0)
      yield* get(given)
      assert.strictEqual(hub.asked("unet/model.onnx").length, 1)
    })
  )

  it.live("gives what a pipeline reads, and the variant that is asked for", () =>
    Effect.gen(function* () {
      const many = [
        "model.onnx",
        "model.onnx_data",
        "model.onnx_data_1",
        "model_fp16.onnx",
        "model_fp16.onnx_data",
        "model.int8.onnx",
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "flax_model.msgpack",
        "deep/model.onnx"
      ]
      const { given } = yield* place({
        files: new Map([
          ["model_index.json", files.get("model_index.json")!],
          ["README.md", Buffer.from("hello")],
          ...many.map((name) => [`unet/${name}`, Buffer.from(name)] as const)
        ])
      })
      const inUnet = (folder: string) => readdirSync(join(folder, "unet")).toSorted()
      const folder = yield* get(given)
      assert.deepStrictEqual(inUnet(folder), ["config.json", "model.onnx", "model.onnx_data", "model.onnx_data_1"])
      assert.isFalse(existsSync(join(folder, "README.md")))
      const anew = () => rmSync(join(folder, "unet"), { recursive: true })
      anew()
      yield* get({ ...given, variants: { unet: "fp16" } })
      assert.deepStrictEqual(inUnet(folder), ["config.json", "model_fp16.onnx", "model_fp16.onnx_data"])
      anew()
      yield* get({ ...given, folders: ["unet"], variants: { unet: "int8" }, files: ["README.md"] })
      assert.deepStrictEqual(inUnet(folder), ["config.json", "model.int8.onnx"])
      assert.isTrue(existsSync(join(folder, "README.md")))
      const error = yield* Effect.flip(get({ ...given, variants: { unet: "bf16" } }))
      assert.match(error.message, /has not unet\/model\.bf16\.onnx or unet\/model_bf16\.onnx/)
    })
  )
})

/** an ONNX graph whose one weight lies in that file: fields of onnx.proto by hand */
const graphWith = (location: string): Buffer => {
  const field = (number: number, bytes: Buffer) => Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes])
  const entry = Buffer.concat([field(1, Buffer.from("location")), field(2, Buffer.from(location))])
  const initializer = Buffer.concat([field(8, Buffer.from("weight")), field(13, entry)])
  return Buffer.concat([Buffer.from([8, 9]), field(7, field(5, initializer))])
}

describe("weights beside a graph", () => {
  const withWeights = (location: string) =>
    place({
      files: new Map([
        ...files,
        ["unet/model.onnx", graphWith(location)],
        ["unet/weights.bin", bytesOf(3, 100)],
        ["unet/other.bin", bytesOf(4, 100)]
      ])
    })

  it.live("come by the name that the graph gives them", () =>
    Effect.gen(function* () {
      const { given } = yield* withWeights("weights.bin")
      const folder = yield* get(given)
      assert.deepStrictEqual(readdirSync(join(folder, "unet")).toSorted(), ["config.json", "model.onnx", "weights.bin"])
      rmSync(join(folder, "unet/weights.bin"))
      rmSync(join(folder, "../../blobs", sha256(bytesOf(3, 100))))
      const error = yield* Effect.flip(get({ ...given, offline: true }))
      assert.match(error.message, /the cache has not unet\/weights\.bin/)
      // nor does it where nobody kept a listing
      rmSync(join(folder, "../../trees"), { recursive: true })
      const unlisted = yield* Effect.flip(get({ ...given, offline: true }))
      assert.strictEqual(unlisted.message, error.message)
    })
  )

  for (const [location, reason] of [
    ["none.bin", "NotFound"],
    ["../../outside.bin", "Unsafe"],
    ["/etc/passwd", "Unsafe"]
  ] as const) {
    it.live(`that are ${location} are refused`, () =>
      Effect.gen(function* () {
        const { given } = yield* withWeights(location)
        const error = yield* Effect.flip(get(given))
        assert.strictEqual(error.reason, reason)
        assert.match(error.message, /^org\/name\/unet\/model\.onnx: .*weights/)
      })
    )
  }
})

describe("a listing of many files", () => {
  const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}) =>
    void response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value))
  const entries = [...files].map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: path.endsWith(".onnx") ? gitSha1(Buffer.from("pointer")) : gitSha1(bytes),
    ...(path.endsWith(".onnx")
      ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 }, xetHash: "0".repeat(63) + "1" }
      : {})
  }))

  /** pages of one file each; the first answer names the commit and at most some of the files */
  const paged = (hub: TestHub, siblings: unknown, next: (page: number) => string | undefined) => {
    const asked: Array<string> = []
    hub.tricks.hub = (request, response) => {
      const url = new URL(request.url!, hub.endpoint)
      if (url.pathname.includes("/revision/")) {
        json(response, { sha: hub.commit, ...(siblings === undefined ? {} : { siblings }) })
        return true
      }
      if (!url.pathname.includes("/tree/")) return false
      asked.push(request.url!)
      const page = Number(url.searchParams.get("cursor") ?? 0)
      const link = next(page)
      json(
        response,
        [{ type: "directory", path: "unet", oid: gitSha1(Buffer.from("")) }, ...entries.slice(page, page + 1)],
        link === undefined ? {} : { link }
      )
      return true
    }
    return asked
  }
  const toNext = (hub: TestHub) => (page: number) =>
    page + 1 < entries.length
      ? `<${hub.endpoint}/api/models/org/name/tree/${hub.commit}?recursive=true&cursor=${page + 1}>; rel="next"`
      : undefined

  it.live("comes by pages where the first answer may have left some out", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 50_000 }, (_, i) => ({ rfilename: `${i}` }))
      for (const siblings of [undefined, null, many]) {
        const { cache, given, hub } = yield* place()
        const asked = paged(hub, siblings, toNext(hub))
        assert.deepStrictEqual(filesOf(yield* get(given)), files)
        const tree = `/api/models/org/name/tree/${hub.commit}?recursive=true`
        assert.deepStrictEqual(asked, [tree, `${tree}&cursor=1`, `${tree}&cursor=2`])
        // what the other client asks for is kept for it
        const kept = JSON.parse(readFileSync(join(cache, "models--org--name/trees", `${hub.commit}.json`), "utf8"))
        const bytes = files.get("unet/model.onnx")!
        assert.deepStrictEqual(kept.files["unet/model.onnx"], {
          size: bytes.length,
          blob_id: gitSha1(Buffer.from("pointer")),
          lfs_sha256: sha256(bytes),
          lfs_size: bytes.length,
          xet_hash: "0".repeat(63) + "1"
        })
      }
    })
  )

  it.live("is asked for at the hub, wherever it says the next page is", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      const elsewhere = yield* testHub({ files })
      const asked = paged(hub, undefined, (page) =>
        page + 1 < entries.length
          ? `<${hub.endpoint}/first>; rel="first", <${elsewhere.endpoint}/x?recursive=true&cursor=${page + 1}>; rel=next`
          : `<${elsewhere.endpoint}/x?cursor=0>; rel="prev"`
      )
      assert.deepStrictEqual(filesOf(yield* get(given)), files)
      assert.strictEqual(asked.length, 3)
      assert.strictEqual(elsewhere.log.length, 0)
    })
  )

  it.live("that does not end is an error, and so is one that is none", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      const asked = paged(hub, undefined, () => `</x?recursive=true&cursor=1>; rel="next"`)
      const endless = yield* Effect.flip(get(given))
      assert.match(endless.message, /the pages of its listing do not end/)
      assert.strictEqual(asked.length, 2)
      const tricks = hub.tricks.hub!
      hub.tricks.hub = (request, response, about) => {
        if (!about.path.includes("/tree/")) return tricks(request, response, about)
        json(response, { error: "no pages here" })
        return true
      }
      const none = yield* Effect.flip(get(given))
      assert.match(none.message, /no listing of a commit and its files/)
    })
  )

  it.live("holds paths, which are looked at as any other", () =>
    Effect.gen(function* () {
      const { cache, given, hub } = yield* place()
      hub.tricks.hub = (_, response, { path }) => {
        json(response, path.includes("/tree/") ? [{ type: "file", path: "../x", size: 1 }] : { sha: hub.commit })
        return true
      }
      assert.strictEqual((yield* Effect.flip(get(given))).reason, "Unsafe")
      assert.deepStrictEqual(readdirSync(cache), [])
    })
  )
})

describe("an answer that was compressed on its way, though it was asked not to be", () => {
  for (const [name, layer] of [
    ["fetch", FetchHttpClient.layer],
    ["undici", NodeHttpClient.layerUndici],
    ["node:http", NodeHttpClient.layerNodeHttp]
  ] as const) {
    it.live(`is understood: a listing, ${name}`, () =>
      Effect.gen(function* () {
        const { given, hub } = yield* place()
        hub.tricks.hub = (_, response, { path }) => {
          if (!path.startsWith("/api/")) return false
          const siblings = [...files].map(([rfilename, bytes]) => ({ rfilename, size: bytes.length }))
          const body = gzipSync(JSON.stringify({ sha: hub.commit, siblings }))
          response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length }).end(body)
          return true
        }
        const folder = yield* Hub.download({ repo: "org/name", ...given }).pipe(Effect.provide(layer))
        assert.deepStrictEqual(filesOf(folder), files)
        assert.strictEqual(hub.log[0]!.headers["accept-encoding"], "identity")
      })
    )
  }

  it.live("is understood: a file, whose length is not what the answer says", () =>
    Effect.gen(function* () {
      const { given, hub } = yield* place()
      hub.tricks.hub = (_, response, { path }) => {
        if (path !== "model_index.json") return false
        const body = gzipSync(files.get(path)!)
        response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length }).end(body)
        return true
      }
      assert.deepStrictEqual(filesOf(yield* get(given)), files)
    })
  )
})
