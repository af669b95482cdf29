import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { deflateSync } from "node:zlib"
import * as Image from "../src/Image.ts"
import * as Tensor from "../src/Tensor.ts"
import { bytesOf, cases, file, files, imageOf } from "./support/pillow.ts"

const gradient = (height: number, width: number, channels: number): Image.Image =>
  Tensor.make(
    "uint8",
    [height, width, channels],
    Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 37) % 256)
  )

const failure = <A, E>(effect: Effect.Effect<A, E>) => Effect.flip(effect)

const expectReason = (bytes: Uint8Array, reason: Image.Reason, options?: Image.DecodeOptions) =>
  Effect.map(failure(Image.decode(bytes, options)), (error) => {
    assert.strictEqual(error._tag, "ImageError")
    assert.strictEqual(error.reason, reason, error.message)
    assert.include(error.message, "Image.decode: ")
    assert.notInclude(error.message, "\n")
  })

describe("decode", () => {
  for (const given of files) {
    it.effect(`${given.name}: the pixels that Pillow reads`, () =>
      Effect.gen(function* () {
        const rgb = yield* Image.decode(bytesOf(given))
        assert.deepStrictEqual(rgb.shape, given.rgb.shape)
        assert.isTrue(Tensor.equals(rgb, imageOf(given.rgb)))
        const gray = yield* Image.decode(bytesOf(given), { mode: "gray" })
        assert.isTrue(Tensor.equals(gray, imageOf(given.gray)))
      })
    )
  }

  it.effect("native keeps what the file has", () =>
    Effect.gen(function* () {
      for (const [name, channels] of [
        ["L png", 1],
        ["LA png", 2],
        ["RGB png", 3],
        ["RGBA png", 4],
        ["palette png", 3],
        ["grey jpeg", 1],
        ["lossless webp with alpha", 4]
      ] as const) {
        const image = yield* Image.decode(bytesOf(file(name)), { mode: "native" })
        assert.strictEqual(image.shape[2], channels, name)
      }
      const rgba = yield* Image.decode(bytesOf(file("RGB png")), { mode: "rgba" })
      assert.isTrue(rgba.data.every((level, i) => i % 4 !== 3 || level === 255))
    })
  )

  it.effect("refuses what is no picture", () =>
    Effect.gen(function* () {
      yield* expectReason(new Uint8Array(), "empty")
      for (const text of ["hello", "<svg xmlns='http://www.w3.org/2000/svg'/>", "GIF89a", "RIFF1234WAVE", "\x89PN"]) {
        yield* expectReason(Buffer.from(text, "latin1"), "not-an-image")
      }
    })
  )

  it.effect("refuses too many pixels from the header alone", () =>
    Effect.gen(function* () {
      yield* expectReason(bytesOf(file("RGB png")), "too-large", { maxPixels: 62 })
      assert.isTrue(Tensor.isTensor(yield* Image.decode(bytesOf(file("RGB png")), { maxPixels: 63 })))
      // a bomb: a header that promises 10^10 pixels
      const bomb = Buffer.from(bytesOf(file("RGB png")))
      bomb.writeUInt32BE(100_000, 16)
      bomb.writeUInt32BE(100_000, 20)
      yield* expectReason(bomb, "too-large")
    })
  )

  for (const name of ["RGB png", "jpeg", "webp", "lossless webp with alpha"]) {
    it.effect(`${name}: cut off anywhere it is truncated`, () =>
      Effect.gen(function* () {
        const bytes = bytesOf(file(name))
        for (let length = 20; length < bytes.length; length += Math.max(1, Math.floor(bytes.length / 40))) {
          yield* expectReason(bytes.subarray(0, length), "truncated")
        }
        yield* expectReason(bytes.subarray(0, bytes.length - 1), "truncated")
      })
    )
  }

  it.effect("a PNG with any byte changed is an error, whichever byte", () =>
    Effect.gen(function* () {
      const bytes = bytesOf(file("RGBA png"))
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.with(at, bytes[at]! ^ 0x41)
        const error = yield* failure(Image.decode(changed))
        assert.include(["not-an-image", "truncated", "corrupt", "too-large"], error.reason, `byte ${at}`)
      }
    })
  )

  it.effect("garbage behind a good header is an error, not a crash", () =>
    Effect.gen(function* () {
      for (const name of ["jpeg", "webp", "lossless webp with alpha", "RGB png"]) {
        const bytes = bytesOf(file(name)).map((byte, i) => (i < 40 ? byte : (i * 151) % 256))
        const result = yield* Effect.result(Image.decode(bytes))
        if (Result.isFailure(result)) assert.include(["truncated", "corrupt", "too-large"], result.failure.reason)
      }
    })
  )
})

