/**
 * What SDXL does before the loop in its own way: cut schedules, size conditioning, latents of its workflows. diffusers'
 * `before_denoise.py` of SDXL.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Unet, VaeDecoder, VaeEncoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { fill, normals, scale } from "../../internal/batch.ts"
import { finiteProblem } from "../../internal/finite.ts"
import { refuse, refuseAny } from "../../internal/refuse.ts"
import { latentFields, latentShape, planOf, stepFields, stepOutputs, strengthProblem } from "../../internal/runs.ts"
import * as Schedule from "../../Schedule.ts"
import * as Scheduler from "../../Scheduler.ts"

/** timesteps that the scheduler was trained on: what `denoisingStart` and `denoisingEnd` are shares of */
const trained = ({ config }: Scheduler.Shape): number => {
  const steps = config["num_train_timesteps"]
  return typeof steps === "number" ? steps : 1000
}

/** 0 and 1 cut nothing off, as in diffusers */
const cuts = (share: number | undefined): share is number => share !== undefined && share > 0 && share < 1

/**
 * The plan from `begin` on, up to `denoisingEnd`. No step may be left, where another model does them all or the one share
 * is not before the other: diffusers' blocks take it (its older pipelines refuse the latter), so the log says so.
 */
const cut = Effect.fnUntraced(function* (
  scheduler: Scheduler.Shape,
  plan: Scheduler.Plan,
  begin: number,
  guidanceSteps: number,
  {
    denoisingEnd,
    denoisingStart
  }: { readonly denoisingEnd: number | undefined; readonly denoisingStart?: number | undefined }
) {
  const end = cuts(denoisingEnd)
    ? Schedule.endOfDenoisingEnd(plan, denoisingEnd, trained(scheduler))
    : plan.timesteps.length
  const timesteps = plan.timesteps.slice(begin, end)
  if (timesteps.length === 0) {
    const shares = Object.entries({ denoisingStart, denoisingEnd })
      .flatMap(([name, share]) => (cuts(share) ? [`${name} ${share}`] : []))
      .join(" and ")
    yield* Effect.logWarning(
      `no step is left to run: of ${plan.numInferenceSteps} steps ${shares || "strength"} leaves none, and what is given comes out as it is`
    )
  }
  const schedulerState = yield* Effect.fromResult(scheduler.init(plan, begin))
  return {
    plan,
    schedulerState,
    timesteps,
    guidanceSteps: cuts(denoisingEnd) ? timesteps.length : guidanceSteps
  }
})

/**
 * The scheduler's plan, up to `denoisingEnd`.
 *
 * ```ts
 * import { setTimestepsXL } from "@effect-blocks/diffusion/blocks/stableDiffusionXL/beforeDenoise"
 * import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const run = setTimestepsXL.run({ numInferenceSteps: 4, denoisingEnd: 0.5 })
 * assert.deepEqual(Effect.runSync(Effect.provide(run, Scheduler.layer({ _class_name: "DDIMScheduler" }))).timesteps, [750, 500])
 * ```
 */
export const setTimestepsXL = Block.make("setTimesteps", {
  description: "Plans the denoising steps",
  inputs: { ...stepFields, denoisingEnd: Fields.denoisingEnd },
  outputs: stepOutputs,
  components: { scheduler: Scheduler.Scheduler },
  run: Effect.fnUntraced(function* ({ denoisingEnd, ...inputs }, { scheduler }) {
    const plan = yield* planOf("setTimesteps", scheduler, inputs)
    return yield* cut(scheduler, plan, 0, plan.numInferenceSteps, { denoisingEnd })
  })
})

