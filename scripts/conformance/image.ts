/** Golden cases of the topic "image": 8-bit results and float results must be equal, bit for bit. */
import type * as Image from "@effect-blocks/ops/Image"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Result from "effect/Result"
import type { Outcome, ReadTensor, Reference } from "./rng.ts"

interface Document {
  readonly inputs: Readonly<Record<string, { readonly pixels: Reference }>>
}

interface Call {
  readonly height?: number
  readonly width?: number
  readonly resize_mode?: ImageProcessor.ResizeMode
  readonly crops_coords?: Image.Box
}

interface Arguments {
  readonly vae_scale_factor?: number
  readonly vae_latent_channels?: number
  readonly resample?: Image.Filter
  readonly do_resize?: boolean
  readonly do_normalize?: boolean
  readonly do_binarize?: boolean
  readonly do_convert_rgb?: boolean
  readonly do_convert_grayscale?: boolean
}

interface Case {
  readonly kind: string
  readonly image?: string
  readonly mask?: string
  readonly resample?: Image.Filter
  readonly resize_mode?: ImageProcessor.ResizeMode
  readonly width?: number
  readonly height?: number
  readonly pad?: number
  readonly box?: ReadonlyArray<number>
  readonly blur_factor?: number
  readonly crop_coords?: Image.Box | null
  readonly kwargs?: Arguments
  readonly call?: Call
  readonly do_denormalize?: ReadonlyArray<boolean>
  readonly input?: Reference
  readonly new_image?: Reference
  readonly pixels?: Reference
  readonly tensor?: Reference
  readonly luma?: Reference
  readonly pt?: Reference
  readonly np?: Reference
  readonly pil?: Reference
  readonly full?: Reference
  readonly small?: Reference
  readonly error?: unknown
}

const options = ({ call = {}, kwargs = {} }: Case): ImageProcessor.PreprocessOptions => ({
  width: call.width,
  height: call.height,
  mode: call.resize_mode,
  crop: call.crops_coords,
  factor: kwargs.vae_scale_factor,
  latentChannels: kwargs.vae_latent_channels,
  filter: kwargs.resample,
  resize: kwargs.do_resize,
  normalize: kwargs.do_normalize,
  binarize: kwargs.do_binarize,
  channels: kwargs.do_convert_rgb === true ? "rgb" : kwargs.do_convert_grayscale === true ? "gray" : "native"
})

const isUint8 = (tensor: Tensor.Tensor): tensor is Tensor.Tensor<"uint8"> => tensor.dtype === "uint8"
const isFloat32 = (tensor: Tensor.Tensor): tensor is Tensor.Tensor<"float32"> => tensor.dtype === "float32"

/** Kinds that need a scheduler are not for this function: see `schedule.ts`. */
export const handles = (golden: { readonly kind: string }): boolean => golden.kind !== "get_timesteps"

