/** The components of the shipped model on the CPU, and what suits it: what example 05 spells out. */
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Layer from "effect/Layer"

export const components = Repository.layer(EmojiDiffusion.path).pipe(
  Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
  Layer.provide(OnnxRuntime.layerCpu)
)
export const inputs = {
  prompt: "red heart",
  seed: 7,
  numInferenceSteps: 20,
  guidanceScale: EmojiDiffusion.guidanceScale
}