/** The scheduler's plan over a picture: `strength` (0.3) of it, or from `denoisingStart` on. */
export const setImageTimestepsXL = Block.make("setImageTimesteps", {
  description: "Plans the denoising steps and leaves out the first of them, as far as the picture is to be kept",
  inputs: {
    ...stepFields,
    strength: Fields.strength(0.3),
    denoisingStart: Fields.denoisingStart,
    denoisingEnd: Fields.denoisingEnd,
    latents: Fields.initialLatents
  },
  outputs: stepOutputs,
  components: { scheduler: Scheduler.Scheduler },
  run: Effect.fnUntraced(function* ({ denoisingEnd, denoisingStart, latents, strength, ...inputs }, { scheduler }) {
    const shares = { denoisingEnd, denoisingStart }
    const block = "setImageTimesteps"
    const plan = yield* planOf(block, scheduler, inputs)
    if (cuts(denoisingStart)) {
      const begin = Schedule.beginOfDenoisingStart(plan, denoisingStart, trained(scheduler))
      return yield* cut(scheduler, plan, begin, plan.timesteps.length - begin, shares)
    }
    const begin = Math.min(Schedule.beginOfStrength(plan, strength), plan.timesteps.length)
    // noise of the first step's level is to be added, unless another model has begun or the noise is given
    if (denoisingStart === undefined && latents === undefined && begin >= plan.timesteps.length) {
      return yield* refuse(block, [strengthProblem(strength, plan)])
    }
    return yield* cut(scheduler, plan, begin, plan.numInferenceSteps - begin / plan.order, shares)
  })
})

/** The size of the picture that given latents are of. */
export const latentsSize = Block.make("latentsSize", {
  description: "The size of the given latents",
  inputs: { imageLatents: Fields.imageLatents, batchSize: Fields.batchSize },
  outputs: { height: Schema.Int, width: Schema.Int },
  components: { unet: Unet, vae: VaeDecoder },
  run: ({ batchSize, imageLatents }, { unet, vae }) => {
    const [items = 0, channels = 0, height = 0, width = 0] = imageLatents.shape
    const multiple = unet.sizeMultiple
    const fits = (side: number) => side > 0 && side % multiple === 0
    const field = "imageLatents"
    const problems = [
      !(channels === vae.latentChannels && items > 0 && batchSize % items === 0 && fits(height) && fits(width)) && {
        field,
        actual: String(imageLatents),
        expected: `1 or ${batchSize} items of ${vae.latentChannels} channels, with sides that are multiples of ${multiple}`
      },
      finiteProblem(field, imageLatents)
    ]
    return Effect.as(refuseAny("latentsSize", problems), {
      height: height * vae.scaleFactor,
      width: width * vae.scaleFactor
    })
  }
})

/** The picture's latents with as much noise as the first step expects; as they are where another model has begun. */
export const prepareImageLatentsXL = Block.make("prepareImageLatents", {
  description: "Mixes noise into the picture's latents",
  inputs: {
    ...latentFields,
    imageLatents: Fields.imageLatents,
    schedulerState: Fields.schedulerState,
    denoisingStart: Fields.denoisingStart,
    latents: Fields.initialLatents
  },
  outputs: { latents: Fields.latents, rng: Fields.rng },
  components: { scheduler: Scheduler.Scheduler, vae: VaeDecoder },
  run: Effect.fnUntraced(function* (
    { batchSize, denoisingStart, imageLatents, latents, plan, rng, schedulerState, ...size },
    { scheduler, vae }
  ) {
    if (latents !== undefined) return { latents, rng }
    const clean = fill(imageLatents, batchSize)
    if (denoisingStart !== undefined) return { latents: clean, rng }
    const [noise, after] = normals(rng, latentShape(batchSize, size, vae))
    const noisy = scheduler.addNoise(plan, clean, noise, { index: schedulerState.index })
    return { latents: yield* Effect.fromResult(noisy), rng: after }
  })
})

/**
 * Where inpainting starts. Picture and hole are encoded, and drawn for, before the noise. Where another model has begun
 * (`denoisingStart`), it starts from the picture's latents as they are, and the noise is for what is kept.
 */
