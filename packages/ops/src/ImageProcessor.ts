/**
 * Between pictures and the tensors of an autoencoder, as diffusers' `VaeImageProcessor` goes, with the same numbers:
 * resizing by Pillow's fixed-point filters, float32 arithmetic rounded operation by operation.
 *
 * Everything is pure; what depends on the value of an argument is a `Result` (`Effect.fromResult` makes it an Effect).
 */
import { dual } from "effect/Function"
import * as Result from "effect/Result"
import * as Image from "./Image.ts"
import * as blurring from "./internal/image/blur.ts"
import * as pixels from "./internal/image/pixels.ts"
import * as vae from "./internal/image/vae.ts"
import * as Tensor from "./Tensor.ts"

/**
 * How a picture is brought to another shape. `default` stretches it; `fill` fits it in and repeats its edge over what is
 * left; `crop` covers the size and cuts off what is over.
 */
export type ResizeMode = "default" | "fill" | "crop"

/** A size in pixels: whole numbers from 1 on. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** The size wanted, and how it is reached. */
export interface ResizeOptions extends Size {
  /** default `default`, which stretches */
  readonly mode?: ResizeMode | undefined
  /** default `lanczos` */
  readonly filter?: Image.Filter | undefined
  /** see `Image.resize`; only in mode `default` */
  readonly reducingGap?: number | undefined
}

/** How pictures become the input of an encoder. */
export interface PreprocessOptions {
  /** default: the picture's own, rounded down to multiples of `factor` */
  readonly width?: number | undefined
  /** default: the picture's own, rounded down to multiples of `factor` */
  readonly height?: number | undefined
  /** pixels per latent: sizes are rounded down to multiples of it; default 8 */
  readonly factor?: number | undefined
  /** default `lanczos` */
  readonly filter?: Image.Filter | undefined
  /** see `Image.resize`; only in mode `default` */
  readonly reducingGap?: number | undefined
  /** default `default`, which stretches */
  readonly mode?: ResizeMode | undefined
  /** this part of the picture only, cut out before it is resized */
  readonly crop?: Image.Box | undefined
  /** `false` keeps the size (then the picture must have it already); default `true` */
  readonly resize?: boolean | undefined
  /** to [-1, 1] rather than [0, 1]; default `true` */
  readonly normalize?: boolean | undefined
  /** below 0.5 to 0, the rest to 1; default `false` */
  readonly binarize?: boolean | undefined
  /** a tensor with this many channels is taken for latents; default 4 */
  readonly latentChannels?: number | undefined
  /** `rgb` or `gray` converts after resizing; default `native` */
  readonly channels?: "native" | "rgb" | "gray" | undefined
}

const bad = (operation: string, detail: string): Result.Result<never, Image.ImageError> =>
  Result.fail(new Image.ImageError({ operation, reason: "invalid-option", detail }))

const invalid = (operation: string, detail: string): Result.Result<never, Image.ImageError> =>
  Result.fail(new Image.ImageError({ operation, reason: "invalid-pixels", detail }))

const isWhole = (value: number): boolean => Number.isInteger(value) && value > 0

const toPixels = (operation: string, image: Image.Image): Result.Result<pixels.Pixels, Image.ImageError> => {
  const picture = pixels.fromTensor(image)
  return typeof picture === "string" ? invalid(operation, picture) : Result.succeed(picture)
}

/** the lengths of a batch of planes */
const planes = (operation: string, tensor: Tensor.Tensor<"float32">) => {
  const [batch = 0, channels = 0, height = 0, width = 0] = tensor.shape
  return tensor.dtype === "float32" && tensor.shape.length === 4
    ? Result.succeed({ batch, channels, height, width })
    : invalid(operation, `expected float32[batch, channels, height, width], got ${tensor}`)
}

const checkSize = (operation: string, { height, width }: Size): Result.Result<void, Image.ImageError> =>
  isWhole(width) && isWhole(height)
    ? Result.succeed(undefined)
    : bad(operation, `${width} x ${height} is not a size (positive whole numbers)`)

