/**
 * What the Schemas of the fields cannot know: whether inputs fit the components and each other. These blocks come first
 * and run no model, so that bad input is refused at once, with everything that is wrong in one error.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import type { InputError } from "@effect-blocks/core/Errors"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ComponentMismatch } from "../../ComponentMismatch.ts"
import { TextEncoder, TextEncoder2, Unet, VaeDecoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import * as Guider from "../../Guider.ts"
import { predictionsOf, settle } from "../../internal/guidance.ts"
import { guidanceEmbedding, narrowest } from "../../internal/guidanceEmbedding.ts"
import { isLatents } from "../../internal/latents.ts"
import type { Mismatch, Prompts } from "../../internal/prompts.ts"
import {
  countOf,
  missingLayers,
  negativeFields,
  pairProblems,
  pooledFields,
  promptFields,
  promptProblems,
  secondProblems,
  skipProblem,
  tokenizerFits,
  widthProblems
} from "../../internal/prompts.ts"
import { refuse, refuseAny } from "../../internal/refuse.ts"
import { latentShape } from "../../internal/runs.ts"
import type { Models } from "../../internal/sizes.ts"
import { latentsSides, paintedSides, pictureSides, textSides } from "../../internal/sizes.ts"
import { Scheduler } from "../../Scheduler.ts"
import { Tokenizer, Tokenizer2 } from "../../Tokenizer.ts"

const refuseMismatch = (problems: ReadonlyArray<Mismatch | false>) => {
  const found = problems.find((problem) => problem !== false)
  return found === undefined ? Effect.succeed({}) : Effect.fail(new ComponentMismatch(found))
}

const unetFits = (unet: Unet["Service"], vae: VaeDecoder["Service"], xl: boolean): ReadonlyArray<Mismatch | false> => {
  const component = "unet"
  const channels = vae.latentChannels
  return [
    (unet.sizeConditioned === true) !== xl && {
      component,
      actual: xl ? "a model without size conditioning" : "a model with size conditioning",
      expected: xl ? "one of the SDXL family" : "one of the Stable Diffusion 1 and 2 family"
    },
    unet.outChannels !== channels && {
      component,
      actual: `a model that gives ${unet.outChannels} channels`,
      expected: `${channels}, which is what the VAE decodes`
    },
    unet.inChannels !== channels &&
      unet.inChannels !== 2 * channels + 1 && {
        component,
        actual: `a model that takes ${unet.inChannels} channels`,
        expected: `${channels}, or ${2 * channels + 1} to paint into pictures`
      },
    unet.timeCondProjDim !== undefined &&
      unet.timeCondProjDim < narrowest && {
        component,
        actual: `a model that takes a guidance embedding of ${unet.timeCondProjDim} numbers`,
        expected: `at least ${narrowest}`
      }
  ]
}

/** DDPM takes its noise from the second half of the UNet's output; others do without */
const schedulerFits = (
  { className, config }: Scheduler["Service"],
  { outChannels }: Unet["Service"],
  { latentChannels }: VaeDecoder["Service"]
): ReadonlyArray<Mismatch | false> => {
  const type = config["variance_type"]
  return [
    className === "DDPMScheduler" &&
      (type === "learned" || type === "learned_range") &&
      outChannels !== 2 * latentChannels && {
        component: "scheduler",
        actual: `DDPMScheduler with variance_type ${type}, for UNets that give ${2 * latentChannels} channels`,
        expected: `a variance_type that is not learned (fixed_small), as the UNet gives ${outChannels} channels`
      }
  ]
}

interface Parts {
  readonly scheduler: Scheduler["Service"]
  readonly textEncoder: TextEncoder["Service"]
  readonly tokenizer: Tokenizer["Service"]
  readonly unet: Unet["Service"]
  readonly vae: VaeDecoder["Service"]
}
const parts = { scheduler: Scheduler, textEncoder: TextEncoder, tokenizer: Tokenizer, unet: Unet, vae: VaeDecoder }

