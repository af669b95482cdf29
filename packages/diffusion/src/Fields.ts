/**
 * The fields that diffusion blocks share: one name, one Schema, one description each, as diffusers' `InputParam.template`.
 * Ranges are part of the Schemas, so that documents, JSON Schema and command-line flags show them and bad input is
 * refused before anything runs.
 *
 * ```ts
 * import * as Fields from "@effect-blocks/diffusion/Fields"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const Steps = Schema.Struct({ numInferenceSteps: Fields.numInferenceSteps })
 * assert.deepStrictEqual(Schema.decodeUnknownSync(Steps)({}), { numInferenceSteps: 50 })
 * assert.throws(() => Schema.decodeUnknownSync(Steps)({ numInferenceSteps: 0 }))
 * ```
 *
 * @module
 */
import * as Field from "@effect-blocks/core/Field"
import * as Image from "@effect-blocks/ops/Image"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Schema from "effect/Schema"
import * as Guider from "./Guider.ts"
import * as Scheduler from "./Scheduler.ts"

/** The most pictures that one run makes. */
export const maxBatch = 64

const between = (minimum: number, maximum: number) => Schema.isBetween({ minimum, maximum })
/** one text, or several */
export const Texts = Schema.Union([
  Schema.String,
  Schema.Array(Schema.String).check(Schema.isBetweenLength(1, maxBatch))
])
/** `[batch, channels, height, width]` */
export const Latents = Tensor.float32("batch", "channels", "height", "width")
/** pictures as numbers: `[batch, channels, height, width]`, 0..1 */
export const Pixels = Tensor.float32("batch", "channels", "height", "width")
const Embeds = Tensor.float32("batch", "tokens", "channels")

// ------------------------------------------------------------------ what a caller gives

/** what to draw; a list makes one picture (or `numImagesPerPrompt`) of each */
export const prompt = Schema.optionalKey(Texts).pipe(
  Field.describe("What to draw; a list draws each. promptEmbeds may be given in its place")
)
/** text states that were made elsewhere, in place of a prompt: `[prompts, tokens, channels]` */
export const givenPromptEmbeds = Schema.optionalKey(Embeds).pipe(
  Field.describe("Text states to draw from, in place of a prompt: one item for each")
)
/** text states that were made elsewhere, in place of a negative prompt: `[prompts, tokens, channels]` */
export const givenNegativePromptEmbeds = Schema.optionalKey(Embeds).pipe(
  Field.describe("Text states to draw away from, in place of a negative prompt: one item, or one for each prompt")
)
/** what not to draw; a list has one for each prompt. Left out, it is an empty text; for SDXL it may count as zeros */
export const negativePrompt = Schema.optionalKey(Texts).pipe(
  Field.describe("What not to draw (ignored where guidance is off)")
)
/** pictures of each prompt */
export const numImagesPerPrompt = Field.default(Schema.Int.check(between(1, maxBatch)), 1).pipe(
  Field.describe("Pictures of each prompt")
)
/** one generator for all pictures, or one for each of them */
export const seed = Field.default(
  Schema.Union([Rng.Seed, Schema.Array(Rng.Seed).check(Schema.isBetweenLength(1, maxBatch))]),
  0
).pipe(Field.describe("Where the random numbers start: one seed for all pictures, or a list with one for each"))
/** pixels; the default is the model's own size or, for image to image, the picture's */
export const height = Schema.optionalKey(Schema.Int.check(between(8, 8192))).pipe(
  Field.describe("Height in pixels; if left out the model's own or, for image to image, that of the picture")
)
/** pixels; the default is the model's own size or, for image to image, the picture's */
export const width = Schema.optionalKey(Schema.Int.check(between(8, 8192))).pipe(
  Field.describe("Width in pixels; if left out the model's own or, for image to image, that of the picture")
)
/** how many denoising steps */
export const numInferenceSteps = Field.default(Schema.Int.check(between(1, 1000)), 50).pipe(
  Field.describe("Denoising steps: more take longer and are finer")
)
/** how strongly the prompt counts; 1 or less runs the model on half as much */
export const guidanceScale = Schema.optionalKey(Schema.Finite.check(between(0, 100))).pipe(
  Field.describe(
    "How strongly the prompt counts; up to 1 guidance is off and half the work saved; the guider's own (7.5) if left out"
  )
)
/** pulls the guided prediction back to the spread of the conditional one (arXiv 2305.08891, 3.4) */
export const guidanceRescale = Schema.optionalKey(Schema.Finite.check(between(0, 1))).pipe(
  Field.describe(
    "How far to pull a guided prediction back to the spread of the conditional one; the guider's own (0) if left out"
  )
)
/** eta of DDIM and TCD: 0 is deterministic */
export const eta = Field.default(Schema.Finite.check(between(0, 1)), 0).pipe(
  Field.describe(
    "Noise that DDIM and TCD add in each step: 0 none, 1 as much as DDPM (other schedulers do not look at it)"
  )
)
/** the steps of the schedule that a consistency model was distilled from */
export const originalInferenceSteps = Schema.optionalKey(Schema.Int.check(between(1, 1000))).pipe(
  Field.describe("Steps of the schedule that the model was distilled from; the scheduler's own (50) if left out")
)
/** how much of the schedule is run over a given picture */
export const strength = (value: number) =>
  Field.default(Schema.Finite.check(between(0, 1)), value).pipe(
    Field.describe("How far to go from the given picture: 0 keeps it, 1 forgets it")
  )
