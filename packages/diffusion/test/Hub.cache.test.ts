/** The cache's folder: its layout, which the hub's own client for Python reads and writes too, and its upkeep. */
import * as Hub from "@effect-blocks/diffusion/Hub"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { dirname, join, relative } from "node:path"
import { replace } from "./support/fileSystem.ts"
import { temporary } from "./support/folder.ts"
import { bytesOf, filesOf, gitSha1, isolated, sha256, testHub } from "./support/hub.ts"
import type { Place } from "./support/hubPlace.ts"
import { breakAt, files, leftovers, list, MODEL, model, partialOf, place, SIZE, whole } from "./support/hubPlace.ts"

const blobOf = (path: string, bytes: Buffer) => (path === MODEL ? sha256(bytes) : gitSha1(bytes))

/** as the other client writes it: links, and the listing of newer versions */
const foreign = ({ hub, root }: Place, options: { readonly tree: boolean; readonly only?: ReadonlyArray<string> }) => {
  const snapshot = join(root, "snapshots", hub.commit)
  mkdirSync(join(root, "blobs"), { recursive: true })
  for (const [path, bytes] of files) {
    if (options.only !== undefined && !options.only.includes(path)) continue
    const blob = join(root, "blobs", blobOf(path, bytes))
    writeFileSync(blob, bytes)
    mkdirSync(dirname(join(snapshot, path)), { recursive: true })
    symlinkSync(relative(dirname(join(snapshot, path)), blob), join(snapshot, path))
  }
  mkdirSync(join(root, "refs"))
  writeFileSync(join(root, "refs", "main"), hub.commit)
  if (!options.tree) return snapshot
  mkdirSync(join(root, "trees"))
  writeFileSync(join(root, "trees", `${hub.commit}.json`), JSON.stringify(tree, null, 1))
  return snapshot
}

/** `format_version` 1 of huggingface_hub's `_tree_cache.py` */
const tree = {
  format_version: 1,
  files: Object.fromEntries(
    [...files].map(([path, bytes]) => [
      path,
      path === MODEL
        ? {
            size: bytes.length,
            blob_id: gitSha1(Buffer.from("pointer")),
            lfs_sha256: sha256(bytes),
            lfs_size: bytes.length
          }
        : { size: bytes.length, blob_id: gitSha1(bytes) }
    ])
  )
}

describe("the layout", () => {
  it.live("is that of huggingface_hub", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const folder = yield* at.get()
      assert.strictEqual(folder, join(at.root, "snapshots", at.hub.commit))
      assert.deepStrictEqual(list(at.cache), [".locks", "models--org--name"])
      assert.deepStrictEqual(list(at.root), ["blobs", "refs", "snapshots", "trees"])
      assert.strictEqual(readFileSync(join(at.root, "refs/main"), "utf8"), at.hub.commit)
      assert.deepStrictEqual(JSON.parse(readFileSync(join(at.root, "trees", `${at.hub.commit}.json`), "utf8")), tree)
      assert.deepStrictEqual(
        list(join(at.root, "blobs")),
        [...files].map(([path, bytes]) => blobOf(path, bytes)).toSorted()
      )
      for (const [path, bytes] of files) {
        // one file with two names, neither of which leads anywhere else
        const blob = statSync(join(at.root, "blobs", blobOf(path, bytes)))
        assert.strictEqual(lstatSync(join(folder, path)).ino, blob.ino)
      }
    })
  )

  it.live("has a folder for each part of a revision's name", () =>
    Effect.gen(function* () {
      const at = yield* place({ revision: "refs/pr/1" })
      const folder = yield* at.get({ revision: "refs/pr/1" })
      assert.strictEqual(readFileSync(join(at.root, "refs/refs/pr/1"), "utf8"), at.hub.commit)
      assert.strictEqual(yield* at.get({ revision: "refs/pr/1", offline: true }), folder)
      assert.strictEqual(at.hub.log[0]!.path, "/api/models/org/name/revision/refs/pr/1")
      const error = yield* Effect.flip(at.get({ revision: "refs/pr/2", offline: true }))
      assert.strictEqual(error.reason, "Offline")
    })
  )

  it.live("may lie under any name", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const cache = join(at.cache, "Modelle für später, 100 % größer", "模型 #1?")
      const folder = yield* at.get({ cache })
      assert.isTrue(folder.startsWith(cache))
      assert.deepStrictEqual(filesOf(folder), files)
      assert.strictEqual(yield* at.get({ cache, offline: true }), folder)
    })
  )

  it.live("is not written to where all is there already", () =>
    Effect.gen(function* () {
      const at = yield* place()
      yield* at.get()
      const stamps = () =>
        readdirSync(at.cache, { recursive: true, withFileTypes: true }).map((entry) => {
          const path = join(entry.parentPath, entry.name)
          const { ctimeNs, ino } = lstatSync(path, { bigint: true })
          return [path, ctimeNs, ino] as const
        })
      const before = stamps()
      yield* at.get()
      yield* at.get({ offline: true })
      yield* at.get({ revision: at.hub.commit })
      assert.deepStrictEqual(stamps(), before)
    })
  )
})

