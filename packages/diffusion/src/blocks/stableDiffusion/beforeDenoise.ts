/**
 * What comes between the encoders and the loop: checks, timesteps, first latents. diffusers' `before_denoise.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Scheduler, Unet, VaeDecoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { InputError } from "../../InputError.ts"
import { normals, scale } from "../../internal/batch.ts"

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

/** a side that is not a multiple of what encoder and UNet divide it by */
const checkSide = (field: "height" | "width", value: number, multiple: number): Effect.Effect<number, InputError> =>
  value % multiple === 0
    ? Effect.succeed(value)
    : Effect.fail(new InputError({ field, actual: String(value), expected: `a multiple of ${multiple}` }))

/**
 * The size of a picture made from words alone: as asked for, else the model's own.
 */
export const textSize = Block.make("textSize", {
  description: "Settles and checks the size",
  inputs: {
    height: Fields.height,
    width: Fields.width,
    batchSize: Fields.batchSize,
    latents: Fields.initialLatents
  },
  outputs: { height: Schema.Int, width: Schema.Int },
  components: { unet: Unet, vae: VaeDecoder },
  run: Effect.fnUntraced(function* ({ height, width, batchSize, latents }, { unet, vae }) {
    const multiple = vae.scaleFactor * unet.sizeMultiple
    const own = unet.sampleSize * vae.scaleFactor
    const size = {
      height: yield* checkSide("height", height ?? own, multiple),
      width: yield* checkSide("width", width ?? own, multiple)
    }
    const want = [batchSize, vae.latentChannels, size.height / vae.scaleFactor, size.width / vae.scaleFactor]
    if (latents !== undefined && want.some((n, axis) => latents.shape[axis] !== n)) {
      return yield* new InputError({
        field: "latents",
        actual: `of shape [${latents.shape.join(", ")}]`,
        expected: `[${want.join(", ")}]`
      })
    }
    return size
  })
})

/**
 * The scheduler's plan and the timesteps to run.
 */
export const setTimesteps = Block.make("setTimesteps", {
  description: "Plans the denoising steps",
  inputs: { numInferenceSteps: Fields.numInferenceSteps, eta: Fields.eta },
  outputs: { plan: Fields.plan, schedulerState: Fields.schedulerState, timesteps: Fields.timesteps },
  components: { scheduler: Scheduler },
  run: Effect.fnUntraced(function* ({ numInferenceSteps, eta }, { scheduler }) {
    const plan = yield* Effect.fromResult(scheduler.setTimesteps({ steps: numInferenceSteps, eta }))
    const schedulerState = yield* Effect.fromResult(scheduler.init(plan))
    return { plan, schedulerState, timesteps: plan.timesteps }
  })
})

/**
 * Noise to start from, scaled as the scheduler wants it.
 */
export const prepareLatents = Block.make("prepareLatents", {
  description: "Draws the first noise",
  inputs: {
    batchSize: Fields.batchSize,
    height: Schema.Int,
    width: Schema.Int,
    rng: Fields.rng,
    plan: Fields.plan,
    latents: Fields.initialLatents
  },
  outputs: { latents: Fields.latents, rng: Fields.rng },
  components: { vae: VaeDecoder },
  run: ({ batchSize, height, width, rng, plan, latents }, { vae }) => {
    const [noise, after] =
      latents === undefined
        ? normals(rng, [batchSize, vae.latentChannels, height / vae.scaleFactor, width / vae.scaleFactor])
        : ([latents, rng] as const)
    return Effect.succeed({ latents: scale(noise, plan.initNoiseSigma), rng: after })
  }
})
