/** A hub, an empty cache, and what is looked for in it: the common part of tests of downloads. */
import * as Hub from "@effect-blocks/diffusion/Hub"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as TestClock from "effect/testing/TestClock"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, statSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { temporary } from "./folder.ts"
import type { TestHub, TestHubOptions, Trick } from "./hub.ts"
import { bytesOf, filesOf, sha256, testHub } from "./hub.ts"

export const MODEL = "unet/model.onnx"
export const SIZE = 300_000
export const model = bytesOf(1, SIZE)
export const files = new Map([
  [
    "model_index.json",
    Buffer.from(`{ "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "OnnxRuntimeModel"] }`)
  ],
  ["unet/config.json", Buffer.from(`{ "in_channels": 4 }`)],
  [MODEL, model]
])

export interface Place {
  readonly hub: TestHub
  readonly cache: string
  /** the cache's folder of this repository */
  readonly root: string
  readonly get: (options?: Partial<Hub.Options>) => Effect.Effect<string, Hub.HubError>
}

export const place = (options: Partial<TestHubOptions> = {}) =>
  Effect.gen(function* () {
    const hub = yield* testHub({ files, ...options })
    const cache = yield* temporary("effect-blocks-hub-")
    const get = (more: Partial<Hub.Options> = {}) =>
      Hub.download({
        repo: "org/name",
        endpoint: hub.endpoint,
        cache,
        retries: 0,
        retryDelay: "1 millis",
        ...more
      }).pipe(Effect.provide(FetchHttpClient.layer))
    const here: Place = { hub, cache, root: join(cache, "models--org--name"), get }
    return here
  })

export const list = (folder: string): ReadonlyArray<string> =>
  existsSync(folder) ? readdirSync(folder).toSorted() : []

/** what is in the cache of files that are not whole */
export const leftovers = (root: string): ReadonlyArray<string> =>
  list(join(root, "blobs")).filter((name) => name.endsWith(".incomplete"))

/** nothing that a later run would take for the model */
export const notThere = ({ hub, root }: Place) => {
  assert.isFalse(existsSync(join(root, "snapshots", hub.commit, MODEL)))
  assert.notInclude(list(join(root, "blobs")), sha256(model))
}
export const partialOf = ({ root }: Place) => join(root, "blobs", `${sha256(model)}.effect-blocks.incomplete`)

export const whole = ({ hub, root }: Place, folder: string) => {
  assert.deepStrictEqual(filesOf(folder), hub.files)
  assert.deepStrictEqual(leftovers(root), [])
}

/** looks often whether it is so; servers and files do not follow the test's clock */
export const until = (ready: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (ready() ? Effect.void : Effect.andThen(soon, until(ready))))
export const soon = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))

/** lets the test's clock run until the fiber ends */
export const elapse = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() =>
    fiber.pollUnsafe() === undefined
      ? Effect.andThen(Effect.andThen(TestClock.adjust("10 seconds"), soon), elapse(fiber))
      : Fiber.join(fiber)
  )

export const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : -1)

export const downloader = ({ cache, hub }: Place) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const script = fileURLToPath(new URL("./downloadOnce.ts", import.meta.url))
      const child = spawn(process.execPath, [script, hub.endpoint, cache], { stdio: ["ignore", "pipe", "inherit"] })
      let out = ""
      child.stdout.on("data", (text) => (out += String(text)))
      return { process: child, ended: new Promise<string>((resolve) => child.on("close", () => resolve(out))) }
    }),
    (child) => Effect.sync(() => child.process.kill("SIGKILL"))
  )

/** the name of a file whose content the hub does not name */
export const nameless = ({ hub }: Place) => createHash("sha256").update(`${hub.commit}\n${MODEL}`).digest("hex")

/** sends the bytes up to `to` of those that are asked for, and hangs up when they are in the partial file */
export const breakOff = (partial: string, request: IncomingMessage, response: ServerResponse, to: number): true => {
  const from = Number(/\d+/.exec(request.headers.range ?? "0")![0])
  response.writeHead(from === 0 ? 200 : 206, {
    "content-length": SIZE - from,
    etag: `"storage-${sha256(model)}"`,
    ...(from === 0 ? {} : { "content-range": `bytes ${from}-${SIZE - 1}/${SIZE}` })
  })
  response.write(model.subarray(from, to))
  void Effect.runPromise(until(() => sizeOf(partial) === to)).then(() => response.destroy())
  return true
}

/** breaks the first answer off */
export const breakAt = (at: Place, bytes: number, partial = partialOf(at)): Trick => {
  let first = true
  return (request, response) => {
    if (!first) return false
    first = false
    return breakOff(partial, request, response, bytes)
  }
}

/** sends the first bytes and then nothing */
export const stallAt =
  (bytes: number): Trick =>
  (_, response) => {
    response.writeHead(200, { "content-length": SIZE, etag: `"storage-${sha256(model)}"` })
    response.write(model.subarray(0, bytes))
    return true
  }