describe("a cache that huggingface_hub wrote", () => {
  for (const withTree of [true, false]) {
    it.live(`is read without a network, ${withTree ? "with" : "without"} a listing`, () =>
      Effect.gen(function* () {
        const at = yield* place()
        const snapshot = foreign(at, { tree: withTree })
        const folder = yield* at.get({ offline: true })
        assert.strictEqual(folder, snapshot)
        // files, no links: nothing leads out of the folder
        whole(at, folder)
        for (const [path] of files) assert.isFalse(lstatSync(join(folder, path)).isSymbolicLink(), path)
        assert.strictEqual(at.hub.log.length, 0)
        // and online nothing but the branch is asked for
        yield* at.get()
        assert.deepStrictEqual(
          at.hub.log.map(({ path }) => path),
          ["/api/models/org/name/revision/main"]
        )
      })
    )

    it.live(`that lacks something says what, ${withTree ? "with" : "without"} a listing, and is completed`, () =>
      Effect.gen(function* () {
        const at = yield* place()
        foreign(at, { tree: withTree, only: ["model_index.json", "unet/config.json"] })
        const error = yield* Effect.flip(at.get({ offline: true }))
        assert.strictEqual(error.reason, "Offline")
        assert.match(
          error.message,
          withTree ? /the cache has not unet\/model\.onnx/ : /the cache has no model\.onnx of it/
        )
        const named = yield* Effect.flip(at.get({ offline: true, folders: [], files: [MODEL] }))
        assert.match(named.message, /the cache has not unet\/model\.onnx; run it once with a network/)
        whole(at, yield* at.get())
        assert.deepStrictEqual(at.hub.asked("unet/config.json"), [])
      })
    )
  }

  it.live("is believed no checksum: what is damaged is not taken, and comes anew", () =>
    Effect.gen(function* () {
      const at = yield* place()
      foreign(at, { tree: true })
      writeFileSync(join(at.root, "blobs", sha256(model)), bytesOf(9, SIZE))
      const error = yield* Effect.flip(at.get({ offline: true }))
      assert.match(error.message, /the cache has not unet\/model\.onnx/)
      whole(at, yield* at.get())
      assert.strictEqual(at.hub.asked(MODEL).length, 1)
    })
  )

  it.live("leads nowhere by links to other places, to nothing, or to themselves", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const outside = yield* temporary("effect-blocks-outside-")
      writeFileSync(join(outside, "model.onnx"), model)
      for (const to of [join(outside, "model.onnx"), "../../../blobs/none", "model.onnx"]) {
        rmSync(at.root, { recursive: true, force: true })
        const snapshot = foreign(at, { tree: true, only: ["model_index.json", "unet/config.json"] })
        symlinkSync(to, join(snapshot, MODEL))
        assert.strictEqual((yield* Effect.flip(at.get({ offline: true }))).reason, "Offline")
        whole(at, yield* at.get())
        assert.deepStrictEqual(readFileSync(join(outside, "model.onnx")), model)
        assert.strictEqual(statSync(join(outside, "model.onnx")).nlink, 1)
      }
    })
  )

  it.live("holds blobs by names of its own, which are found by the links", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const snapshot = foreign(at, { tree: true })
      renameSync(join(at.root, "blobs", sha256(model)), join(at.root, "blobs", "an-etag-of-a-mirror"))
      rmSync(join(snapshot, MODEL))
      symlinkSync("../../../blobs/an-etag-of-a-mirror", join(snapshot, MODEL))
      whole(at, yield* at.get({ offline: true }))
    })
  )

  it.live("that is being written to is not interfered with: what is not whole has another name", () =>
    Effect.gen(function* () {
      const at = yield* place()
      // older versions of it append to this, and would to our file if it were the same
      const theirs = join(at.root, "blobs", `${sha256(model)}.incomplete`)
      mkdirSync(dirname(theirs), { recursive: true })
      writeFileSync(theirs, bytesOf(9, 1000))
      const folder = yield* at.get()
      assert.deepStrictEqual(filesOf(folder), files)
      assert.deepStrictEqual(readFileSync(theirs), bytesOf(9, 1000))
      assert.isUndefined(at.hub.asked(MODEL)[0]!.headers.range)
    })
  )

  it.live("is taken over too where its listing says nothing of the files", () =>
    Effect.gen(function* () {
      const at = yield* place()
      foreign(at, { tree: true })
      const bare = Object.fromEntries([...files.keys()].map((path) => [path, { size: null, blob_id: null }]))
      const file = join(at.root, "trees", `${at.hub.commit}.json`)
      writeFileSync(file, JSON.stringify({ format_version: 1, files: bare }))
      whole(at, yield* at.get({ offline: true }))
    })
  )

  it.live("has listings that this version does not know, which count as none", () =>
    Effect.gen(function* () {
      const at = yield* place()
      foreign(at, { tree: true })
      const file = join(at.root, "trees", `${at.hub.commit}.json`)
      for (const text of [`{ "format_version": 2 }`, "{", `{ "format_version": 1, "files": { "a": 1 } }`]) {
        writeFileSync(file, text)
        whole(at, yield* at.get({ offline: true }))
      }
      yield* at.get()
      assert.deepStrictEqual(JSON.parse(readFileSync(file, "utf8")), tree)
      writeFileSync(file, JSON.stringify({ ...tree, files: { ...tree.files, "../x": { size: 1, blob_id: null } } }))
      assert.strictEqual((yield* Effect.flip(at.get({ offline: true }))).reason, "Unsafe")
    })
  )
})

