/**
 * The components of a pipeline as services: what blocks need of a model, and nothing of how it runs. A `Repository`
 * makes them from a folder; a test makes them with `Layer.succeed`.
 *
 * @module
 */
import type { LoadError, RunError } from "@effect-blocks/ops/OnnxError"
import type { Tensor } from "@effect-blocks/ops/Tensor"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { RepositoryError } from "./RepositoryError.ts"

export { Scheduler } from "./Scheduler.ts"
export { Tokenizer, Tokenizer2 } from "./Tokenizer.ts"

/** Why a component could not do its work: its file, its session, or what it was given. */
export type ComponentError = LoadError | RunError | RepositoryError

/** What a text encoder knows of some texts. */
export interface TextEncoding {
  /** `[texts, tokens, width]`, after the last layer's norm */
  readonly lastHiddenState: Tensor<"float32">
  /** `[texts, width]`: the projected `text_embeds`, or `pooler_output`, where the graph has one */
  readonly pooled?: Tensor<"float32">
  /** `[texts, tokens, width]` per layer, the embeddings first; empty where the graph does not give them */
  readonly hiddenStates: ReadonlyArray<Tensor<"float32">>
}

/** What blocks need of a text encoder. */
export interface TextEncoderShape {
  /** channels of a state */
  readonly width: number
  /** how many `hiddenStates` it gives; none if left out */
  readonly layers?: number
  /** ids are below this; not checked if left out */
  readonly vocabSize?: number
  /** the most tokens of a text; not checked if left out */
  readonly maxLength?: number
  /** `inputIds` is `[texts, tokens]`, as the tokenizer gives it */
  readonly encode: (inputIds: Tensor<"int32">) => Effect.Effect<TextEncoding, ComponentError>
}

/**
 * Turns token ids into states: diffusers' `text_encoder`.
 *
 * ```ts
 * import { TextEncoder } from "@effect-blocks/diffusion/Components"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const fake = Layer.succeed(TextEncoder, {
 *   width: 1,
 *   encode: (ids) =>
 *     Effect.succeed({
 *       lastHiddenState: Tensor.make("float32", [...ids.shape, 1], Float32Array.from(ids.data)),
 *       hiddenStates: []
 *     })
 * })
 * ```
 */
export class TextEncoder extends Context.Service<TextEncoder, TextEncoderShape>()(
  "@effect-blocks/diffusion/TextEncoder"
) {}

/**
 * The second text encoder of SDXL, diffusers' `text_encoder_2`; its `pooled` is what the UNet is given as a whole.
 *
 * ```ts
 * import { TextEncoder, TextEncoder2 } from "@effect-blocks/diffusion/Components"
 * import assert from "node:assert"
 *
 * assert.notEqual(TextEncoder2.key, TextEncoder.key)
 * ```
 */
export class TextEncoder2 extends Context.Service<TextEncoder2, TextEncoderShape>()(
  "@effect-blocks/diffusion/TextEncoder2"
) {}

/** One call of a UNet. */
export interface UnetInput {
  /** `[batch, inChannels, height, width]` */
  readonly sample: Tensor<"float32">
  /** one for the whole batch */
  readonly timestep: number
  /** `[batch, tokens, crossAttentionDim]` */
  readonly encoderHiddenStates: Tensor<"float32">
  /** SDXL: the pooled text states and the size conditioning */
  readonly added?: {
    /** `[batch, width]` */
    readonly textEmbeds: Tensor<"float32">
    /** `[batch, 6]`: height and width of the original, top and left of the crop, height and width of the target */
    readonly timeIds: Tensor<"float32">
  }
  /** `[batch, timeCondProjDim]`: how strongly the prompt counts, for a model that guides itself */
  readonly timestepCond?: Tensor<"float32">
}

