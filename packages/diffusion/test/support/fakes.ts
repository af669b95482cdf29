/**
 * Components made of arithmetic: small, deterministic, and each item of a batch by itself. They count what they are asked.
 */
import type {
  TextEncoderShape,
  UnetInput,
  UnetShape,
  VaeDecoderShape,
  VaeEncoderShape
} from "@effect-blocks/diffusion/Components"
import {
  TextEncoder,
  TextEncoder2,
  Tokenizer,
  Tokenizer2,
  Unet,
  VaeDecoder,
  VaeEncoder
} from "@effect-blocks/diffusion/Components"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import type { Shape } from "@effect-blocks/diffusion/Tokenizer"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** what was asked of the models, in order */
export interface Call {
  readonly model: "textEncoder" | "textEncoder2" | "unet" | "vaeEncoder" | "vaeDecoder"
  readonly shape: ReadonlyArray<number>
  readonly timestep?: number
}

const firstIds = (ids: Tensor.Tensor<"int32">) =>
  Float32Array.from({ length: ids.shape[0]! }, (_, i) => ids.data[i * ids.shape[1]!]! / 100)
const maxLength = 4
const width = 2
const latentChannels = 4
const scaleFactor = 2

/** a picture of the latents: channel `c` of 3 is channel `c` of the latents, each pixel `scaleFactor` times each way */
const enlarge = (latents: Tensor.Tensor<"float32">): Tensor.Tensor<"float32"> => {
  const [batch, , height, width] = latents.shape as [number, number, number, number]
  const shape = [batch, 3, height * scaleFactor, width * scaleFactor] as const
  const out = Tensor.zeros("float32", shape)
  for (let item = 0; item < batch; item++)
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < shape[2]; y++)
        for (let x = 0; x < shape[3]; x++) {
          const from =
            ((item * latentChannels + c) * height + Math.floor(y / scaleFactor)) * width + Math.floor(x / scaleFactor)
          out.data[((item * 3 + c) * shape[2] + y) * shape[3] + x] = latents.data[from]!
        }
  return out
}

/** every `scaleFactor`th pixel; the fourth channel is the first */
const shrink = (pixels: Tensor.Tensor<"float32">): Tensor.Tensor<"float32"> => {
  const [batch, , height, width] = pixels.shape as [number, number, number, number]
  const shape = [batch, latentChannels, height / scaleFactor, width / scaleFactor] as const
  const out = Tensor.zeros("float32", shape)
  let at = 0
  for (let item = 0; item < batch; item++)
    for (let c = 0; c < latentChannels; c++)
      for (let y = 0; y < height; y += scaleFactor)
        for (let x = 0; x < width; x += scaleFactor)
          out.data[at++] = pixels.data[((item * 3 + (c % 3)) * height + y) * width + x]!
  return out
}

export interface Options {
  /** SDXL: two text encoders, whose states of each layer are given, and a UNet that is told sizes */
  readonly xl?: boolean
  readonly inChannels?: number
  readonly unet?: (input: UnetInput, own: UnetShape["predict"]) => ReturnType<UnetShape["predict"]>
  readonly scheduler?: Scheduler.Config
  readonly overrides?: {
    readonly textEncoder?: Partial<TextEncoderShape>
    readonly unet?: Partial<UnetShape>
    readonly vae?: Partial<VaeDecoderShape>
  }
}

