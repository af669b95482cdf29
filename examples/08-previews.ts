/**
 * A run as a stream: one event for each step, nothing runs ahead of who looks at it. The model's guess of the finished
 * latents becomes a small preview without the decoder, by a linear map from latents to colours.
 *
 *     node examples/08-previews.ts
 */
import * as Fields from "@effect-blocks/diffusion/Fields"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Loop from "@effect-blocks/loop/Loop"
import type { Tensor } from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { components, inputs } from "./support/emoji.ts"

/** a character for each 2 x 4 pixels of the latents, by their brightness */
const preview = (latents: Tensor<"float32">): string => {
  const [, channels, height, width] = latents.shape as [number, number, number, number]
  const brightness = (x: number, y: number) => {
    const rgb = [0, 1, 2].map((color) =>
      EmojiDiffusion.latentRgb.reduce(
        (sum, row, c) => sum + row[color]! * (c < channels ? latents.data[(c * height + y) * width + x]! : 1),
        0
      )
    )
    return (rgb[0]! + rgb[1]! + rgb[2]!) / 3 / 255
  }
  const line = (y: number) =>
    Array.from(
      { length: width / 2 },
      (_, x) => "@%#*+=-:. "[Math.min(9, Math.max(0, Math.floor(brightness(2 * x, y) * 10)))]
    )
  return Array.from({ length: height / 4 }, (_, y) => line(4 * y).join("")).join("\n")
}

const seen = Schema.is(Fields.Latents)
const program = Loop.stream(StableDiffusion.text2image, inputs).pipe(
  Stream.filter(({ index }) => (index + 1) % 5 === 0),
  Stream.runForEach(({ index, path, state }) =>
    Effect.sync(() => {
      console.log(`${path}: step ${index + 1} of ${inputs.numInferenceSteps}`)
      if (seen(state["predOriginalSample"])) console.log(preview(state["predOriginalSample"]))
    })
  )
)
await Effect.runPromise(Effect.provide(program, components))
