/**
 * What comes between the encoders and the loop: checks, timesteps, first latents. diffusers' `before_denoise.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Rng from "@effect-blocks/ops/Rng"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { VaeGeometry } from "../../Components.ts"
import { TextEncoder, Unet, VaeDecoder, VaeEncoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import * as Guider from "../../Guider.ts"
import { ComponentMismatch, InputError } from "../../InputError.ts"
import { fill, normals, scale } from "../../internal/batch.ts"
import { settle } from "../../internal/guidance.ts"
import { hole, samplePosterior, shrinkMask } from "../../internal/latents.ts"
import * as Scheduler from "../../Scheduler.ts"

/**
 * Checks how many pictures are asked for, and starts their generators.
 */
export const checkInputs = Block.make("checkInputs", {
  description: "Counts the pictures and starts their random generators",
  inputs: {
    prompt: Fields.prompt,
    negativePrompt: Fields.negativePrompt,
    numImagesPerPrompt: Fields.numImagesPerPrompt,
    seed: Fields.seed
  },
  outputs: { batchSize: Fields.batchSize, rng: Fields.rng },
  run: ({ prompt, negativePrompt, numImagesPerPrompt, seed }) => {
    const prompts = typeof prompt === "string" ? 1 : prompt.length
    const batchSize = prompts * numImagesPerPrompt
    if (batchSize > Fields.maxBatch) {
      return Effect.fail(
        new InputError({
          field: "numImagesPerPrompt",
          actual: `${numImagesPerPrompt} for ${prompts} prompts`,
          expected: `at most ${Fields.maxBatch} pictures in one run`
        })
      )
    }
    if (typeof negativePrompt !== "string" && negativePrompt.length !== prompts) {
      return Effect.fail(
        new InputError({
          field: "negativePrompt",
          actual: `a list of ${negativePrompt.length}`,
          expected: `one text, or one for each of the ${prompts} prompts`
        })
      )
    }
    const seeds = Array.isArray(seed) ? (seed as ReadonlyArray<number | bigint>) : [seed as number | bigint]
    if (seeds.length !== 1 && seeds.length !== batchSize) {
      return Effect.fail(
        new InputError({
          field: "seed",
          actual: `a list of ${seeds.length}`,
          expected: `one seed, or one for each of the ${batchSize} pictures`
        })
      )
    }
    return Effect.succeed({ batchSize, rng: seeds.map((one) => Rng.make(one)) })
  }
})

/**
 * Checks that the components belong together: what one gives, the next must take.
 */
export const checkComponents = Block.make("checkComponents", {
  description: "Checks that the components fit each other",
  inputs: {},
  outputs: {},
  components: { textEncoder: TextEncoder, unet: Unet, vae: VaeDecoder },
  run: (_, { textEncoder, unet, vae }) => {
    const channels = vae.latentChannels
    const problems = [
      textEncoder.width !== unet.crossAttentionDim && {
        component: "textEncoder",
        actual: `a model that gives ${textEncoder.width} channels`,
        expected: `${unet.crossAttentionDim}, which is what the UNet takes`
      },
      unet.outChannels !== channels && {
        component: "unet",
        actual: `a model that gives ${unet.outChannels} channels`,
        expected: `${channels}, which is what the VAE decodes`
      },
      unet.inChannels !== channels && unet.inChannels !== 2 * channels + 1 && {
        component: "unet",
        actual: `a model that takes ${unet.inChannels} channels`,
        expected: `${channels}, or ${2 * channels + 1} to paint into pictures`
      }
    ]
    const found = problems.find((problem) => problem !== false)
    return found === undefined ? Effect.succeed({}) : Effect.fail(new ComponentMismatch(found))
  }
})

/**
 * Settles the guidance of the run and starts its guider. A guider whose predictions this pipeline cannot make is refused.
 */
export const setGuidance = Block.make("setGuidance", {
  description: "Settles how strongly the prompt counts",
  inputs: { guidanceScale: Fields.guidanceScale, guidanceRescale: Fields.guidanceRescale },
  outputs: { guiderState: Fields.guiderState },
  components: { guider: Guider.Guider },
  run: (scales, { guider }) => Effect.map(settle(guider, scales), () => ({ guiderState: Guider.initial }))
})

// ------------------------------------------------------------------ size

interface Sides {
  readonly height: number
  readonly width: number
}

