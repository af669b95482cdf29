/** The shipped model and its reference values. */
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { join } from "node:path"

interface Manifest {
  readonly prompts: ReadonlyArray<string>
  readonly empty_prompt_row: number
  readonly num_inference_steps: number
  readonly guidance_scale: number
  readonly timesteps: ReadonlyArray<number>
  readonly arrays: Readonly<Record<string, { readonly file: string; readonly shape: ReadonlyArray<number> }>>
}

export const manifest: Manifest = JSON.parse(readFileSync(join(EmojiDiffusion.reference, "manifest.json"), "utf8"))

export const reference = <D extends "float32" | "int32" | "uint8">(dtype: D, name: string): Tensor.Tensor<D> => {
  const { file, shape } = manifest.arrays[name]!
  return Tensor.fromBytes(dtype, shape, new Uint8Array(readFileSync(join(EmojiDiffusion.reference, file))))
}

/** every component, in this process */
export const components = Repository.layer(EmojiDiffusion.path).pipe(
  Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
  Layer.provide(OnnxRuntime.layerCpu)
)
