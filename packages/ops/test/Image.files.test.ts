import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as Image from "../src/Image.ts"
import * as Tensor from "../src/Tensor.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "image-files-"))),
  (name) => Effect.sync(() => fs.rmSync(name, { recursive: true, force: true }))
)

const text = (name: string) => fs.readFileSync(name, "utf8")

describe("writeFile", () => {
  it.effect("keeps a file that is there with overwrite: false, and leaves nothing beside it", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const target = path.join(here, `${"x".repeat(240)}.png`)
      yield* Image.writeFile(target, Buffer.from("first"), { overwrite: false })
      const error = yield* Effect.flip(Image.writeFile(target, Buffer.from("second"), { overwrite: false }))
      assert.strictEqual(error.code, "EEXIST")
      assert.strictEqual(fs.readFileSync(target, "utf8"), "first")
      assert.deepStrictEqual(fs.readdirSync(here), [path.basename(target)])
    })
  )
  it.effect("writes a new file and replaces an old one, leaving nothing else", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const target = path.join(here, "picture.png")
      yield* Image.writeFile(target, Buffer.from("first"))
      yield* Image.writeFile(target, Buffer.from("second, longer"))
      assert.strictEqual(text(target), "second, longer")
      assert.deepStrictEqual(fs.readdirSync(here), ["picture.png"])
    })
  )

  it.effect("writes through a link, which stays", () =>
    Effect.gen(function* () {
      const here = yield* folder
      fs.writeFileSync(path.join(here, "real"), "old")
      fs.symlinkSync("real", path.join(here, "link"))
      yield* Image.writeFile(path.join(here, "link"), Buffer.from("new"))
      assert.strictEqual(text(path.join(here, "real")), "new")
      assert.isTrue(fs.lstatSync(path.join(here, "link")).isSymbolicLink())
    })
  )

  it.effect("says why it cannot, and leaves nothing", () =>
    Effect.gen(function* () {
      const here = yield* folder
      fs.writeFileSync(path.join(here, "file"), "text")
      for (const [name, code] of [
        ["missing/x.png", "ENOENT"],
        ["file/x.png", "ENOTDIR"],
        [".", "EISDIR"],
        ["n".repeat(300), "ENAMETOOLONG"]
      ] as const) {
        const target = path.join(here, name)
        const error = yield* Effect.flip(Image.writeFile(target, Buffer.from("x")))
        assert.strictEqual(error.code, code)
        assert.strictEqual(error.path, target)
        assert.include(error.message, `cannot write ${target}: `)
      }
      assert.deepStrictEqual(fs.readdirSync(here), ["file"])
      assert.strictEqual(text(path.join(here, "file")), "text")
    })
  )

  it.effect.runIf(process.getuid?.() !== 0)("does not go around the protection of a file or a folder", () =>
    Effect.gen(function* () {
      const here = yield* folder
      fs.writeFileSync(path.join(here, "kept"), "text", { mode: 0o400 })
      assert.strictEqual(
        (yield* Effect.flip(Image.writeFile(path.join(here, "kept"), Buffer.from("x")))).code,
        "EACCES"
      )
      fs.chmodSync(here, 0o500)
      assert.strictEqual((yield* Effect.flip(Image.writeFile(path.join(here, "new"), Buffer.from("x")))).code, "EACCES")
    })
  )

  // not as root: what this tests for would put a file in the place of the device
  it.effect.runIf(process.getuid?.() !== 0 && fs.existsSync("/dev/full"))("a full disk is a typed error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Image.writeFile("/dev/full", Buffer.from("x")))
      assert.strictEqual(error.message, "cannot write /dev/full: the disk is full (ENOSPC)")
    })
  )

  it.effect.runIf(process.platform !== "win32")("a disk that takes only a part of the file keeps the old one", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const target = path.join(here, "picture")
      fs.writeFileSync(target, "old")
      const program = `
        import * as Effect from "effect/Effect"
        import * as Image from ${JSON.stringify(new URL("../src/Image.ts", import.meta.url).href)}
        const error = await Effect.runPromise(Effect.flip(Image.writeFile(process.argv[1], Buffer.alloc(2 ** 20))))
        console.log(error.message)`
      // files of this process may have 64 blocks of 512 bytes
      const limited = `ulimit -f 64 && exec "$0" --input-type=module --eval "$1" "$2"`
      const said = execFileSync("sh", ["-c", limited, process.execPath, program, target], { encoding: "utf8" })
      assert.match(said, /^cannot write .*picture: .*\(EFBIG\)$/m)
      assert.deepStrictEqual(fs.readdirSync(here), ["picture"])
      assert.strictEqual(text(target), "old")
    })
  )

  it.effect.runIf(process.platform !== "win32")("a pipe stays a pipe", () =>
    Effect.gen(function* () {
      const pipe = path.join(yield* folder, "pipe")
      execFileSync("mkfifo", [pipe])
      const reader = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
      yield* Image.writeFile(pipe, Buffer.from("through"))
      const buffer = Buffer.alloc(20)
      assert.strictEqual(buffer.toString("utf8", 0, fs.readSync(reader, buffer)), "through")
      fs.closeSync(reader)
      assert.isTrue(fs.statSync(pipe).isFIFO())
    })
  )

  it.effect("interrupted at any point it leaves the old file or the whole new one", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const target = path.join(here, "large")
      const bytes = Buffer.alloc(8 * 2 ** 20, "n")
      let replaced = 0
      for (let turns = 0; turns < 40; turns++) {
        fs.writeFileSync(target, "old")
        const fiber = yield* Effect.forkChild(Image.writeFile(target, bytes))
        for (let i = 0; i < turns; i++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(fs.readdirSync(here), ["large"])
        const size = fs.statSync(target).size
        assert.include([3, bytes.length], size)
        if (size !== 3) replaced++
      }
      assert.isBelow(replaced, 40, "some were interrupted in time")
    })
  )

  it.effect("of two writers to one file one wins, whole", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const target = path.join(here, "shared")
      const contents = ["a", "b", "c"].map((letter) => letter.repeat(100_000))
      yield* Effect.all(
        contents.map((content) => Image.writeFile(target, Buffer.from(content))),
        { concurrency: "unbounded" }
      )
      assert.include(contents, text(target))
      assert.deepStrictEqual(fs.readdirSync(here), ["shared"])
    })
  )
})