/** a picture to start from: 8 bits, or numbers of 0..1; the image to image of Stable Diffusion and LCM takes latents too */
export const image = Schema.Union([Image.Image, Pixels]).pipe(Field.describe("The picture to start from"))
/** white where to draw, black what to keep; brought to the size of the run like the picture */
export const maskImage = Image.Image.pipe(Field.describe("Where to draw (white) and what to keep (black)"))
/** inpainting: work on the surroundings of the mask alone, at full size, and put the result back into the picture */
export const paddingMaskCrop = Schema.optionalKey(Schema.Int.check(between(0, 8192))).pipe(
  Field.describe(
    "Draw only the surroundings of the mask, with as many pixels around it, and put them back into the picture; the whole picture if left out"
  )
)
/** inpainting: the latents of the picture without what the mask covers, for a UNet of 9 channels, instead of encoding it */
export const givenMaskedImageLatents = Schema.optionalKey(Latents).pipe(
  Field.describe("Latents of the picture without what the mask covers, instead of encoding it")
)
/**
 * what to start from instead of drawn noise: `[batch, channels, height / scale, width / scale]`. Standard normal, except for
 * image to image, which takes it as it is: latents with the noise of the first step in them
 */
export const initialLatents = Schema.optionalKey(Latents).pipe(
  Field.describe(
    "Standard normal noise to start from, instead of drawing it from the seed; image to image takes it as it is, for noisy latents"
  )
)

/** the prompt for the second text encoder */
export const prompt2 = Schema.optionalKey(Texts).pipe(
  Field.describe("What the second text encoder is given, if that is not the prompt")
)
/** the negative prompt for the second text encoder */
export const negativePrompt2 = Schema.optionalKey(Texts).pipe(
  Field.describe("What the second text encoder is given for what not to draw, if that is not the negative prompt")
)
/** the pooled states that belong to `givenPromptEmbeds`: `[prompts, channels]` */
export const givenPooledPromptEmbeds = Schema.optionalKey(Tensor.float32("batch", "channels")).pipe(
  Field.describe("The pooled text states that belong to promptEmbeds")
)
/** the pooled states that belong to `givenNegativePromptEmbeds`: `[prompts, channels]` */
export const givenNegativePooledPromptEmbeds = Schema.optionalKey(Tensor.float32("batch", "channels")).pipe(
  Field.describe("The pooled text states that belong to negativePromptEmbeds")
)
/** how many of the text encoders' last layers to skip, beyond the one that SDXL skips anyway */
export const clipSkip = Field.default(Schema.Int.check(between(0, 64)), 0).pipe(
  Field.describe("How many of the text encoders' last layers to skip (SDXL skips one anyway)")
)
const Pair = Schema.Tuple([Schema.Int.check(between(0, 65_536)), Schema.Int.check(between(0, 65_536))])
const pair = (description: string) => Schema.optionalKey(Pair).pipe(Field.describe(description))
/** SDXL's size conditioning: height and width that the picture is said to have had */
export const originalSize = pair("Height and width that the picture is said to have had before it was scaled")
/** SDXL's size conditioning: where the picture is said to be cut from, top and left */
export const cropsCoordsTopLeft = pair("Top and left of the place that the picture is said to be cut from")
/** SDXL's size conditioning: height and width that the picture is to have */
export const targetSize = pair("Height and width that the picture is said to have")
/** as `originalSize`, for the unconditional prediction */
export const negativeOriginalSize = pair("The original size for the unconditional prediction")
/** as `cropsCoordsTopLeft`, for the unconditional prediction; counts for text to image only, as in diffusers */
export const negativeCropsCoordsTopLeft = pair("The crop for the unconditional prediction (text to image only)")
/** as `targetSize`, for the unconditional prediction */
export const negativeTargetSize = pair("The target size for the unconditional prediction")
/** 0 and 1 are no share: nothing is cut off */
const share = (description: string) =>
  Schema.optionalKey(Schema.Finite.check(between(0, 1))).pipe(Field.describe(description))
/** where another model has stopped, as a share of the training steps */
export const denoisingStart = share("The share of the denoising that is done already, by another model")
/** where to stop, as a share of the training steps */
export const denoisingEnd = share("The share of the denoising to do; another model does the rest")

// ------------------------------------------------------------------ what blocks tell each other