const componentsFit = ({ scheduler, textEncoder, tokenizer, unet, vae }: Parts): ReadonlyArray<Mismatch | false> => [
  ...tokenizerFits("tokenizer", tokenizer, textEncoder),
  textEncoder.width !== unet.crossAttentionDim && {
    component: "textEncoder",
    actual: `a model that gives ${textEncoder.width} channels`,
    expected: `${unet.crossAttentionDim}, which is what the UNet takes`
  },
  ...unetFits(unet, vae, false),
  ...schedulerFits(scheduler, unet, vae)
]

/** Checks that the components belong together: what one gives, the next must take. */
export const checkComponents = Block.make("checkComponents", {
  description: "Checks that the components fit each other, and given text states the UNet",
  inputs: {
    clipSkip: Fields.clipSkip,
    promptEmbeds: Fields.givenPromptEmbeds,
    negativePromptEmbeds: Fields.givenNegativePromptEmbeds
  },
  outputs: {},
  components: parts,
  run: ({ clipSkip, ...given }, components) =>
    Effect.andThen(
      refuseMismatch(componentsFit(components)),
      Effect.as(
        refuseAny("checkComponents", [
          skipProblem(clipSkip, 1, components.textEncoder),
          ...widthProblems(given, components.unet.crossAttentionDim)
        ]),
        {}
      )
    )
})

/** As `checkComponents`, for latent-consistency models: the UNet guides itself. */
export const checkComponentsLCM = Block.make("checkComponents", {
  description: "Checks that the components fit each other, and given text states the UNet",
  inputs: { clipSkip: Fields.clipSkip, promptEmbeds: Fields.givenPromptEmbeds },
  outputs: {},
  components: parts,
  run: ({ clipSkip, ...given }, components) =>
    Effect.andThen(
      refuseMismatch([
        ...componentsFit(components),
        components.unet.timeCondProjDim === undefined && {
          component: "unet",
          actual: "a model without guidance embedding",
          expected: "one of the latent-consistency family (time_cond_proj_dim)"
        }
      ]),
      Effect.as(
        refuseAny("checkComponents", [
          skipProblem(clipSkip, 1, components.textEncoder),
          ...widthProblems(given, components.unet.crossAttentionDim)
        ]),
        {}
      )
    )
})

/** As `checkComponents`, for SDXL: the states of both text encoders go to the UNet side by side. */
export const checkComponentsXL = Block.make("checkComponents", {
  description: "Checks that the components fit each other, and given text states the UNet",
  inputs: {
    clipSkip: Fields.clipSkip,
    promptEmbeds: Fields.givenPromptEmbeds,
    negativePromptEmbeds: Fields.givenNegativePromptEmbeds,
    prompt2: Fields.prompt2,
    negativePrompt2: Fields.negativePrompt2,
    ...pooledFields
  },
  outputs: {},
  components: { ...parts, tokenizer2: Tokenizer2, textEncoder2: TextEncoder2 },
  run: ({ clipSkip, ...given }, { scheduler, textEncoder, textEncoder2, tokenizer, tokenizer2, unet, vae }) =>
    Effect.andThen(
      refuseMismatch([
        ...tokenizerFits("tokenizer", tokenizer, textEncoder),
        ...tokenizerFits("tokenizer2", tokenizer2, textEncoder2),
        missingLayers("textEncoder", textEncoder, 2),
        missingLayers("textEncoder2", textEncoder2, 2),
        textEncoder.width + textEncoder2.width !== unet.crossAttentionDim && {
          component: "textEncoder2",
          actual: `a model that gives ${textEncoder2.width} channels, and the first text encoder ${textEncoder.width}`,
          expected: `${unet.crossAttentionDim} together, which is what the UNet takes`
        },
        ...unetFits(unet, vae, true),
        ...schedulerFits(scheduler, unet, vae)
      ]),
      Effect.as(
        refuseAny("checkComponents", [
          skipProblem(clipSkip, 2, textEncoder, textEncoder2),
          ...widthProblems(given, unet.crossAttentionDim),
          ...pairProblems(given),
          ...secondProblems(given)
        ]),
        {}
      )
    )
})