export const make = (options: Options = {}) => {
  const calls: Array<Call> = []
  const geometry = { scaleFactor, latentChannels, scalingFactor: 0.5 }
  const xl = options.xl === true
  const encoder = (model: "textEncoder" | "textEncoder2"): TextEncoderShape => ({
    width,
    layers: xl ? 3 : 0,
    encode: (ids) =>
      Effect.sync(() => {
        calls.push({ model, shape: ids.shape })
        const states = (layer: number) => {
          const data = Float32Array.from({ length: ids.data.length * width }, (_, i) =>
            Math.sin(ids.data[i >> 1]! + (i % width) + layer)
          )
          return Tensor.make("float32", [...ids.shape, width], data)
        }
        return {
          lastHiddenState: states(0),
          hiddenStates: xl ? [3, 2, 1].map(states) : [],
          ...(model === "textEncoder" ? {} : { pooled: Tensor.make("float32", [ids.shape[0]!, 1], firstIds(ids)) })
        }
      })
  })
  const textEncoder: TextEncoderShape = { ...encoder("textEncoder"), ...options.overrides?.textEncoder }
  const predict: UnetShape["predict"] = ({ added, encoderHiddenStates, sample, timestep, timestepCond }) =>
    Effect.sync(() => {
      calls.push({ model: "unet", shape: sample.shape, timestep })
      const [batch = 0, channels = 0, height = 0, width = 0] = sample.shape
      const plane = latentChannels * height * width
      const out = new Float32Array(batch * plane)
      for (let item = 0; item < batch; item++) {
        const states = encoderHiddenStates.data.length / batch
        let mood = 0
        for (let i = 0; i < states; i++) mood += encoderHiddenStates.data[item * states + i]!
        if (added !== undefined) mood += added.textEmbeds.data[item]! + added.timeIds.data[item * 6]! / 100
        if (timestepCond !== undefined) mood += timestepCond.data[(item * timestepCond.data.length) / batch]!
        for (let i = 0; i < plane; i++)
          out[item * plane + i] =
            0.5 * sample.data[item * channels * height * width + i]! + 0.1 * mood + timestep / 10_000
      }
      return Tensor.make("float32", [batch, latentChannels, height, width], out)
    })
  const unet: UnetShape = {
    inChannels: options.inChannels ?? latentChannels,
    outChannels: latentChannels,
    sampleSize: 4,
    sizeMultiple: 2,
    crossAttentionDim: xl ? 2 * width : width,
    sizeConditioned: xl,
    predict: options.unet === undefined ? predict : (input) => options.unet!(input, predict),
    ...options.overrides?.unet
  }
  const vaeEncoder: VaeEncoderShape = {
    ...geometry,
    encode: (pixels) =>
      Effect.sync(() => {
        calls.push({ model: "vaeEncoder", shape: pixels.shape })
        const mean = shrink(pixels)
        return { mean, logVariance: Tensor.make("float32", mean.shape, new Float32Array(mean.data.length).fill(-4)) }
      })
  }
  const vaeDecoder: VaeDecoderShape = {
    ...geometry,
    decode: (latents) =>
      Effect.sync(() => {
        calls.push({ model: "vaeDecoder", shape: latents.shape })
        return enlarge(latents)
      }),
    ...options.overrides?.vae
  }
  const tokenizer: Shape = {
    maxLength,
    encode: (texts) => ({
      inputIds: Tensor.make(
        "int32",
        [texts.length, maxLength],
        Int32Array.from(
          { length: texts.length * maxLength },
          (_, i) => texts[Math.floor(i / maxLength)]!.charCodeAt(i % maxLength) || 0
        )
      ),
      truncated: texts.flatMap((text, index) =>
        text.length > maxLength ? [{ index, removed: text.slice(maxLength) }] : []
      )
    })
  }
  const layer = Layer.mergeAll(
    Layer.succeed(Tokenizer, tokenizer),
    Layer.succeed(Tokenizer2, tokenizer),
    Layer.succeed(TextEncoder2, encoder("textEncoder2")),
    Layer.succeed(TextEncoder, textEncoder),
    Layer.succeed(Unet, unet),
    Layer.succeed(VaeEncoder, vaeEncoder),
    Layer.succeed(VaeDecoder, vaeDecoder),
    Layer.orDie(Scheduler.layer(options.scheduler ?? { _class_name: "DDIMScheduler", clip_sample: false })),
    Layer.orDie(Guider.layer({ _class_name: "ClassifierFreeGuidance" }))
  )
  return { calls, layer }
}

/** a picture of 8x8 pixels whose levels grow from left to right */
export const picture = (channels = 3, side = 8): Tensor.Tensor<"uint8"> =>
  Tensor.make(
    "uint8",
    [side, side, channels],
    Uint8Array.from({ length: side * side * channels }, (_, i) => 30 * (Math.floor(i / channels) % side))
  )

/** white on the right half */
export const mask = (side = 8): Tensor.Tensor<"uint8"> =>
  Tensor.make(
    "uint8",
    [side, side, 1],
    Uint8Array.from({ length: side * side }, (_, i) => (i % side >= side / 2 ? 255 : 0))
  )