// ----------------------------------------------------------------------------------------------------------- sizes

/**
 * Another size in one of three modes (diffusers: `VaeImageProcessor.resize`). `fill` and `crop` give RGB.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const wide = Tensor.zeros("uint8", [20, 80, 3])
 * const square = ImageProcessor.resize(wide, { width: 32, height: 32, mode: "crop" })
 * assert.deepEqual(Result.getOrThrow(square).shape, [32, 32, 3])
 * ```
 */
export const resize: {
  (options: ResizeOptions): (image: Image.Image) => Result.Result<Image.Image, Image.ImageError>
  (image: Image.Image, options: ResizeOptions): Result.Result<Image.Image, Image.ImageError>
} = dual(2, (image: Image.Image, options: ResizeOptions): Result.Result<Image.Image, Image.ImageError> => {
  const { mode = "default" } = options
  if (mode === "default") return Image.resize(image, options)
  if (mode !== "fill" && mode !== "crop") return bad("resize", `there is no mode '${String(mode)}'`)
  return Result.gen(function* () {
    yield* checkSize("resize", options)
    const own = yield* toPixels("resize", image)
    const resized = yield* Image.resize(image, { ...vae.innerSize(mode, own, options), filter: options.filter })
    return pixels.toTensor(vae.place(mode, yield* toPixels("resize", resized), own, options))
  })
})

/**
 * A tensor `[batch, channels, height, width]` at another size by nearest neighbour (torch's `interpolate`): how masks are
 * brought to the size of latents.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const mask = Tensor.zeros("float32", [1, 1, 64, 64])
 * const small = ImageProcessor.interpolateNearest(mask, { width: 8, height: 8 })
 * assert.deepEqual(Result.getOrThrow(small).shape, [1, 1, 8, 8])
 * ```
 */
export const interpolateNearest: {
  (size: Size): (tensor: Tensor.Tensor<"float32">) => Result.Result<Tensor.Tensor<"float32">, Image.ImageError>
  (tensor: Tensor.Tensor<"float32">, size: Size): Result.Result<Tensor.Tensor<"float32">, Image.ImageError>
} = dual(2, (tensor: Tensor.Tensor<"float32">, size: Size) =>
  Result.flatMap(checkSize("interpolateNearest", size), () =>
    Result.map(planes("interpolateNearest", tensor), ({ batch, channels, height, width }) =>
      Tensor.make(
        "float32",
        [batch, channels, size.height, size.width],
        vae.nearestPlanes(tensor.data, batch * channels, { width, height }, size)
      )
    )
  )
)

// ------------------------------------------------------------------------------------------------------ preprocess

/** the size asked for, or the picture's own, rounded down to multiples of the factor */
const settleSize = (
  operation: string,
  own: Size,
  options: PreprocessOptions
): Result.Result<Size, Image.ImageError> => {
  const { factor = 8, height = own.height, width = own.width } = options
  if (!isWhole(factor)) return bad(operation, `factor must be a positive whole number, not ${factor}`)
  for (const [name, value] of Object.entries({ width, height })) {
    if (!isWhole(value)) return bad(operation, `${name} must be a positive whole number, not ${value}`)
    if (value < factor) return bad(operation, `${name} is ${value}, less than one latent (${factor} pixels)`)
  }
  return Result.succeed({ width: width - (width % factor), height: height - (height % factor) })
}

const finish = (
  shape: ReadonlyArray<number>,
  data: Float32Array,
  { binarize = false, normalize = true }: PreprocessOptions
): Tensor.Tensor<"float32"> => {
  // what is below zero has been normalised before: diffusers leaves it, and so does this
  const normalized = normalize && !data.some((x) => x < 0) ? vae.normalize(data) : data
  return Tensor.make("float32", shape, binarize ? vae.binarize(normalized) : normalized)
}

/** without a batch axis: one picture, or of masks a batch without a channel axis */
const withFourAxes = (tensor: Tensor.Tensor<"float32">, gray: boolean): Tensor.Tensor<"float32"> =>
  tensor.shape.length === 3 ? Tensor.reshape(tensor, tensor.shape.toSpliced(gray ? 1 : 0, 0, 1)) : tensor

