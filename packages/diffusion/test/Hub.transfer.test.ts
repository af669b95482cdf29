/** What happens to files on their way: ranges, breaks, faults, kills, and who else is at it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Sibling, Trick } from "./support/hub.ts"
import { bytesOf, filesOf, sendFile, sha256, testHub } from "./support/hub.ts"
import type { Place } from "./support/hubPlace.ts"
import {
  breakAt,
  breakOff,
  downloader,
  elapse,
  files,
  leftovers,
  MODEL,
  model,
  nameless,
  notThere,
  partialOf,
  place,
  SIZE,
  sizeOf,
  stallAt,
  until,
  whole
} from "./support/hubPlace.ts"

/** a mirror that lists names and nothing else */
const nothingKnown = (siblings: Array<Sibling>) => {
  for (const sibling of siblings) {
    delete sibling.size
    delete sibling.blobId
    delete sibling.lfs
  }
}

describe("a download that broke off", () => {
  it.live("is a typed error, leaves no model, and is continued by the next run", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.storage = breakAt(at, 100_000)
      const error = yield* Effect.flip(at.get())
      assert.strictEqual(error.reason, "Truncated")
      assert.strictEqual(
        error.message,
        `org/name/${MODEL}: 100000 of 300000 bytes came; run it again: it continues there`
      )
      notThere(at)
      assert.deepStrictEqual(readFileSync(partialOf(at)), model.subarray(0, 100_000))

      whole(at, yield* at.get())
      const second = at.hub.asked(MODEL)[1]!
      assert.strictEqual(second.headers.range, "bytes=100000-")
      assert.strictEqual(second.headers["if-range"], `"storage-${sha256(model)}"`)
    })
  )

  it.live("is continued by itself, as often as something comes", () =>
    Effect.gen(function* () {
      const at = yield* place()
      // twice as many breaks in a row as retries: each brings a part
      let breaks = 0
      at.hub.tricks.storage = (request, response) =>
        breaks++ < 4 && breakOff(partialOf(at), request, response, breaks * 50_000)
      whole(at, yield* at.get({ retries: 2 }))
      assert.deepStrictEqual(
        at.hub.asked(MODEL).map(({ headers }) => headers.range),
        [undefined, ...[50, 100, 150, 200].map((thousand) => `bytes=${thousand}000-`)]
      )
    })
  )

  const again: ReadonlyArray<readonly [what: string, prepare: (at: Place) => void]> = [
    [
      "a server that ignores ranges",
      ({ hub }) => {
        hub.tricks.storage = (request, response) => {
          delete request.headers.range
          sendFile(request, response, model, `"storage-${sha256(model)}"`)
          return true
        }
      }
    ],
    [
      "another version by now",
      ({ hub }) => {
        hub.tricks.storage = (request, response) => {
          sendFile(request, response, model, `"another"`)
          return true
        }
      }
    ],
    [
      "a server that answers another range",
      ({ hub }) => {
        hub.tricks.storage = (request, response) => {
          if (request.headers.range === undefined) return false
          response
            .writeHead(206, { "content-range": `bytes 7-${SIZE - 1}/${SIZE}`, "content-length": SIZE - 7 })
            .end(model.subarray(7))
          return true
        }
      }
    ],
    [
      "a server that refuses the range",
      ({ hub }) => {
        hub.tricks.storage = (request, response) => {
          if (request.headers.range === undefined) return false
          response.writeHead(416).end()
          return true
        }
      }
    ],
    ["a beginning that is not the file's", (at) => writeFileSync(partialOf(at), bytesOf(9, 100_000))],
    ["a beginning that is longer than the file", (at) => writeFileSync(partialOf(at), bytesOf(9, SIZE + 1))],
    ["a beginning that is as long as the file", (at) => writeFileSync(partialOf(at), bytesOf(9, SIZE))]
  ]
  for (const [what, prepare] of again) {
    it.live(`starts anew with ${what}`, () =>
      Effect.gen(function* () {
        const at = yield* place()
        at.hub.tricks.storage = breakAt(at, 100_000)
        yield* Effect.flip(at.get())
        at.hub.tricks.storage = undefined
        prepare(at)
        whole(at, yield* at.get())
      })
    )
  }

  it.live("by a kill before it got its name, is not asked for again where its size is known only now", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.siblings = nothingKnown
      const partial = join(at.root, "blobs", `${nameless(at)}.effect-blocks.incomplete`)
      at.hub.tricks.storage = breakAt(at, 1000, partial)
      yield* Effect.flip(at.get())
      writeFileSync(partial, model)
      assert.deepStrictEqual(filesOf(yield* at.get()), files)
      // the answer says that there is no more, and the hub's what it must be
      assert.strictEqual(at.hub.asked(MODEL).length, 2)
      assert.strictEqual(at.hub.asked(MODEL)[1]!.headers.range, `bytes=${SIZE}-`)

      // as long, and another: from the start
      rmSync(at.root, { recursive: true })
      at.hub.tricks.storage = breakAt(at, 1000, partial)
      yield* Effect.flip(at.get())
      writeFileSync(partial, bytesOf(9, SIZE))
      assert.deepStrictEqual(filesOf(yield* at.get()), files)
      assert.strictEqual(at.hub.asked(MODEL).at(-1)!.headers.range, undefined)
    })
  )

  it.live("without a length, is truncated by what the hub lists", () =>
    Effect.gen(function* () {
      const at = yield* place()
      // in pieces without a length, and an orderly end that comes too early
      at.hub.tricks.storage = (_, response) => {
        response.writeHead(200, { etag: `"storage-${sha256(model)}"` })
        response.write(model.subarray(0, 100_000))
        response.end(model.subarray(100_000, 200_000))
        return true
      }
      const error = yield* Effect.flip(at.get())
      assert.strictEqual(error.reason, "Truncated")
      assert.match(error.message, /200000 of 300000 bytes came/)
      notThere(at)
      at.hub.tricks.storage = undefined
      whole(at, yield* at.get())
      assert.strictEqual(at.hub.asked(MODEL)[1]!.headers.range, "bytes=200000-")
    })
  )

  it.live("or did not, comes whole without a length and without ranges", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.storage = (_, response) => {
        response.writeHead(200)
        response.write(model.subarray(0, 100_000))
        response.end(model.subarray(100_000))
        return true
      }
      whole(at, yield* at.get())
    })
  )

  it.effect("ends when nothing comes any more, and is continued", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.storage = stallAt(120_000)
      const fiber = yield* Effect.forkChild(Effect.flip(at.get({ stallTimeout: "20 seconds" })))
      yield* until(() => sizeOf(partialOf(at)) === 120_000)
      const error = yield* elapse(fiber)
      assert.strictEqual(error.reason, "TimedOut")
      assert.match(error.message, /unet\/model\.onnx: nothing came for 20s; run it again: what came is kept/)
      notThere(at)
      at.hub.tricks.storage = undefined
      whole(at, yield* at.get())
      assert.strictEqual(at.hub.asked(MODEL)[1]!.headers.range, "bytes=120000-")
    })
  )

  it.effect("ends when no answer comes", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.hub = () => true
      const fiber = yield* Effect.forkChild(Effect.flip(at.get()))
      yield* until(() => at.hub.log.length === 1)
      assert.strictEqual((yield* elapse(fiber)).reason, "TimedOut")
    })
  )

  it.live("by interruption, leaves what came", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.storage = stallAt(120_000)
      const fiber = yield* Effect.forkChild(at.get())
      yield* until(() => sizeOf(partialOf(at)) === 120_000)
      yield* Fiber.interrupt(fiber)
      notThere(at)
      at.hub.tricks.storage = undefined
      // the lock is free again
      whole(at, yield* at.get())
      assert.strictEqual(at.hub.asked(MODEL)[1]!.headers.range, "bytes=120000-")
    })
  )

  it.live(
    "by a killed process, is continued",
    () =>
      Effect.gen(function* () {
        const at = yield* place()
        at.hub.tricks.storage = stallAt(120_000)
        const child = yield* downloader(at)
        yield* until(() => sizeOf(partialOf(at)) === 120_000)
        child.process.kill("SIGKILL")
        yield* Effect.promise(() => child.ended)
        notThere(at)
        at.hub.tricks.storage = undefined
        whole(at, yield* at.get())
        assert.strictEqual(at.hub.asked(MODEL)[1]!.headers.range, "bytes=120000-")
      }),
    60_000
  )
})

