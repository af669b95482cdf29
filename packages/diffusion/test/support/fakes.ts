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
import { TextEncoder, Tokenizer, Unet, VaeDecoder, VaeEncoder } from "@effect-blocks/diffusion/Components"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** what was asked of the models, in order */
export interface Call {
  readonly model: "textEncoder" | "unet" | "vaeEncoder" | "vaeDecoder"
  readonly shape: ReadonlyArray<number>
  readonly timestep?: number
}

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
  const textEncoder: TextEncoderShape = {
    width,
    encode: (ids) =>
      Effect.sync(() => {
        calls.push({ model: "textEncoder", shape: ids.shape })
        const data = Float32Array.from({ length: ids.data.length * width }, (_, i) =>
          Math.sin(ids.data[i >> 1]! + (i % width))
        )
        return { lastHiddenState: Tensor.make("float32", [...ids.shape, width], data), hiddenStates: [] }
      }),
    ...options.overrides?.textEncoder
  }
  const predict: UnetShape["predict"] = ({ encoderHiddenStates, sample, timestep }) =>
    Effect.sync(() => {
      calls.push({ model: "unet", shape: sample.shape, timestep })
      const [batch = 0, channels = 0, height = 0, width = 0] = sample.shape
      const plane = latentChannels * height * width
      const out = new Float32Array(batch * plane)
      for (let item = 0; item < batch; item++) {
        const states = encoderHiddenStates.data.length / batch
        let mood = 0
        for (let i = 0; i < states; i++) mood += encoderHiddenStates.data[item * states + i]!
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
    crossAttentionDim: width,
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
  const layer = Layer.mergeAll(
    Layer.succeed(Tokenizer, {
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
    }),
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