/** What blocks need of a UNet. */
export interface UnetShape {
  /** 4, or 9 where it was trained to inpaint: latents, mask, latents of the masked picture */
  readonly inChannels: number
  readonly outChannels: number
  /** the side of the latents it was trained on */
  readonly sampleSize: number
  /** sides of the latents must be divisible by this: 2 to the number of its downsamplings */
  readonly sizeMultiple: number
  /** channels of the text states that it takes */
  readonly crossAttentionDim: number
  /** whether it takes SDXL's pooled text states and size conditioning (`added`) */
  readonly sizeConditioned?: boolean
  /**
   * The width of the guidance embedding (`timestepCond`) that it takes. Such a model, one of the latent-consistency
   * family, guides itself: it is run once a step, without negative prompts. None if left out.
   */
  readonly timeCondProjDim?: number
  /** `[batch, outChannels, height, width]`: noise, velocity or sample, as it was trained */
  readonly predict: (input: UnetInput) => Effect.Effect<Tensor<"float32">, ComponentError>
}

/**
 * The denoising model: diffusers' `unet`.
 *
 * ```ts
 * import { Unet } from "@effect-blocks/diffusion/Components"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * // predicts that everything is noise
 * const fake = Layer.succeed(Unet, {
 *   inChannels: 4,
 *   outChannels: 4,
 *   sampleSize: 8,
 *   sizeMultiple: 4,
 *   crossAttentionDim: 1,
 *   predict: ({ sample }) => Effect.succeed(sample)
 * })
 * ```
 */
export class Unet extends Context.Service<Unet, UnetShape>()("@effect-blocks/diffusion/Unet") {}

/** What encoder and decoder of one autoencoder share. */
export interface VaeGeometry {
  /** pixels per latent, in each direction */
  readonly scaleFactor: number
  readonly latentChannels: number
  /** latents are multiplied by this after encoding and divided by it before decoding */
  readonly scalingFactor: number
}

/** A normal distribution over latents, per element. Older exports give a sample and no spread: `logVariance` is absent. */
export interface LatentDistribution {
  /** `[batch, latentChannels, height, width]` */
  readonly mean: Tensor<"float32">
  readonly logVariance?: Tensor<"float32">
}

/** What blocks need of an encoder of pictures. */
export interface VaeEncoderShape extends VaeGeometry {
  /** `sample` is `[batch, 3, height, width]`, -1..1; what comes back is not yet multiplied by `scalingFactor` */
  readonly encode: (sample: Tensor<"float32">) => Effect.Effect<LatentDistribution, ComponentError>
}

/**
 * Turns pictures into latents: one half of diffusers' `vae`.
 *
 * ```ts
 * import { VaeEncoder } from "@effect-blocks/diffusion/Components"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const fake = Layer.succeed(VaeEncoder, {
 *   scaleFactor: 8,
 *   latentChannels: 4,
 *   scalingFactor: 1,
 *   encode: ({ shape: [batch, , height, width] }) =>
 *     Effect.succeed({ mean: Tensor.zeros("float32", [batch!, 4, height! / 8, width! / 8]) })
 * })
 * ```
 */
export class VaeEncoder extends Context.Service<VaeEncoder, VaeEncoderShape>()("@effect-blocks/diffusion/VaeEncoder") {}

/** What blocks need of a decoder of latents. */
export interface VaeDecoderShape extends VaeGeometry {
  /** `latents` is `[batch, latentChannels, height, width]`, already divided by `scalingFactor`; pixels are about -1..1 */
  readonly decode: (latents: Tensor<"float32">) => Effect.Effect<Tensor<"float32">, ComponentError>
}

/**
 * Turns latents into pictures: the other half of diffusers' `vae`.
 *
 * ```ts
 * import { VaeDecoder } from "@effect-blocks/diffusion/Components"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const fake = Layer.succeed(VaeDecoder, {
 *   scaleFactor: 8,
 *   latentChannels: 4,
 *   scalingFactor: 1,
 *   decode: ({ shape: [batch, , height, width] }) =>
 *     Effect.succeed(Tensor.zeros("float32", [batch!, 3, height! * 8, width! * 8]))
 * })
 * ```
 */
export class VaeDecoder extends Context.Service<VaeDecoder, VaeDecoderShape>()("@effect-blocks/diffusion/VaeDecoder") {}