describe("settings of the environment", () => {
  const at = (config: Readonly<Record<string, string>>, options: Partial<Hub.Options> = {}) =>
    Hub.download({ repo: "org/name", retries: 0, ...options }).pipe(
      Effect.provide(FetchHttpClient.layer),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(config))
    )

  it.live("name the cache: HF_HUB_CACHE, then hub in HF_HOME, then in XDG_CACHE_HOME", () =>
    Effect.gen(function* () {
      const hub = yield* testHub({ files })
      const root = yield* temporary("effect-blocks-env-")
      const all = { HF_ENDPOINT: hub.endpoint, XDG_CACHE_HOME: join(root, "xdg") }
      const parent = (folder: string) => relative(root, join(folder, "../../.."))
      assert.strictEqual(parent(yield* at(all)), "xdg/huggingface/hub")
      assert.strictEqual(parent(yield* at({ ...all, HF_HOME: join(root, "home") })), "home/hub")
      const most = { ...all, HF_HOME: join(root, "home"), HF_HUB_CACHE: join(root, "cache") }
      assert.strictEqual(parent(yield* at(most)), "cache")
      assert.strictEqual(parent(yield* at({ ...most, HF_HUB_CACHE: " " })), "home/hub")
      assert.strictEqual(parent(yield* at(most, { cache: join(root, "given") })), "given")
    })
  )

  it.live("name who asks: an option, HF_TOKEN, the file that a login left, or nobody", () =>
    Effect.gen(function* () {
      const hub = yield* testHub({ files })
      const home = yield* temporary("effect-blocks-env-")
      writeFileSync(join(home, "token"), "hf_login\n")
      writeFileSync(join(home, "another"), "hf_another")
      const base = { HF_ENDPOINT: hub.endpoint, HF_HOME: home }
      const asked = Effect.fnUntraced(function* (config: Record<string, string>, options: Partial<Hub.Options> = {}) {
        const before = hub.log.length
        yield* at({ ...base, ...config }, options)
        return hub.log[before]!.headers.authorization
      })
      assert.strictEqual(yield* asked({}), "Bearer hf_login")
      assert.strictEqual(yield* asked({ HF_TOKEN_PATH: join(home, "another") }), "Bearer hf_another")
      assert.strictEqual(yield* asked({ HF_TOKEN: "hf_env" }), "Bearer hf_env")
      assert.strictEqual(yield* asked({ HF_TOKEN: "" }), "Bearer hf_login")
      const given = { token: Redacted.make("hf_given") }
      assert.strictEqual(yield* asked({ HF_TOKEN: "hf_env" }, given), "Bearer hf_given")
      assert.strictEqual(yield* asked({ HF_TOKEN: "hf_env" }, { token: Redacted.make("") }), undefined)
      assert.strictEqual(yield* asked({ HF_TOKEN: "hf_env", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }), undefined)
      assert.strictEqual(yield* asked({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }, given), "Bearer hf_given")
      const unreadable = yield* Effect.flip(at({ ...base, HF_TOKEN_PATH: home }))
      assert.strictEqual(unreadable.reason, "Invalid")
      assert.match(unreadable.message, /the token's file cannot be read: .*; see that you may read it, or set HF_TOKEN/)
    })
  )

  it.live("are refused where they are neither true nor false", () =>
    Effect.gen(function* () {
      for (const name of ["HF_HUB_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN"]) {
        const error = yield* Effect.flip(at({ ...isolated, [name]: "perhaps" }))
        assert.strictEqual(error.message, `org/name: ${name} is neither true nor false; set it to 1 or 0`)
      }
    })
  )
})