const preprocessTensor = (
  given: Tensor.Tensor<"float32">,
  options: PreprocessOptions
): Result.Result<Tensor.Tensor<"float32">, Image.ImageError> => {
  const tensor = withFourAxes(given, options.channels === "gray")
  return Result.flatMap(planes("preprocess", tensor), (own) => {
    if (own.channels === (options.latentChannels ?? 4)) return Result.succeed(tensor)
    if (options.resize === false) return Result.succeed(finish(tensor.shape, tensor.data, options))
    return Result.flatMap(settleSize("preprocess", own, options), (size) =>
      Result.map(interpolateNearest(tensor, size), ({ data, shape }) => finish(shape, data, options))
    )
  })
}

const preprocessImages = (
  images: ReadonlyArray<Image.Image>,
  options: PreprocessOptions
): Result.Result<Tensor.Tensor<"float32">, Image.ImageError> =>
  Result.gen(function* () {
    const prepared: Array<pixels.Pixels> = []
    let size: Size | undefined
    for (const image of images) {
      const cropped = options.crop === undefined ? image : yield* Image.crop(image, options.crop)
      let resized = cropped
      if (options.resize !== false) {
        size ??= yield* settleSize("preprocess", yield* toPixels("preprocess", cropped), options)
        resized = yield* resize(cropped, { ...options, ...size })
      }
      prepared.push(yield* toPixels("preprocess", yield* Image.convert(resized, options.channels ?? "native")))
    }
    const [first] = prepared
    if (first === undefined) return yield* invalid("preprocess", "no pictures")
    const { channels, height, width } = first
    const item = channels * height * width
    const data = new Float32Array(prepared.length * item)
    for (const [i, picture] of prepared.entries()) {
      if (picture.width !== width || picture.height !== height || picture.channels !== channels) {
        return yield* invalid(
          "preprocess",
          `picture ${i} is ${pixels.toTensor(picture)}, the first ${pixels.toTensor(first)}`
        )
      }
      vae.writePlanes(picture, data, i * item)
    }
    return finish([prepared.length, channels, height, width], data, options)
  })

/**
 * Pictures to the input of an encoder: resized, levels to [0, 1], then to [-1, 1] (diffusers:
 * `VaeImageProcessor.preprocess`). Takes one picture, several (each brought to the size of the first), or a float tensor
 * `[batch, channels, height, width]` (or without the batch axis) with values in [0, 1], which is resized by nearest
 * neighbour; a tensor with `latentChannels` channels is taken for latents and given back. Gives `[batch, channels, height, width]`.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const black = Tensor.zeros("uint8", [40, 70, 3])
 * const input = Result.getOrThrow(ImageProcessor.preprocess(black, { factor: 8 }))
 * assert.deepEqual(input.shape, [1, 3, 40, 64])
 * assert.equal(input.data[0], -1)
 * ```
 */
export const preprocess = (
  input: Image.Image | ReadonlyArray<Image.Image> | Tensor.Tensor<"float32">,
  options: PreprocessOptions = {}
): Result.Result<Tensor.Tensor<"float32">, Image.ImageError> => {
  if (!Tensor.isTensor(input)) return preprocessImages(input, options)
  return input.dtype === "float32" ? preprocessTensor(input, options) : preprocessImages([input], options)
}

/**
 * A mask to `[batch, 1, height, width]` of zeros (keep) and ones (paint): grey, not normalised, binarised at 0.5.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const white = Tensor.make("uint8", [8, 8, 1], new Uint8Array(64).fill(255))
 * const mask = Result.getOrThrow(ImageProcessor.preprocessMask(white, { width: 16, height: 16 }))
 * assert.deepEqual(mask.shape, [1, 1, 16, 16])
 * assert.ok(mask.data.every((x) => x === 1))
 * ```
 */
