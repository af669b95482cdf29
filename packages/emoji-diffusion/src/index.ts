/**
 * The model that comes with effect-blocks: a Stable-Diffusion-shaped text-to-image model of 14 million parameters that
 * draws emoji-like pictures of 128x128 pixels. This module says where its files are and what suits it; it imports
 * nothing, so that a program pays for it only by the disk it takes. `model/README.md` is the model card.
 *
 * @module
 */
import { fileURLToPath } from "node:url"
import { files as listed, latentRgb as fitted } from "./internal/manifest.ts"

/** One file of the model: its path within the folder (always with `/`), its size and the SHA-256 of its bytes in hex. */
export interface File {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/**
 * The folder of the model, in the layout that diffusers' `OnnxStableDiffusionPipeline` and optimum write.
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 * import { existsSync } from "node:fs"
 * import { join } from "node:path"
 *
 * assert(existsSync(join(EmojiDiffusion.path, "model_index.json")))
 * ```
 */
export const path: string = fileURLToPath(new URL("../model", import.meta.url))

/**
 * The folder of reference values: token ids, text states, latents and pictures that were computed with the training
 * code, described by its `manifest.json`. A runtime that reproduces them runs this model rightly.
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 * import { readFileSync } from "node:fs"
 *
 * const manifest = JSON.parse(readFileSync(`${EmojiDiffusion.reference}/manifest.json`, "utf8"))
 * assert.equal(manifest.timesteps.length, manifest.num_inference_steps)
 * ```
 */
export const reference: string = fileURLToPath(new URL("../reference", import.meta.url))

/**
 * Every file of the model with its size and checksum, sorted by path. Written by `scripts/replace.ts`.
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 *
 * assert(EmojiDiffusion.files.some((file) => file.path === "unet/model.onnx" && /^[0-9a-f]{64}$/.test(file.sha256)))
 * ```
 */
export const files: ReadonlyArray<File> = listed

/**
 * Prompts that this model draws well. It knows the names of emoji, not language: a colour, a thing, no scenes.
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 *
 * assert.equal(EmojiDiffusion.prompts[0], "red heart")
 * ```
 */
export const prompts: ReadonlyArray<string> = [
  "red heart",
  "green apple",
  "a blue cat face",
  "grinning face",
  "pink automobile",
  "umbrella",
  "cactus",
  "sunflower",
  "tomato",
  "gem stone",
  "lemon",
  "balloon"
]

/**
 * The guidance scale that gives the cleanest pictures; 2 to 5 works, more adds artefacts.
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 *
 * assert.equal(EmojiDiffusion.guidanceScale, 3)
 * ```
 */
export const guidanceScale: number = 3

/**
 * Denoising steps that are enough with the scheduler of the folder (DDIM).
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 *
 * assert.equal(EmojiDiffusion.numInferenceSteps, 20)
 * ```
 */
export const numInferenceSteps: number = 20

/**
 * Width and height, in pixels, of the pictures that it was trained on. Others run but look wrong.
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 *
 * assert.equal(EmojiDiffusion.size, 128)
 * ```
 */
export const size: number = 128

/**
 * A linear map from one pixel of the latents, as the denoiser has them, to its colour: rows are the four channels and a
 * constant, columns are red, green and blue of 0..255. It makes a preview of a run without the decoder. Written by
 * `scripts/replace.ts`, which fits it to the reference pictures.
 *
 * ```ts
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import assert from "node:assert"
 *
 * assert.deepEqual([EmojiDiffusion.latentRgb.length, EmojiDiffusion.latentRgb[0]?.length], [5, 3])
 * ```
 */
export const latentRgb: ReadonlyArray<ReadonlyArray<number>> = fitted
