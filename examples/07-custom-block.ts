/**
 * A block of your own in the middle of a pipeline that you did not write: before they are decoded, latents are mirrored,
 * so that every picture is symmetric. Writes out/mirrored.png.
 *
 *     node examples/07-custom-block.ts
 */
import * as Block from "@effect-blocks/core/Block"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Fields from "@effect-blocks/diffusion/Fields"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Image from "@effect-blocks/ops/Image"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import { mkdirSync } from "node:fs"
import { components, inputs } from "./support/emoji.ts"

const mirror = Block.pure("mirror", {
  description: "Puts the mirrored left half of the latents in place of the right half",
  inputs: { latents: Fields.latents },
  outputs: { latents: Fields.latents },
  run: ({ latents }) => {
    const width = latents.shape[3]!
    const data = latents.data.map((value, index) => {
      const x = index % width
      return x < width / 2 ? value : latents.data[index - x + (width - 1 - x)]!
    })
    return { latents: Tensor.make("float32", latents.shape, data) }
  }
})
const symmetric = Block.insertBefore(StableDiffusion.text2image, "decodeLatents", mirror)
console.log(symmetric.blocks.map(({ name }) => name).join(" → "))

const program = Effect.gen(function* () {
  const [picture] = yield* Pipeline.run(symmetric, { ...inputs, prompt: "grinning face" }, { output: "images" })
  yield* Image.writeFile("out/mirrored.png", yield* Image.encodePng(picture))
  console.log(`out/mirrored.png: ${picture.shape.join(" x ")}`)
})
mkdirSync("out", { recursive: true })
await Effect.runPromise(Effect.provide(program, components))
