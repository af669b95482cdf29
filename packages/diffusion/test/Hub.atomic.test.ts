/** Writes that end in the middle: by an error, by an interruption, by the end of the process. */
import * as ModularIndex from "@effect-blocks/diffusion/ModularIndex"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { spawn } from "node:child_process"
import type fs from "node:fs"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { replace } from "./support/fileSystem.ts"
import { temporary } from "./support/folder.ts"
import { filesOf } from "./support/hub.ts"
import { files, leftovers, list, MODEL, notThere, place, until, whole } from "./support/hubPlace.ts"

const before = ModularIndex.make("Before", { unet: { repo: "org/before" } })
const after = ModularIndex.make("After", { unet: { repo: "org/after" } })

describe("the index of a folder", () => {
  const folderWith = Effect.gen(function* () {
    const folder = yield* temporary("effect-blocks-index-")
    yield* ModularIndex.write(folder, before)
    return folder
  })
  const asBefore = Effect.fnUntraced(function* (folder: string) {
    assert.deepStrictEqual(readdirSync(folder), [ModularIndex.fileName])
    assert.deepStrictEqual(yield* ModularIndex.read(folder), before)
  })

  it.live("is as before when its write is interrupted before the rename", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith
      let written: string | undefined
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* replace("open", (real) => async (path: string, ...rest: Array<any>) => {
            const handle = await (real as (...all: Array<any>) => Promise<fs.promises.FileHandle>)(path, ...rest)
            if (path.includes(ModularIndex.fileName)) {
              // all bytes are written; the flush takes for ever
              handle.sync = () => {
                written = path
                return new Promise(() => undefined)
              }
            }
            return handle
          })
          const fiber = yield* Effect.forkChild(ModularIndex.write(folder, after))
          yield* until(() => written !== undefined)
          assert.include(readFileSync(written!, "utf8"), "After")
          yield* Fiber.interrupt(fiber)
        })
      )
      yield* asBefore(folder)
    })
  )

  it.live("is as before when the disk is full, and says so", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith
      const error = yield* Effect.scoped(
        Effect.gen(function* () {
          yield* replace("open", (real) => async (path: string, ...rest: Array<any>) => {
            const handle = await (real as (...all: Array<any>) => Promise<fs.promises.FileHandle>)(path, ...rest)
            handle.writeFile = () =>
              Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }))
            return handle
          })
          return yield* Effect.flip(ModularIndex.write(folder, after))
        })
      )
      assert.strictEqual(error.reason, "Unreadable")
      assert.match(error.message, /^modular_model_index\.json: ENOSPC: .*; expected a folder that may be written$/)
      yield* asBefore(folder)
    })
  )

  it.live("cannot be written where there is no folder to be", () =>
    Effect.gen(function* () {
      const folder = yield* temporary("effect-blocks-index-")
      writeFileSync(join(folder, "file"), "")
      const error = yield* Effect.flip(ModularIndex.write(join(folder, "file"), after))
      assert.match(error.message, /^modular_model_index\.json: (?:ENOTDIR|EEXIST)/)
    })
  )

  it.live("keeps its old or its new content, whole, where another reads while it is written over and over", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith
      const reads = Effect.forEach(Array.from({ length: 100 }), () => ModularIndex.read(folder))
      const writes = Effect.forEach(Array.from({ length: 50 }), (_, i) =>
        ModularIndex.write(folder, i % 2 === 0 ? after : before)
      )
      const [seen] = yield* Effect.all([reads, writes, writes], { concurrency: "unbounded" })
      for (const index of seen) assert.include(["Before", "After"], index.className)
      assert.deepStrictEqual(readdirSync(folder), [ModularIndex.fileName])
    })
  )
})

