/** The sizes of runs, and what is wrong with them and with pictures. */
import type { InputError } from "@effect-blocks/core/Errors"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import type { Unet, VaeDecoder } from "../Components.ts"
import { finiteProblem } from "./finite.ts"
import type { Problem } from "./refuse.ts"
import { refuseAny } from "./refuse.ts"

interface Sides {
  readonly height: number
  readonly width: number
}
export interface Models {
  readonly unet: Unet["Service"]
  readonly vae: VaeDecoder["Service"]
}
interface SizeInputs {
  readonly height?: number
  readonly width?: number
  readonly batchSize: number
  readonly latents?: Tensor.Tensor<"float32">
}
/** what encoder and UNet halve a side by, all in all */
const multipleOf = ({ unet, vae }: Models): number => vae.scaleFactor * unet.sizeMultiple

/** what the model was trained on */
const ownSides = ({ unet, vae }: Models): Sides => {
  const side = unet.sampleSize * vae.scaleFactor
  return { height: side, width: side }
}

/** the picture that latents are of */
const sidesOf = ({ shape }: Tensor.Tensor<"float32">, { scaleFactor }: VaeDecoder["Service"]): Sides => ({
  height: shape[2]! * scaleFactor,
  width: shape[3]! * scaleFactor
})

/** the sides of a run: as asked for, else `own`; with them what is wrong with them and with given latents */
const sidesFor = (
  { batchSize, height, latents, width }: SizeInputs,
  own: Sides,
  models: Models
): readonly [Sides, ReadonlyArray<Problem | false>] => {
  const { vae } = models
  const multiple = multipleOf(models)
  const sides = { height: height ?? own.height, width: width ?? own.width }
  const bad = (value: number) => value === 0 || value % multiple !== 0
  const want = [batchSize, vae.latentChannels, sides.height / vae.scaleFactor, sides.width / vae.scaleFactor]
  return [
    sides,
    [
      bad(sides.height) && { field: "height", actual: String(sides.height), expected: `a multiple of ${multiple}` },
      bad(sides.width) && { field: "width", actual: String(sides.width), expected: `a multiple of ${multiple}` },
      latents !== undefined &&
        want.some((length, axis) => latents.shape[axis] !== length) && {
          field: "latents",
          actual: `of shape [${latents.shape.join(", ")}]`,
          expected: `[${want.join(", ")}]`
        },
      finiteProblem("latents", latents)
    ]
  ]
}

/** what is wrong with given latents that settle the size */
const ownLatents = (latents: Tensor.Tensor<"float32">, batchSize: number, { unet, vae }: Models) => {
  const [items, channels, ...sides] = latents.shape
  const multiple = unet.sizeMultiple
  const fits = sides.every((side) => side > 0 && side % multiple === 0)
  return (
    !(items === batchSize && channels === vae.latentChannels && fits) && {
      field: "latents",
      actual: `of shape [${latents.shape.join(", ")}]`,
      expected: `[${batchSize}, ${vae.latentChannels}, height, width], with sides that are multiples of ${multiple}`
    }
  )
}

/** of a picture made from words alone */
export const textSides = (inputs: SizeInputs, models: Models): readonly [Sides, ReadonlyArray<Problem | false>] => {
  const { batchSize, height, latents, width } = inputs
  return latents === undefined || height !== undefined || width !== undefined
    ? sidesFor(inputs, ownSides(models), models)
    : [sidesOf(latents, models.vae), [ownLatents(latents, batchSize, models), finiteProblem("latents", latents)]]
}

type Picture = Tensor.Tensor<"uint8"> | Tensor.Tensor<"float32">

/** of `[height, width, channels]` levels or `[batch, channels, height, width]` numbers */
const measure = ({ dtype, shape }: Picture) => {
  const [a = 0, b = 0, c = 0, d = 0] = shape
  return dtype === "uint8"
    ? { height: a, width: b, channels: c, count: 1 }
    : { height: c, width: d, channels: b, count: a }
}

const field = "image"

/**
 * Levels of 0..255 where 0..1 is meant would be nothing but white. Numbers from arithmetic may be a little over, and
 * pictures that are -1..1 already are taken, as diffusers does.
 */
const levelsProblem = ({ data }: Tensor.Tensor<"float32">): Problem | false => {
  let most = 0
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i]!))
  return (
    most > LARGEST && {
      field,
      actual: `of numbers up to ${most}`,
      expected: "numbers of 0..1, or 8-bit levels (uint8)"
    }
  )
}
/** above what a resize overshoots and what standard normal noise has; levels of 0..255 that stay below it show black */
const LARGEST = 8

