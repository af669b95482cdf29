/**
 * What turns the caller's words and pictures into tensors: diffusers' `encoders.py`.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Effect from "effect/Effect"
import { TextEncoder, Tokenizer } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { pick } from "../../internal/batch.ts"
import * as Schema from "effect/Schema"

const list = (texts: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof texts === "string" ? [texts] : texts

/**
 * Prompts to text states, one row for each picture. Every different text is encoded once, all of them in one call. With
 * guidance off (a scale of at most 1) negative prompts are not encoded. A prompt that is too long loses its end, as in
 * diffusers: the end is logged and reported in `truncatedPrompts`.
 */
export const encodePrompt = Block.make("encodePrompt", {
  description: "Turns the prompts into text states",
  inputs: {
    prompt: Fields.prompt,
    negativePrompt: Fields.negativePrompt,
    numImagesPerPrompt: Fields.numImagesPerPrompt,
    guidanceScale: Fields.guidanceScale
  },
  outputs: {
    promptEmbeds: Fields.promptEmbeds,
    negativePromptEmbeds: Schema.optionalKey(Fields.negativePromptEmbeds),
    truncatedPrompts: Fields.truncatedPrompts
  },
  components: { tokenizer: Tokenizer, textEncoder: TextEncoder },
  run: Effect.fnUntraced(function* (
    { prompt, negativePrompt, numImagesPerPrompt, guidanceScale },
    { tokenizer, textEncoder }
  ) {
    const prompts = list(prompt)
    const negatives = guidanceScale > 1 ? list(negativePrompt) : []
    const texts = [...new Set([...prompts, ...negatives])]
    const { inputIds, truncated } = tokenizer.encode(texts)
    for (const { index, removed } of truncated) {
      yield* Effect.logWarning(
        `the text encoder takes ${tokenizer.maxLength} tokens; of prompt '${ellipsis(texts[index]!)}' it does not see '${ellipsis(removed)}'`
      )
    }
    const { lastHiddenState } = yield* textEncoder.encode(inputIds)
    const rows = (of: ReadonlyArray<string>) =>
      pick(
        lastHiddenState,
        prompts.flatMap((_, i) =>
          new Array<number>(numImagesPerPrompt).fill(texts.indexOf(of[of.length === 1 ? 0 : i]!))
        )
      )
    const truncatedPrompts = truncated.map(({ removed }) => removed)
    return negatives.length === 0
      ? { promptEmbeds: rows(prompts), truncatedPrompts }
      : { promptEmbeds: rows(prompts), negativePromptEmbeds: rows(negatives), truncatedPrompts }
  })
})

const ellipsis = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text)