describe("encode", () => {
  const Side = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))
  const Channels = Schema.Literals([1, 2, 3, 4])

  it.effect.prop(
    "PNG and lossless WebP give back every pixel",
    [Side, Side, Channels],
    ([height, width, channels]) =>
      Effect.gen(function* () {
        const image = gradient(height, width, channels)
        const png = yield* Image.decode(yield* Image.encodePng(image), { mode: "native" })
        assert.isTrue(Tensor.equals(png, image))
        const webp = yield* Image.decode(yield* Image.encodeWebp(image, { lossless: true }), { mode: "rgba" })
        assert.isTrue(Tensor.equals(webp, Result.getOrThrow(Image.convert(image, "rgba"))))
      }),
    { arbitrary: { runs: 20 } }
  )

  it.effect("JPEG and WebP come near, and nearer with quality", () =>
    Effect.gen(function* () {
      const image = Tensor.make(
        "uint8",
        [32, 32, 3],
        Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => 128 + 100 * Math.sin(i / 300))
      )
      const error = (got: Image.Image) => got.data.reduce((sum, x, i) => sum + Math.abs(x - image.data[i]!), 0)
      for (const encode of [Image.encodeJpeg, Image.encodeWebp]) {
        const good = yield* encode(image, { quality: 95 })
        const bad = yield* encode(image, { quality: 5 })
        assert.isBelow(error(yield* Image.decode(good)) / image.data.length, 6)
        assert.isBelow(error(yield* Image.decode(good)), error(yield* Image.decode(bad)))
        assert.isBelow(bad.length, good.length)
      }
    })
  )

  it.effect("JPEG drops alpha; grey stays grey", () =>
    Effect.gen(function* () {
      for (const [channels, expected] of [
        [1, 1],
        [2, 1],
        [3, 3],
        [4, 3]
      ] as const) {
        const jpeg = yield* Image.encodeJpeg(gradient(8, 8, channels))
        assert.strictEqual((yield* Image.decode(jpeg, { mode: "native" })).shape[2], expected)
      }
    })
  )

  it.effect("refuses what is no picture and options that are none", () =>
    Effect.gen(function* () {
      for (const tensor of [
        Tensor.zeros("uint8", [0, 4, 3]),
        Tensor.zeros("uint8", [4, 4, 5]),
        Tensor.zeros("uint8", [1, 4, 4, 3]),
        Tensor.zeros("uint8", [4])
      ]) {
        const error = yield* failure(Image.encodePng(tensor))
        assert.strictEqual(error.reason, "invalid-pixels")
        assert.include(error.message, String(tensor))
      }
      for (const quality of [0, 101, 50.5, NaN]) {
        assert.strictEqual((yield* failure(Image.encodeJpeg(gradient(1, 1, 3), { quality }))).reason, "invalid-option")
        assert.strictEqual((yield* failure(Image.encodeWebp(gradient(1, 1, 3), { quality }))).reason, "invalid-option")
      }
    })
  )
})