/** sides that encoder and UNet can halve as often as they do, and latents of that size */
const checkSize = Effect.fnUntraced(function* (
  { height, width }: Sides,
  batchSize: number,
  latents: Tensor.Tensor<"float32"> | undefined,
  unet: Unet["Service"],
  vae: VaeDecoder["Service"]
): Effect.fn.Return<Sides, InputError> {
  const multiple = vae.scaleFactor * unet.sizeMultiple
  for (const [field, value] of Object.entries({ height, width })) {
    if (value % multiple !== 0 || value === 0) {
      return yield* new InputError({ field, actual: String(value), expected: `a multiple of ${multiple}` })
    }
  }
  const want = [batchSize, vae.latentChannels, height / vae.scaleFactor, width / vae.scaleFactor]
  if (latents !== undefined && want.some((n, axis) => latents.shape[axis] !== n)) {
    return yield* new InputError({
      field: "latents",
      actual: `of shape [${latents.shape.join(", ")}]`,
      expected: `[${want.join(", ")}]`
    })
  }
  return { height, width }
})

/** a UNet that was trained to inpaint can do nothing else */
const checkPlain = (unet: Unet["Service"], vae: VaeDecoder["Service"], needs: string) =>
  unet.inChannels === vae.latentChannels
    ? Effect.void
    : Effect.fail(
        new ComponentMismatch({
          component: "unet",
          actual: `a model that takes ${unet.inChannels} channels`,
          expected: `${vae.latentChannels}: one of ${unet.inChannels} needs ${needs}`
        })
      )

const sizeFields = {
  height: Fields.height,
  width: Fields.width,
  batchSize: Fields.batchSize,
  latents: Fields.initialLatents
}

/** The size of a picture made from words alone: as asked for, else the model's own. */
export const textSize = Block.make("textSize", {
  description: "Settles and checks the size: as asked for, else the model's own",
  inputs: sizeFields,
  outputs: { height: Schema.Int, width: Schema.Int },
  components: { unet: Unet, vae: VaeDecoder },
  run: Effect.fnUntraced(function* ({ height, width, batchSize, latents }, { unet, vae }) {
    yield* checkPlain(unet, vae, "a picture and a mask")
    const own = unet.sampleSize * vae.scaleFactor
    return yield* checkSize({ height: height ?? own, width: width ?? own }, batchSize, latents, unet, vae)
  })
})

/** of `[height, width, channels]` bytes or `[batch, channels, height, width]` numbers */
const sidesOf = ({ dtype, shape }: Tensor.Tensor): Sides =>
  dtype === "uint8" ? { height: shape[0]!, width: shape[1]! } : { height: shape[2]!, width: shape[3]! }

const checkImage = Effect.fnUntraced(function* (
  image: Tensor.Tensor,
  { height, width, batchSize }: { readonly height?: number; readonly width?: number; readonly batchSize: number },
  latents: Tensor.Tensor<"float32"> | undefined,
  unet: Unet["Service"],
  vae: VaeDecoder["Service"]
): Effect.fn.Return<Sides, InputError> {
  const refuse = (expected: string) =>
    Effect.fail(new InputError({ field: "image", actual: String(image), expected }))
  const [channels, count] = image.dtype === "uint8" ? [image.shape[2]!, 1] : [image.shape[1]!, image.shape[0]!]
  if (image.dtype === "uint8" ? ![1, 3, 4].includes(channels) : channels !== 3) {
    return yield* refuse(image.dtype === "uint8" ? "1, 3 or 4 channels" : "3 channels")
  }
  if (count === 0 || batchSize % count !== 0) {
    return yield* refuse(`one picture, or a number of them that divides the ${batchSize} pictures of this run`)
  }
  const multiple = vae.scaleFactor * unet.sizeMultiple
  const own = sidesOf(image)
  if (own.height < multiple || own.width < multiple) return yield* refuse(`at least ${multiple} pixels each way`)
  const down = (side: number) => side - (side % multiple)
  return yield* checkSize(
    { height: height ?? down(own.height), width: width ?? down(own.width) },
    batchSize,
    latents,
    unet,
    vae
  )
})

/** The size of a picture made from another: as asked for, else that picture's, rounded down to what the models take. */
export const imageSize = Block.make("imageSize", {
  description: "Checks the picture and settles the size: as asked for, else the picture's own",
  inputs: { ...sizeFields, image: Fields.image },
  outputs: { height: Schema.Int, width: Schema.Int },
  components: { unet: Unet, vae: VaeDecoder },
  run: Effect.fnUntraced(function* ({ image, latents, ...size }, { unet, vae }) {
    yield* checkPlain(unet, vae, "a mask too")
    return yield* checkImage(image, size, latents, unet, vae)
  })
})

