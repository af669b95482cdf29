/** What the families share in encoding prompts. */
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import { ComponentMismatch } from "../ComponentMismatch.ts"
import type { ComponentError, TextEncoderShape, TextEncoding } from "../Components.ts"
import * as Fields from "../Fields.ts"
import type * as Tokenizer from "../Tokenizer.ts"
import { pick } from "./batch.ts"
import { finiteProblem } from "./finite.ts"
import type { Problem } from "./refuse.ts"

export const list = (texts: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof texts === "string" ? [texts] : texts

const ellipsis = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text)

export interface Encoded extends TextEncoding {
  /** the row of a text */
  readonly rowOf: (text: string) => number
  /** ends that did not fit */
  readonly removed: ReadonlyArray<string>
}

/** of no texts, for which no model is run */
const nothing: TextEncoding = { lastHiddenState: Tensor.zeros("float32", [0, 0, 0]), hiddenStates: [] }

/** Each row with its end (and its end token) at `length`: what a tokenizer with a window of that length would give. */
const cutTo = (tokenizer: Tokenizer.Shape, ids: Tensor.Tensor<"int32">, length: number): Tensor.Tensor<"int32"> => {
  const [texts, window] = ids.shape as [number, number]
  const end = tokenizer.encode([""]).inputIds.data[1]!
  const data = new Int32Array(texts * length)
  for (let text = 0; text < texts; text++) {
    const row = ids.data.subarray(text * window, text * window + window)
    data.set(row.subarray(0, length), text * length)
    if (row.indexOf(end, 1) >= length) data[(text + 1) * length - 1] = end
  }
  return Tensor.make("int32", [texts, length], data)
}

/** ids that the text encoder has no embedding for: ONNX Runtime would say so in terms of a `Gather` */
const beyondVocabulary = (
  component: string,
  { data }: Tensor.Tensor<"int32">,
  { vocabSize = Infinity }: TextEncoderShape
): Mismatch | false => {
  const wrong = data.find((id) => id < 0 || id >= vocabSize)
  return (
    wrong !== undefined && {
      component,
      actual: `one that gives the id ${wrong}`,
      expected: `ids below ${vocabSize}, which is the vocabulary of the text encoder`
    }
  )
}

/**
 * Whether a tokenizer is the text encoder's own: no more tokens than it takes, and the ids of start, end and padding within
 * its vocabulary. Those of a text are looked at when it is encoded.
 */
export const tokenizerFits = (
  component: string,
  tokenizer: Tokenizer.Shape,
  textEncoder: TextEncoderShape
): ReadonlyArray<Mismatch | false> => {
  const { maxLength = Infinity } = textEncoder
  return [
    tokenizer.maxLength > maxLength && {
      component,
      actual: `one that gives ${tokenizer.maxLength} tokens`,
      expected: `at most ${maxLength}, which is what the text encoder takes`
    },
    beyondVocabulary(component, tokenizer.encode([""]).inputIds, textEncoder)
  ]
}

/**
 * Every different text once, all of them in one call of the model; what is cut is logged, as diffusers does. `tokens`: for
 * a window that is shorter than the tokenizer's.
 */
export const encode = Effect.fnUntraced(function* (
  tokenizer: Tokenizer.Shape,
  textEncoder: TextEncoderShape,
  all: ReadonlyArray<string>,
  tokens = tokenizer.maxLength
): Effect.fn.Return<Encoded, ComponentError | ComponentMismatch> {
  if (all.length === 0) return { ...nothing, rowOf: () => 0, removed: [] }
  const texts = [...new Set(all)]
  const { inputIds, truncated } = tokenizer.encode(texts)
  const beyond = beyondVocabulary("tokenizer", inputIds, textEncoder)
  if (beyond !== false) return yield* new ComponentMismatch(beyond)
  for (const { index, removed } of truncated) {
    yield* Effect.logWarning(
      `the text encoder takes ${tokenizer.maxLength} tokens: of prompt '${ellipsis(texts[index]!)}' it does not see '${ellipsis(removed)}'`
    )
  }
  const encoding = yield* textEncoder.encode(
    tokens < tokenizer.maxLength ? cutTo(tokenizer, inputIds, tokens) : inputIds
  )
  return { ...encoding, rowOf: (text) => texts.indexOf(text), removed: truncated.map(({ removed }) => removed) }
})

