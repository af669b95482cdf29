/**
 * Text to image, on the model that comes with the library. Writes out/red-heart.png.
 *
 *     node examples/05-text-to-image.ts
 */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Image from "@effect-blocks/ops/Image"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync } from "node:fs"

const components = Repository.layer(EmojiDiffusion.path).pipe(
  Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
  Layer.provide(OnnxRuntime.layerCpu)
)
const program = Effect.gen(function* () {
  const inputs = { prompt: "red heart", seed: 7, numInferenceSteps: 20, guidanceScale: 3 }
  const [picture] = yield* Pipeline.run(StableDiffusion.pipeline, inputs, { output: "images" })
  yield* Image.writeFile("out/red-heart.png", yield* Image.encodePng(picture))
  console.log(`out/red-heart.png: ${picture.shape.join(" x ")}`)
})
mkdirSync("out", { recursive: true })
await Effect.runPromise(Effect.provide(program, components))