/** As `imageSize`, with a mask that must be as large as the picture. */
export const inpaintSize = Block.make("inpaintSize", {
  description: "Checks the picture and its mask and settles the size: as asked for, else the picture's own",
  inputs: { ...sizeFields, image: Fields.image, maskImage: Fields.maskImage },
  outputs: { height: Schema.Int, width: Schema.Int },
  components: { unet: Unet, vae: VaeDecoder },
  run: Effect.fnUntraced(function* ({ image, maskImage, latents, ...size }, { unet, vae }) {
    const own = sidesOf(image)
    const mask = sidesOf(maskImage)
    if (mask.height !== own.height || mask.width !== own.width) {
      return yield* new InputError({
        field: "maskImage",
        actual: `${mask.width}x${mask.height} pixels`,
        expected: `${own.width}x${own.height}, the size of the picture`
      })
    }
    if (![1, 3, 4].includes(maskImage.shape[2]!)) {
      return yield* new InputError({ field: "maskImage", actual: String(maskImage), expected: "1, 3 or 4 channels" })
    }
    return yield* checkImage(image, size, latents, unet, vae)
  })
})

// ------------------------------------------------------------------ timesteps

/** only what was asked for: schedulers refuse options that they do not have */
const request = (inputs: {
  readonly numInferenceSteps: number
  readonly eta: number
  readonly timesteps?: ReadonlyArray<number>
  readonly sigmas?: ReadonlyArray<number>
}): Scheduler.TimestepRequest => ({
  ...(inputs.timesteps !== undefined
    ? { timesteps: inputs.timesteps }
    : inputs.sigmas !== undefined
      ? { sigmas: inputs.sigmas }
      : { steps: inputs.numInferenceSteps }),
  ...(inputs.eta === 0 ? {} : { eta: inputs.eta })
})

const stepFields = {
  numInferenceSteps: Fields.numInferenceSteps,
  timesteps: Schema.optionalKey(Fields.timesteps),
  sigmas: Fields.sigmas,
  eta: Fields.eta
}

/** The scheduler's plan, from the noisiest step on. */
export const setTimesteps = Block.make("setTimesteps", {
  description: "Plans the denoising steps",
  inputs: stepFields,
  outputs: { plan: Fields.plan, schedulerState: Fields.schedulerState, timesteps: Fields.timesteps },
  components: { scheduler: Scheduler.Scheduler },
  run: Effect.fnUntraced(function* (inputs, { scheduler }) {
    const plan = yield* Effect.fromResult(scheduler.setTimesteps(request(inputs)))
    const schedulerState = yield* Effect.fromResult(scheduler.init(plan))
    return { plan, schedulerState, timesteps: plan.timesteps }
  })
})

const withStrength = <const Name extends string>(name: Name, strength: number) =>
  Block.make(name, {
    description: "Plans the denoising steps and leaves out the first of them, as far as the picture is to be kept",
    inputs: { ...stepFields, strength: Fields.strength(strength) },
    outputs: { plan: Fields.plan, schedulerState: Fields.schedulerState, timesteps: Fields.timesteps },
    components: { scheduler: Scheduler.Scheduler },
    run: Effect.fnUntraced(function* ({ strength, ...inputs }, { scheduler }) {
      const plan = yield* Effect.fromResult(scheduler.setTimesteps(request(inputs)))
      const steps = plan.numInferenceSteps
      // diffusers' get_timesteps
      const begin = Math.max(steps - Math.min(Math.trunc(steps * strength), steps), 0) * plan.order
      if (begin >= plan.timesteps.length) {
        return yield* new InputError({
          field: "strength",
          actual: `${strength} with ${steps} steps`,
          expected: `at least ${1 / steps}, so that a step is left to run`
        })
      }
      const schedulerState = yield* Effect.fromResult(scheduler.init(plan, begin))
      return { plan, schedulerState, timesteps: plan.timesteps.slice(begin) }
    })
  })

/** The scheduler's plan for image to image: `strength` (0.8) of it. */
export const setImageTimesteps = withStrength("setImageTimesteps", 0.8)

/** The scheduler's plan for inpainting: `strength` (1) of it. */
export const setInpaintTimesteps = withStrength("setInpaintTimesteps", 1)

// ------------------------------------------------------------------ latents

const latentShape = (batchSize: number, { height, width }: Sides, vae: VaeGeometry): ReadonlyArray<number> => [
  batchSize,
  vae.latentChannels,
  height / vae.scaleFactor,
  width / vae.scaleFactor
]
const latentFields = { batchSize: Fields.batchSize, height: Schema.Int, width: Schema.Int, rng: Fields.rng, plan: Fields.plan }