export const runCase = (doc: Document, golden: Case, readTensor: ReadTensor): Outcome => {
  let difference = 0
  let where: string | undefined
  const compare = (label: string, got: Tensor.Tensor, expected: Reference | undefined): void => {
    if (expected === undefined) return
    const want = readTensor(expected)
    if (Tensor.sizeOf(want.shape) !== got.data.length) {
      difference = Infinity
      where ??= `${label}: ${got}, expected ${want}`
      return
    }
    for (let i = 0; i < got.data.length; i++) {
      const x = Number(got.data[i])
      const y = Number(want.data[i])
      if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue
      difference = Math.max(difference, Math.abs(x - y))
      where ??= `${label}[${i}]: ${x}, expected ${y}`
    }
  }
  const pixels = (reference: Reference | undefined): Image.Image => {
    const tensor = reference === undefined ? undefined : readTensor(reference)
    if (tensor === undefined || !isUint8(tensor)) throw new Error(`no 8-bit picture in case '${golden.kind}'`)
    return tensor
  }
  const floats = (reference: Reference | undefined): Tensor.Tensor<"float32"> => {
    const tensor = reference === undefined ? undefined : readTensor(reference)
    if (tensor === undefined || !isFloat32(tensor)) throw new Error(`no float tensor in case '${golden.kind}'`)
    return tensor
  }
  const picture = () => pixels(doc.inputs[golden.image ?? golden.mask ?? ""]?.pixels)
  const mask = () => pixels(doc.inputs[golden.mask ?? ""]?.pixels)
  const { height = 0, width = 0 } = golden

  const run = (): void => {
    switch (golden.kind) {
      case "resize": {
        const resizing = { width, height, filter: golden.resample, mode: golden.resize_mode }
        return compare("pixels", Result.getOrThrow(ImageProcessor.resize(picture(), resizing)), golden.pixels)
      }
      case "preprocess_image":
      case "preprocess_mask":
      case "preprocess_mask_from_rgb": {
        compare("tensor", Result.getOrThrow(ImageProcessor.preprocess(picture(), options(golden))), golden.tensor)
        const gray = ImageProcessor.preprocess(picture(), { channels: "gray", resize: false, normalize: false })
        const luma = Result.getOrThrow(
          Result.flatMap(gray, (x) => ImageProcessor.postprocess(x, { denormalize: false }))
        )
        for (const image of luma) compare("luma", image, golden.luma)
        return
      }
      case "preprocess_tensor": {
        const size = { ...options(golden), width, height }
        return compare(
          "tensor",
          Result.getOrThrow(ImageProcessor.preprocess(floats(golden.input), size)),
          golden.tensor
        )
      }
      case "postprocess":
      case "postprocess_conditional": {
        const denormalize = golden.do_denormalize ?? golden.kwargs?.do_normalize ?? true
        const pt = Result.getOrThrow(ImageProcessor.denormalize(floats(golden.input), denormalize))
        compare("pt", pt, golden.pt)
        compare("np", Result.getOrThrow(ImageProcessor.channelsLast(pt)), golden.np)
        const images = Result.getOrThrow(ImageProcessor.postprocess(floats(golden.input), { denormalize }))
        return compare("pil", Tensor.stack(images), golden.pil)
      }
      case "crop_region": {
        const box = Result.getOrThrow(ImageProcessor.cropRegion(mask(), { width, height, padding: golden.pad }))
        if (String(box) !== String(golden.box)) {
          difference = Math.max(...box.map((edge, i) => Math.abs(edge - (golden.box?.[i] ?? Infinity))))
          where = `box: [${box}], expected [${golden.box}]`
        }
        return
      }
      case "blur":
        return compare("pixels", Result.getOrThrow(ImageProcessor.blur(mask(), golden.blur_factor)), golden.pixels)
      case "apply_overlay": {
        const overlay = ImageProcessor.applyOverlay({
          mask: mask(),
          original: pixels(doc.inputs[golden.image ?? ""]?.pixels),
          image: pixels(golden.new_image),
          box: golden.crop_coords ?? undefined
        })
        return compare("pixels", Result.getOrThrow(overlay), golden.pixels)
      }
      case "mask_to_latent_size": {
        const full = floats(golden.full)
        const size = { width: full.shape[3] ?? 0, height: full.shape[2] ?? 0 }
        const prepared = Result.getOrThrow(ImageProcessor.preprocessMask(mask(), size))
        compare("full", prepared, golden.full)
        const small = golden.small?.shape ?? []
        const target = { width: small[3] ?? 0, height: small[2] ?? 0 }
        return compare("small", Result.getOrThrow(ImageProcessor.interpolateNearest(prepared, target)), golden.small)
      }
      default:
        difference = Infinity
        where = `unknown kind '${golden.kind}'`
    }
  }

  try {
    run()
    if (golden.error !== undefined) return { ok: false, difference: Infinity, where: "expected an error" }
  } catch (error) {
    if (golden.error === undefined) return { ok: false, difference: Infinity, where: String(error) }
    return { ok: true, difference: 0 }
  }
  return where === undefined ? { ok: true, difference } : { ok: false, difference, where }
}