const countFields = { numImagesPerPrompt: Fields.numImagesPerPrompt, seed: Fields.seed }
interface CountInputs extends Prompts {
  readonly numImagesPerPrompt: number
  readonly seed: number | bigint | ReadonlyArray<number | bigint>
}

const startPictures = (inputs: CountInputs) => {
  const { numImagesPerPrompt, seed } = inputs
  const prompts = countOf(inputs)
  const batchSize = prompts * numImagesPerPrompt
  const seeds: ReadonlyArray<number | bigint> = typeof seed === "object" ? seed : [seed]
  const checked = refuseAny("checkInputs", [
    ...promptProblems(inputs),
    batchSize > Fields.maxBatch && {
      field: "numImagesPerPrompt",
      actual: `${numImagesPerPrompt} for ${prompts} prompts`,
      expected: `at most ${Fields.maxBatch} pictures in one run`
    },
    prompts > 0 &&
      typeof seed === "object" &&
      seeds.length !== batchSize && {
        field: "seed",
        actual: `a list of ${seeds.length}`,
        expected: `one seed, or one for each of ${batchSize} pictures`
      }
  ])
  return Effect.map(checked, () => ({ batchSize, rng: seeds.map((one) => Rng.make(one)) }))
}

/**
 * Counts the pictures and starts their random generators: one for all, or one for each.
 *
 * ```ts
 * import { checkInputs } from "@effect-blocks/diffusion/blocks/stableDiffusion/checks"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const { batchSize, rng } = Effect.runSync(checkInputs.run({ prompt: ["a cat", "a dog"], numImagesPerPrompt: 2, seed: [1, 2, 3, 4] }))
 * assert.equal(batchSize, 4)
 * assert.equal(rng[3]?.seed, 4)
 * ```
 */
export const checkInputs = Block.make("checkInputs", {
  description: "Counts the pictures and starts their random generators",
  inputs: { ...promptFields, ...negativeFields, ...countFields },
  outputs: { batchSize: Fields.batchSize, rng: Fields.rng },
  run: (inputs) => startPictures(inputs)
})

/** As `checkInputs`, for models without negative prompts. */
export const checkInputsLCM = Block.make("checkInputs", {
  description: "Counts the pictures and starts their random generators",
  inputs: { ...promptFields, ...countFields },
  outputs: { batchSize: Fields.batchSize, rng: Fields.rng },
  run: (inputs) => startPictures(inputs)
})

// ------------------------------------------------------------------ size

const sizeInputs = {
  height: Fields.height,
  width: Fields.width,
  batchSize: Fields.batchSize,
  latents: Fields.initialLatents
}
const sizeOutputs = { height: Schema.Int, width: Schema.Int }
const sizeComponents = { unet: Unet, vae: VaeDecoder }

/** a UNet that was trained to inpaint can do nothing else */
const checkPlain = ({ unet, vae }: Models, needs: string): Effect.Effect<void, ComponentMismatch> =>
  unet.inChannels === vae.latentChannels
    ? Effect.void
    : Effect.fail(
        new ComponentMismatch({
          component: "unet",
          actual: `a model that takes ${unet.inChannels} channels`,
          expected: `${vae.latentChannels}: one of ${unet.inChannels} needs ${needs}`
        })
      )

