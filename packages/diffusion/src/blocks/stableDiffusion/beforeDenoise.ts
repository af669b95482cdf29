/**
 * What comes between the encoders and the loop: timesteps and first latents. diffusers' `before_denoise.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import type * as Rng from "@effect-blocks/ops/Rng"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import { Unet, VaeDecoder, VaeEncoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { fill, normals, normalsPerPicture, scale } from "../../internal/batch.ts"
import { hole, samplePosterior, shrinkMask } from "../../internal/latents.ts"
import { refuse } from "../../internal/refuse.ts"
import { latentFields, latentShape, planOf, stepFields, stepOutputs, strengthProblem } from "../../internal/runs.ts"
import * as Schedule from "../../Schedule.ts"
import * as Scheduler from "../../Scheduler.ts"

// ------------------------------------------------------------------ timesteps

/**
 * The scheduler's plan, from the noisiest step on.
 *
 * ```ts
 * import { setTimesteps } from "@effect-blocks/diffusion/blocks/stableDiffusion/beforeDenoise"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const run = Effect.provide(setTimesteps.run({ numInferenceSteps: 4 }), Scheduler.layer({ _class_name: "DDIMScheduler" }))
 * assert.deepEqual(Effect.runSync(run).timesteps, [750, 500, 250, 0])
 * ```
 */
export const setTimesteps = Block.make("setTimesteps", {
  description: "Plans the denoising steps",
  inputs: stepFields,
  outputs: stepOutputs,
  components: { scheduler: Scheduler.Scheduler },
  run: Effect.fnUntraced(function* (inputs, { scheduler }) {
    const plan = yield* planOf("setTimesteps", scheduler, inputs)
    const schedulerState = yield* Effect.fromResult(scheduler.init(plan))
    return { plan, schedulerState, timesteps: plan.timesteps, guidanceSteps: plan.timesteps.length }
  })
})

/** `whole`: a step of the schedule must be left, where a solver's own extra model call (PNDM) is not enough */
const withStrength = <const Name extends string>(
  name: Name,
  strength: number,
  { whole }: { readonly whole: boolean }
) =>
  Block.make(name, {
    description: "Plans the denoising steps and leaves out the first of them, as far as the picture is to be kept",
    inputs: { ...stepFields, strength: Fields.strength(strength) },
    outputs: stepOutputs,
    components: { scheduler: Scheduler.Scheduler },
    run: Effect.fnUntraced(function* ({ strength, ...inputs }, { scheduler }) {
      const plan = yield* planOf(name, scheduler, inputs)
      const begin = Schedule.beginOfStrength(plan, strength)
      const most = whole ? plan.numInferenceSteps * plan.order : Infinity
      if (begin >= Math.min(most, plan.timesteps.length)) {
        return yield* refuse(name, [strengthProblem(strength, plan)])
      }
      const schedulerState = yield* Effect.fromResult(scheduler.init(plan, begin))
      const timesteps = plan.timesteps.slice(begin)
      return { plan, schedulerState, timesteps, guidanceSteps: timesteps.length }
    })
  })

/**
 * The scheduler's plan for image to image: `strength` (0.8) of it.
 *
 * ```ts
 * import { setImageTimesteps } from "@effect-blocks/diffusion/blocks/stableDiffusion/beforeDenoise"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const run = setImageTimesteps.run({ numInferenceSteps: 4, strength: 0.5 })
 * assert.deepEqual(Effect.runSync(Effect.provide(run, Scheduler.layer({ _class_name: "DDIMScheduler" }))).timesteps, [250, 0])
 * ```
 */
export const setImageTimesteps = withStrength("setImageTimesteps", 0.8, { whole: false })

/** The scheduler's plan for inpainting: `strength` (1) of it. */
export const setInpaintTimesteps = withStrength("setInpaintTimesteps", 1, { whole: true })

// ------------------------------------------------------------------ latents