describe("text in PNG", () => {
  const image = gradient(4, 4, 3)

  it.effect.prop(
    "parameters come back as they were, and the pixels too",
    [Schema.Json],
    ([parameters]) =>
      Effect.gen(function* () {
        const png = yield* Image.encodePng(image, { parameters })
        const back = Option.getOrThrow(yield* Image.readParameters(png))
        assert.deepStrictEqual(back, JSON.parse(JSON.stringify(parameters)))
        assert.isTrue(Tensor.equals(yield* Image.decode(png), image))
      }),
    { arbitrary: { runs: 40 } }
  )

  it.effect("texts of one's own, of Latin-1 and beyond", () =>
    Effect.gen(function* () {
      const text = { Title: "Grüße", Comment: "日本 🙂\nsecond line", Empty: "" }
      const read = yield* Image.readText(yield* Image.encodePng(image, { text, parameters: { a: 1 } }))
      assert.deepStrictEqual(Object.fromEntries(read), { ...text, [Image.parametersKeyword]: '{"a":1}' })
    })
  )

  it.effect("reads compressed texts of other programs, but no bomb", () =>
    Effect.gen(function* () {
      const png = Buffer.from(yield* Image.encodePng(image))
      const { crc32 } = yield* Effect.promise(() => import("node:zlib"))
      const withChunk = (type: string, data: Buffer): Buffer => {
        const body = Buffer.concat([Buffer.from(type, "latin1"), data])
        const frame = Buffer.alloc(8)
        frame.writeUInt32BE(data.length, 0)
        frame.writeUInt32BE(crc32(body), 4)
        return Buffer.concat([png.subarray(0, 33), frame.subarray(0, 4), body, frame.subarray(4), png.subarray(33)])
      }
      const zTXt = withChunk(
        "zTXt",
        Buffer.concat([Buffer.from("k\0\0", "latin1"), deflateSync(Buffer.from("packed"))])
      )
      assert.strictEqual((yield* Image.readText(zTXt)).get("k"), "packed")
      const international = Buffer.concat([Buffer.from("k\0\x01\0en\0t\0", "latin1"), deflateSync(Buffer.from("日本"))])
      assert.strictEqual((yield* Image.readText(withChunk("iTXt", international))).get("k"), "日本")
      const bomb = Buffer.concat([Buffer.from("k\0\0", "latin1"), deflateSync(Buffer.alloc(17 * 2 ** 20))])
      assert.isFalse((yield* Image.readText(withChunk("zTXt", bomb))).has("k"))
      for (const broken of ["", "\0", "k", "k\0\x01", "k\0\x01\0", "k\0\x01\0en"]) {
        yield* Image.readText(withChunk("iTXt", Buffer.from(broken, "latin1")))
      }
    })
  )

  it.effect("none is None; parameters that are no JSON are an error; other files too", () =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* Image.readParameters(yield* Image.encodePng(image))))
      const odd = yield* Image.encodePng(image, { text: { [Image.parametersKeyword]: "{" } })
      assert.strictEqual((yield* failure(Image.readParameters(odd))).reason, "corrupt")
      assert.strictEqual((yield* failure(Image.readText(new Uint8Array()))).reason, "empty")
      assert.strictEqual((yield* failure(Image.readText(bytesOf(file("jpeg"))))).reason, "not-an-image")
    })
  )

  it.effect("refuses keywords and values that PNG or JSON cannot hold", () =>
    Effect.gen(function* () {
      for (const keyword of ["", " lead", "trail ", "two  spaces", "日本", "x".repeat(80), "line\nbreak"]) {
        const error = yield* failure(Image.encodePng(image, { text: { [keyword]: "x" } }))
        assert.strictEqual(error.reason, "invalid-option", keyword)
      }
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      for (const parameters of [1n, circular, () => 1, Symbol("s")]) {
        assert.strictEqual((yield* failure(Image.encodePng(image, { parameters }))).reason, "invalid-option")
      }
      assert.strictEqual((yield* failure(Image.encodePng(image, { text: { a: "nul\0" } }))).reason, "invalid-option")
    })
  )
})

