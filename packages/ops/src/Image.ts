/**
 * Pictures: 8-bit tensors `[height, width, channels]` from and to PNG, JPEG and WebP, and plain operations on them.
 *
 * Resizing and conversions follow Pillow bit for bit, so that a picture prepared here is the picture that diffusers
 * prepares. What can fail for the value of an argument is a `Result` (`Effect.fromResult` makes it an Effect).
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as file from "./internal/image/file.ts"
import * as pixels from "./internal/image/pixels.ts"
import * as png from "./internal/image/png.ts"
import * as resample from "./internal/image/resample.ts"
import * as native from "./internal/image/sharp.ts"
import * as Tensor from "./Tensor.ts"

/**
 * An 8-bit picture: a `uint8` tensor `[height, width, channels]`, rows from the top, with 1 (grey), 2 (grey and alpha),
 * 3 (RGB) or 4 (RGB and alpha) channels.
 *
 * ```ts
 * import type { Image } from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const black: Image = Tensor.zeros("uint8", [64, 96, 3])
 * ```
 */
export type Image = Tensor.Tensor<"uint8">

/**
 * The Schema of a picture, for the fields of blocks.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * assert.ok(Schema.is(Image.Image)(Tensor.zeros("uint8", [2, 2, 3])))
 * assert.ok(!Schema.is(Image.Image)(Tensor.zeros("float32", [2, 2, 3])))
 * ```
 */
export const Image: Tensor.TensorSchema<"uint8"> = Tensor.uint8("height", "width", "channels")

/**
 * Why a picture was refused: one of the reasons of `ImageError`.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as assert from "node:assert"
 * import * as Schema from "effect/Schema"
 *
 * assert.ok(Schema.is(Image.Reason)("truncated"))
 * ```
 */
export const Reason = Schema.Literals([
  "empty",
  "not-an-image",
  "corrupt",
  "truncated",
  "too-large",
  "invalid-pixels",
  "invalid-option",
  "codec"
])
/** Why a picture was refused. */
export type Reason = typeof Reason.Type

/**
 * A picture that cannot be read, made or worked on.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const error = Effect.runSync(Effect.flip(Image.decode(new Uint8Array())))
 * assert.equal(error.reason, "empty")
 * assert.equal(error.message, "Image.decode: no bytes (empty)")
 * ```
 */
export class ImageError extends Schema.TaggedError<ImageError>()("ImageError", {
  operation: Schema.String,
  reason: Reason,
  detail: Schema.String
}) {
  override get message() {
    return `Image.${this.operation}: ${this.detail} (${this.reason})`
  }
}

/**
 * A file that cannot be read or written: `code` is the system's (`ENOSPC`, `EACCES`, `ENOENT`, ...), or `EFBIG` for a
 * file above the limit.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as assert from "node:assert"
 *
 * const error = new Image.FileError({ path: "out.png", operation: "write", code: "ENOSPC", detail: "no space left" })
 * assert.equal(error.message, "cannot write out.png: the disk is full (ENOSPC)")
 * ```
 */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  path: Schema.String,
  operation: Schema.Literals(["read", "write"]),
  code: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `cannot ${this.operation} ${this.path}: ${file.explanations[this.code] ?? this.detail} (${this.code})`
  }
}

const failed = (operation: string, reason: Reason, detail: string): ImageError =>
  new ImageError({ operation, reason, detail })

const bad = (operation: string, reason: Reason, detail: string): Result.Result<never, ImageError> =>
  Result.fail(failed(operation, reason, detail))

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim()

const toPixels = (operation: string, image: Image): Result.Result<pixels.Pixels, ImageError> => {
  const picture = pixels.fromTensor(image)
  return typeof picture === "string" ? bad(operation, "invalid-pixels", picture) : Result.succeed(picture)
}

// ------------------------------------------------------------------------------------------------------- decoding

/** What the channels of a decoded picture mean; `native` keeps what the file has. */
export type Mode = "gray" | "rgb" | "rgba" | "native"