/** where the generators stand: one for the whole batch, or one for each item */
export const rng = Schema.Array(Rng.Rng).pipe(Field.describe("State of the random generators"))
/** pictures in the run: prompts times `numImagesPerPrompt` */
export const batchSize = Schema.Int.pipe(Field.describe("Pictures in this run"))
/** the scheduler's plan for the chosen number of steps */
export const plan = Scheduler.Plan.pipe(Field.describe("The scheduler's plan for the number of steps"))
/** where the scheduler is in its plan, and what it remembers */
export const schedulerState = Scheduler.SchedulerState.pipe(Field.describe("Where the scheduler is"))
/** what a guider's `start` and `stop` are shares of: the steps of this run */
export const guidanceSteps = Schema.Int.pipe(Field.describe("The steps that a guider's start and stop count"))
/** the timesteps that are run */
export const timesteps = Schema.Array(Schema.Finite).pipe(Field.describe("Timesteps to run, noisiest first"))
/** a schedule of one's own */
export const ownTimesteps = Schema.optionalKey(Schema.Array(Schema.Finite)).pipe(
  Field.describe("Timesteps of one's own, falling; numInferenceSteps then counts for nothing")
)
/** noise levels of one's own */
export const sigmas = Schema.optionalKey(Schema.Array(Schema.Finite)).pipe(
  Field.describe("Noise levels of one's own, falling; numInferenceSteps then counts for nothing")
)
/** text states of the prompts: `[batch, tokens, channels]` */
export const promptEmbeds = Embeds.pipe(Field.describe("Text states of the prompts"))
/** text states of the negative prompts: `[batch, tokens, channels]` */
export const negativePromptEmbeds = Embeds.pipe(Field.describe("Text states of the negative prompts"))
/** `[batch, channels]` */
export const Pooled = Tensor.float32("batch", "channels")
/** the pooled text states of the prompts */
export const pooledPromptEmbeds = Pooled.pipe(Field.describe("Pooled text states of the prompts"))
/** the pooled text states of the negative prompts */
export const negativePooledPromptEmbeds = Pooled.pipe(Field.describe("Pooled text states of the negative prompts"))
/** SDXL's size conditioning: `[batch, 6]` */
export const addTimeIds = Tensor.float32("batch", 6).pipe(Field.describe("Size conditioning"))
/** SDXL's size conditioning for the unconditional prediction: `[batch, 6]` */
export const negativeAddTimeIds = Tensor.float32("batch", 6).pipe(
  Field.describe("Size conditioning of the unconditional prediction")
)
/** what did not fit into the text encoder's window */
export const truncatedPrompts = Schema.Array(Schema.String).pipe(
  Field.describe("Ends of prompts that did not fit into the text encoder's window")
)
/** noisy latents */
export const latents = Latents.pipe(Field.describe("Noisy latents, on their way to a picture"))
/** the model's guess of the clean latents, for previews */
export const predOriginalSample = Schema.optionalKey(Latents).pipe(
  Field.describe("The latents that the model expects at the end, for previews")
)
/** the picture's own latents */
export const imageLatents = Latents.pipe(Field.describe("Latents of the given picture"))
/** the picture that is painted into: its latents, where they are needed, and the noise of this run */
export const original = Schema.Struct({ noise: Latents, imageLatents: Schema.optionalKey(Latents) }).pipe(
  Field.describe("Latents of the picture that is painted into, and the noise that goes with them")
)
/** the mask at the latents' size, 1 where to draw, and for a UNet of 9 channels the latents of the picture with a hole */
export const masking = Schema.Struct({ mask: Latents, maskedImageLatents: Schema.optionalKey(Latents) }).pipe(
  Field.describe("The mask at the latents' size, and the latents of the picture without what it covers")
)
/** the picture that the result is put into: what it was, where to draw, and left, top, right and bottom of the part */
export const overlay = Schema.NullOr(
  Schema.Struct({
    original: Image.Image,
    mask: Image.Image,
    box: Schema.Tuple([Schema.Int, Schema.Int, Schema.Int, Schema.Int])
  })
).pipe(Field.describe("The picture that the result is put into, where only a part of it is drawn"))
/** what the guider remembers */
export const guiderState = Guider.GuiderState.pipe(Field.describe("What the guider remembers"))
/** what a UNet that guides itself is told: `[batch, timeCondProjDim]`; nothing for others */
export const unetGuidance = Schema.Struct({
  timestepCond: Schema.optionalKey(Tensor.float32("batch", "channels"))
}).pipe(Field.describe("How strongly the prompt counts, as a UNet that guides itself takes it"))
/** what the model predicted at this step, by the guider's names */
export const predictions = Schema.Struct({
  predCond: Schema.optional(Latents),
  predUncond: Schema.optional(Latents),
  predCondSkip: Schema.optional(Latents),
  predCondSeg: Schema.optional(Latents)
}).pipe(Field.describe("What the model predicted at this step"))
/** decoded pictures, about -1..1 */
export const decoded = Pixels.pipe(Field.describe("Decoded pictures, about -1..1"))
/** finished pictures, `[height, width, 3]` each */
export const images = Schema.NonEmptyArray(Image.Image).pipe(Field.describe("The pictures, 8-bit RGB"))
