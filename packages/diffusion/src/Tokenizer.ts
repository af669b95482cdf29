import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as clip from "./internal/clipTokenizer.ts"
import type { RepositoryError } from "./RepositoryError.ts"

/**
 * What a tokenizer could not keep of a text: a prompt longer than the text encoder's window loses its end.
 */
export interface Truncation {
  /** which of the texts */
  readonly index: number
  /** what was cut off, as the tokenizer would write it */
  readonly removed: string
}

/**
 * Token ids of some texts, ready for a text encoder.
 */
export interface Encoded {
  /** `[texts, maxLength]`: start token, text, end token, padding */
  readonly inputIds: Tensor.Tensor<"int32">
  /** one entry for each text that did not fit */
  readonly truncated: ReadonlyArray<Truncation>
}

/**
 * What blocks need of a tokenizer.
 */
export interface Shape {
  /** tokens of one text, start and end included: 77 for CLIP */
  readonly maxLength: number
  /** pure and total: any text gives exactly `maxLength` ids */
  readonly encode: (texts: ReadonlyArray<string>) => Encoded
}

/**
 * The tokenizer of the (first) text encoder, diffusers' `tokenizer` component.
 *
 * @example
 * ```ts
 * import * as Tokenizer from "@effect-blocks/diffusion/Tokenizer"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import * as Layer from "effect/Layer"
 *
 * // a fake: one token per text, its length
 * const fake = Layer.succeed(Tokenizer.Tokenizer, {
 *   maxLength: 1,
 *   encode: (texts) => ({
 *     inputIds: Tensor.make("int32", [texts.length, 1], Int32Array.from(texts, (text) => text.length)),
 *     truncated: []
 *   })
 * })
 * ```
 */
export class Tokenizer extends Context.Service<Tokenizer, Shape>()("@effect-blocks/diffusion/Tokenizer") {}

/**
 * The tokenizer of the second text encoder of SDXL, diffusers' `tokenizer_2`.
 *
 * ```ts
 * import { Tokenizer, Tokenizer2 } from "@effect-blocks/diffusion/Tokenizer"
 * import assert from "node:assert"
 *
 * assert.notEqual(Tokenizer2.key, Tokenizer.key)
 * ```
 */
export class Tokenizer2 extends Context.Service<Tokenizer2, Shape>()("@effect-blocks/diffusion/Tokenizer2") {}

/**
 * The parsed files of a `tokenizer/` folder. `tokenizer.json` is enough; older repositories have `vocab.json` and
 * `merges.txt` instead.
 */
export interface Files {
  readonly tokenizerJson?: unknown
  readonly vocab?: unknown
  readonly merges?: string
  readonly tokenizerConfig?: unknown
  readonly specialTokensMap?: unknown
  /** the folder's name, for error messages */
  readonly folder?: string
}

/**
 * Makes a tokenizer from the files that Hugging Face's `CLIPTokenizer` reads and writes. The padding token is the one
 * of `tokenizer_config.json` or `special_tokens_map.json`, else the end token.
 *
 * @example
 * ```ts
 * import * as Tokenizer from "@effect-blocks/diffusion/Tokenizer"
 * import * as Effect from "effect/Effect"
 * import * as assert from "node:assert"
 *
 * const vocab = { a: 0, b: 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "<|startoftext|>": 5, "<|endoftext|>": 6 }
 * const tokenizer = Effect.runSync(
 *   Tokenizer.make({ vocab, merges: "#version: 0.2\na b</w>", tokenizerConfig: { model_max_length: 4 } })
 * )
 * assert.deepStrictEqual([...tokenizer.encode(["ab"]).inputIds.data], [5, 4, 6, 6])
 * ```
 */
export const make = (files: Files): Effect.Effect<Shape, RepositoryError> => Effect.suspend(() => clip.make(files))

/**
 * The `Tokenizer` service from a tokenizer's files.
 *
 * @example
 * ```ts
 * import * as Tokenizer from "@effect-blocks/diffusion/Tokenizer"
 *
 * const layer = Tokenizer.layer({ vocab: {}, merges: "" }) // fails with a RepositoryError when it is built
 * ```
 */
export const layer = (files: Files): Layer.Layer<Tokenizer, RepositoryError> => Layer.effect(Tokenizer, make(files))