/**
 * The size of a picture made from words alone: as asked for, else that of given latents, else the model's own.
 *
 * ```ts
 * import { textSize } from "@effect-blocks/diffusion/blocks/stableDiffusion/checks"
 * import { Unet, VaeDecoder } from "@effect-blocks/diffusion/Components"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const unet = {
 *   inChannels: 4,
 *   outChannels: 4,
 *   sampleSize: 64,
 *   sizeMultiple: 8,
 *   crossAttentionDim: 768,
 *   predict: () => Effect.die("not run here")
 * }
 * const vae = { scaleFactor: 8, latentChannels: 4, scalingFactor: 0.18215, decode: () => Effect.die("not run here") }
 * const size = (inputs: { readonly height?: number }) =>
 *   textSize.run({ ...inputs, batchSize: 1 }).pipe(Effect.provideService(Unet, unet), Effect.provideService(VaeDecoder, vae))
 *
 * assert.deepEqual(Effect.runSync(size({})), { height: 512, width: 512 })
 * const error = Effect.runSync(Effect.flip(size({ height: 500 })))
 * assert.match(error.message, /height: it is 500, expected a multiple of 64/)
 * ```
 */
export const textSize = Block.make("textSize", {
  description: "Settles and checks the size: as asked for, else that of given latents, else the model's own",
  inputs: sizeInputs,
  outputs: sizeOutputs,
  components: sizeComponents,
  run: Effect.fnUntraced(function* (inputs, models) {
    yield* checkPlain(models, "a picture and a mask")
    const [sides, problems] = textSides(inputs, models)
    yield* refuseAny("textSize", problems)
    return sides
  })
})

/**
 * The size of a picture made from another: as asked for, else that picture's, rounded down to what the models take. The
 * picture may be given as latents.
 */
export const imageSize = Block.make("imageSize", {
  description: "Checks the picture and settles the size: as asked for, else the picture's own",
  inputs: { ...sizeInputs, image: Fields.image },
  outputs: sizeOutputs,
  components: sizeComponents,
  run: Effect.fnUntraced(function* ({ image, ...inputs }, models) {
    yield* checkPlain(models, "a mask too")
    return yield* isLatents(image)
      ? latentsSides("imageSize", image, inputs, models)
      : pictureSides("imageSize", image, inputs, models)
  })
})

/** As `imageSize`, for SDXL, where latents have an input of their own (`imageLatents`). */
export const imageSizeXL = Block.make("imageSize", {
  description: "Checks the picture and settles the size: as asked for, else the picture's own",
  inputs: { ...sizeInputs, image: Fields.image },
  outputs: sizeOutputs,
  components: sizeComponents,
  run: Effect.fnUntraced(function* ({ image, ...inputs }, models) {
    yield* checkPlain(models, "a mask too")
    return yield* pictureSides("imageSize", image, inputs, models)
  })
})

const inpaintInputs = {
  ...sizeInputs,
  image: Fields.image,
  maskImage: Fields.maskImage,
  paddingMaskCrop: Fields.paddingMaskCrop
}
/**
 * The size at which a picture is painted into: as asked for, else the model's own, to which picture and mask are brought.
 * With `paddingMaskCrop` that is the size of the part that is drawn, and the result is as large as the picture.
 */
export const inpaintSize = Block.make("inpaintSize", {
  description: "Checks the picture and its mask and settles the size: as asked for, else the model's own",
  inputs: { ...inpaintInputs, maskedImageLatents: Fields.givenMaskedImageLatents },
  outputs: sizeOutputs,
  components: sizeComponents,
  run: ({ maskedImageLatents, ...inputs }, models) => paintedSides(inputs, models, maskedImageLatents)
})

/** As `inpaintSize`, for SDXL, which makes the latents of the masked picture itself. */
export const inpaintSizeXL = Block.make("inpaintSize", {
  description: "Checks the picture and its mask and settles the size: as asked for, else the model's own",
  inputs: inpaintInputs,
  outputs: sizeOutputs,
  components: sizeComponents,
  run: (inputs, models) => paintedSides(inputs, models)
})