/** How a picture is read. */
export interface DecodeOptions {
  /** default `rgb`, as diffusers loads pictures: transparency is dropped, not composited (see `flatten`) */
  readonly mode?: Mode | undefined
  /** width times height, above which a picture is refused before it is decoded; default 2^26 (8192 x 8192) */
  readonly maxPixels?: number | undefined
}

const defaultMaxPixels = 2 ** 26

/** libvips reports a problem once per attempt: the first line says it */
const firstLine = (error: unknown): string => {
  const text = textOf(error).replace(/^Input buffer has corrupt header:\s*/, "")
  return text.split("\n")[0] || "its header cannot be read"
}

const codecFailed = (operation: string, error: unknown): ImageError | undefined =>
  error instanceof native.Unavailable
    ? failed(operation, "codec", `sharp cannot be loaded: ${firstLine(error.cause)}`)
    : undefined

/**
 * Decodes a PNG, JPEG or WebP to `[height, width, channels]`. The format is told from the bytes; a rotation noted by a
 * camera is applied; of an animation the first picture is taken. Values are those Pillow reads.
 *
 * Fails with `empty`, `not-an-image`, `too-large`, `truncated` or `corrupt`.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const roundTrip = Effect.gen(function* () {
 *   const png = yield* Image.encodePng(Tensor.make("uint8", [1, 2, 3], Uint8Array.of(255, 0, 0, 0, 0, 255)))
 *   return yield* Image.decode(png)
 * })
 * const image = await Effect.runPromise(roundTrip)
 * assert.deepEqual(image.shape, [1, 2, 3])
 * assert.deepEqual([...image.data], [255, 0, 0, 0, 0, 255])
 * ```
 */
export const decode = (bytes: Uint8Array, options: DecodeOptions = {}): Effect.Effect<Image, ImageError> => {
  const fail = (reason: Reason, detail: string) => Effect.fail(failed("decode", reason, detail))
  const { maxPixels = defaultMaxPixels, mode = "rgb" } = options
  if (bytes.length === 0) return fail("empty", "no bytes")
  const format = native.formatOf(bytes)
  if (format === undefined) return fail("not-an-image", "neither PNG, JPEG nor WebP")
  const damaged = (error: unknown) => {
    const [reason, what] = native.isCutOff(bytes, format)
      ? (["truncated", "cut off"] as const)
      : (["corrupt", "damaged"] as const)
    return (
      codecFailed("decode", error) ?? failed("decode", reason, `the ${format} file is ${what}: ${firstLine(error)}`)
    )
  }
  return Effect.gen(function* () {
    const { channels, height, width } = yield* Effect.mapError(native.header(bytes), damaged)
    if (width * height > maxPixels) {
      return yield* fail("too-large", `${width} x ${height} is more than ${maxPixels} pixels`)
    }
    // the decoder would accept a PNG without its end, and some wrong checksums
    if (format === "png" && png.state(bytes) !== "whole") {
      return yield* Effect.fail(damaged("a chunk is missing or has another checksum"))
    }
    const decoded = yield* Effect.mapError(native.decode(bytes), damaged)
    return pixels.toTensor(pixels.inChannels(decoded, mode === "native" ? channels : modeChannels[mode]))
  })
}

const modeChannels = { gray: 1, rgb: 3, rgba: 4 } as const

/**
 * `decode` of a file.
 *
 * Fails with `FileError` (not there, unreadable, larger than `maxBytes`, by default 256 MiB) or `ImageError`.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const error = await Effect.runPromise(Effect.flip(Image.read("no/such/picture.png")))
 * assert.equal(error.message, "cannot read no/such/picture.png: no such file or folder (ENOENT)")
 * ```
 */
export const read = (
  path: string,
  options: DecodeOptions & { readonly maxBytes?: number | undefined } = {}
): Effect.Effect<Image, ImageError | FileError> =>
  Effect.flatMap(readFile(path, options.maxBytes), (bytes) => decode(bytes, options))

