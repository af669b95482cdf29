/**
 * What turns the caller's words and pictures into tensors: diffusers' `encoders.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TextEncoder, VaeEncoder } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { Guider } from "../../Guider.ts"
import { pick } from "../../internal/batch.ts"
import { applyNormOf } from "../../internal/finalNorm.ts"
import { needsUncond, scaleFields, settle } from "../../internal/guidance.ts"
import { samplePosterior } from "../../internal/latents.ts"
import { checkLayers, encode, list, rowsOf } from "../../internal/prompts.ts"
import { Tokenizer } from "../../Tokenizer.ts"

/**
 * Prompts to text states, one row for each picture. Every different text is encoded once, all of them in one call. Where
 * no step needs the unconditional prediction, the negative prompts are not encoded, and `negativePromptEmbeds` is
 * `promptEmbeds`. A prompt that is too long loses its end, as in diffusers: the end is logged and given in
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
  inputs: {
    prompt: Fields.prompt,
    negativePrompt: Fields.negativePrompt,
    clipSkip: Fields.clipSkip,
    numImagesPerPrompt: Fields.numImagesPerPrompt,
    ...scaleFields,
    timesteps: Fields.timesteps,
    guidanceSteps: Fields.guidanceSteps
  },
  outputs: {
    promptEmbeds: Fields.promptEmbeds,
    negativePromptEmbeds: Fields.negativePromptEmbeds,
    truncatedPrompts: Fields.truncatedPrompts
  },
  components: { tokenizer: Tokenizer, textEncoder: TextEncoder, guider: Guider },
  run: Effect.fnUntraced(function* (
    { prompt, negativePrompt, clipSkip, numImagesPerPrompt, timesteps, guidanceSteps, ...scales },
    { tokenizer, textEncoder, guider }
  ) {
    const guidance = yield* settle(guider, scales)
    const prompts = list(prompt)
    const negatives = needsUncond(guidance, timesteps, guidanceSteps) ? list(negativePrompt ?? "") : []
    yield* checkLayers("textEncoder", textEncoder, clipSkip + 1)
    const encoded = yield* encode(tokenizer, textEncoder, [...prompts, ...negatives])
    const embed = (texts: ReadonlyArray<string>, states: Tensor.Tensor<"float32">) =>
      pick(states, rowsOf(encoded, texts, prompts.length, numImagesPerPrompt))
    const last = encoded.lastHiddenState
    // as in diffusers, only prompts skip layers
    const skipped = clipSkip === 0 ? undefined : encoded.hiddenStates.at(-(clipSkip + 1))
    const promptEmbeds = embed(
      prompts,
      skipped === undefined ? last : applyNormOf(encoded.hiddenStates.at(-1)!, last, skipped)
    )
    return {
      promptEmbeds,
      negativePromptEmbeds: negatives.length === 0 ? promptEmbeds : embed(negatives, last),
      truncatedPrompts: encoded.removed
    }
  })
})

/**
 * The picture as the encoder sees it: `[batch, 3, height, width]`, -1..1, at the size of this run.
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
    Effect.map(Effect.fromResult(ImageProcessor.preprocess(image, { height, width, factor: 1 })), (imagePixels) => ({
      imagePixels
    }))
})

const encodeWith = (options: { readonly perItem: boolean }) =>
  Block.make("encodeImage", {
    description: "Encodes the given picture",
    inputs: { imagePixels: Fields.Pixels, rng: Fields.rng },
    outputs: { imageLatents: Fields.imageLatents, rng: Fields.rng },
    components: { vae: VaeEncoder },
    run: ({ imagePixels, rng }, { vae }) =>
      Effect.map(vae.encode(imagePixels), (distribution) => {
        const [imageLatents, after] = samplePosterior(distribution, vae.scalingFactor, rng, options)
        return { imageLatents, rng: after }
      })
  })

/**
 * Latents of the given picture: a sample of the encoder's distribution. Where each item of the batch has a generator, each
 * draws a sample of its own.
 */
export const encodeImage = encodeWith({ perItem: true })

/** As `encodeImage`, one sample for each given picture: as SDXL does it. */
export const encodeImageXL = encodeWith({ perItem: false })

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