/** what a UNet that guides itself is told */
const toldScale = (guider: Guider.Shape, given: number | undefined): Effect.Effect<number, InputError> => {
  const scale = given ?? guider.config["guidance_scale"]
  return typeof scale === "number"
    ? Effect.succeed(scale)
    : refuse("setGuidance", [
        {
          field: "guidanceScale",
          actual: "missing",
          expected: `a scale for a UNet that guides itself: ${guider.className} has none of its own`
        }
      ])
}

/**
 * The shape that a guider gives predictions of another: frequency-decoupled guidance pads some sizes, as in diffusers.
 * Tried on zeros, once for each number of predictions.
 */
const otherShape = (
  guidance: Guider.Shape,
  shape: ReadonlyArray<number>,
  timesteps: ReadonlyArray<number>,
  numInferenceSteps: number
): ReadonlyArray<number> | undefined => {
  const zeros = Tensor.zeros("float32", shape)
  const tried = new Set<number>()
  for (const [step, timestep] of timesteps.entries()) {
    const moment = { step, numInferenceSteps, timestep }
    const wanted = guidance.predictions(moment)
    if (tried.has(wanted.length) || wanted.some(({ model }) => model === "perturbed")) continue
    tried.add(wanted.length)
    const predictions = Object.fromEntries(wanted.map(({ name }) => [name, zeros]))
    const { prediction } = guidance.combine(Guider.initial, moment, predictions)
    if (prediction.shape.some((length, axis) => length !== shape[axis])) return prediction.shape
  }
  return undefined
}

/**
 * Settles the guidance of the run and starts its guider. A guider that cannot work on pictures of this size, or that wants
 * predictions of a model with changed layers, is refused. A UNet that guides itself is told the scale, and the guider has
 * nothing to do.
 */
export const setGuidance = Block.make("setGuidance", {
  description: "Settles how strongly the prompt counts",
  inputs: {
    guidanceScale: Fields.guidanceScale,
    guidanceRescale: Fields.guidanceRescale,
    timesteps: Fields.timesteps,
    guidanceSteps: Fields.guidanceSteps,
    batchSize: Fields.batchSize,
    height: Schema.Int,
    width: Schema.Int
  },
  outputs: { guiderState: Fields.guiderState, unetGuidance: Fields.unetGuidance },
  components: { guider: Guider.Guider, unet: Unet, vae: VaeDecoder },
  run: Effect.fnUntraced(function* (
    { batchSize, guidanceSteps, height, timesteps, width, ...scales },
    { guider, unet, vae }
  ) {
    const dim = unet.timeCondProjDim
    const unetGuidance =
      dim === undefined
        ? {}
        : { timestepCond: guidanceEmbedding(yield* toldScale(guider, scales.guidanceScale), dim, batchSize) }
    const guidance = yield* settle(guider, { ...scales, unetGuidance })
    const shape = latentShape(batchSize, { height, width }, vae)
    yield* Effect.fromResult(guidance.supports(shape, guidanceSteps))
    const other = otherShape(guidance, [1, ...shape.slice(1)], timesteps, guidanceSteps)
    if (other !== undefined) {
      return yield* new Guider.GuiderError({
        className: guidance.className,
        reason: "UnsupportedShape",
        message: `${guidance.className} makes [${other.slice(1).join(", ")}] of predictions [${shape.slice(1).join(", ")}], which the scheduler cannot use: choose another height and width`
      })
    }
    const perturbed = predictionsOf(guidance, timesteps, guidanceSteps).find(({ model }) => model === "perturbed")
    if (perturbed !== undefined) {
      return yield* new Guider.GuiderError({
        className: guidance.className,
        reason: "NeedsPerturbedModel",
        message: `${guidance.className} wants ${perturbed.name} of a model with changed layers, and this pipeline has one model: take another guider, or a loop of one's own with two models`
      })
    }
    return { guiderState: Guider.initial, unetGuidance }
  })
})
