/**
 * What turns the caller's words and pictures into tensors: diffusers' `encoders.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Image from "@effect-blocks/ops/Image"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TextEncoder, VaeEncoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { Guider } from "../../Guider.ts"
import { pick, scale } from "../../internal/batch.ts"
import { applyNormOf } from "../../internal/finalNorm.ts"
import type { Scales } from "../../internal/guidance.ts"
import { needsUncond, scaleFields, settle } from "../../internal/guidance.ts"
import { isLatents, samplePosterior } from "../../internal/latents.ts"
import type { Prompts } from "../../internal/prompts.ts"
import {
  checkLayers,
  countOf,
  encode,
  givenTokens,
  list,
  negativeFields,
  negativeLength,
  promptFields,
  promptProblems,
  repeat,
  rowsOf
} from "../../internal/prompts.ts"
import { refuse, refuseAny } from "../../internal/refuse.ts"
import { Tokenizer } from "../../Tokenizer.ts"

const encodeFields = {
  clipSkip: Fields.clipSkip,
  numImagesPerPrompt: Fields.numImagesPerPrompt,
  ...scaleFields,
  timesteps: Fields.timesteps,
  guidanceSteps: Fields.guidanceSteps
}
const encodeOutputs = {
  promptEmbeds: Fields.promptEmbeds,
  negativePromptEmbeds: Fields.negativePromptEmbeds,
  truncatedPrompts: Fields.truncatedPrompts
}
const encodeComponents = { tokenizer: Tokenizer, textEncoder: TextEncoder, guider: Guider }

interface EncodeInputs extends Prompts, Scales {
  readonly clipSkip: number
  readonly numImagesPerPrompt: number
  readonly timesteps: ReadonlyArray<number>
  readonly guidanceSteps: number
}
interface EncodeComponents {
  readonly tokenizer: Tokenizer["Service"]
  readonly textEncoder: TextEncoder["Service"]
  readonly guider: Guider["Service"]
}

const encodePrompts = Effect.fnUntraced(function* (
  { clipSkip, guidanceSteps, numImagesPerPrompt, timesteps, ...given }: EncodeInputs,
  { guider, textEncoder, tokenizer }: EncodeComponents
) {
  yield* refuseAny("encodePrompt", promptProblems(given))
  const guidance = yield* settle(guider, given)
  const count = countOf(given)
  const needed = needsUncond(guidance, timesteps, guidanceSteps)
  const prompts = given.prompt === undefined ? [] : list(given.prompt)
  const negatives = needed && given.negativePromptEmbeds === undefined ? list(given.negativePrompt ?? "") : []
  yield* refuseAny("encodePrompt", givenTokens(given, negatives.length > 0, tokenizer))
  if (prompts.length > 0) yield* checkLayers("textEncoder", textEncoder, clipSkip + 1)
  const encoded = yield* encode(tokenizer, textEncoder, [...prompts, ...negatives], negativeLength(given, tokenizer))
  const embed = (texts: ReadonlyArray<string>, states: Tensor.Tensor<"float32">) =>
    pick(states, rowsOf(encoded, texts, count, numImagesPerPrompt))
  const last = encoded.lastHiddenState
  // as in diffusers, only prompts skip layers
  const skipped = clipSkip === 0 ? undefined : encoded.hiddenStates.at(-(clipSkip + 1))
  const promptEmbeds =
    given.promptEmbeds !== undefined
      ? repeat(given.promptEmbeds, count, numImagesPerPrompt)
      : embed(prompts, skipped === undefined ? last : applyNormOf(encoded.hiddenStates.at(-1)!, last, skipped))
  const negativePromptEmbeds = !needed
    ? promptEmbeds
    : given.negativePromptEmbeds !== undefined
      ? repeat(given.negativePromptEmbeds, count, numImagesPerPrompt)
      : embed(negatives, last)
  return { promptEmbeds, negativePromptEmbeds, truncatedPrompts: encoded.removed }
})

/**
 * Prompts to text states, one row for each picture. Every different text is encoded once, all of them in one call. Where
 * no step needs the unconditional prediction, the negative prompts are not encoded, and `negativePromptEmbeds` is
 * `promptEmbeds`. States that were made elsewhere may be given in place of either. A prompt that is too long loses its end, as in diffusers: the end is logged and given in
 * `truncatedPrompts`.
 *
 * ```ts
 * import { encodePrompt } from "@effect-blocks/diffusion/blocks/stableDiffusion/encoders"
 * import * as Repository from "@effect-blocks/diffusion/Repository"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as ModelStore from "@effect-blocks/ops/ModelStore"
 * import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import assert from "node:assert"
 *
 * const components = Repository.layer(EmojiDiffusion.path).pipe(
 *   Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
 *   Layer.provide(OnnxRuntime.layerCpu)
 * )
 * const run = encodePrompt.run({ prompt: "red heart", timesteps: [999], guidanceSteps: 1 })
 * const { promptEmbeds } = await Effect.runPromise(Effect.provide(run, components))
 * assert.deepEqual(promptEmbeds.shape, [1, 32, 256])
 * ```
 */
