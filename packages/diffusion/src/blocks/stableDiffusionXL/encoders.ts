/**
 * Two text encoders: diffusers' `encoders.py` of SDXL.
 *
 * @module
 */
import * as Block from "@effect-blocks/core/Block"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import { ComponentMismatch } from "../../ComponentMismatch.ts"
import { TextEncoder, TextEncoder2 } from "../../Components.ts"
import * as Fields from "../../Fields.ts"
import { ForceZerosForEmptyPrompt } from "../../ForceZerosForEmptyPrompt.ts"
import { Guider } from "../../Guider.ts"
import { fill, pick } from "../../internal/batch.ts"
import { needsUncond, scaleFields, settle } from "../../internal/guidance.ts"
import type { Encoded } from "../../internal/prompts.ts"
import {
  checkLayers,
  countOf,
  encode,
  givenTokens,
  list,
  negativeFields,
  negativeLength,
  pairProblems,
  pooledFields,
  promptFields,
  promptProblems,
  repeat,
  rowsOf,
  second,
  secondProblems
} from "../../internal/prompts.ts"
import { refuseAny } from "../../internal/refuse.ts"
import { Tokenizer, Tokenizer2 } from "../../Tokenizer.ts"

/** the states before the last layer, or further back: `checkLayers` has seen that they are there */
const layer = ({ hiddenStates }: Encoded, skip: number) => hiddenStates.at(-(skip + 2))!
const zeros = (tensor: Tensor.Tensor<"float32">) => Tensor.zeros("float32", tensor.shape)

/**
 * Prompts to text states, one row for each picture: the next to last layers of both text encoders side by side, and the
 * pooled states of the second. A negative prompt that is not given counts as zeros, or as an empty text where the
 * repository says so. States that were made elsewhere may be given in place of either, with their pooled states.
 */
export const encodePromptXL = Block.make("encodePrompt", {
  description: "Turns the prompts into text states, with both text encoders",
  inputs: {
    ...promptFields,
    prompt2: Fields.prompt2,
    ...negativeFields,
    negativePrompt2: Fields.negativePrompt2,
    ...pooledFields,
    clipSkip: Fields.clipSkip,
    numImagesPerPrompt: Fields.numImagesPerPrompt,
    ...scaleFields,
    timesteps: Fields.timesteps,
    guidanceSteps: Fields.guidanceSteps
  },
  outputs: {
    promptEmbeds: Fields.promptEmbeds,
    negativePromptEmbeds: Fields.negativePromptEmbeds,
    pooledPromptEmbeds: Fields.pooledPromptEmbeds,
    negativePooledPromptEmbeds: Fields.negativePooledPromptEmbeds,
    truncatedPrompts: Fields.truncatedPrompts
  },
  components: {
    tokenizer: Tokenizer,
    tokenizer2: Tokenizer2,
    textEncoder: TextEncoder,
    textEncoder2: TextEncoder2,
    guider: Guider,
    forceZeros: ForceZerosForEmptyPrompt
  },
  run: Effect.fnUntraced(function* (
    { clipSkip, guidanceSteps, numImagesPerPrompt, timesteps, ...given },
    { forceZeros, guider, textEncoder, textEncoder2, tokenizer, tokenizer2 }
  ) {
    yield* refuseAny("encodePrompt", [...promptProblems(given), ...pairProblems(given), ...secondProblems(given)])
    const { negativePrompt, negativePrompt2, prompt, prompt2 } = given
    const guidance = yield* settle(guider, given)
    const count = countOf(given)
    const needed = needsUncond(guidance, timesteps, guidanceSteps)
    const empty = given.negativePromptEmbeds !== undefined || (negativePrompt === undefined && forceZeros)
    const prompts = prompt === undefined ? [] : list(prompt)
    const negatives = needed && !empty ? list(negativePrompt ?? "") : []
    const seconds = {
      prompts: prompts.length === 0 ? [] : second(prompt2, prompts),
      negatives: negatives.length === 0 ? [] : second(negativePrompt2, negatives)
    }
    const encodes = prompts.length + negatives.length > 0
    if (encodes) {
      yield* checkLayers("textEncoder", textEncoder, clipSkip + 2)
      yield* checkLayers("textEncoder2", textEncoder2, clipSkip + 2)
    }
    yield* refuseAny("encodePrompt", givenTokens(given, negatives.length > 0, tokenizer))
    const tokens = negativeLength(given, tokenizer)
    const states1 = yield* encode(tokenizer, textEncoder, [...prompts, ...negatives], tokens)
    const states2 = yield* encode(tokenizer2, textEncoder2, [...seconds.prompts, ...seconds.negatives], tokens)
    const pooled = states2.pooled
    if (pooled === undefined && encodes) {
      return yield* new ComponentMismatch({
        component: "textEncoder2",
        actual: "a graph without the output 'text_embeds'",
        expected: "a CLIPTextModelWithProjection"
      })
    }
    const embed = (texts: ReadonlyArray<string>, texts2: ReadonlyArray<string>, skip: number) => {
      const rows = rowsOf(states1, texts, count, numImagesPerPrompt)
      const rows2 = rowsOf(states2, texts2, count, numImagesPerPrompt)
      // diffusers repeats pooled states as a whole: with several pictures of several prompts they come as a, b, a, b where
      // the text states come as a, a, b, b
      const pooledRows = rows2.map((_, i) => rows2[(i % count) * numImagesPerPrompt]!)
      const embeds = Tensor.concat([pick(layer(states1, skip), rows), pick(layer(states2, skip), rows2)], 2)
      return { embeds, pooled: pick(pooled!, pooledRows) }
    }
    const take = (embeds: Tensor.Tensor<"float32"> | undefined, pooled: Tensor.Tensor<"float32"> | undefined) =>
      embeds === undefined || pooled === undefined
        ? undefined
        : { embeds: repeat(embeds, count, numImagesPerPrompt), pooled: fill(pooled, count * numImagesPerPrompt) }
    const positive = take(given.promptEmbeds, given.pooledPromptEmbeds) ?? embed(prompts, seconds.prompts, clipSkip)
    // as in diffusers, negative prompts skip no further layer
    const negative = !needed
      ? positive
      : (take(given.negativePromptEmbeds, given.negativePooledPromptEmbeds) ??
        (negatives.length > 0
          ? embed(negatives, seconds.negatives, 0)
          : { embeds: zeros(positive.embeds), pooled: zeros(positive.pooled) }))
    yield* refuseAny("encodePrompt", [
      positive.pooled.shape[1] !== negative.pooled.shape[1] && {
        field: "negativePooledPromptEmbeds",
        actual: `of ${negative.pooled.shape[1]} channels`,
        expected: `${positive.pooled.shape[1]}, as many as the pooled states of the prompts have`
      }
    ])
    return {
      promptEmbeds: positive.embeds,
      negativePromptEmbeds: negative.embeds,
      pooledPromptEmbeds: positive.pooled,
      negativePooledPromptEmbeds: negative.pooled,
      truncatedPrompts: [...new Set([...states1.removed, ...states2.removed])]
    }
  })
})