const readFile = (path: string, maxBytes: number = 2 ** 28): Effect.Effect<Uint8Array, FileError> =>
  file.read(path, maxBytes).pipe(
    Effect.mapError(
      (error) => new FileError({ path, operation: "read", code: error.code ?? "UNKNOWN", detail: textOf(error) })
    ),
    Effect.flatMap((bytes) =>
      bytes === undefined
        ? Effect.fail(
            new FileError({ path, operation: "read", code: "EFBIG", detail: `it has more than ${maxBytes} bytes` })
          )
        : Effect.succeed(bytes)
    )
  )

/**
 * Writes a file whole or not at all: beside its target under another name, flushed to the disk, then renamed. A failure
 * or an interruption leaves what was there before and nothing else. Devices and pipes are written to directly. With
 * `overwrite: false` a file that is there is kept, and the write fails with `EEXIST`.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const error = await Effect.runPromise(Effect.flip(Image.writeFile("no/such/folder/x.png", new Uint8Array(1))))
 * assert.equal(error.code, "ENOENT")
 * ```
 */
export const writeFile = (
  path: string,
  bytes: Uint8Array,
  options: { readonly overwrite?: boolean | undefined } = {}
): Effect.Effect<void, FileError> =>
  Effect.mapError(
    file.write(path, bytes, options.overwrite ?? true),
    (error) => new FileError({ path, operation: "write", code: error.code ?? "UNKNOWN", detail: textOf(error) })
  )

// ------------------------------------------------------------------------------------------------------- encoding

/** What is written into a PNG beside its pixels. */
export interface PngOptions {
  /** a run's parameters: any JSON, kept in the file and read back by `readParameters` */
  readonly parameters?: unknown
  /** further texts by keyword (1 to 79 Latin-1 characters) */
  readonly text?: Readonly<Record<string, string>> | undefined
}

/**
 * The keyword under which `encodePng` keeps the parameters of a run.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as assert from "node:assert"
 *
 * assert.equal(Image.parametersKeyword, "effect-blocks")
 * ```
 */
export const parametersKeyword = "effect-blocks"

const encode = (
  operation: string,
  image: Image,
  as: Parameters<typeof native.encode>[1]
): Effect.Effect<Uint8Array, ImageError> =>
  Effect.fromResult(toPixels(operation, image)).pipe(
    Effect.flatMap((picture) =>
      Effect.mapError(
        native.encode(picture, as),
        (error) => codecFailed(operation, error) ?? failed(operation, "codec", firstLine(error))
      )
    )
  )

/**
 * Encodes a picture as PNG (lossless), with texts of your own.
 *
 * Fails with `invalid-pixels`, or `invalid-option` for parameters that are not JSON and keywords PNG does not take.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 *
 * const png = await Effect.runPromise(
 *   Image.encodePng(Tensor.zeros("uint8", [8, 8, 3]), { parameters: { prompt: "ein Bär", seed: 7 } })
 * )
 * const parameters = await Effect.runPromise(Image.readParameters(png))
 * assert.deepEqual(Option.getOrThrow(parameters), { prompt: "ein Bär", seed: 7 })
 * ```
 */
export const encodePng = (image: Image, options: PngOptions = {}): Effect.Effect<Uint8Array, ImageError> =>
  Effect.fromResult(pngTexts(options)).pipe(
    Effect.flatMap((texts) =>
      Effect.map(
        encode("encodePng", image, (picture) => picture.png()),
        (bytes) => (texts.length === 0 ? bytes : png.withText(bytes, texts))
      )
    )
  )

const pngTexts = (options: PngOptions): Result.Result<Array<readonly [string, string]>, ImageError> => {
  const texts: Array<readonly [string, string]> = Object.entries(options.text ?? {})
  if (options.parameters !== undefined) {
    try {
      const json: string | undefined = JSON.stringify(options.parameters)
      if (json === undefined) return bad("encodePng", "invalid-option", "parameters are not JSON")
      texts.push([parametersKeyword, json])
    } catch (error) {
      return bad("encodePng", "invalid-option", `parameters are not JSON: ${textOf(error)}`)
    }
  }
  for (const [keyword, text] of texts) {
    const problem = png.textProblem(keyword, text)
    if (problem !== undefined) return bad("encodePng", "invalid-option", problem)
  }
  return Result.succeed(texts)
}

