/** Inpainting of a part of a picture: what is around the mask is drawn at full size and put back. */
import type * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Image from "@effect-blocks/ops/Image"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fakes from "./support/fakes.ts"

const side = 32
const image = Tensor.make(
  "uint8",
  [side, side, 3],
  Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7) % 256)
)
/** white within x 20..24, y 18..21 */
const marked = (i: number) => i % side >= 20 && i % side < 24 && Math.floor(i / side) >= 18 && Math.floor(i / side) < 21
const maskImage = Tensor.make(
  "uint8",
  [side, side, 1],
  Uint8Array.from({ length: side * side }, (_, i) => (marked(i) ? 255 : 0))
)
const base = { prompt: "cat", numInferenceSteps: 2, seed: 1, strength: 1, image, maskImage } as const
const families = [
  ["Stable Diffusion", StableDiffusion.inpainting, false],
  ["SDXL", StableDiffusionXL.inpainting, true]
] as const

describe("paddingMaskCrop", () => {
  for (const [family, inpainting, xl] of families) {
    it.effect(`draws what is around the mask at the model's own size and leaves the rest as it was: ${family}`, () =>
      Effect.gen(function* () {
        const { calls, layer } = fakes.make({ xl })
        const run = inpainting.run({ ...base, paddingMaskCrop: 2, numImagesPerPrompt: 2 })
        const { images, overlay } = yield* Effect.provide(run, layer)
        // 4x3 pixels and 2 on each side, grown to a square
        assert.deepStrictEqual(overlay?.box, [18, 16, 26, 24])
        assert.isTrue(calls.every(({ model, shape }) => model !== "unet" || shape[2] === 4))
        assert.deepStrictEqual(calls.find(({ model }) => model === "vaeEncoder")?.shape, [1, 3, 8, 8])
        assert.strictEqual(images.length, 2)
        for (const { data, shape } of images) {
          assert.deepStrictEqual(shape, [side, side, 3])
          let changed = 0
          for (let i = 0; i < data.length; i++) {
            if (!marked(Math.floor(i / 3))) assert.strictEqual(data[i], image.data[i])
            else if (data[i] !== image.data[i]) changed++
          }
          assert.isAbove(changed, 20)
        }
      })
    )

    it.effect(`is inpainting of that part, as one would do it by hand: ${family}`, () =>
      Effect.gen(function* () {
        const size = { height: 8, width: 16 }
        const { images } = yield* inpainting.run({ ...base, ...size, paddingMaskCrop: 3 })
        const box = Result.getOrThrow(ImageProcessor.cropRegion(maskImage, { ...size, padding: 3 }))
        assert.deepStrictEqual(box, [13, 15, 31, 24])
        const cut = (picture: Image.Image) =>
          Result.getOrThrow(
            ImageProcessor.resize(Result.getOrThrow(Image.crop(picture, box)), { ...size, mode: "fill" })
          )
        const part = yield* inpainting.run({ ...base, ...size, image: cut(image), maskImage: cut(maskImage) })
        assert.deepStrictEqual(part.images[0].shape, [8, 16, 3])
        const overlay = { mask: maskImage, original: image, image: part.images[0], box }
        assert.deepStrictEqual(images[0].data, Result.getOrThrow(ImageProcessor.applyOverlay(overlay)).data)
      }).pipe(Effect.provide(fakes.make({ xl }).layer))
    )
  }

  it.effect("takes pictures that are too small for the model as a whole", () =>
    Effect.gen(function* () {
      const small = { image: fakes.picture(4, 3), maskImage: fakes.mask(3), paddingMaskCrop: 0 }
      const { images } = yield* StableDiffusion.inpainting.run({ ...base, ...small })
      assert.deepStrictEqual(images[0].shape, [3, 3, 3])
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("left out, the whole picture is drawn", () =>
    Effect.gen(function* () {
      const { image: drawn, images, overlay } = yield* StableDiffusion.inpainting.run(base)
      assert.strictEqual(drawn, image)
      assert.isNull(overlay)
      assert.notDeepEqual(images[0].data, image.data)
    }).pipe(Effect.provide(fakes.make().layer))
  )

  const refused: ReadonlyArray<readonly [what: string, inputs: object, field: string, message: RegExp]> = [
    ["a negative padding", { paddingMaskCrop: -1 }, "paddingMaskCrop", /paddingMaskCrop/],
    ["half a pixel", { paddingMaskCrop: 0.5 }, "paddingMaskCrop", /paddingMaskCrop/],
    [
      "a mask that marks nothing",
      { paddingMaskCrop: 1, maskImage: Tensor.zeros("uint8", [side, side, 1]) },
      "maskImage",
      /the mask marks nothing.*expected one that marks a part/
    ],
    [
      "a picture of numbers",
      { paddingMaskCrop: 1, image: Tensor.zeros("float32", [1, 3, side, side]) },
      "image",
      /expected an 8-bit picture/
    ],
    ["a size that the model does not take", { paddingMaskCrop: 1, height: 10 }, "height", /expected a multiple of 4/]
  ]
  for (const [what, inputs, field, message] of refused) {
    it.effect(`refuses ${what} before any model runs`, () =>
      Effect.gen(function* () {
        const { calls, layer } = fakes.make()
        const given = { ...base, ...inputs } as unknown as Block.In<typeof StableDiffusion.pipeline>
        const error = yield* Effect.flip(Effect.provide(Pipeline.run(StableDiffusion.pipeline, given), layer))
        assert.instanceOf(error, Errors.InputError)
        if (!(error instanceof Errors.InputError)) return
        assert.include(
          error.issues.map((issue) => issue.field),
          field
        )
        assert.match(error.message, message)
        assert.deepStrictEqual(calls, [])
      })
    )
  }
})
