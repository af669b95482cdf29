import * as LatentPreview from "@effect-blocks/cli/LatentPreview"
import { VaeDecoder } from "@effect-blocks/diffusion/Components"
import { ModelRunError } from "@effect-blocks/ops/OnnxError"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"

const latents = Tensor.make("float32", [2, 3, 1, 1], Float32Array.of(-1, 0, 1, 9, 9, 9))

describe("LatentPreview.decoded", () => {
  it.effect("takes no more than a tenth of the time", () => {
    let decodes = 0
    const decoder = VaeDecoder.of({
      scaleFactor: 1,
      latentChannels: 3,
      scalingFactor: 1,
      decode: (given) =>
        Effect.gen(function* () {
          decodes++
          assert.deepEqual(given.shape, [1, 3, 1, 1])
          yield* TestClock.adjust(100)
          return given
        })
    })
    return Effect.gen(function* () {
      const preview = yield* LatentPreview.decoded
      assert.deepEqual([...(yield* preview(latents))!.data], [0, 128, 255])
      for (let step = 0; step < 100; step++) {
        yield* TestClock.adjust(100)
        yield* preview(latents)
      }
      // 100 steps of 100 ms and the decodes: a tenth of it holds ten more
      assert.isAtLeast(decodes, 9)
      assert.isAtMost(decodes, 12)
    }).pipe(Effect.provideService(VaeDecoder, decoder))
  })

  it.effect("is nothing where the decoder fails", () =>
    Effect.gen(function* () {
      const preview = yield* LatentPreview.decoded
      assert.isUndefined(yield* preview(latents))
    }).pipe(
      Effect.provideService(VaeDecoder, {
        scaleFactor: 1,
        latentChannels: 3,
        scalingFactor: 1,
        decode: () => Effect.fail(new ModelRunError({ model: "vae_decoder", detail: "no" }))
      })
    )
  )
})