const checkQuality = (operation: string, quality: number): Result.Result<number, ImageError> =>
  Number.isInteger(quality) && quality >= 1 && quality <= 100
    ? Result.succeed(quality)
    : bad(operation, "invalid-option", `quality is a whole number from 1 to 100, not ${quality}`)

/**
 * Encodes a picture as JPEG; an alpha channel is dropped. Quality 1 to 100, default 90.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const jpeg = await Effect.runPromise(Image.encodeJpeg(Tensor.zeros("uint8", [8, 8, 3]), { quality: 80 }))
 * assert.deepEqual([...jpeg.subarray(0, 2)], [0xff, 0xd8])
 * ```
 */
export const encodeJpeg = (
  image: Image,
  { quality = 90 }: { readonly quality?: number | undefined } = {}
): Effect.Effect<Uint8Array, ImageError> =>
  Effect.fromResult(checkQuality("encodeJpeg", quality)).pipe(
    Effect.andThen(
      Effect.fromResult(convert(image, image.shape[2] === 4 ? "rgb" : image.shape[2] === 2 ? "gray" : "native"))
    ),
    Effect.flatMap((opaque) => encode("encodeJpeg", opaque, (picture) => picture.jpeg({ quality })))
  )

/**
 * Encodes a picture as WebP: with losses at a quality of 1 to 100 (default 90), or `lossless`.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const image = Tensor.make("uint8", [1, 2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6))
 * const webp = await Effect.runPromise(Image.encodeWebp(image, { lossless: true }))
 * assert.ok(Tensor.equals(await Effect.runPromise(Image.decode(webp)), image))
 * ```
 */
export const encodeWebp = (
  image: Image,
  {
    lossless = false,
    quality = 90
  }: { readonly quality?: number | undefined; readonly lossless?: boolean | undefined } = {}
): Effect.Effect<Uint8Array, ImageError> =>
  Effect.fromResult(checkQuality("encodeWebp", quality)).pipe(
    Effect.andThen(encode("encodeWebp", image, (picture) => picture.webp({ quality, lossless, exact: lossless })))
  )

/**
 * Encodes a picture in the format that the name of the file asks for (`.png`, `.jpg`, `.jpeg`, `.webp`) and writes it as
 * `writeFile` does. Parameters and texts go into a PNG, the quality into the others.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const error = await Effect.runPromise(Effect.flip(Image.write("picture.txt", Tensor.zeros("uint8", [1, 1, 3]))))
 * assert.equal(error.message, "Image.write: picture.txt should end in .png, .jpg, .jpeg or .webp (invalid-option)")
 * ```
 */
export const write = (
  path: string,
  image: Image,
  options: PngOptions & { readonly quality?: number | undefined } = {}
): Effect.Effect<void, ImageError | FileError> => {
  const encoders: { readonly [extension: string]: () => Effect.Effect<Uint8Array, ImageError> } = {
    png: () => encodePng(image, options),
    jpg: () => encodeJpeg(image, options),
    jpeg: () => encodeJpeg(image, options),
    webp: () => encodeWebp(image, options)
  }
  const extension = /\.(png|jpe?g|webp)$/i.exec(path)?.[1]?.toLowerCase()
  const encoder = extension === undefined ? undefined : encoders[extension]
  return encoder === undefined
    ? Effect.fail(failed("write", "invalid-option", `${path} should end in .png, .jpg, .jpeg or .webp`))
    : Effect.flatMap(encoder(), (bytes) => writeFile(path, bytes))
}

/**
 * The texts of a PNG by keyword (tEXt, zTXt and iTXt), whoever wrote them.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const png = await Effect.runPromise(Image.encodePng(Tensor.zeros("uint8", [1, 1, 3]), { text: { Title: "black" } }))
 * assert.equal((await Effect.runPromise(Image.readText(png))).get("Title"), "black")
 * ```
 */
