/** CLIP's byte-pair encoding over `@huggingface/tokenizers`, which neither pads nor truncates: that is done here. */
import * as Tensor from "@effect-blocks/ops/Tensor"
import { Tokenizer as Bpe } from "@huggingface/tokenizers"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { RepositoryError } from "../RepositoryError.ts"
import type { Files, Shape, Truncation } from "../Tokenizer.ts"

/** a special token is a string or an object around one */
const Token = Schema.Union([Schema.String, Schema.Struct({ content: Schema.String })])
const Specials = {
  bos_token: Schema.optionalKey(Schema.NullOr(Token)),
  eos_token: Schema.optionalKey(Schema.NullOr(Token)),
  pad_token: Schema.optionalKey(Schema.NullOr(Token)),
  unk_token: Schema.optionalKey(Schema.NullOr(Token))
}
const SpecialTokensMap = Schema.Struct(Specials)
const TokenizerConfig = Schema.Struct({
  ...Specials,
  // transformers writes 1e30 where a tokenizer has no limit
  model_max_length: Schema.optionalKey(Schema.NullOr(Schema.Number))
})
const Vocabulary = Schema.Record(Schema.String, Schema.Int)
const AddedToken = Schema.Struct({ id: Schema.Int, content: Schema.String })
const TokenizerJson = Schema.Struct({
  added_tokens: Schema.optionalKey(Schema.Array(AddedToken)),
  model: Schema.Struct({
    type: Schema.optionalKey(Schema.NullOr(Schema.Literal("BPE"))),
    vocab: Vocabulary,
    merges: Schema.Array(Schema.Union([Schema.String, Schema.Tuple([Schema.String, Schema.String])]))
  })
})

const CLIP_LENGTH = 77
const LONGEST = 1 << 16

/** the tokenizer.json that transformers would write for a CLIP tokenizer with these two files */
const assemble = (
  vocab: Readonly<Record<string, number>>,
  merges: ReadonlyArray<readonly [string, string]>,
  specials: { readonly bos: string; readonly eos: string; readonly pad: string }
) => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [...new Set([specials.bos, specials.eos, specials.pad])].map((content) => ({
    id: vocab[content],
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true
  })),
  normalizer: {
    type: "Sequence",
    normalizers: [{ type: "NFC" }, { type: "Replace", pattern: { Regex: "\\s+" }, content: " " }, { type: "Lowercase" }]
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      {
        type: "Split",
        pattern: {
          Regex: "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
        },
        behavior: "Removed",
        invert: true
      },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true }
    ]
  },
  post_processor: {
    type: "RobertaProcessing",
    sep: [specials.eos, vocab[specials.eos]],
    cls: [specials.bos, vocab[specials.bos]],
    trim_offsets: false,
    add_prefix_space: false
  },
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: specials.eos,
    continuing_subword_prefix: "",
    end_of_word_suffix: "</w>",
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab,
    merges
  }
})