/** what is wrong with a picture, apart from its size */
const pictureProblems = (image: Picture, batchSize: number): ReadonlyArray<Problem | false> => {
  const { channels, count } = measure(image)
  const levels = image.dtype === "uint8"
  const actual = String(image)
  return [
    (levels ? ![1, 3, 4].includes(channels) : channels !== 3) && {
      field,
      actual,
      expected: levels ? "1, 3 or 4 channels" : "3 channels"
    },
    countProblem(field, actual, count, batchSize),
    image.dtype === "float32" && (finiteProblem(field, image) || levelsProblem(image))
  ]
}

const countProblem = (field: string, actual: string, count: number, batchSize: number): Problem | false =>
  (count === 0 || batchSize % count !== 0) && {
    field,
    actual,
    expected: `one picture, or a number of them that divides the ${batchSize} of this run`
  }

/** the size of a picture, rounded down to what the models take */
export const pictureSides = (block: string, image: Picture, inputs: SizeInputs, models: Models) => {
  const { height, width } = measure(image)
  const multiple = multipleOf(models)
  const down = (side: number) => side - (side % multiple)
  const small = height < multiple || width < multiple
  const [sides, problems] = sidesFor(inputs, { height: down(height), width: down(width) }, models)
  const checked = refuseAny(block, [
    ...pictureProblems(image, inputs.batchSize),
    small && { field, actual: String(image), expected: `at least ${multiple} pixels each way` },
    ...(small ? [] : problems)
  ])
  return Effect.as(checked, sides)
}

/** the size of the picture that latents are of, which were given in its place */
export const latentsSides = (
  block: string,
  image: Tensor.Tensor<"float32">,
  inputs: SizeInputs,
  models: Models
): Effect.Effect<Sides, InputError> => {
  const channels = models.vae.latentChannels
  const own = sidesOf(image, models.vae)
  const [sides, problems] = sidesFor(inputs, own, models)
  const actual = String(image)
  const checked = refuseAny(block, [
    image.shape[1] !== channels && { field, actual, expected: `3 channels, or ${channels} where it is latents` },
    countProblem(field, actual, image.shape[0]!, inputs.batchSize),
    finiteProblem(field, image),
    (sides.height !== own.height || sides.width !== own.width) && {
      field,
      actual: `of latents for ${own.width}x${own.height} pixels`,
      expected: `${sides.width}x${sides.height}: latents are not resized`
    },
    ...problems
  ])
  return Effect.as(checked, sides)
}

interface InpaintInputs extends SizeInputs {
  readonly image: Picture
  readonly maskImage: Tensor.Tensor<"uint8">
  readonly paddingMaskCrop?: number
}

/** what is wrong with given latents of the masked picture */
const maskedProblems = (
  masked: Tensor.Tensor<"float32"> | undefined,
  batchSize: number,
  sides: Sides,
  { vae }: Models
): ReadonlyArray<Problem | false> => {
  if (masked === undefined) return []
  const field = "maskedImageLatents"
  const actual = String(masked)
  const want = [vae.latentChannels, sides.height / vae.scaleFactor, sides.width / vae.scaleFactor]
  return [
    want.some((length, axis) => masked.shape[axis + 1] !== length) && {
      field,
      actual,
      expected: `float32[pictures, ${want.join(", ")}]`
    },
    countProblem(field, actual, masked.shape[0]!, batchSize),
    finiteProblem(field, masked)
  ]
}

/** of a picture that is painted into */
export const paintedSides = (
  { image, maskImage, paddingMaskCrop, ...inputs }: InpaintInputs,
  models: Models,
  masked?: Tensor.Tensor<"float32">
): Effect.Effect<Sides, InputError> => {
  const own = measure(image)
  const mask = measure(maskImage)
  const crop = paddingMaskCrop !== undefined
  const [sides, problems] = sidesFor(inputs, ownSides(models), models)
  const checked = refuseAny("inpaintSize", [
    ...pictureProblems(image, inputs.batchSize),
    crop &&
      image.dtype !== "uint8" && {
        field,
        actual: String(image),
        expected: "an 8-bit picture, for paddingMaskCrop to put the result into"
      },
    crop &&
      (mask.height !== own.height || mask.width !== own.width) && {
        field: "maskImage",
        actual: `${mask.width}x${mask.height} pixels`,
        expected: `${own.width}x${own.height}, the size of the picture, for paddingMaskCrop to cut out the same of both`
      },
    ![1, 3, 4].includes(mask.channels) && {
      field: "maskImage",
      actual: String(maskImage),
      expected: "1, 3 or 4 channels"
    },
    ...problems,
    ...maskedProblems(masked, inputs.batchSize, sides, models)
  ])
  return Effect.as(checked, sides)
}