export const readText = (bytes: Uint8Array): Effect.Effect<ReadonlyMap<string, string>, ImageError> =>
  Effect.suspend(() =>
    png.isPng(bytes)
      ? Effect.succeed(png.readText(bytes))
      : Effect.fail(failed("readText", bytes.length === 0 ? "empty" : "not-an-image", "not a PNG file"))
  )

/**
 * The parameters that `encodePng` put into a PNG; `None` where there are none. Decode them with the Schema of the
 * pipeline's inputs: a file is not to be trusted.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 *
 * const png = await Effect.runPromise(Image.encodePng(Tensor.zeros("uint8", [1, 1, 3])))
 * assert.ok(Option.isNone(await Effect.runPromise(Image.readParameters(png))))
 * ```
 */
export const readParameters = (bytes: Uint8Array): Effect.Effect<Option.Option<unknown>, ImageError> =>
  Effect.flatMap(readText(bytes), (texts) => {
    const json = texts.get(parametersKeyword)
    if (json === undefined) return Effect.succeedNone
    return Effect.try({
      try: (): Option.Option<unknown> => Option.some(JSON.parse(json)),
      catch: (error) => failed("readParameters", "corrupt", `the parameters are not JSON: ${textOf(error)}`)
    })
  })

// ----------------------------------------------------------------------------------------------------- operations

/** Pillow's resampling filters. */
export type Filter = resample.Filter

/** The size wanted, and how it is reached. */
export interface ResizeOptions {
  /** in pixels, a whole number from 1 on */
  readonly width: number
  /** in pixels, a whole number from 1 on */
  readonly height: number
  /** default `lanczos` */
  readonly filter?: Filter | undefined
  /**
   * 1 or more: a picture that is shrunk is first reduced by whole factors to this many times the size wanted, which is
   * faster and, at 2 or 3, near what the filter alone makes; not with alpha or `nearest`. Default: the filter alone
   */
  readonly reducingGap?: number | undefined
}

/** left, top, right, bottom in pixels; right and bottom are outside */
export type Box = resample.Box

const checkSize = (operation: string, width: number, height: number): Result.Result<void, ImageError> =>
  Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0 && width * height <= defaultMaxPixels
    ? Result.succeed(undefined)
    : bad(
        operation,
        "invalid-option",
        `${width} x ${height} is not a size (whole, positive, at most ${defaultMaxPixels} pixels)`
      )

/**
 * Another size, by Pillow's filters (default Lanczos), bit for bit. With alpha, colours are weighted by it.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const small = Image.resize(Tensor.zeros("uint8", [64, 96, 3]), { width: 24, height: 16, filter: "bicubic" })
 * assert.deepEqual(Result.getOrThrow(small).shape, [16, 24, 3])
 * ```
 */
export const resize: {
  (options: ResizeOptions): (image: Image) => Result.Result<Image, ImageError>
  (image: Image, options: ResizeOptions): Result.Result<Image, ImageError>
} = dual(2, (image: Image, { filter = "lanczos", height, reducingGap, width }: ResizeOptions) => {
  if (!resample.isFilter(filter)) return bad("resize", "invalid-option", `there is no filter '${String(filter)}'`)
  if (reducingGap !== undefined && !(reducingGap >= 1 && reducingGap < Infinity))
    return bad("resize", "invalid-option", `reducingGap must be a number from 1 on, not ${reducingGap}`)
  return Result.flatMap(checkSize("resize", width, height), () =>
    Result.map(toPixels("resize", image), (from) =>
      pixels.toTensor(
        reducingGap === undefined
          ? resample.resize(from, width, height, filter)
          : resample.resizeByReducing(from, width, height, filter, reducingGap)
      )
    )
  )
})

/**
 * The part of a picture in a box; where the box reaches beyond the picture it is black (and transparent).
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const image = Tensor.make("uint8", [1, 3, 1], Uint8Array.of(7, 8, 9))
 * assert.deepEqual([...Result.getOrThrow(Image.crop(image, [1, 0, 4, 1])).data], [8, 9, 0])
 * ```
 */
