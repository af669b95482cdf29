/**
 * A block of your own in the middle of a pipeline that you did not write: in the first steps of denoising the latents are
 * mirrored, the later ones settle the details, and the picture comes out symmetric. Writes out/mirrored.png.
 *
 *     node examples/07-custom-block.ts
 */
import * as Block from "@effect-blocks/core/Block"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Denoise from "@effect-blocks/diffusion/blocks/stableDiffusion/denoise"
import * as Fields from "@effect-blocks/diffusion/Fields"
import { text2image } from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Image from "@effect-blocks/ops/Image"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { mkdirSync } from "node:fs"
import { components, inputs } from "./support/emoji.ts"

const mirror = Block.pure("mirror", {
  description: "Puts the mirrored left half of the latents in place of the right half",
  inputs: { latents: Fields.latents, i: Schema.Int, mirrorSteps: Schema.Int },
  outputs: { latents: Fields.latents },
  run: ({ i, latents, mirrorSteps }) => {
    if (i >= mirrorSteps) return { latents }
    const width = latents.shape[3]!
    const data = latents.data.map((value, index) => {
      const x = index % width
      return x < width / 2 ? value : latents.data[index - x + (width - 1 - x)]!
    })
    return { latents: Tensor.make("float32", latents.shape, data) }
  }
})

// the same loop with one block more, and the same pipeline around it; `mirrorSteps` is now an input of the whole
const { guide, predictNoise, scaleModelInput, schedulerStep, timestepLoop } = Denoise
const denoise = Loop.fromBlocks(timestepLoop, [scaleModelInput, predictNoise, guide, schedulerStep, mirror])
const symmetric = Block.replace(text2image, "denoise", denoise)
console.log(
  Block.get(symmetric, "denoise")
    .blocks.map(({ name }) => name)
    .join(" → ")
)

const program = Effect.gen(function* () {
  const given = { ...inputs, prompt: "grinning face", mirrorSteps: 10 }
  const [picture] = yield* Pipeline.run(symmetric, given, { output: "images" })
  mkdirSync("out", { recursive: true })
  yield* Image.writeFile("out/mirrored.png", yield* Image.encodePng(picture))
  console.log(`out/mirrored.png: ${picture.shape.join(" x ")}`)
})
await Effect.runPromise(Effect.provide(program, components))