/** Noise to start from, scaled as the scheduler wants it. */
export const prepareLatents = Block.make("prepareLatents", {
  description: "Draws the first noise",
  inputs: { ...latentFields, latents: Fields.initialLatents },
  outputs: { latents: Fields.latents, rng: Fields.rng },
  components: { vae: VaeDecoder },
  run: ({ batchSize, rng, plan, latents, ...size }, { vae }) => {
    const [noise, after] =
      latents === undefined ? normals(rng, latentShape(batchSize, size, vae)) : ([latents, rng] as const)
    return Effect.succeed({ latents: scale(noise, plan.initNoiseSigma), rng: after })
  }
})

/** The picture's latents with as much noise as the first step expects. Given `latents` are taken as they are. */
export const prepareImageLatents = Block.make("prepareImageLatents", {
  description: "Mixes noise into the picture's latents",
  inputs: {
    ...latentFields,
    imageLatents: Fields.imageLatents,
    schedulerState: Fields.schedulerState,
    latents: Fields.initialLatents
  },
  outputs: { latents: Fields.latents, rng: Fields.rng },
  components: { scheduler: Scheduler.Scheduler, vae: VaeDecoder },
  run: Effect.fnUntraced(function* ({ batchSize, imageLatents, schedulerState, plan, rng, latents, ...size }, { scheduler, vae }) {
    if (latents !== undefined) return { latents, rng }
    const [noise, after] = normals(rng, latentShape(batchSize, size, vae))
    const noisy = scheduler.addNoise(plan, fill(imageLatents, batchSize), noise, { index: schedulerState.index })
    return { latents: yield* Effect.fromResult(noisy), rng: after }
  })
})

/**
 * Where inpainting starts: pure noise at full strength, else the picture's latents with noise. Noise and latents of the
 * picture are kept: a UNet of 4 channels needs them at every step, to bring what is kept to that step's level. One of 9
 * at full strength never looks at the picture's latents: then it is not encoded and nothing drawn for it, as in diffusers.
 */
export const prepareInpaintLatents = Block.make("prepareInpaintLatents", {
  description: "Draws the first noise, or mixes it into the picture's latents",
  inputs: {
    ...latentFields,
    imagePixels: Fields.Pixels,
    schedulerState: Fields.schedulerState,
    strength: Fields.strength(1),
    latents: Fields.initialLatents
  },
  outputs: { latents: Fields.latents, original: Fields.original, rng: Fields.rng },
  components: { scheduler: Scheduler.Scheduler, unet: Unet, vae: VaeEncoder },
  run: Effect.fnUntraced(function* (
    { batchSize, imagePixels, schedulerState, strength, plan, rng, latents, ...size },
    { scheduler, unet, vae }
  ) {
    const needed = unet.inChannels === vae.latentChannels || strength < 1
    const [imageLatents, encoded] = needed
      ? samplePosterior(yield* vae.encode(imagePixels), vae.scalingFactor, rng)
      : [undefined, rng]
    const [noise, drawn] =
      latents === undefined ? normals(encoded, latentShape(batchSize, size, vae)) : ([latents, encoded] as const)
    const original = imageLatents === undefined ? { noise } : { noise, imageLatents: fill(imageLatents, batchSize) }
    if (original.imageLatents === undefined || latents !== undefined || strength === 1) {
      return { latents: scale(noise, plan.initNoiseSigma), original, rng: drawn }
    }
    const noisy = scheduler.addNoise(plan, original.imageLatents, noise, { index: schedulerState.index })
    return { latents: yield* Effect.fromResult(noisy), original, rng: drawn }
  })
})

/**
 * The mask at the latents' size and, for a UNet of 9 channels, the latents of the picture with a hole. diffusers draws
 * for those in any case: with 4 channels the draw is made and the encoder is not run.
 */
export const prepareMaskLatents = Block.make("prepareMaskLatents", {
  description: "Brings the mask to the latents' size, and encodes the picture without what it covers",
  inputs: { imagePixels: Fields.Pixels, maskPixels: Fields.Pixels, rng: Fields.rng },
  outputs: { masking: Fields.masking, rng: Fields.rng },
  components: { unet: Unet, vae: VaeEncoder },
  run: Effect.fnUntraced(function* ({ imagePixels, maskPixels, rng }, { unet, vae }) {
    const mask = shrinkMask(maskPixels, vae.scaleFactor)
    if (unet.inChannels === vae.latentChannels) {
      const items = Math.max(imagePixels.shape[0]!, rng.length)
      const [, after] = normals(rng, [items, vae.latentChannels, ...mask.shape.slice(2)])
      return { masking: { mask }, rng: after }
    }
    const distribution = yield* vae.encode(hole(imagePixels, maskPixels))
    const [maskedImageLatents, after] = samplePosterior(distribution, vae.scalingFactor, rng)
    return { masking: { mask, maskedImageLatents }, rng: after }
  })
})