describe("a file that is not what the hub lists", () => {
  const wrong: ReadonlyArray<readonly [what: string, trick: Trick, detail: RegExp]> = [
    [
      "other bytes",
      (request, response) => {
        sendFile(request, response, bytesOf(2, SIZE), `"x"`)
        return true
      },
      /its SHA-256 is not [0-9a-f]{64}, which the hub lists/
    ],
    [
      "fewer bytes, and says so",
      (request, response) => {
        sendFile(request, response, model.subarray(0, 1000), `"x"`)
        return true
      },
      /the server sends 1000 bytes, and the hub lists 300000/
    ],
    [
      "more bytes without saying so",
      (_, response) => {
        response.writeHead(200)
        response.write(model)
        response.end("more")
        return true
      },
      /the server sends more than 300000 bytes/
    ]
  ]
  for (const [what, trick, detail] of wrong) {
    it.live(`${what}: is refused, and nothing of it stays`, () =>
      Effect.gen(function* () {
        const at = yield* place()
        at.hub.tricks.storage = trick
        const error = yield* Effect.flip(at.get({ retries: 3 }))
        assert.strictEqual(error.reason, "Corrupt")
        assert.match(error.message, detail)
        assert.strictEqual(error.file, MODEL)
        assert.strictEqual(at.hub.asked(MODEL).length, 1)
        notThere(at)
        // other files were on their way when it ended, and are continued
        assert.notInclude(leftovers(at.root).join(), sha256(model))
        at.hub.tricks.storage = undefined
        whole(at, yield* at.get())
      })
    )
  }

  it.live("a small file too: by git's checksum", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.hub = (request, response, { path }) => {
        if (path !== "unet/config.json") return false
        sendFile(request, response, Buffer.from(`{ "in_channels": 9 }`), `"x"`)
        return true
      }
      const error = yield* Effect.flip(at.get())
      assert.strictEqual(error.reason, "Corrupt")
      assert.match(error.message, /^org\/name\/unet\/config\.json: its SHA-1 is not/)
    })
  )

  it.live("where the listing says neither size nor checksum, the hub's answer does", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.siblings = nothingKnown
      at.hub.tricks.storage = (request, response) => {
        sendFile(request, response, bytesOf(2, SIZE), `"x"`)
        return true
      }
      assert.strictEqual((yield* Effect.flip(at.get())).reason, "Corrupt")
      at.hub.tricks.storage = breakAt(at, 1000, join(at.root, "blobs", `${nameless(at)}.effect-blocks.incomplete`))
      assert.strictEqual((yield* Effect.flip(at.get())).reason, "Truncated")
      assert.deepStrictEqual(filesOf(yield* at.get()), files)
      assert.strictEqual(at.hub.asked(MODEL).at(-1)!.headers.range, "bytes=1000-")
    })
  )
})