export const make = Effect.fnUntraced(function* (files: Files): Effect.fn.Return<Shape, RepositoryError> {
  const folder = files.folder ?? "tokenizer"
  const invalid = (file: string, detail: string, expected?: string) =>
    new RepositoryError({
      file: `${folder}/${file}`,
      reason: "InvalidConfig",
      detail,
      ...(expected === undefined ? {} : { expected })
    })
  const decode = <A>(file: string, schema: Schema.Codec<A, any>, value: unknown): Effect.Effect<A, RepositoryError> =>
    Effect.mapError(Schema.decodeUnknownEffect(schema)(value), (error) => invalid(file, error.message))

  const config = yield* decode("tokenizer_config.json", TokenizerConfig, files.tokenizerConfig ?? {})
  const map = yield* decode("special_tokens_map.json", SpecialTokensMap, files.specialTokensMap ?? {})
  const special = (name: keyof typeof Specials, otherwise: string): string => {
    const token = config[name] ?? map[name] ?? otherwise
    return typeof token === "string" ? token : token.content
  }
  const eos = special("eos_token", "<|endoftext|>")
  const specials = { bos: special("bos_token", "<|startoftext|>"), eos, pad: special("pad_token", eos) }

  const source = files.tokenizerJson !== undefined ? "tokenizer.json" : "vocab.json"
  let json: unknown = files.tokenizerJson
  let has: (token: string) => boolean
  if (files.tokenizerJson !== undefined) {
    const { added_tokens = [], model } = yield* decode(source, TokenizerJson, files.tokenizerJson)
    const added = new Set(added_tokens.map((token) => token.content))
    has = (token) => added.has(token) || Object.hasOwn(model.vocab, token)
  } else if (files.vocab !== undefined && files.merges !== undefined) {
    const vocab = yield* decode(source, Vocabulary, files.vocab)
    const lines = files.merges.split(/\r?\n/)
    const merges: Array<readonly [string, string]> = []
    for (const [index, line] of lines.entries()) {
      if (line === "" || (index === 0 && line.startsWith("#version"))) continue
      const parts = line.split(" ")
      if (parts.length !== 2) {
        return yield* invalid("merges.txt", `line ${index + 1} is '${line.slice(0, 40)}'`, "two symbols and one space")
      }
      merges.push([parts[0]!, parts[1]!])
    }
    has = (token) => Object.hasOwn(vocab, token)
    json = assemble(vocab, merges, specials)
  } else {
    return yield* new RepositoryError({
      file: `${folder}/tokenizer.json`,
      reason: "Missing",
      detail: "no such file",
      expected: "tokenizer.json, or vocab.json and merges.txt"
    })
  }
  for (const [name, token] of Object.entries(specials)) {
    if (!has(token))
      return yield* invalid(source, `it has no token '${token}'`, `the vocabulary to hold the ${name} token`)
  }
  const given = config.model_max_length ?? CLIP_LENGTH
  const maxLength = given > LONGEST ? CLIP_LENGTH : given
  if (!Number.isInteger(maxLength) || maxLength < 2) {
    return yield* invalid("tokenizer_config.json", `model_max_length is ${given}`, "an integer of at least 2")
  }
  return yield* Effect.try({
    try: () => shape(new Bpe(json as any, (files.tokenizerConfig ?? {}) as any), specials, maxLength),
    catch: (error) => invalid(source, error instanceof Error ? error.message : String(error), "a CLIP tokenizer")
  })
})

const shape = (bpe: Bpe, specials: { readonly eos: string; readonly pad: string }, maxLength: number): Shape => {
  const pad = bpe.token_to_id(specials.pad)!
  const eos = bpe.token_to_id(specials.eos)!
  bpe.encode("a tokenizer that cannot encode this is corrupt")
  return {
    maxLength,
    encode: (texts) => {
      const ids = new Int32Array(texts.length * maxLength).fill(pad)
      const truncated: Array<Truncation> = []
      texts.forEach((text, index) => {
        const cut = cutAfterWords(text, maxLength)
        const all = bpe.encode(text.slice(0, cut)).ids
        if (all.length <= maxLength) {
          ids.set(all, index * maxLength)
          return
        }
        ids.set(all.slice(0, maxLength - 1), index * maxLength)
        ids[(index + 1) * maxLength - 1] = eos
        const removed = bpe.decode(all.slice(maxLength - 1, -1)) + text.slice(cut)
        truncated.push({ index, removed: removed.trim() })
      })
      return { inputIds: Tensor.make("int32", [texts.length, maxLength], ids), truncated }
    }
  }
}

/**
 * Where a text may be cut without a change to its first `words` tokens. Words are encoded one by one and each gives at
 * least one token, so what follows the first `words` words cannot matter; without this 100,000 characters take 0.5 s.
 */
const cutAfterWords = (text: string, words: number): number => {
  if (text.length <= words) return text.length
  const word = /\S+/g
  for (let count = 0; count < words; count++) if (word.exec(text) === null) return text.length
  return word.lastIndex
}
