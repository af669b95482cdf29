/**
 * The same pipeline on the CPU and on fakes: only Layers differ. This is how one tests what surrounds a model, in
 * milliseconds and without its files.
 *
 *     node examples/06-swap-layers.ts
 */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Components from "@effect-blocks/diffusion/Components"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import assert from "node:assert"
import { test } from "node:test"
import { components, inputs } from "./support/emoji.ts"

// models that answer with zeros of the right shape; `batches` is what the UNet was asked for
const batches: Array<number> = []
const fakes = Layer.mergeAll(
  Repository.layerTokenizer(EmojiDiffusion.path),
  Repository.layerScheduler(EmojiDiffusion.path),
  Guider.layer({ _class_name: "ClassifierFreeGuidance" }),
  Layer.succeed(Components.TextEncoder, {
    width: 8,
    encode: (ids) => Effect.succeed({ lastHiddenState: Tensor.zeros("float32", [...ids.shape, 8]), hiddenStates: [] })
  }),
  Layer.succeed(Components.Unet, {
    inChannels: 4,
    outChannels: 4,
    sampleSize: 32,
    sizeMultiple: 4,
    crossAttentionDim: 8,
    predict: ({ sample }) =>
      Effect.sync(() => {
        batches.push(sample.shape[0]!)
        return Tensor.zeros("float32", sample.shape)
      })
  }),
  Layer.succeed(Components.VaeDecoder, {
    scaleFactor: 4,
    latentChannels: 4,
    scalingFactor: 1,
    decode: ({ shape: [batch, , height, width] }) =>
      Effect.succeed(Tensor.zeros("float32", [batch!, 3, height! * 4, width! * 4]))
  })
)

const draw = Pipeline.run(StableDiffusion.text2image, { ...inputs, numInferenceSteps: 5 }, { output: "images" })

test("on fakes: grey pictures, and the UNet is asked for both predictions at once", async () => {
  const [picture] = await Effect.runPromise(Effect.provide(draw, fakes))
  assert.deepEqual(picture.shape, [128, 128, 3])
  assert.ok(picture.data.every((value) => value === 128))
  assert.deepEqual(batches, [2, 2, 2, 2, 2])
})

test("on the CPU: the real thing", async () => {
  const [picture] = await Effect.runPromise(Effect.provide(draw, components))
  assert.deepEqual(picture.shape, [128, 128, 3])
  assert.ok(new Set(picture.data).size > 50)
})
