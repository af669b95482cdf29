/** Image processing: 8-bit and float results must be diffusers' (and Pillow's), bit for bit. */
import type * as Image from "@effect-blocks/ops/Image"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Result from "effect/Result"
import { type Case, differenceOf, type Golden, type Reference } from "./golden.ts"
import { type Check, type Outcome, outcome, type Topic } from "./topic.ts"

/** diffusers' name of a filter as ours: it has two for one, and not all of Pillow's */
const filters: { readonly [name: string]: Image.Filter } = {
  lanczos: "lanczos",
  bicubic: "bicubic",
  bilinear: "bilinear",
  linear: "bilinear",
  nearest: "nearest"
}
const filterOf = (name: string = "lanczos"): Image.Filter => {
  const filter = filters[name]
  if (filter === undefined) throw new Error(`there is no filter '${name}'`)
  return filter
}

const keywords: ReadonlySet<string> = new Set([
  "do_resize",
  "vae_scale_factor",
  "vae_latent_channels",
  "resample",
  "reducing_gap",
  "do_normalize",
  "do_binarize",
  "do_convert_rgb",
  "do_convert_grayscale"
])

/** what a case asks of `preprocess`, from diffusers' keywords */
const preprocessOptions = (testCase: Case): ImageProcessor.PreprocessOptions => {
  const { call = {}, kwargs = {} } = testCase
  const unknown = Object.keys(kwargs).find((name) => !keywords.has(name))
  if (unknown !== undefined) throw new Error(`there is no option '${unknown}'`)
  // one option here, so that both cannot be asked for
  if (kwargs.do_convert_rgb === true && kwargs.do_convert_grayscale === true)
    throw new Error("a picture cannot become both RGB and grey")
  return {
    width: call.width ?? testCase["width"],
    height: call.height ?? testCase["height"],
    mode: call.resize_mode,
    crop: call.crops_coords ?? undefined,
    factor: kwargs.vae_scale_factor,
    latentChannels: kwargs.vae_latent_channels,
    filter: kwargs.do_resize === false ? undefined : filterOf(kwargs.resample),
    reducingGap: kwargs.reducing_gap ?? undefined,
    resize: kwargs.do_resize,
    normalize: kwargs.do_normalize,
    binarize: kwargs.do_binarize,
    channels: kwargs.do_convert_rgb ? "rgb" : kwargs.do_convert_grayscale ? "gray" : "native"
  }
}

const sizeOf = ({ shape }: Reference) => ({ width: shape.at(-1) ?? 0, height: shape.at(-2) ?? 0 })

const compareCase = (golden: Golden, testCase: Case, compare: (place: string, got: Tensor.Tensor) => void): void => {
  const pixels = (reference: Reference): Image.Image =>
    Tensor.make("uint8", reference.shape, golden.values({ ...reference, dtype: "u8" }))
  const named = (name: string): Image.Image => pixels(golden.document["inputs"][name].pixels)
  const { height, kind, width } = testCase
  switch (kind) {
    case "resize": {
      const reducingGap = testCase["kwargs"]?.reducing_gap ?? testCase["reducing_gap"] ?? undefined
      const options = {
        width,
        height,
        reducingGap,
        filter: filterOf(testCase["resample"]),
        mode: testCase["resize_mode"]
      }
      return compare("pixels", Result.getOrThrow(ImageProcessor.resize(named(testCase["image"]), options)))
    }
    case "preprocess_image":
    case "preprocess_mask":
    case "preprocess_mask_from_rgb": {
      const picture = named(testCase["image"] ?? testCase["mask"])
      compare("tensor", Result.getOrThrow(ImageProcessor.preprocess(picture, preprocessOptions(testCase))))
      if (testCase["luma"] === undefined) return
      const gray = ImageProcessor.preprocess(picture, { channels: "gray", resize: false, normalize: false })
      const [luma] = Result.getOrThrow(
        Result.flatMap(gray, (tensor) => ImageProcessor.postprocess(tensor, { denormalize: false }))
      )
      return compare("luma", luma ?? picture)
    }
    case "preprocess_tensor": {
      const input = golden.float32(testCase["input"])
      return compare("tensor", Result.getOrThrow(ImageProcessor.preprocess(input, preprocessOptions(testCase))))
    }
    case "postprocess":
    case "postprocess_conditional": {
      const input = golden.float32(testCase["input"])
      const denormalize = testCase["do_denormalize"] ?? testCase["kwargs"]?.do_normalize
      const pt = Result.getOrThrow(ImageProcessor.denormalize(input, denormalize))
      compare("pt", pt)
      compare("np", Result.getOrThrow(ImageProcessor.channelsLast(pt)))
      return compare("pil", Tensor.stack(Result.getOrThrow(ImageProcessor.postprocess(input, { denormalize }))))
    }
    case "crop_region": {
      const size = { width, height, padding: testCase["pad"] }
      const box = Result.getOrThrow(ImageProcessor.cropRegion(named(testCase["mask"]), size))
      return compare("box", Tensor.fromArray("int32", [4], box))
    }
    case "blur":
      return compare("pixels", Result.getOrThrow(ImageProcessor.blur(named(testCase["mask"]), testCase["blur_factor"])))
    case "apply_overlay": {
      const overlay = ImageProcessor.applyOverlay({
        mask: named(testCase["mask"]),
        original: named(testCase["image"]),
        image: pixels(testCase["new_image"]),
        box: testCase["crop_coords"] ?? undefined,
        filter: filterOf(testCase["kwargs"]?.resample)
      })
      return compare("pixels", Result.getOrThrow(overlay))
    }
    case "mask_to_latent_size": {
      const full = ImageProcessor.preprocessMask(named(testCase["mask"]), sizeOf(testCase["full"]))
      compare("full", Result.getOrThrow(full))
      const small = Result.flatMap(full, (mask) => ImageProcessor.interpolateNearest(mask, sizeOf(testCase["small"])))
      return compare("small", Result.getOrThrow(small))
    }
    default:
      throw new Error(`unknown kind '${kind}'`)
  }
}

const marksNothing = (golden: Golden, { kind, mask }: Case): boolean =>
  kind === "crop_region" && golden.values(golden.document["inputs"][mask].pixels).every((level) => Number(level) === 0)

export const runCase = (golden: Golden, testCase: Case): Outcome => {
  const checks: Array<Check> = []
  const expectsError = testCase["error"] !== undefined
  try {
    compareCase(golden, testCase, (place, got) => {
      const expected: Reference | ReadonlyArray<number> | undefined = testCase[place]
      if (expected === undefined) return
      const want: ReadonlyArray<number> = "offset" in expected ? Array.from(golden.values(expected), Number) : expected
      checks.push({ place, limit: 0, difference: differenceOf(Tensor.toArray(got).map(Number), want) })
    })
  } catch (error) {
    if (expectsError) return outcome([])
    const message = error instanceof Error ? error.message : String(error)
    if (marksNothing(golden, testCase))
      return { ...outcome([]), differsByDesign: "the region of a mask that marks nothing is refused" }
    return testCase["call"]?.resize_mode === "crop" && message.includes("less than one latent")
      ? { ...outcome([]), differsByDesign: "a size below one latent is refused" }
      : outcome([], [message])
  }
  return expectsError ? outcome([], [`should fail: ${testCase["error"].message}`]) : outcome(checks)
}

export const topic: Topic = {
  name: "image",
  runCase: async (golden, testCase) =>
    testCase["kind"] === "get_timesteps"
      ? (await import("./timesteps.ts")).runCase(testCase)
      : runCase(golden, testCase)
}