export const crop: {
  (box: Box): (image: Image) => Result.Result<Image, ImageError>
  (image: Image, box: Box): Result.Result<Image, ImageError>
} = dual(2, (image: Image, box: Box): Result.Result<Image, ImageError> =>
  box.every(Number.isInteger)
    ? Result.flatMap(checkSize("crop", box[2] - box[0], box[3] - box[1]), () =>
        Result.map(toPixels("crop", image), (from) => pixels.toTensor(pixels.crop(from, box)))
      )
    : bad("crop", "invalid-option", `[${box.join(", ")}] is not a box of whole pixels`)
)

/**
 * Another number of channels, as Pillow converts: grey is the luma of ITU-R 601, an alpha channel is dropped (see
 * `flatten`) or added opaque. `native` changes nothing.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const red = Tensor.make("uint8", [1, 1, 3], Uint8Array.of(255, 0, 0))
 * assert.deepEqual([...Result.getOrThrow(Image.convert(red, "gray")).data], [76])
 * ```
 */
export const convert: {
  (mode: Mode): (image: Image) => Result.Result<Image, ImageError>
  (image: Image, mode: Mode): Result.Result<Image, ImageError>
} = dual(2, (image: Image, mode: Mode) =>
  Result.map(toPixels("convert", image), (from) =>
    mode === "native" ? image : pixels.toTensor(pixels.inChannels(from, modeChannels[mode]))
  )
)

/**
 * The picture as it looks on a background (default white): `[height, width, 3]` without transparency.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const invisible = Tensor.zeros("uint8", [1, 1, 4])
 * assert.deepEqual([...Result.getOrThrow(Image.flatten(invisible)).data], [255, 255, 255])
 * ```
 */
export const flatten = (
  image: Image,
  background: readonly [red: number, green: number, blue: number] = [255, 255, 255]
): Result.Result<Image, ImageError> =>
  Result.map(toPixels("flatten", image), (from) => {
    if (!pixels.hasAlpha(from.channels)) return pixels.toTensor(pixels.toRgb(from))
    const plain = pixels.filled(from.width, from.height, [...background, 255])
    return pixels.toTensor(pixels.toRgb(pixels.alphaComposite(plain, pixels.toRgba(from))))
  })

/**
 * Pictures side by side in rows: `[height, width, 3]`, cells as large as the largest picture, each picture in the middle of
 * its cell. `columns` defaults to a square arrangement, `gap` to 4 pixels (around as well), `background` to white.
 *
 * ```ts
 * import * as Image from "@effect-blocks/ops/Image"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const black = Tensor.zeros("uint8", [10, 20, 3])
 * const sheet = Image.contactSheet([black, black, black], { columns: 2, gap: 1 })
 * assert.deepEqual(Result.getOrThrow(sheet).shape, [23, 43, 3])
 * ```
 */
export const contactSheet = (
  images: ReadonlyArray<Image>,
  options: {
    readonly columns?: number | undefined
    readonly gap?: number | undefined
    readonly background?: readonly [red: number, green: number, blue: number] | undefined
  } = {}
): Result.Result<Image, ImageError> => {
  const { background = [255, 255, 255], columns = Math.ceil(Math.sqrt(images.length)), gap = 4 } = options
  if (images.length === 0) return bad("contactSheet", "invalid-option", "no pictures")
  if (!Number.isInteger(columns) || columns < 1 || !Number.isInteger(gap) || gap < 0) {
    return bad("contactSheet", "invalid-option", `columns ${columns}, gap ${gap}: expected whole numbers`)
  }
  const parts: Array<pixels.Pixels> = []
  for (const image of images) {
    const part = Result.flatMap(flatten(image, background), (flat) => toPixels("contactSheet", flat))
    if (Result.isFailure(part)) return Result.fail(part.failure)
    parts.push(part.success)
  }
  const sheet = pixels.sheet(parts, columns, gap, background)
  return Result.map(checkSize("contactSheet", sheet.width, sheet.height), () => pixels.toTensor(sheet.draw()))
}
