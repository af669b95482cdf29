import * as Tokenizer from "@effect-blocks/diffusion/Tokenizer"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as golden from "./support/golden.ts"

const tokenizerDir = join(EmojiDiffusion.path, "tokenizer")
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"))
const emoji = Effect.provide(
  Effect.map(Tokenizer.Tokenizer, (tokenizer) => tokenizer),
  Repository.layerTokenizer(EmojiDiffusion.path)
)
const files = (folder: string, names: ReadonlyArray<"vocab" | "tokenizerJson">): Tokenizer.Files => ({
  tokenizerConfig: json(join(folder, "tokenizer_config.json")),
  specialTokensMap: json(join(folder, "special_tokens_map.json")),
  ...(names.includes("tokenizerJson") ? { tokenizerJson: json(join(folder, "tokenizer.json")) } : {}),
  ...(names.includes("vocab")
    ? { vocab: json(join(folder, "vocab.json")), merges: readFileSync(join(folder, "merges.txt"), "utf8") }
    : {})
})

const times = (length: number, id: number) => Array.from({ length }, () => id)

describe("Tokenizer", () => {
  it.effect("gives the ids of the model's reference", () =>
    Effect.gen(function* () {
      const tokenizer = yield* emoji
      const cases: ReadonlyArray<{ text: string; input_ids: ReadonlyArray<number> }> = json(
        join(EmojiDiffusion.reference, "tokenizer_cases.json")
      )
      const { inputIds } = tokenizer.encode(cases.map(({ text }) => text))
      assert.deepStrictEqual(
        [...inputIds.data],
        cases.flatMap(({ input_ids }) => input_ids)
      )
      assert.deepStrictEqual(inputIds.shape, [cases.length, tokenizer.maxLength])
    })
  )

  it.effect("gives the same ids from vocab.json and merges.txt", () =>
    Effect.gen(function* () {
      const tokenizer = yield* emoji
      const old = yield* Tokenizer.make(files(tokenizerDir, ["vocab"]))
      const texts = ["", "red heart", "Don't PANIC!!  42 cats", "naïve 日本語 🐱", "<|endoftext|> inside", "a\r\nb"]
      assert.deepStrictEqual(old.encode(texts), tokenizer.encode(texts))
    })
  )

  for (const source of ["tokenizerJson", "vocab"] as const) {
    it.effect.runIf(golden.present)(`agrees with transformers, from ${source}`, () =>
      Effect.gen(function* () {
        const { doc } = golden.open("pipelines/tokenizer")
        const made = new Map<string, Tokenizer.Shape>()
        for (const { repository, tokenizer: name, text, padded_ids, ids } of doc.cases) {
          const folder = join(golden.folder, "pipelines", repository, name)
          const tokenizer = made.get(folder) ?? (yield* Tokenizer.make(files(folder, [source])))
          made.set(folder, tokenizer)
          const { inputIds, truncated } = tokenizer.encode([text])
          assert.deepStrictEqual([...inputIds.data], padded_ids, `${name}: ${JSON.stringify(text)}`)
          assert.strictEqual(truncated.length, ids.length > tokenizer.maxLength ? 1 : 0)
        }
        assert.isAtLeast(made.size, 2)
      })
    )
  }

  it.effect("pads with the token that the files name", () =>
    Effect.gen(function* () {
      const vocab = { a: 0, "a</w>": 1, "!": 2, "<|startoftext|>": 3, "<|endoftext|>": 4 }
      const pads = (files: Partial<Tokenizer.Files>) =>
        Effect.map(Tokenizer.make({ vocab, merges: "#version: 0.2\n", ...files }), (tokenizer) =>
          [...tokenizer.encode(["a"]).inputIds.data].slice(0, 5)
        )
      assert.deepStrictEqual(yield* pads({}), [3, 1, 4, 4, 4])
      assert.deepStrictEqual(yield* pads({ specialTokensMap: { pad_token: { content: "!" } } }), [3, 1, 4, 2, 2])
      assert.deepStrictEqual(
        yield* pads({ tokenizerConfig: { pad_token: "!" }, specialTokensMap: { pad_token: "a" } }),
        [3, 1, 4, 2, 2]
      )
    })
  )

  it.effect("cuts a long text as diffusers does and says what is gone", () =>
    Effect.gen(function* () {
      const tokenizer = yield* emoji
      const { inputIds, truncated } = tokenizer.encode([
        "heart",
        "heart ".repeat(29) + "red apple",
        "heart ".repeat(30) + "red apple"
      ])
      const row = (i: number) => [...inputIds.data.subarray(i * 32, (i + 1) * 32)]
      const [start, heart, end] = row(0) as [number, number, number]
      assert.deepStrictEqual(row(2), [start, ...times(30, heart), end])
      assert.deepStrictEqual(row(1).slice(0, 30), [start, ...times(29, heart)])
      assert.strictEqual(row(1)[31], end)
      assert.deepStrictEqual(truncated, [
        { index: 1, removed: "apple" },
        { index: 2, removed: "red apple" }
      ])
    })
  )

  it.effect("takes any text, 100,000 characters included", () =>
    Effect.gen(function* () {
      const tokenizer = yield* emoji
      const long = {
        words: "red heart ".repeat(10_000),
        letters: "x".repeat(100_000),
        symbols: "!?".repeat(50_000),
        ideographs: "日".repeat(100_000),
        specials: "<|endoftext|>".repeat(8_000),
        spaces: " ".repeat(100_000),
        lone: "\ud800".repeat(1_000)
      }
      const whole = yield* Tokenizer.make({
        ...files(tokenizerDir, ["tokenizerJson"]),
        tokenizerConfig: { ...json(join(tokenizerDir, "tokenizer_config.json")), model_max_length: 60_000 }
      })
      for (const [name, text] of Object.entries(long)) {
        const { inputIds, truncated } = tokenizer.encode([text])
        assert.strictEqual(inputIds.data.length, 32, name)
        assert.strictEqual(truncated.length, name === "spaces" ? 0 : 1, name)
        // cutting early changes nothing: the ids are the first of those of the whole text
        const all = whole.encode([text]).inputIds.data
        assert.deepStrictEqual([...inputIds.data.subarray(0, 31)], [...all.subarray(0, 31)], name)
        if (name === "words") assert.isAtLeast(truncated[0]!.removed.length, 99_000)
      }
    })
  )

  const broken: ReadonlyArray<readonly [string, Tokenizer.Files, string]> = [
    ["nothing", {}, "tokenizer/tokenizer.json: no such file; expected tokenizer.json, or vocab.json and merges.txt"],
    ["merges missing", { vocab: {} }, "tokenizer/tokenizer.json: no such file"],
    ["no special tokens", { vocab: { a: 0 }, merges: "" }, "tokenizer/vocab.json: it has no token '<|startoftext|>'"],
    ["ids that are no numbers", { vocab: { a: "x" }, merges: "" }, "tokenizer/vocab.json: "],
    ["no model", { tokenizerJson: { added_tokens: [] } }, "tokenizer/tokenizer.json: "],
    [
      "another kind of model",
      { tokenizerJson: { model: { type: "Unigram", vocab: [] } } },
      "tokenizer/tokenizer.json: "
    ],
    [
      "a merge of three symbols",
      { vocab: { "<|startoftext|>": 0, "<|endoftext|>": 1 }, merges: "#version\na b c" },
      "tokenizer/merges.txt: line 2 is 'a b c'; expected two symbols and one space"
    ],
    [
      "no room for a text",
      { vocab: { "<|startoftext|>": 0, "<|endoftext|>": 1 }, merges: "", tokenizerConfig: { model_max_length: 1 } },
      "tokenizer/tokenizer_config.json: model_max_length is 1; expected an integer of at least 2"
    ]
  ]
  for (const [what, given, message] of broken) {
    it.effect(`refuses ${what}`, () =>
      Effect.map(Effect.flip(Tokenizer.make(given)), (error) => {
        assert.strictEqual(error._tag, "RepositoryError")
        assert.include(error.message, message)
      })
    )
  }
})