describe("the cache", () => {
  it.live("is not asked twice for what is there, and misses what was deleted or cut", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const folder = yield* at.get()
      const before = at.hub.log.length
      assert.strictEqual(yield* at.get(), folder)
      // the branch may have moved: that alone is asked
      assert.deepStrictEqual(
        at.hub.log.slice(before).map(({ path }) => path),
        ["/api/models/org/name/revision/main"]
      )
      assert.strictEqual(yield* at.get({ revision: at.hub.commit }), folder)
      assert.strictEqual(at.hub.log.length, before + 1)

      // a cut name is taken for a missing one, and the blob of that content with it: they are one file
      writeFileSync(join(folder, MODEL), "cut")
      whole(at, yield* at.get())
      assert.strictEqual(at.hub.asked(MODEL).length, 2)
    })
  )

  it.live("keeps one copy of what revisions share", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const first = yield* at.get()
      const next = yield* testHub({ files: new Map([...files, ["unet/config.json", Buffer.from("{}")]]) })
      const second = yield* at.get({ endpoint: next.endpoint })
      assert.notStrictEqual(first, second)
      assert.deepStrictEqual(filesOf(second), next.files)
      assert.deepStrictEqual(filesOf(first), files)
      assert.strictEqual(next.asked(MODEL).length, 0)
      assert.strictEqual(statSync(join(first, MODEL)).ino, statSync(join(second, MODEL)).ino)
    })
  )

  it.live("downloads a file once for any number of fibers", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const folders = yield* Effect.all(
        Array.from({ length: 5 }, () => at.get()),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(folders).size, 1)
      whole(at, folders[0]!)
      assert.strictEqual(at.hub.asked(MODEL).length, 1)
    })
  )

  it.live(
    "downloads a file once for two processes",
    () =>
      Effect.gen(function* () {
        const at = yield* place()
        // the first is held in the middle of the model until the second is there too
        let held: (() => void) | undefined
        at.hub.tricks.storage = (_, response) => {
          response.writeHead(200, { "content-length": SIZE, etag: `"storage-${sha256(model)}"` })
          response.write(model.subarray(0, 1000))
          held = () => response.end(model.subarray(1000))
          return true
        }
        const listed = () => at.hub.log.filter(({ path }) => path.startsWith("/api/")).length
        const first = yield* downloader(at)
        yield* until(() => held !== undefined)
        const second = yield* downloader(at)
        yield* until(() => listed() === 2)
        held!()
        const [a, b] = yield* Effect.promise(() => Promise.all([first.ended, second.ended]))
        assert.strictEqual(a, b)
        whole(at, a)
        assert.strictEqual(at.hub.asked(MODEL).length, 1)
      }),
    60_000
  )
})