/**
 * Noise to start from, scaled as the scheduler wants it.
 *
 * ```ts
 * import { prepareLatents, setTimesteps } from "@effect-blocks/diffusion/blocks/stableDiffusion/beforeDenoise"
 * import { VaeDecoder } from "@effect-blocks/diffusion/Components"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as Rng from "@effect-blocks/ops/Rng"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const vae = { scaleFactor: 8, latentChannels: 4, scalingFactor: 1, decode: () => Effect.die("not run here") }
 * const program = Effect.gen(function* () {
 *   const { plan } = yield* setTimesteps.run({})
 *   return yield* prepareLatents.run({ plan, batchSize: 1, height: 512, width: 512, rng: [Rng.make(0)] })
 * }).pipe(Effect.provideService(VaeDecoder, vae), Effect.provide(Scheduler.layer({ _class_name: "DDIMScheduler" })))
 * assert.deepEqual(Effect.runSync(program).latents.shape, [1, 4, 64, 64])
 * ```
 */
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
  run: Effect.fnUntraced(function* (
    { batchSize, imageLatents, schedulerState, plan, rng, latents, ...size },
    { scheduler, vae }
  ) {
    if (latents !== undefined) return { latents, rng }
    const [noise, after] = normals(rng, latentShape(batchSize, size, vae))
    const noisy = scheduler.addNoise(plan, fill(imageLatents, batchSize), noise, { index: schedulerState.index })
    return { latents: yield* Effect.fromResult(noisy), rng: after }
  })
})

/**
 * Where inpainting starts: pure noise at full strength, else the picture's latents with noise. Noise and latents of the
 * picture are kept: a UNet of 4 channels needs them at every step, to bring what is kept to that step's level. One of 9
 * at full strength, or with given `latents`, never looks at the picture's: then it is not encoded and nothing drawn for it,
 * as in diffusers.
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
    const needed = unet.inChannels === vae.latentChannels || (latents === undefined && strength < 1)
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

interface MaskInputs {
  readonly imagePixels: Tensor.Tensor<"float32">
  readonly maskPixels: Tensor.Tensor<"float32">
  readonly rng: ReadonlyArray<Rng.Rng>
}
interface MaskModels {
  readonly unet: Unet["Service"]
  readonly vae: VaeEncoder["Service"]
}

const maskLatents = Effect.fnUntraced(function* (
  { imagePixels, maskPixels, rng }: MaskInputs,
  { unet, vae }: MaskModels
) {
  const mask = shrinkMask(maskPixels, vae.scaleFactor)
  if (unet.inChannels === vae.latentChannels) {
    const shape = [imagePixels.shape[0]!, vae.latentChannels, ...mask.shape.slice(2)]
    const [, after] = normalsPerPicture(rng, shape)
    return { masking: { mask }, rng: after }
  }
  const distribution = yield* vae.encode(hole(imagePixels, maskPixels))
  const [maskedImageLatents, after] = samplePosterior(distribution, vae.scalingFactor, rng)
  return { masking: { mask, maskedImageLatents }, rng: after }
})

const maskFields = { imagePixels: Fields.Pixels, maskPixels: Fields.Pixels, rng: Fields.rng }
const maskOutputs = { masking: Fields.masking, rng: Fields.rng }

/**
 * The mask at the latents' size and, for a UNet of 9 channels, the latents of the picture with a hole, unless they are
 * given. diffusers draws for those in any case: with 4 channels the draw is made and the encoder is not run.
 */
export const prepareMaskLatents = Block.make("prepareMaskLatents", {
  description: "Brings the mask to the latents' size, and encodes the picture without what it covers",
  inputs: { ...maskFields, maskedImageLatents: Fields.givenMaskedImageLatents },
  outputs: maskOutputs,
  components: { unet: Unet, vae: VaeEncoder },
  run: ({ maskedImageLatents, ...inputs }, models) => {
    if (maskedImageLatents === undefined) return maskLatents(inputs, models)
    const { unet, vae } = models
    const mask = shrinkMask(inputs.maskPixels, vae.scaleFactor)
    const seen = unet.inChannels !== vae.latentChannels
    return Effect.succeed({ masking: seen ? { mask, maskedImageLatents } : { mask }, rng: inputs.rng })
  }
})

/** As `prepareMaskLatents`, for SDXL, which makes the latents of the masked picture itself. */
export const prepareMaskLatentsXL = Block.make("prepareMaskLatents", {
  description: "Brings the mask to the latents' size, and encodes the picture without what it covers",
  inputs: maskFields,
  outputs: maskOutputs,
  components: { unet: Unet, vae: VaeEncoder },
  run: (inputs, models) => maskLatents(inputs, models)
})