describe("cached", () => {
  it.live("says what there is, whoever wrote it, and changes nothing", () =>
    Effect.gen(function* () {
      const ours = yield* place({ revision: "refs/pr/1" })
      yield* ours.get({ revision: "refs/pr/1" })
      const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0)
      const expected: Hub.Cached = {
        repo: "org/name",
        commit: ours.hub.commit,
        revisions: ["refs/pr/1"],
        folder: join(ours.root, "snapshots", ours.hub.commit),
        bytes,
        pipeline: "whole"
      }
      assert.deepStrictEqual(yield* Hub.cached({ cache: ours.cache }), [expected])
      assert.deepStrictEqual(yield* Hub.cached({ cache: ours.cache, repo: "org/name" }), [expected])
      assert.deepStrictEqual(yield* Hub.cached({ cache: ours.cache, repo: "org/other" }), [])

      for (const withTree of [true, false]) {
        const theirs = yield* place()
        const snapshot = foreign(theirs, { tree: withTree })
        const [found] = yield* Hub.cached({ cache: theirs.cache })
        assert.deepStrictEqual(found, { ...expected, revisions: ["main"], folder: snapshot })
        assert.isTrue(lstatSync(join(snapshot, MODEL)).isSymbolicLink())
        rmSync(join(theirs.root, "blobs", sha256(model)))
        assert.strictEqual((yield* Hub.cached({ cache: theirs.cache }))[0]?.pipeline, "partial")
        rmSync(join(snapshot, "model_index.json"))
        assert.strictEqual((yield* Hub.cached({ cache: theirs.cache }))[0]?.pipeline, "partial")
      }
    })
  )

  it.live("tells a pipeline from what is none", () =>
    Effect.gen(function* () {
      const at = yield* place({ files: new Map([["config.json", Buffer.from("{}")]]) })
      yield* at.get({ folders: [""] })
      const [found] = yield* Hub.cached({ cache: at.cache })
      assert.deepStrictEqual([found?.pipeline, found?.bytes], ["none", 2])
    })
  )
})

const DAY = 86_400
const age = (path: string, days: number) => {
  const then = Date.now() / 1000 - days * DAY
  utimesSync(path, then, then)
}