/** runs a script whose renames, of what matches, wait for ever; killed when the first has been asked for */
const killAtRename = (script: string, args: ReadonlyArray<string>, pattern: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const hang = fileURLToPath(new URL("./support/hangAtRename.ts", import.meta.url))
      const child = spawn(
        process.execPath,
        ["--import", hang, fileURLToPath(new URL(script, import.meta.url)), ...args],
        { env: { ...process.env, HANG_AT: pattern }, stdio: ["ignore", "pipe", "inherit"] }
      )
      return child
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(
    Effect.flatMap((child) =>
      Effect.promise(async () => {
        let out = ""
        for await (const text of child.stdout) {
          out += String(text)
          if (out.includes("\n")) break
        }
        child.kill("SIGKILL")
        if (child.exitCode === null && child.signalCode === null) {
          await new Promise((resolve) => child.on("close", resolve))
        }
        return out.trim()
      })
    ),
    Effect.scoped
  )

describe("a process that is killed when all is written but the name", () => {
  it.live(
    "leaves an index as before",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary("effect-blocks-index-")
        yield* ModularIndex.write(folder, before)
        const asked = yield* killAtRename("./support/writeIndex.ts", [folder], "modular_model_index")
        assert.match(asked, /\.tmp -> .*modular_model_index\.json$/)
        // what is left has another name, and is no obstacle
        assert.strictEqual(readdirSync(folder).length, 2)
        assert.deepStrictEqual(yield* ModularIndex.read(folder), before)
        yield* ModularIndex.write(folder, after)
        assert.deepStrictEqual(yield* ModularIndex.read(folder), after)
      }),
    60_000
  )

  for (const [what, pattern] of [
    ["a listing", "/trees/"],
    ["a small file", "/blobs/[0-9a-f]{40}$"],
    ["a large file", "/blobs/[0-9a-f]{64}$"],
    ["a file's place in the snapshot", "/snapshots/.*/unet/model.onnx$"],
    ["which version a partial file is of", "\\.etag\\.incomplete$"],
    ["a revision", "/refs/main$"]
  ] as const) {
    it.live(
      `leaves nothing that counts as ${what}`,
      () =>
        Effect.gen(function* () {
          const at = yield* place()
          const asked = yield* killAtRename("./support/downloadOnce.ts", [at.hub.endpoint, at.cache], pattern)
          const target = asked.split(" -> ")[1]!
          assert.match(target, new RegExp(pattern))
          assert.isFalse(existsSync(target), target)
          if (what !== "a revision" && what !== "a file's place in the snapshot") notThere(at)
          // whatever name something has that counts, it is that, whole
          const snapshots = join(at.root, "snapshots")
          for (const [path, bytes] of existsSync(snapshots) ? filesOf(snapshots) : []) {
            assert.deepStrictEqual(bytes, files.get(path.slice(41)), path)
          }
          for (const name of list(join(at.root, "refs"))) {
            assert.strictEqual(readFileSync(join(at.root, "refs", name), "utf8"), at.hub.commit)
          }
          // offline it says what it lacks, or has all
          const offline = yield* Effect.result(at.get({ offline: true }))
          if (offline._tag === "Failure") assert.strictEqual(offline.failure.reason, "Offline")
          else assert.deepStrictEqual(filesOf(offline.success), files)
          const folder = yield* at.get()
          assert.deepStrictEqual(filesOf(folder), files)
          // of temporary names there is one at most, which is swept up later
          assert.isAtMost(leftovers(at.root).length, 1)
        }),
      60_000
    )
  }
})

describe("the cache's disk", () => {
  it.live("is full in the middle of a file: a typed error; what came is continued when there is room", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const error = yield* Effect.scoped(
        Effect.gen(function* () {
          yield* replace("open", (real) => async (path: string, ...rest: Array<any>) => {
            const handle = await (real as (...all: Array<any>) => Promise<fs.promises.FileHandle>)(path, ...rest)
            const write = handle.write.bind(handle) as (...all: Array<any>) => Promise<{ bytesWritten: number }>
            handle.write = ((bytes: Uint8Array, offset: number, length: number, position: number) => {
              if (position + length <= 100_000) return write(bytes, offset, length, position)
              if (position < 100_000) return write(bytes, offset, 100_000 - position, position)
              return Promise.reject(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }))
            }) as any
            return handle
          })
          return yield* Effect.flip(at.get({ retries: 3 }))
        })
      )
      assert.strictEqual(error.reason, "NoSpace")
      assert.strictEqual(
        error.message,
        `org/name/${MODEL}: the cache's disk is full; free some space, or name another folder in HF_HUB_CACHE; what came is kept`
      )
      assert.strictEqual(at.hub.asked(MODEL).length, 1)
      notThere(at)
      whole(at, yield* at.get())
      assert.strictEqual(at.hub.asked(MODEL)[1]!.headers.range, "bytes=100000-")
    })
  )

  it.live("is none, or may not be written to", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const file = join(at.cache, "file")
      writeFileSync(file, "")
      const inFile = yield* Effect.flip(at.get({ cache: join(file, "hub") }))
      assert.strictEqual(inFile.reason, "FileSystem")
      assert.match(
        inFile.message,
        /the cache cannot be used: (?:ENOTDIR|EEXIST).*; see that HF_HUB_CACHE names a folder/
      )
      // a folder where a file has to be
      mkdirSync(join(at.root, "snapshots", at.hub.commit, MODEL), { recursive: true })
      assert.strictEqual((yield* Effect.flip(at.get())).reason, "FileSystem")
    })
  )
})
