import * as Output from "@effect-blocks/cli/Output"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const withFolder = <A, E>(use: (folder: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "cli-output-"))),
    use,
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

const wanted = [7, 8].map((seed) => ({ prompt: "A red heart", seed }))
const plan = (out: string | undefined, options: { readonly force?: boolean; readonly one?: boolean } = {}) =>
  Output.plan({ out, force: options.force ?? false, wanted: options.one ? wanted.slice(0, 1) : wanted })

describe("Output.plan", () => {
  it.effect("names files after prompt and seed, and never takes a name that is taken", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        writeFileSync(join(folder, "a-red-heart-7.png"), "")
        writeFileSync(join(folder, "a-red-heart-7-2.png"), "")
        const { paths } = yield* plan(folder)
        assert.deepEqual(paths, [join(folder, "a-red-heart-7-3.png"), join(folder, "a-red-heart-8.png")])
        assert.deepEqual((yield* plan(folder, { force: true })).paths[0], join(folder, "a-red-heart-7.png"))
        assert.deepEqual((yield* plan(join(folder, "new/deep/"))).paths, [
          join(folder, "new/deep/a-red-heart-7.png"),
          join(folder, "new/deep/a-red-heart-8.png")
        ])
        assert.isFalse(existsSync(join(folder, "new")), "nothing is made before there is a picture")
      })
    )
  )

  it.effect("gives several pictures their own names", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const names = (out: string, one = false) =>
          Effect.map(plan(join(folder, out), { one }), ({ paths }) =>
            paths.map((path) => path.slice(folder.length + 1))
          )
        assert.deepEqual(yield* names("heart.png", true), ["heart.png"])
        assert.deepEqual(yield* names("heart.png"), ["heart-7.png", "heart-8.png"])
        assert.deepEqual(yield* names("{index}-{prompt}.webp"), ["1-a-red-heart.webp", "2-a-red-heart.webp"])
        assert.deepEqual(yield* names("{seed}/x.jpg"), ["7/x.jpg", "8/x.jpg"])
      })
    )
  )

  it.effect("tells pictures of several prompts, and of one seed, apart", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const names = (out: string, wanted: ReadonlyArray<Output.Wanted>, force = false) =>
          Effect.map(Output.plan({ out: join(folder, out), force, wanted }), ({ paths }) =>
            paths.map((path) => path.slice(folder.length + 1))
          )
        const prompts = ["cat", "dog"].map((prompt) => ({ prompt, seed: 7 }))
        assert.deepEqual(yield* names("a.png", prompts), ["a-cat-7.png", "a-dog-7.png"])
        const same = [1, 2].map(() => ({ prompt: "cat", seed: 7 }))
        assert.deepEqual(yield* names("a.png", same), ["a-1.png", "a-2.png"])
        for (const force of [false, true]) {
          assert.deepEqual(yield* names("", same, force), ["cat-7.png", "cat-7-2.png"])
        }
      })
    )
  )

  const refused = (name: string, prepare: (folder: string) => string, expected: RegExp, options = {}) =>
    it.effect(name, () =>
      withFolder((folder) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(plan(prepare(folder), { one: true, ...options }))
          assert.match(error.message, expected)
          assert.isTrue(error.before)
        })
      )
    )

  refused(
    "refuses a file that is there",
    (folder) => (writeFileSync(join(folder, "a.png"), ""), join(folder, "a.png")),
    /a\.png: a file of this name.*--force/
  )
  refused(
    "refuses a folder that looks like a picture",
    (folder) => (mkdirSync(join(folder, "a.png")), join(folder, "a.png")),
    /a\.png: is a folder, expected a file/,
    { force: true }
  )
  refused("refuses other types", (folder) => join(folder, "a.gif"), /a\.gif: expected a file ending in \.png/)
  refused(
    "refuses a path through a file",
    (folder) => (writeFileSync(join(folder, "a"), ""), join(folder, "a/b/c.png")),
    /a part of the path is a file/
  )
  refused(
    "refuses a word in braces that it does not know",
    () => "{name}-{seed}.png",
    /there is no \{name\}, only \{seed\}/
  )
  refused("refuses an empty name", () => "", /--out: is empty/)
  refused("refuses a null character", () => "a\0.png", /null character/)
  refused("refuses a name that is too long", (folder) => join(folder, `${"x".repeat(300)}.png`), /the name is too long/)
  refused("refuses a pipe", () => "/dev/stdin/", /./)

  it.effect("refuses a folder that cannot be written", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        if (process.getuid?.() === 0) {
          // root may write anywhere that is not read-only by itself
          const error = yield* Effect.flip(plan("/proc/new/picture.png", { one: true }))
          assert.match(error.message, /cannot write into this folder/)
        } else {
          chmodSync(folder, 0o500)
          const error = yield* Effect.flip(plan(join(folder, "new/picture.png"), { one: true }))
          assert.match(error.message, /cannot write into this folder: permission denied/)
        }
      })
    )
  )
})

describe("Output.write", () => {
  it.effect("writes, replaces only with force, and leaves no temporary file", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "deep/picture.png")
        yield* Output.write(path, Uint8Array.of(1), { force: false })
        const error = yield* Effect.flip(Output.write(path, Uint8Array.of(2), { force: false }))
        assert.match(error.message, /a file of this name is there already/)
        assert.deepEqual([...readFileSync(path)], [1])
        yield* Output.write(path, Uint8Array.of(3), { force: true })
        assert.deepEqual([...readFileSync(path)], [3])
        assert.deepEqual(readdirSync(join(folder, "deep")), ["picture.png"])
      })
    )
  )

  it.effect("leaves nothing behind when it is interrupted", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const bytes = new Uint8Array(64 * 2 ** 20)
        for (let turns = 0; turns < 20; turns++) {
          const started = yield* Deferred.make<void>()
          const path = join(folder, `${turns}.png`)
          const fiber = yield* Effect.forkChild(
            Effect.andThen(Deferred.succeed(started, undefined), Output.write(path, bytes, { force: false }))
          )
          yield* Deferred.await(started)
          for (let turn = 0; turn < turns; turn++)
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* Fiber.interrupt(fiber)
          const left = readdirSync(folder)
          assert.isTrue(
            left.length === 0 || (left.length === 1 && readFileSync(path).length === bytes.length),
            left.join()
          )
          rmSync(path, { force: true })
        }
      })
    )
  )
})
