import * as Pipeline from "@effect-blocks/core/Pipeline"
import { TextEncoder, VaeEncoder } from "@effect-blocks/diffusion/Components"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Tokenizer from "@effect-blocks/diffusion/Tokenizer"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { components, manifest, reference } from "./support/emoji.ts"
import { difference } from "./support/golden.ts"

const { prompts } = manifest

describe("the shipped model", () => {
  layer(components)((it) => {
    it.effect("gives the reference's token ids and text states", () =>
      Effect.gen(function* () {
        const tokenizer = yield* Tokenizer.Tokenizer
        const { inputIds } = tokenizer.encode([...prompts, ""])
        assert.deepStrictEqual([...inputIds.data], [...reference("int32", "input_ids").data])
        const encoder = yield* TextEncoder
        const { lastHiddenState, pooled } = yield* encoder.encode(inputIds)
        assert.isBelow(difference(lastHiddenState.data, reference("float32", "last_hidden_state").data), 1e-4)
        assert.isBelow(difference(pooled!.data, reference("float32", "pooler_output").data), 1e-4)
      })
    )

    it.effect(
      "draws the reference's pictures from its noise",
      () =>
        Effect.gen(function* () {
          const out = yield* Pipeline.run(
            StableDiffusion.pipeline,
            {
              prompt: prompts,
              numInferenceSteps: manifest.num_inference_steps,
              guidanceScale: manifest.guidance_scale,
              latents: reference("float32", "initial_latents")
            },
            { output: ["latents", "timesteps", "images", "decoded"] }
          )
          assert.deepStrictEqual(out.timesteps, manifest.timesteps)
          assert.isBelow(difference(out.latents.data, reference("float32", "final_latents").data), 1e-3)
          const first = reference("float32", "decoded")
          assert.isBelow(difference(out.decoded.data.subarray(0, first.data.length), first.data), 1e-2)
          const pixels = reference("uint8", "image_uint8_nhwc").data
          const mine = Tensor.stack(out.images).data
          const off = mine.reduce((count, level, i) => count + (Math.abs(level - pixels[i]!) > 2 ? 1 : 0), 0)
          assert.strictEqual(mine.length, pixels.length)
          assert.isAtMost(off / mine.length, 0.001)
        }),
      // six pictures: half a minute where many tests share two cores
      300_000
    )

    it.effect("encodes a picture to the reference's latents", () =>
      Effect.gen(function* () {
        const vae = yield* VaeEncoder
        const [batch, , height, width] = reference("float32", "decoded").shape as [number, number, number, number]
        const picture = Tensor.make(
          "uint8",
          [height, width, 3],
          reference("uint8", "image_uint8_nhwc").data.slice(0, height * width * 3)
        )
        const pixels = yield* Effect.fromResult(ImageProcessor.preprocess(picture, { factor: 1 }))
        assert.strictEqual(pixels.shape[0], batch)
        const { mean, logVariance } = yield* vae.encode(pixels)
        const want = reference("float32", "vae_encoder_latent_parameters_of_image_0").data
        assert.isBelow(difference(Tensor.concat([mean, logVariance!], 1).data, want), 1e-3)
      })
    )
  })
})

it("has a reference for every prompt", () => {
  assert.isAtLeast(prompts.length, 1)
  assert.strictEqual(reference("uint8", "image_uint8_nhwc").shape[0], prompts.length)
})