export const prepareInpaintLatentsXL = Block.make("prepareInpaintLatents", {
  description: "Draws the first noise, or mixes it into the picture's latents",
  inputs: {
    ...latentFields,
    imageLatents: Fields.imageLatents,
    schedulerState: Fields.schedulerState,
    strength: Fields.strength(0.3),
    denoisingStart: Fields.denoisingStart,
    latents: Fields.initialLatents
  },
  outputs: { latents: Fields.latents, original: Fields.original, rng: Fields.rng },
  components: { scheduler: Scheduler.Scheduler, vae: VaeEncoder },
  run: Effect.fnUntraced(function* (
    { batchSize, denoisingStart, imageLatents, latents, plan, rng, schedulerState, strength, ...size },
    { scheduler, vae }
  ) {
    const begun = denoisingStart !== undefined
    const [noise, after] =
      latents === undefined || begun ? normals(rng, latentShape(batchSize, size, vae)) : ([latents, rng] as const)
    const original = { noise, imageLatents: fill(imageLatents, batchSize) }
    if (begun) return { latents: original.imageLatents, original, rng: after }
    if (latents !== undefined || strength === 1) {
      return { latents: scale(noise, plan.initNoiseSigma), original, rng: after }
    }
    const noisy = scheduler.addNoise(plan, original.imageLatents, noise, { index: schedulerState.index })
    return { latents: yield* Effect.fromResult(noisy), original, rng: after }
  })
})

type Pair = readonly [number, number]
const sizeFields = {
  batchSize: Fields.batchSize,
  height: Schema.Int,
  width: Schema.Int,
  originalSize: Fields.originalSize,
  cropsCoordsTopLeft: Fields.cropsCoordsTopLeft,
  targetSize: Fields.targetSize,
  negativeOriginalSize: Fields.negativeOriginalSize,
  negativeCropsCoordsTopLeft: Fields.negativeCropsCoordsTopLeft,
  negativeTargetSize: Fields.negativeTargetSize
}
const timeIds = (batch: number, ...pairs: ReadonlyArray<Pair>): Tensor.Tensor<"float32"> =>
  fill(Tensor.make("float32", [1, 2 * pairs.length], Float32Array.from(pairs.flat())), batch)

/**
 * SDXL's size conditioning. With `own` (workflows over a picture) sizes of the unconditional prediction that are not given
 * are those of the conditional one, and its crop always is, as in diffusers; without, both are given or the conditional
 * ones are taken as a whole.
 */
const conditionSize = (own: boolean) =>
  Block.pure("conditionSize", {
    description: "Tells the model what size the picture is to be",
    inputs: sizeFields,
    outputs: { addTimeIds: Fields.addTimeIds, negativeAddTimeIds: Fields.negativeAddTimeIds },
    run: ({ batchSize, height, width, ...given }) => {
      const whole: Pair = [height, width]
      const { cropsCoordsTopLeft: crop = [0, 0], originalSize: original = whole, targetSize: target = whole } = given
      const negativeOriginal = given.negativeOriginalSize ?? (own ? original : undefined)
      const negativeTarget = given.negativeTargetSize ?? (own ? target : undefined)
      const addTimeIds = timeIds(batchSize, original, crop, target)
      return {
        addTimeIds,
        negativeAddTimeIds:
          negativeOriginal === undefined || negativeTarget === undefined
            ? addTimeIds
            : timeIds(
                batchSize,
                negativeOriginal,
                own ? crop : (given.negativeCropsCoordsTopLeft ?? [0, 0]),
                negativeTarget
              )
      }
    }
  })

/**
 * Size conditioning of text to image.
 *
 * ```ts
 * import { conditionTextSize } from "@effect-blocks/diffusion/blocks/stableDiffusionXL/beforeDenoise"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const run = conditionTextSize.run({ batchSize: 1, height: 1024, width: 768, originalSize: [512, 512] })
 * assert.deepEqual([...Effect.runSync(run).addTimeIds.data], [512, 512, 0, 0, 1024, 768])
 * ```
 */
export const conditionTextSize = conditionSize(false)

/** Size conditioning of the workflows over a picture. */
export const conditionImageSize = conditionSize(true)
