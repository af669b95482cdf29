/** A hub on this machine: serves a real folder in the hub's layout, with a second server as its storage, and misbehaves on demand. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Server } from "node:http"
import { createServer } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo } from "node:net"
import { join, relative, sep } from "node:path"
import type { Certificate } from "./certificate.ts"

// neither the login nor the cache of whoever runs the tests; processes inherit it
for (const name of Object.keys(process.env)) if (name.startsWith("HF_")) delete process.env[name]
process.env["HF_HOME"] = "/nowhere"
/** the same for tests that give settings of their own */
export const isolated = { HF_HOME: "/nowhere" }

export interface Asked {
  readonly at: "hub" | "storage"
  readonly path: string
  readonly headers: IncomingMessage["headers"]
}

/** answers in place of the server, or says that it does not */
export type Trick = (request: IncomingMessage, response: ServerResponse, asked: Asked) => boolean | void

export interface TestHub {
  readonly endpoint: string
  readonly storage: string
  readonly commit: string
  /** what was asked for, in order */
  readonly log: Array<Asked>
  readonly tricks: {
    hub?: Trick | undefined
    storage?: Trick | undefined
    siblings?: (siblings: Array<Sibling>) => void
  }
  readonly files: Map<string, Buffer>
  /** requests of a file that were answered by the storage */
  readonly asked: (path: string) => ReadonlyArray<Asked>
}

export interface Sibling {
  rfilename: string
  size?: number | undefined
  blobId?: string | undefined
  lfs?: { sha256?: string; size?: number; pointerSize?: number } | undefined
}

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")
export const gitSha1 = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex")

export const filesOf = (folder: string): Map<string, Buffer> =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path).split(sep).join("/"), readFileSync(path)])
  )

/** bytes that look like weights: the same for the same seed */
export const bytesOf = (seed: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  let state = seed
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

const large = (path: string) => /\.(?:onnx|onnx_data|bin|png)$/.test(path)

/** the body, or the part that is asked for */
export const sendFile = (request: IncomingMessage, response: ServerResponse, bytes: Buffer, etag: string) => {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")
  const same = request.headers["if-range"] === undefined || request.headers["if-range"] === etag
  const from = range !== null && same ? Number(range[1]) : 0
  if (range !== null && same && from >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end()
    return
  }
  const part = bytes.subarray(from)
  response.writeHead(range !== null && same ? 206 : 200, {
    etag,
    "accept-ranges": "bytes",
    "content-length": part.length,
    ...(range !== null && same ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {})
  })
  response.end(part)
}

export const listen = (
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  tls?: Certificate
): Effect.Effect<{ readonly server: Server; readonly port: number }, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const server = tls === undefined ? createServer(handle) : createSecureServer(tls, handle)
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        return server
      }),
      (server) =>
        Effect.promise(async () => {
          server.closeAllConnections()
          await new Promise((resolve) => server.close(resolve))
        })
    ),
    (server) => ({ server, port: (server.address() as AddressInfo).port })
  )

export interface TestHubOptions {
  /** of the repository `org/name` */
  readonly files: Map<string, Buffer>
  /** further ones */
  readonly others?: Readonly<Record<string, Map<string, Buffer>>>
  readonly revision?: string
  /** who may read it */
  readonly token?: string
  /** of the hub, which then is `https://localhost` */
  readonly tls?: Certificate
  /** of the storage, which then is `https://127.0.0.1` */
  readonly storageTls?: Certificate
}

const commitOf = (files: Map<string, Buffer>): string =>
  gitSha1(Buffer.concat([...files].flatMap(([path, bytes]) => [Buffer.from(path), bytes])))

export const testHub = (options: TestHubOptions): Effect.Effect<TestHub, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { files, others = {}, revision = "main", storageTls, tls, token } = options
    const repos = new Map([["org/name", files], ...Object.entries(others)])
    const commits = new Map([...repos].map(([repo, content]) => [repo, commitOf(content)]))
    const stored = new Map(
      [...repos.values()].flatMap((content) => [...content.values()].map((bytes) => [sha256(bytes), bytes]))
    )
    const log: Array<Asked> = []
    const tricks: TestHub["tricks"] = {}

    const storing = yield* listen((request, response) => {
      const path = decodeURIComponent(new URL(request.url!, "http://x").pathname).slice(1)
      const asked: Asked = { at: "storage", path, headers: request.headers }
      log.push(asked)
      if (tricks.storage?.(request, response, asked) === true) return
      const name = new URL(request.url!, "http://x").searchParams.get("name")!
      sendFile(request, response, stored.get(name)!, `"storage-${name}"`)
    }, storageTls)
    const storage = `${storageTls === undefined ? "http" : "https"}://127.0.0.1:${storing.port}`

    const hub = yield* listen((request, response) => {
      const { pathname } = new URL(request.url!, "http://x")
      const [, repo = "", commit = "", file] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.*)$/.exec(pathname) ?? []
      const [, listed, wanted = ""] = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(pathname) ?? []
      const path = decodeURIComponent(file ?? pathname)
      const asked: Asked = { at: "hub", path, headers: request.headers }
      log.push(asked)
      if (tricks.hub?.(request, response, asked) === true) return
      if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
        response.writeHead(401, { "x-error-code": "RepoNotFound" }).end(`{"error":"Invalid credentials"}`)
        return
      }
      if (listed !== undefined) {
        const content = repos.get(listed)
        const sha = commits.get(listed)!
        if (content === undefined) {
          response.writeHead(404, { "x-error-code": "RepoNotFound" }).end()
          return
        }
        if (![revision, sha].includes(decodeURIComponent(wanted))) {
          response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end()
          return
        }
        const siblings = [...content].map(([rfilename, bytes]): Sibling =>
          large(rfilename)
            ? {
                rfilename,
                size: bytes.length,
                blobId: gitSha1(Buffer.from("pointer")),
                lfs: { sha256: sha256(bytes), size: bytes.length, pointerSize: 130 }
              }
            : { rfilename, size: bytes.length, blobId: gitSha1(bytes) }
        )
        tricks.siblings?.(siblings)
        response.writeHead(200, { "content-type": "application/json" })
        response.end(JSON.stringify({ id: listed, sha, siblings, private: token !== undefined }))
        return
      }
      const bytes = commits.get(repo) === commit ? repos.get(repo)?.get(path) : undefined
      if (bytes === undefined) {
        response.writeHead(404, { "x-error-code": "EntryNotFound" }).end()
        return
      }
      if (!large(path)) return sendFile(request, response, bytes, `"${gitSha1(bytes)}"`)
      response
        .writeHead(302, {
          location: `${storage}/${path}?name=${sha256(bytes)}&signature=secret-signature`,
          "x-linked-etag": `"${sha256(bytes)}"`,
          "x-linked-size": String(bytes.length)
        })
        .end()
    }, tls)
    const endpoint = tls === undefined ? `http://127.0.0.1:${hub.port}` : `https://localhost:${hub.port}`
    return {
      endpoint,
      storage,
      commit: commits.get("org/name")!,
      log,
      tricks,
      files,
      asked: (path) => log.filter((asked) => asked.path === path && (asked.at === "storage" || !large(path)))
    }
  })