export const preprocessMask = (
  mask: Image.Image | ReadonlyArray<Image.Image> | Tensor.Tensor<"float32">,
  options: Omit<PreprocessOptions, "normalize" | "binarize" | "channels"> = {}
): Result.Result<Tensor.Tensor<"float32">, Image.ImageError> =>
  preprocess(mask, { ...options, normalize: false, binarize: true, channels: "gray" })

// ----------------------------------------------------------------------------------------------------- postprocess

/**
 * From [-1, 1] to [0, 1], cut off at both ends (diffusers: `postprocess(output_type="pt")`). `which` says for every item
 * of the batch whether it is denormalised; default all.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const decoded = Tensor.make("float32", [1, 1, 1, 3], Float32Array.of(-1.5, 0, 1))
 * assert.deepEqual([...Result.getOrThrow(ImageProcessor.denormalize(decoded)).data], [0, 0.5, 1])
 * ```
 */
export const denormalize = (
  tensor: Tensor.Tensor<"float32">,
  which: boolean | ReadonlyArray<boolean> = true
): Result.Result<Tensor.Tensor<"float32">, Image.ImageError> =>
  Result.flatMap(planes("denormalize", tensor), ({ batch, channels, height, width }) => {
    if (typeof which === "object" && which.length !== batch) {
      return bad("denormalize", `${which.length} flags for a batch of ${batch}`)
    }
    if (which === false) return Result.succeed(tensor)
    const item = channels * height * width
    const data = tensor.data.map((x, i) =>
      which === true || which[Math.floor(i / item)] === true ? vae.denormalize(x) : x
    )
    return Result.succeed(Tensor.make("float32", tensor.shape, data))
  })

/**
 * `[batch, channels, height, width]` to `[batch, height, width, channels]` (diffusers: `pt_to_numpy`).
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const last = ImageProcessor.channelsLast(Tensor.zeros("float32", [2, 3, 4, 5]))
 * assert.deepEqual(Result.getOrThrow(last).shape, [2, 4, 5, 3])
 * ```
 */
export const channelsLast = (
  tensor: Tensor.Tensor<"float32">
): Result.Result<Tensor.Tensor<"float32">, Image.ImageError> =>
  Result.map(planes("channelsLast", tensor), ({ batch, channels, height, width }) => {
    const out = new Float32Array(tensor.data.length)
    const data = vae.channelsLast(tensor.data, out, channels, height * width, (x) => x)
    return Tensor.make("float32", [batch, height, width, channels], data)
  })

/**
 * The output of a decoder to pictures, one per item of the batch: denormalised, times 255, rounded half to even
 * (diffusers: `postprocess(output_type="pil")`).
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const [image] = Result.getOrThrow(ImageProcessor.postprocess(Tensor.zeros("float32", [1, 3, 8, 8])))
 * assert.deepEqual(image?.shape, [8, 8, 3])
 * assert.equal(image?.data[0], 128)
 * ```
 */
export const postprocess = (
  tensor: Tensor.Tensor<"float32">,
  options: { readonly denormalize?: boolean | ReadonlyArray<boolean> | undefined } = {}
): Result.Result<Array<Image.Image>, Image.ImageError> =>
  Result.flatMap(denormalize(tensor, options.denormalize), (values) =>
    Result.map(planes("postprocess", values), ({ channels, height, width }) => {
      const out = new Uint8Array(values.data.length)
      const data = vae.channelsLast(values.data, out, channels, height * width, vae.toLevel)
      const item = channels * height * width
      return Array.from({ length: values.shape[0] ?? 0 }, (_, i) =>
        Tensor.make("uint8", [height, width, channels], data.subarray(i * item, (i + 1) * item))
      )
    })
  )

// ----------------------------------------------------------------------------------------------------------- masks

/**
 * The part of a picture to inpaint at full size: the box of what the mask marks, padded, and grown towards the shape of
 * the target (diffusers: `get_crop_region`). A mask that marks nothing is an error.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const mask = Tensor.make("uint8", [4, 4, 1], Uint8Array.from({ length: 16 }, (_, i) => (i === 5 ? 255 : 0)))
 * const box = ImageProcessor.cropRegion(mask, { width: 64, height: 64, padding: 1 })
 * assert.deepEqual(Result.getOrThrow(box), [0, 0, 3, 3])
 * ```
 */