describe("prune", () => {
  it.live("deletes what is left of downloads that nobody continued, by itself and when asked", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.storage = breakAt(at, 1000)
      // one after the other: none but the model is on its way when that breaks off
      yield* Effect.flip(at.get({ concurrency: 1 }))
      const blobs = join(at.root, "blobs")
      // what the other client leaves when it is killed, and what a killed write leaves
      for (const name of ["etag.0a1b2c3d.incomplete", "5a0b.incomplete"]) {
        writeFileSync(join(blobs, name), "12345")
        age(join(blobs, name), 8)
      }
      writeFileSync(join(blobs, "young.incomplete"), "1")
      // whole, and of no revision: only who asks for it has it deleted
      writeFileSync(join(blobs, sha256(Buffer.from("orphan"))), "orphan")
      age(join(blobs, sha256(Buffer.from("orphan"))), 8)
      const before = leftovers(at.root)
      assert.strictEqual(before.length, 5)

      // another revision does not need what is half here
      const next = yield* testHub({ files: new Map([...files, [MODEL, bytesOf(2, 10)]]) })
      yield* at.get({ endpoint: next.endpoint })
      assert.deepStrictEqual(
        leftovers(at.root),
        [
          `${sha256(model)}.effect-blocks.etag.incomplete`,
          `${sha256(model)}.effect-blocks.incomplete`,
          "young.incomplete"
        ].toSorted()
      )
      age(partialOf(at), 6)
      assert.include(list(blobs), sha256(Buffer.from("orphan")))
      assert.deepStrictEqual(yield* Hub.prune({ cache: at.cache }), { files: 1, bytes: 6 })
      assert.deepStrictEqual(yield* Hub.prune({ cache: at.cache, olderThan: "5 days" }), { files: 1, bytes: 1000 })
      const rest = yield* Hub.prune({ cache: at.cache, olderThan: 0, repo: "org/name" })
      assert.strictEqual(rest.files, 2)
      assert.deepStrictEqual(leftovers(at.root), [])
    })
  )

  it.live("leaves alone what a download is at, however old it is", () =>
    Effect.gen(function* () {
      const at = yield* place()
      let go: (() => void) | undefined
      at.hub.tricks.storage = (_, response) => {
        response.writeHead(200, { "content-length": SIZE, etag: `"storage-${sha256(model)}"` })
        response.write(model.subarray(0, 1000))
        go = () => response.end(model.subarray(1000))
        return true
      }
      const pruned = Effect.gen(function* () {
        while (!existsSync(partialOf(at)) || statSync(partialOf(at)).size < 1000) yield* Effect.sleep("5 millis")
        age(partialOf(at), 100)
        const result = yield* Hub.prune({ cache: at.cache })
        go!()
        return result
      })
      const [folder, result] = yield* Effect.all([at.get(), pruned], { concurrency: "unbounded" })
      assert.deepStrictEqual(result, { files: 0, bytes: 0 })
      whole(at, folder)
    })
  )

  it.live("deletes files that no snapshot has, be it by a link of either kind", () =>
    Effect.gen(function* () {
      const at = yield* place()
      const folder = yield* at.get()
      const blobs = join(at.root, "blobs")
      const orphan = join(blobs, sha256(Buffer.from("orphan")))
      writeFileSync(orphan, "orphan")
      const linked = join(blobs, sha256(Buffer.from("linked")))
      writeFileSync(linked, "linked")
      symlinkSync(relative(folder, linked), join(folder, "linked"))
      for (const name of list(blobs)) age(join(blobs, name), 8)
      assert.deepStrictEqual(yield* Hub.prune({ cache: at.cache }), { files: 1, bytes: 6 })
      assert.isFalse(existsSync(orphan))
      assert.isTrue(existsSync(linked))
      rmSync(join(folder, "linked"))
      whole(at, folder)
      // a revision that was deleted by hand
      rmSync(folder, { recursive: true })
      assert.strictEqual((yield* Hub.prune({ cache: at.cache })).files, files.size + 1)
      assert.deepStrictEqual(list(blobs), [])
      whole(at, yield* at.get())
    })
  )

  it.live("is of one repository, or of all there are, and of nothing else", () =>
    Effect.gen(function* () {
      const cache = yield* temporary("effect-blocks-hub-")
      const put = (folder: string) => {
        mkdirSync(join(cache, folder, "blobs"), { recursive: true })
        writeFileSync(join(cache, folder, "blobs", "x.incomplete"), "12")
        age(join(cache, folder, "blobs", "x.incomplete"), 8)
      }
      for (const folder of ["models--org--a", "models--org--b", "datasets--org--a", "models--..--x", "other"])
        put(folder)
      assert.deepStrictEqual(yield* Hub.prune({ cache, repo: "org/a" }), { files: 1, bytes: 2 })
      assert.deepStrictEqual(yield* Hub.prune({ cache }), { files: 1, bytes: 2 })
      assert.strictEqual((yield* Effect.flip(Hub.prune({ cache, repo: "../x" }))).reason, "Invalid")
      assert.isTrue(existsSync(join(cache, "datasets--org--a/blobs/x.incomplete")))
    })
  )
})