/** the rows of one text per prompt, each `count` times; one text serves all prompts */
export const rowsOf = (
  { rowOf }: Encoded,
  texts: ReadonlyArray<string>,
  prompts: number,
  count: number
): ReadonlyArray<number> =>
  Array.from({ length: prompts * count }, (_, i) => rowOf(texts[texts.length === 1 ? 0 : Math.floor(i / count)]!))

type Float = Tensor.Tensor<"float32">

/** what a caller draws from: texts, or their states */
export const promptFields = { prompt: Fields.prompt, promptEmbeds: Fields.givenPromptEmbeds }
/** what a caller draws away from */
export const negativeFields = {
  negativePrompt: Fields.negativePrompt,
  negativePromptEmbeds: Fields.givenNegativePromptEmbeds
}
export interface Prompts {
  readonly prompt?: string | ReadonlyArray<string>
  readonly promptEmbeds?: Float
  readonly negativePrompt?: string | ReadonlyArray<string>
  readonly negativePromptEmbeds?: Float
}

/** how many prompts there are; none where neither they nor their states are given */
export const countOf = ({ prompt, promptEmbeds }: Prompts): number =>
  promptEmbeds?.shape[0] ?? (prompt === undefined ? 0 : list(prompt).length)

/** what is wrong with prompts, apart from the models */
export const promptProblems = (given: Prompts): ReadonlyArray<Problem | false> => {
  const { negativePrompt, negativePromptEmbeds, prompt, promptEmbeds } = given
  const count = countOf(given)
  const fits = (length: number) => length === 1 || length === count
  const negatives = negativePromptEmbeds?.shape[0] ?? 1
  return [
    prompt === undefined &&
      promptEmbeds === undefined && { field: "prompt", actual: "missing", expected: "a prompt, or promptEmbeds" },
    prompt !== undefined &&
      promptEmbeds !== undefined && { field: "promptEmbeds", actual: "given beside a prompt", expected: "one of them" },
    negativePrompt !== undefined &&
      negativePromptEmbeds !== undefined && {
        field: "negativePromptEmbeds",
        actual: "given beside a negative prompt",
        expected: "one of them"
      },
    promptEmbeds !== undefined &&
      count === 0 && { field: "promptEmbeds", actual: String(promptEmbeds), expected: "at least one item" },
    finiteProblem("promptEmbeds", promptEmbeds),
    finiteProblem("negativePromptEmbeds", negativePromptEmbeds),
    count > 0 &&
      typeof negativePrompt === "object" &&
      negativePrompt.length !== count && {
        field: "negativePrompt",
        actual: `a list of ${negativePrompt.length}`,
        expected: `one text, or one for each of ${count} prompts`
      },
    count > 0 &&
      !fits(negatives) && {
        field: "negativePromptEmbeds",
        actual: String(negativePromptEmbeds),
        expected: `one item, or one for each of ${count} prompts`
      }
  ]
}

/** given states that a UNet of this width does not take */
export const widthProblems = (
  { negativePromptEmbeds, promptEmbeds }: Prompts,
  channels: number
): ReadonlyArray<Problem | false> =>
  Object.entries({ promptEmbeds, negativePromptEmbeds }).map(
    ([field, embeds]) =>
      embeds !== undefined &&
      (embeds.shape[2] !== channels || embeds.shape[1] === 0) && {
        field,
        actual: String(embeds),
        expected: `float32[prompts, tokens, ${channels}], which is what the UNet takes`
      }
  )

/** what a caller of SDXL may give in place of the pooled states */
export const pooledFields = {
  pooledPromptEmbeds: Fields.givenPooledPromptEmbeds,
  negativePooledPromptEmbeds: Fields.givenNegativePooledPromptEmbeds
}
/** prompts for two text encoders */
export interface PromptsXL extends Prompts {
  readonly prompt2?: string | ReadonlyArray<string>
  readonly negativePrompt2?: string | ReadonlyArray<string>
  readonly pooledPromptEmbeds?: Float
  readonly negativePooledPromptEmbeds?: Float
}

/** what is wrong with prompts for two text encoders beyond `promptProblems`: states come in pairs, and not with texts */
export const pairProblems = (given: PromptsXL): ReadonlyArray<Problem | false> =>
  (
    [
      ["promptEmbeds", "pooledPromptEmbeds", "prompt2"],
      ["negativePromptEmbeds", "negativePooledPromptEmbeds", "negativePrompt2"]
    ] as const
  ).flatMap(([field, pooledField, text]): ReadonlyArray<Problem | false> => {
    const { [field]: embeds, [pooledField]: pooled } = given
    if (embeds === undefined) {
      return [
        pooled !== undefined && { field, actual: "missing", expected: `the states that belong to ${pooledField}` }
      ]
    }
    return [
      pooled?.shape[0] !== embeds.shape[0] && {
        field: pooledField,
        actual: pooled === undefined ? "missing" : String(pooled),
        expected: `the ${embeds.shape[0]} pooled states that belong to ${field}`
      },
      given[text] !== undefined && { field, actual: `given beside ${text}`, expected: "one of them" },
      finiteProblem(pooledField, pooled)
    ]
  })