describe("write", () => {
  it.effect("encodes as the name of the file asks", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const image = Tensor.make("uint8", [4, 4, 3], new Uint8Array(48).fill(100))
      for (const [name, begin] of [
        ["a.png", [0x89, 0x50]],
        ["a.jpg", [0xff, 0xd8]],
        ["a.JPEG", [0xff, 0xd8]],
        ["a.webp", [0x52, 0x49]]
      ] as const) {
        yield* Image.write(path.join(here, name), image, { parameters: { a: 1 }, quality: 80 })
        assert.deepStrictEqual([...fs.readFileSync(path.join(here, name)).subarray(0, 2)], [...begin])
        assert.deepStrictEqual((yield* Image.read(path.join(here, name))).shape, [4, 4, 3])
      }
      const png = fs.readFileSync(path.join(here, "a.png"))
      assert.deepStrictEqual(Option.getOrThrow(yield* Image.readParameters(png)), { a: 1 })
      for (const name of ["a.gif", "png", "a.png.txt"]) {
        const error = yield* Effect.flip(Image.write(path.join(here, name), image))
        assert.include(error.message, "should end in .png, .jpg, .jpeg or .webp")
      }
      assert.strictEqual(fs.readdirSync(here).length, 4)
    })
  )
})

describe("read", () => {
  it.effect("decodes a file", () =>
    Effect.gen(function* () {
      const target = path.join(yield* folder, "picture.png")
      const image = Tensor.fromArray("uint8", [1, 2, 3], [1, 2, 3, 4, 5, 6])
      yield* Image.writeFile(target, yield* Image.encodePng(image))
      assert.isTrue(Tensor.equals(yield* Image.read(target), image))
    })
  )

  it.effect("says why it cannot", () =>
    Effect.gen(function* () {
      const here = yield* folder
      const large = path.join(here, "large")
      fs.writeFileSync(large, "x".repeat(100))
      for (const [name, code] of [
        ["missing", "ENOENT"],
        ["large/x", "ENOTDIR"],
        [".", "EISDIR"],
        ["large", "EFBIG"]
      ] as const) {
        const error = yield* Effect.flip(Image.read(path.join(here, name), { maxBytes: 99 }))
        assert.strictEqual(error._tag, "FileError")
        assert.include(error.message, `(${code})`)
      }
      if (fs.existsSync("/dev/zero")) {
        assert.include((yield* Effect.flip(Image.read("/dev/zero", { maxBytes: 1000 }))).message, "(EFBIG)")
      }
      const error = yield* Effect.flip(Image.read(large))
      assert.strictEqual(error.message, "Image.decode: neither PNG, JPEG nor WebP (not-an-image)")
    })
  )
})