describe("verify", () => {
  it.live("finds what is no longer what the hub listed, and takes it out when asked", () =>
    Effect.gen(function* () {
      const at = yield* place({ files: new Map([...files, ["unet/extra.json", Buffer.from("{}")]]) })
      const folder = yield* at.get()
      const options = { repo: "org/name", cache: at.cache }
      assert.deepStrictEqual(yield* Hub.verify(options), {
        folder,
        commit: at.hub.commit,
        sound: [...at.hub.files.keys()].toSorted(),
        unknown: [],
        faults: []
      })

      // a bit that tipped over: its length is right, so a download would not see it
      const bytes = Buffer.from(model)
      bytes[1234]! ^= 4
      writeFileSync(join(folder, MODEL), bytes)
      writeFileSync(join(folder, "unet/config.json"), "cut")
      rmSync(join(folder, "unet/extra.json"))
      symlinkSync("nowhere", join(folder, "unet/extra.json"))
      writeFileSync(join(folder, "mine.txt"), "what is this")
      assert.strictEqual(yield* at.get({ offline: true, folders: [], files: [MODEL] }), folder)
      const found = yield* Hub.verify(options)
      assert.deepStrictEqual(found.sound, ["model_index.json"])
      assert.deepStrictEqual(
        [...found.faults].toSorted((a, b) => (a.file < b.file ? -1 : 1)),
        [
          { file: "mine.txt", problem: "unlisted" },
          { file: "unet/config.json", problem: "size" },
          { file: "unet/extra.json", problem: "missing" },
          { file: MODEL, problem: "checksum" }
        ]
      )
      assert.deepStrictEqual(yield* Hub.verify({ ...options, remove: true }), found)
      assert.deepStrictEqual([...filesOf(folder).keys()], ["model_index.json"])
      whole(at, yield* at.get())
      assert.strictEqual(at.hub.asked(MODEL).length, 2)
      assert.strictEqual((yield* Hub.verify({ ...options, revision: at.hub.commit })).faults.length, 0)
    })
  )

  it.live("says which files it cannot judge, and that it knows nothing of a revision", () =>
    Effect.gen(function* () {
      const at = yield* place()
      at.hub.tricks.siblings = (siblings) => {
        for (const sibling of siblings) {
          delete sibling.blobId
          delete sibling.lfs
        }
      }
      yield* at.get()
      const { sound, unknown } = yield* Hub.verify({ repo: "org/name", cache: at.cache })
      assert.deepStrictEqual([sound, [...unknown].toSorted()], [[], [...files.keys()].toSorted()])
      const error = yield* Effect.flip(Hub.verify({ repo: "org/name", revision: "v2", cache: at.cache }))
      assert.match(error.message, /the cache has nothing of revision 'v2'/)
    })
  )
})

describe("a file system without hard links, or files of another user", () => {
  it.live("gets copies", () =>
    Effect.gen(function* () {
      const at = yield* place()
      yield* replace("link", () => () => Promise.reject(Object.assign(new Error("no"), { code: "EPERM" })))
      const folder = yield* at.get()
      whole(at, folder)
      assert.strictEqual(statSync(join(folder, MODEL)).nlink, 1)
      assert.strictEqual(yield* at.get({ offline: true }), folder)
    })
  )
})
