/** Text states that a caller gives in place of texts. */
import type * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import { encodePrompt } from "@effect-blocks/diffusion/blocks/stableDiffusion/encoders"
import { encodePromptXL } from "@effect-blocks/diffusion/blocks/stableDiffusionXL/encoders"
import { Tokenizer } from "@effect-blocks/diffusion/Components"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fakes from "./support/fakes.ts"

const base = { numInferenceSteps: 2, seed: 1, guidanceScale: 4 } as const
const texts = { prompt: ["cat", "dog"], negativePrompt: ["x", "y"] } as const
const schedule = { timesteps: [500, 0], guidanceSteps: 2, guidanceScale: 4 } as const
const encoders = (calls: ReadonlyArray<fakes.Call>) => calls.filter(({ model }) => model.startsWith("textEncoder"))

describe("promptEmbeds", () => {
  it.effect("draw what the texts draw, without a text encoder", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make()
      yield* Effect.gen(function* () {
        const several = { ...base, numImagesPerPrompt: 2, seed: [1, 2, 3, 4] }
        const words = yield* StableDiffusion.pipeline.run({ ...several, ...texts })
        const { negativePromptEmbeds, promptEmbeds } = yield* encodePrompt.run({ ...texts, ...schedule })
        assert.deepStrictEqual(promptEmbeds.shape, [2, 4, 2])
        calls.length = 0
        const states = yield* StableDiffusion.pipeline.run({ ...several, promptEmbeds, negativePromptEmbeds })
        assert.deepStrictEqual(encoders(calls), [])
        assert.deepStrictEqual(states.latents.data, words.latents.data)
        assert.deepStrictEqual(states.truncatedPrompts, [])
        assert.strictEqual(states.images.length, 4)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("go with texts on the other side", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make()
      yield* Effect.gen(function* () {
        const one = { prompt: texts.prompt, negativePrompt: "x" }
        const words = yield* StableDiffusion.text2image.run({ ...base, ...one })
        const { negativePromptEmbeds, promptEmbeds } = yield* encodePrompt.run({ ...one, ...schedule })
        calls.length = 0
        const some = yield* StableDiffusion.text2image.run({ ...base, promptEmbeds, negativePrompt: "x" })
        assert.deepStrictEqual(encoders(calls), [{ model: "textEncoder", shape: [1, 4] }])
        assert.deepStrictEqual(some.latents.data, words.latents.data)
        calls.length = 0
        const others = yield* StableDiffusion.text2image.run({
          ...base,
          prompt: texts.prompt,
          // one for all
          negativePromptEmbeds: Tensor.slice(negativePromptEmbeds, 0, 1)
        })
        assert.deepStrictEqual(encoders(calls), [{ model: "textEncoder", shape: [2, 4] }])
        assert.deepStrictEqual(others.latents.data, words.latents.data)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("of fewer tokens have negative texts of as many, with their end token", () =>
    Effect.gen(function* () {
      const seen: Array<ReadonlyArray<number>> = []
      const { layer } = fakes.make({
        overrides: {
          textEncoder: {
            encode: (ids) =>
              Effect.sync(() => {
                seen.push(ids.shape, [...ids.data])
                return { lastHiddenState: Tensor.zeros("float32", [...ids.shape, 2]), hiddenStates: [] }
              })
          }
        }
      })
      // a start and an end token, as CLIP's
      const encode = (text: string) =>
        [1, ...Array.from(text.slice(0, 4), (c) => c.charCodeAt(0)), 2, 0, 0, 0, 0].slice(0, 6)
      const tokenizer = Layer.succeed(Tokenizer, {
        maxLength: 6,
        encode: (texts) => ({
          inputIds: Tensor.make("int32", [texts.length, 6], Int32Array.from(texts.flatMap(encode))),
          truncated: []
        })
      })
      const inputs = { promptEmbeds: Tensor.zeros("float32", [2, 4, 2]), negativePrompt: ["AB", "ABCDE"], ...schedule }
      const out = yield* Effect.provide(encodePrompt.run(inputs), Layer.merge(layer, tokenizer))
      assert.deepStrictEqual(seen, [
        [2, 4],
        [1, 65, 66, 2, 1, 65, 66, 2]
      ])
      assert.deepStrictEqual(out.negativePromptEmbeds.shape, [2, 4, 2])
    })
  )

  it.effect("come with pooled states for SDXL", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make({ xl: true })
      yield* Effect.gen(function* () {
        const several = { ...base, numImagesPerPrompt: 2 }
        const words = yield* StableDiffusionXL.pipeline.run({ ...several, ...texts })
        const { truncatedPrompts, ...states } = yield* encodePromptXL.run({ ...texts, ...schedule })
        assert.deepStrictEqual(truncatedPrompts, [])
        assert.deepStrictEqual(states.pooledPromptEmbeds.shape, [2, 1])
        calls.length = 0
        const again = yield* StableDiffusionXL.pipeline.run({ ...several, ...states })
        assert.deepStrictEqual(encoders(calls), [])
        assert.deepStrictEqual(again.latents.data, words.latents.data)
        // no negative ones: zeros, as for texts
        const { pooledPromptEmbeds, promptEmbeds } = states
        const plain = yield* StableDiffusionXL.pipeline.run({ ...several, prompt: texts.prompt })
        calls.length = 0
        const zeros = yield* StableDiffusionXL.pipeline.run({ ...several, promptEmbeds, pooledPromptEmbeds })
        assert.deepStrictEqual(encoders(calls), [])
        assert.deepStrictEqual(zeros.latents.data, plain.latents.data)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("serve latent-consistency models", () =>
    Effect.gen(function* () {
      const lcm = { scheduler: { _class_name: "LCMScheduler" }, overrides: { unet: { timeCondProjDim: 8 } } }
      const { calls, layer } = fakes.make(lcm)
      yield* Effect.gen(function* () {
        const { promptEmbeds } = yield* encodePrompt.run({ prompt: "cat", timesteps: [999], guidanceSteps: 1 })
        const words = yield* LatentConsistency.pipeline.run({ ...base, prompt: "cat" })
        calls.length = 0
        const states = yield* LatentConsistency.pipeline.run({ ...base, promptEmbeds })
        assert.deepStrictEqual(encoders(calls), [])
        assert.deepStrictEqual(states.latents.data, words.latents.data)
      }).pipe(Effect.provide(layer))
    })
  )

  const embeds = (...shape: ReadonlyArray<number>) => Tensor.zeros("float32", shape)
  type Case = readonly [what: string, inputs: object, field: string, message: RegExp]
  const refused: ReadonlyArray<Case> = [
    ["neither prompt nor states", {}, "prompt", /prompt: it is missing, expected a prompt, or promptEmbeds/],
    ["both", { prompt: "cat", promptEmbeds: embeds(1, 4, 2) }, "promptEmbeds", /beside a prompt/],
    [
      "a negative prompt and its states",
      { prompt: "cat", negativePrompt: "x", negativePromptEmbeds: embeds(1, 4, 2) },
      "negativePromptEmbeds",
      /beside a negative prompt/
    ],
    ["no states", { promptEmbeds: embeds(0, 4, 2) }, "promptEmbeds", /at least one item/],
    [
      "states that the UNet does not take",
      { promptEmbeds: embeds(1, 4, 3) },
      "promptEmbeds",
      /float32\[1, 4, 3\], expected float32\[prompts, tokens, 2\]/
    ],
    ["states of another rank", { promptEmbeds: embeds(4, 2) }, "promptEmbeds", /promptEmbeds/],
    [
      "negative states of another number",
      { promptEmbeds: embeds(3, 4, 2), negativePromptEmbeds: embeds(2, 4, 2) },
      "negativePromptEmbeds",
      /one item, or one for each of 3 prompts/
    ],
    [
      "states that no negative text is as long as",
      { promptEmbeds: embeds(1, 5, 2), negativePrompt: "x" },
      "promptEmbeds",
      /of 5 tokens, expected 2 to 4, for negative prompts of as many/
    ],
    [
      "negative states of another length",
      { promptEmbeds: embeds(1, 5, 2), negativePromptEmbeds: embeds(1, 4, 2) },
      "negativePromptEmbeds",
      /of 4 tokens, expected 5/
    ]
  ]
  const refusedXL: ReadonlyArray<Case> = [
    ["states without pooled ones", { promptEmbeds: embeds(1, 4, 4) }, "pooledPromptEmbeds", /it is missing/],
    ["pooled states alone", { prompt: "cat", pooledPromptEmbeds: embeds(1, 1) }, "promptEmbeds", /it is missing/],
    [
      "a second prompt beside states",
      { promptEmbeds: embeds(1, 4, 4), pooledPromptEmbeds: embeds(1, 1), prompt2: "cat" },
      "promptEmbeds",
      /given beside prompt2/
    ],
    [
      "negative pooled states of another width",
      {
        promptEmbeds: embeds(1, 4, 4),
        pooledPromptEmbeds: embeds(1, 1),
        negativePromptEmbeds: embeds(1, 4, 4),
        negativePooledPromptEmbeds: embeds(1, 2)
      },
      "negativePooledPromptEmbeds",
      /of 2 channels, expected 1/
    ],
    [
      "pooled states that are no numbers",
      {
        promptEmbeds: embeds(1, 4, 4),
        pooledPromptEmbeds: Tensor.make("float32", [1, 1], Float32Array.of(Infinity))
      },
      "pooledPromptEmbeds",
      /NaN or Infinity in it, expected finite numbers/
    ],
    [
      "texts for the second encoder that are not one for each prompt",
      { prompt: ["cat", "dog"], negativePrompt: "x", negativePrompt2: ["a", "b", "c"] },
      "negativePrompt2",
      /a list of 3, expected one text, or one for each of 2 prompts/
    ]
  ]
  for (const [xl, cases] of [
    [false, refused],
    [true, refusedXL]
  ] as const) {
    for (const [what, inputs, field, message] of cases) {
      it.effect(`${what}: refused before the UNet runs${xl ? ", SDXL" : ""}`, () =>
        Effect.gen(function* () {
          const { calls, layer } = fakes.make({ xl })
          const run = xl
            ? Pipeline.run(StableDiffusionXL.pipeline, { ...base, ...inputs } as Block.In<
                typeof StableDiffusionXL.pipeline
              >)
            : Pipeline.run(StableDiffusion.pipeline, { ...base, ...inputs } as Block.In<
                typeof StableDiffusion.pipeline
              >)
          const error = yield* Effect.flip(Effect.provide(run, layer))
          assert.instanceOf(error, Errors.InputError)
          if (!(error instanceof Errors.InputError)) return
          assert.include(
            error.issues.map((issue) => issue.field),
            field
          )
          assert.match(error.message, message)
          assert.deepStrictEqual(calls, [])
        })
      )
    }
  }
})