export const cropRegion = (
  mask: Image.Image,
  { height, padding = 0, width }: Size & { readonly padding?: number | undefined }
): Result.Result<Image.Box, Image.ImageError> => {
  if (!Number.isInteger(padding) || padding < 0) {
    return bad("cropRegion", `padding must be a whole number from 0 on, not ${padding}`)
  }
  return Result.flatMap(checkSize("cropRegion", { width, height }), () =>
    Result.flatMap(toPixels("cropRegion", mask), (picture) => {
      const box = vae.cropRegion(pixels.toGray(picture), { width, height }, padding)
      return box === undefined
        ? invalid("cropRegion", "the mask marks nothing: all of it is zero")
        : Result.succeed(box)
    })
  )
}

/**
 * Gaussian blur with this standard deviation in pixels (diffusers: `VaeImageProcessor.blur`, Pillow's `GaussianBlur`):
 * softens the border of a mask.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const edge = Tensor.make("uint8", [1, 8, 1], Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255))
 * const soft = Result.getOrThrow(ImageProcessor.blur(edge, 1))
 * assert.ok(soft.data[3]! > 0 && soft.data[4]! < 255)
 * ```
 */
export const blur = (image: Image.Image, factor = 4): Result.Result<Image.Image, Image.ImageError> =>
  Number.isFinite(factor) && factor >= 0
    ? Result.map(toPixels("blur", image), (picture) => pixels.toTensor(blurring.gaussianBlur(picture, factor)))
    : bad("blur", `the factor must be a number from 0 on, not ${factor}`)

/**
 * The original where the mask is black, the new picture where it is white (diffusers: `apply_overlay`): RGB of the
 * original's size. With `box`, the new picture is for that part of the original: it is put there.
 *
 * ```ts
 * import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as assert from "node:assert"
 * import * as Result from "effect/Result"
 *
 * const original = Tensor.make("uint8", [1, 2, 3], Uint8Array.of(9, 9, 9, 9, 9, 9))
 * const image = Tensor.make("uint8", [1, 2, 3], Uint8Array.of(50, 50, 50, 50, 50, 50))
 * const mask = Tensor.make("uint8", [1, 2, 1], Uint8Array.of(0, 255))
 * const result = Result.getOrThrow(ImageProcessor.applyOverlay({ mask, original, image }))
 * assert.deepEqual([...result.data], [9, 9, 9, 50, 50, 50])
 * ```
 */
export const applyOverlay = ({
  box,
  filter,
  image,
  mask,
  original
}: {
  readonly mask: Image.Image
  readonly original: Image.Image
  readonly image: Image.Image
  readonly box?: Image.Box | undefined
  /** by which the new picture gets the size of the box; default `lanczos` */
  readonly filter?: Image.Filter | undefined
}): Result.Result<Image.Image, Image.ImageError> =>
  Result.gen(function* () {
    const below = yield* toPixels("applyOverlay", original)
    const weights = pixels.invert(pixels.toGray(yield* toPixels("applyOverlay", mask)))
    let above = yield* toPixels("applyOverlay", image)
    if (box !== undefined) {
      const size = { width: box[2] - box[0], height: box[3] - box[1] }
      const fitted = yield* toPixels("applyOverlay", yield* resize(image, { ...size, mode: "crop", filter }))
      above = pixels.paste(pixels.filled(below.width, below.height, [0, 0, 0]), fitted, box[0], box[1])
    }
    for (const [name, picture] of Object.entries({ mask: weights, image: above })) {
      if (picture.width !== below.width || picture.height !== below.height) {
        const size = `${picture.width} x ${picture.height}`
        return yield* invalid("applyOverlay", `the ${name} is ${size}, the original ${below.width} x ${below.height}`)
      }
    }
    const kept = pixels.unpremultiply(pixels.masked(pixels.premultiply(pixels.toRgba(below)), weights))
    return pixels.toTensor(pixels.toRgb(pixels.alphaComposite(pixels.toRgba(above), kept)))
  })