describe("operations, as Pillow does them", () => {
  for (const [i, given] of cases.entries()) {
    if (given.kind !== "resize" && given.kind !== "convert" && given.kind !== "crop") continue
    const image = imageOf(given.image)
    const wanted = imageOf(given.result)
    it(`${given.kind} ${i}: ${image} to ${wanted}`, () => {
      const before = image.data.slice()
      const result =
        given.kind === "resize"
          ? Image.resize(image, {
              width: wanted.shape[1]!,
              height: wanted.shape[0]!,
              filter: given.filter,
              reducingGap: given.reducingGap
            })
          : given.kind === "convert"
            ? Image.convert(image, given.mode)
            : Image.crop(image, given.box)
      assert.isTrue(Tensor.equals(Result.getOrThrow(result), wanted))
      assert.deepStrictEqual(image.data, before)
    })
  }

  it("sizes and boxes that are none are refused", () => {
    const image = gradient(4, 4, 3)
    for (const [width, height] of [
      [0, 1],
      [1, -1],
      [1.5, 2],
      [NaN, 1],
      [2 ** 20, 2 ** 20]
    ] as const) {
      const result = Image.resize(image, { width, height })
      assert.isTrue(Result.isFailure(result) && result.failure.reason === "invalid-option", `${width} x ${height}`)
    }
    for (const options of [{ reducingGap: 0.5 }, { reducingGap: NaN }, { filter: "mitchell" as Image.Filter }]) {
      const result = Image.resize(image, { width: 2, height: 2, ...options })
      assert.isTrue(Result.isFailure(result) && result.failure.reason === "invalid-option", JSON.stringify(options))
    }
    for (const box of [
      [0, 0, 0, 1],
      [2, 0, 1, 1],
      [0, 0, 1.5, 1],
      [0, 0, 2 ** 20, 2 ** 20]
    ] as const) {
      const result = Image.crop(image, box)
      assert.isTrue(Result.isFailure(result) && result.failure.reason === "invalid-option", String(box))
    }
  })
})

describe("flatten", () => {
  it("composites on a background", () => {
    const image = Tensor.make("uint8", [1, 3, 4], Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128))
    const flat = Result.getOrThrow(Image.flatten(image, [200, 100, 50]))
    assert.deepStrictEqual([...flat.data], [10, 20, 30, 200, 100, 50, 100, 50, 25])
    assert.deepStrictEqual([...Result.getOrThrow(Image.flatten(gradient(1, 1, 1))).data], [0, 0, 0])
  })
})

describe("contactSheet", () => {
  it("puts every picture where its row and column are, in the middle of its cell", () => {
    const filled = (height: number, width: number, level: number) =>
      Tensor.make("uint8", [height, width, 1], new Uint8Array(height * width).fill(level))
    const sheet = Result.getOrThrow(
      Image.contactSheet([filled(2, 2, 1), filled(2, 4, 2), filled(2, 2, 3)], {
        columns: 2,
        gap: 1,
        background: [9, 9, 9]
      })
    )
    assert.deepStrictEqual(sheet.shape, [7, 11, 3])
    const rows = Array.from({ length: 7 }, (_, y) =>
      Array.from({ length: 11 }, (_, x) => sheet.data[(y * 11 + x) * 3]).join("")
    )
    assert.deepStrictEqual(rows, [
      "99999999999",
      "99119922229",
      "99119922229",
      "99999999999",
      "99339999999",
      "99339999999",
      "99999999999"
    ])
  })

  it("is about square by default, and refuses nothing to show", () => {
    const sheet = Result.getOrThrow(
      Image.contactSheet(
        Array.from({ length: 5 }, () => gradient(10, 10, 4)),
        { gap: 0 }
      )
    )
    assert.deepStrictEqual(sheet.shape, [20, 30, 3])
    assert.isTrue(Result.isFailure(Image.contactSheet([])))
    assert.isTrue(Result.isFailure(Image.contactSheet([gradient(1, 1, 3)], { columns: 0 })))
    assert.isTrue(Result.isFailure(Image.contactSheet([gradient(1, 1, 3)], { gap: -1 })))
    assert.isTrue(Result.isFailure(Image.contactSheet([Tensor.zeros("uint8", [0, 1, 3])])))
  })
})