export const encodePrompt = Block.make("encodePrompt", {
  description: "Turns the prompts into text states",
  inputs: { ...promptFields, ...negativeFields, ...encodeFields },
  outputs: encodeOutputs,
  components: encodeComponents,
  run: (inputs, components) => encodePrompts(inputs, components)
})

/** As `encodePrompt`, for models without negative prompts. */
export const encodePromptLCM = Block.make("encodePrompt", {
  description: "Turns the prompts into text states",
  inputs: { ...promptFields, ...encodeFields },
  outputs: encodeOutputs,
  components: encodeComponents,
  run: (inputs, components) => encodePrompts(inputs, components)
})

/**
 * The picture as the encoder sees it: `[batch, 3, height, width]`, -1..1, at the size of this run. One that is given as
 * latents stays as it is.
 *
 * ```ts
 * import { preprocessImage } from "@effect-blocks/diffusion/blocks/stableDiffusion/encoders"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const black = Tensor.zeros("uint8", [20, 10, 3])
 * const { imagePixels } = Effect.runSync(preprocessImage.run({ image: black, height: 8, width: 8 }))
 * assert.deepEqual(imagePixels.shape, [1, 3, 8, 8])
 * assert.equal(imagePixels.data[0], -1)
 * ```
 */
export const preprocessImage = Block.make("preprocessImage", {
  description: "Brings the given picture to the size of the run and to -1..1",
  inputs: { image: Fields.image, height: Schema.Int, width: Schema.Int },
  outputs: { imagePixels: Fields.Pixels },
  run: ({ image, height, width }) =>
    isLatents(image)
      ? Effect.succeed({ imagePixels: image })
      : Effect.map(
          Effect.fromResult(ImageProcessor.preprocess(image, { height, width, factor: 1, channels: "rgb" })),
          (imagePixels) => ({ imagePixels })
        )
})

/**
 * Latents of the given picture: a sample of the encoder's distribution. Where each item of the batch has a generator, each
 * draws a sample of its own. A picture that is given as latents stays as it is, and nothing is drawn where the `latents` to
 * start from are given.
 */
export const encodeImage = Block.make("encodeImage", {
  description: "Encodes the given picture",
  inputs: { imagePixels: Fields.Pixels, rng: Fields.rng, latents: Fields.initialLatents },
  outputs: { imageLatents: Fields.imageLatents, rng: Fields.rng },
  components: { vae: VaeEncoder },
  run: Effect.fnUntraced(function* ({ imagePixels, latents, rng }, { vae }) {
    if (imagePixels.shape[1] === vae.latentChannels) return { imageLatents: imagePixels, rng }
    const distribution = yield* vae.encode(imagePixels)
    if (latents !== undefined) return { imageLatents: scale(distribution.mean, vae.scalingFactor), rng }
    const [imageLatents, after] = samplePosterior(distribution, vae.scalingFactor, rng, { perItem: true })
    return { imageLatents, rng: after }
  })
})

