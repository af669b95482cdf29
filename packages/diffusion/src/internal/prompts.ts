/** What the families share in encoding prompts. */
import * as Effect from "effect/Effect"
import { ComponentMismatch } from "../ComponentMismatch.ts"
import type { ComponentError, TextEncoderShape, TextEncoding } from "../Components.ts"
import type * as Tokenizer from "../Tokenizer.ts"

export const list = (texts: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof texts === "string" ? [texts] : texts

const ellipsis = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text)

export interface Encoded extends TextEncoding {
  /** the row of a text */
  readonly rowOf: (text: string) => number
  /** ends that did not fit */
  readonly removed: ReadonlyArray<string>
}

/** Every different text once, all of them in one call of the model; what is cut is logged, as diffusers does. */
export const encode = Effect.fnUntraced(function* (
  tokenizer: Tokenizer.Shape,
  textEncoder: TextEncoderShape,
  all: ReadonlyArray<string>
): Effect.fn.Return<Encoded, ComponentError> {
  const texts = [...new Set(all)]
  const { inputIds, truncated } = tokenizer.encode(texts)
  for (const { index, removed } of truncated) {
    yield* Effect.logWarning(
      `the text encoder takes ${tokenizer.maxLength} tokens: of prompt '${ellipsis(texts[index]!)}' it does not see '${ellipsis(removed)}'`
    )
  }
  const encoding = yield* textEncoder.encode(inputIds)
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

/** as `missingLayers`, for blocks that are used by themselves */
export const checkLayers = (
  component: string,
  textEncoder: TextEncoderShape,
  back: number
): Effect.Effect<void, ComponentMismatch> => {
  const missing = missingLayers(component, textEncoder, back)
  return missing === false ? Effect.void : Effect.fail(new ComponentMismatch(missing))
}