/** lists for the second text encoder that are not one text for each prompt */
export const secondProblems = (given: PromptsXL): ReadonlyArray<Problem | false> => {
  const count = countOf(given)
  return (["prompt2", "negativePrompt2"] as const).map((field) => {
    const texts = given[field]
    return (
      count > 0 &&
      typeof texts === "object" &&
      texts.length !== count && {
        field,
        actual: `a list of ${texts.length}`,
        expected: `one text, or one for each of ${count} prompts`
      }
    )
  })
}

/** what the second text encoder is given: an empty text counts as none, as in diffusers */
export const second = (
  own: string | ReadonlyArray<string> | undefined,
  first: string | ReadonlyArray<string>
): ReadonlyArray<string> => list(own === undefined || own === "" ? first : own)

/** Negative texts are encoded as long as given states of prompts are, where the tokenizer's window is not shorter. */
export const negativeLength = ({ promptEmbeds }: Prompts, { maxLength }: Pick<Tokenizer.Shape, "maxLength">): number =>
  promptEmbeds === undefined || promptEmbeds.shape[1]! < 2 ? maxLength : Math.min(promptEmbeds.shape[1]!, maxLength)

/**
 * Conditional and unconditional states go to the UNet in one batch: given ones must be as long as the others. `encodes`:
 * whether negative texts are encoded.
 */
export const givenTokens = (
  given: Prompts,
  encodes: boolean,
  { maxLength }: Pick<Tokenizer.Shape, "maxLength">
): ReadonlyArray<Problem | false> => {
  const { negativePromptEmbeds, promptEmbeds } = given
  const tokens = promptEmbeds?.shape[1] ?? maxLength
  const negative = negativePromptEmbeds?.shape[1] ?? negativeLength(given, { maxLength })
  return [
    (encodes || negativePromptEmbeds !== undefined) &&
      tokens !== negative && {
        field: negativePromptEmbeds === undefined ? "promptEmbeds" : "negativePromptEmbeds",
        actual: `of ${negativePromptEmbeds === undefined ? tokens : negative} tokens`,
        expected:
          negativePromptEmbeds === undefined
            ? `2 to ${negative}, for negative prompts of as many`
            : `${tokens}, as many as the states of the prompts have`
      }
  ]
}

/** given states, as often as there are pictures of each; one item serves all prompts */
export const repeat = (embeds: Float, prompts: number, count: number): Float =>
  pick(
    embeds,
    Array.from({ length: prompts * count }, (_, i) => (embeds.shape[0] === 1 ? 0 : Math.floor(i / count)))
  )

/** what `ComponentMismatch` says */
export interface Mismatch {
  readonly component: string
  readonly actual: string
  readonly expected: string
}

/** Whether a text encoder gives the states of enough layers; the final ones alone need none. */
export const missingLayers = (component: string, { layers = 0 }: TextEncoderShape, back: number): Mismatch | false =>
  back > 1 &&
  back > layers && {
    component,
    actual: `a graph that gives ${layers} layers (outputs 'hidden_states.N')`,
    expected: `at least ${back}`
  }

/** A `clipSkip` that leaves too few layers, where the text encoder gives enough for none skipped. */
export const skipProblem = (
  clipSkip: number,
  unskipped: number,
  ...encoders: ReadonlyArray<TextEncoderShape>
): Problem | false => {
  const most = Math.max(0, Math.min(...encoders.map(({ layers = 0 }) => layers)) - unskipped)
  return (
    clipSkip > most && {
      field: "clipSkip",
      actual: String(clipSkip),
      expected: `at most ${most}: more layers the text encoder's graph does not give (outputs 'hidden_states.N')`
    }
  )
}

/** as `missingLayers`, for blocks that are used by themselves */
export const checkLayers = (
  component: string,
  textEncoder: TextEncoderShape,
  back: number
): Effect.Effect<void, ComponentMismatch> => {
  const missing = missingLayers(component, textEncoder, back)
  return missing === false ? Effect.void : Effect.fail(new ComponentMismatch(missing))
}