/** As `encodeImage`, one sample for each given picture: as SDXL does it. */
export const encodeImageXL = Block.make("encodeImage", {
  description: "Encodes the given picture",
  inputs: { imagePixels: Fields.Pixels, rng: Fields.rng },
  outputs: { imageLatents: Fields.imageLatents, rng: Fields.rng },
  components: { vae: VaeEncoder },
  run: ({ imagePixels, rng }, { vae }) =>
    Effect.map(vae.encode(imagePixels), (distribution) => {
      const [imageLatents, after] = samplePosterior(distribution, vae.scalingFactor, rng)
      return { imageLatents, rng: after }
    })
})

/**
 * The mask as pixels: `[1, 1, height, width]`, 1 where it is at least half white, else 0.
 *
 * ```ts
 * import { preprocessMask } from "@effect-blocks/diffusion/blocks/stableDiffusion/encoders"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const grey = Tensor.make("uint8", [8, 8, 1], new Uint8Array(64).fill(200))
 * const { maskPixels } = Effect.runSync(preprocessMask.run({ maskImage: grey, height: 8, width: 8 }))
 * assert.equal(maskPixels.data[0], 1)
 * ```
 */
export const preprocessMask = Block.make("preprocessMask", {
  description: "Brings the mask to the size of the run and to 0 and 1",
  inputs: { maskImage: Fields.maskImage, height: Schema.Int, width: Schema.Int },
  outputs: { maskPixels: Fields.Pixels },
  run: ({ maskImage, height, width }) =>
    Effect.map(
      Effect.fromResult(ImageProcessor.preprocessMask(maskImage, { height, width, factor: 1 })),
      (maskPixels) => ({ maskPixels })
    )
})

/**
 * With `paddingMaskCrop`: picture and mask become the surroundings of what the mask marks, grown towards the shape of this
 * run and enlarged to its size, so that small things are drawn with all that the model can do. Without it, nothing
 * changes. diffusers' `get_crop_region` and its resize mode `fill`.
 *
 * ```ts
 * import { cropToMask } from "@effect-blocks/diffusion/blocks/stableDiffusion/encoders"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const image = Tensor.zeros("uint8", [100, 100, 3])
 * const maskImage = Tensor.make("uint8", [100, 100, 1], new Uint8Array(10_000).fill(255, 5050, 5051))
 * const run = cropToMask.run({ image, maskImage, paddingMaskCrop: 10, height: 64, width: 64 })
 * const out = Effect.runSync(run)
 * assert.deepEqual(out.overlay?.box, [40, 40, 61, 61])
 * assert.deepEqual(out.image.shape, [64, 64, 3])
 * ```
 */
export const cropToMask = Block.make("cropToMask", {
  description: "Cuts out the surroundings of the mask, if that is asked for",
  inputs: {
    image: Fields.image,
    maskImage: Fields.maskImage,
    paddingMaskCrop: Fields.paddingMaskCrop,
    height: Schema.Int,
    width: Schema.Int
  },
  outputs: { image: Fields.image, maskImage: Fields.maskImage, overlay: Fields.overlay },
  run: Effect.fnUntraced(function* ({ height, image, maskImage, paddingMaskCrop: padding, width }) {
    if (padding === undefined) return { image, maskImage, overlay: null }
    if (image.dtype !== "uint8") {
      const expected = "an 8-bit picture, for paddingMaskCrop to put the result into"
      return yield* refuse("cropToMask", [{ field: "image", actual: String(image), expected }])
    }
    const region = ImageProcessor.cropRegion(maskImage, { height, width, padding })
    if (Result.isFailure(region)) {
      const expected = "one that marks a part, for paddingMaskCrop to cut out"
      return yield* refuse("cropToMask", [{ field: "maskImage", actual: `no use: ${region.failure.detail}`, expected }])
    }
    const box = region.success
    const cut = (picture: Tensor.Tensor<"uint8">) =>
      Effect.fromResult(
        Result.flatMap(Image.crop(picture, box), ImageProcessor.resize({ height, width, mode: "fill" }))
      )
    return {
      image: yield* cut(image),
      maskImage: yield* cut(maskImage),
      overlay: { original: image, mask: maskImage, box }
    }
  })
})
