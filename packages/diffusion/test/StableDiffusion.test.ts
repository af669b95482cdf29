import * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as Fields from "@effect-blocks/diffusion/Fields"
import { NotFinite } from "@effect-blocks/diffusion/NotFinite"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import {
  guide,
  predictNoise,
  scaleModelInput,
  schedulerStep,
  timestepLoop
} from "@effect-blocks/diffusion/blocks/stableDiffusion/denoise"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import { Tokenizer } from "@effect-blocks/diffusion/Tokenizer"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fakes from "./support/fakes.ts"

const { inpainting, image2image, pipeline, text2image } = StableDiffusion
/** the latents of each item: pictures clamp, latents do not */
const rows = ({ latents }: { readonly latents: Tensor.Tensor<"float32"> }) =>
  Array.from({ length: latents.shape[0]! }, (_, i) => [...Tensor.slice(latents, i, i + 1).data])
const bytes = (images: ReadonlyArray<Tensor.Tensor<"uint8">>) => images.map((image) => [...image.data])
const base = { prompt: "cat", numInferenceSteps: 4, seed: 1 } as const

describe("text to image", () => {
  it.effect("runs each model as often as it must", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make()
      const images = yield* Effect.provide(Pipeline.run(pipeline, base, { output: "images" }), layer)
      assert.deepStrictEqual(
        images.map(({ shape }) => shape),
        [[8, 8, 3]]
      )
      assert.deepStrictEqual(calls, [
        { model: "textEncoder", shape: [2, 4] },
        ...[750, 500, 250, 0].map((timestep) => ({ model: "unet", shape: [2, 4, 4, 4], timestep }) as const),
        { model: "vaeDecoder", shape: [1, 4, 4, 4] }
      ])
    })
  )

  for (const guidanceScale of [1, 0.5, 0]) {
    it.effect(`does half the work with a guidance scale of ${guidanceScale}`, () =>
      Effect.gen(function* () {
        const { calls, layer } = fakes.make()
        const one = yield* Effect.provide(Pipeline.run(pipeline, { ...base, guidanceScale }), layer)
        assert.deepStrictEqual(calls[0], { model: "textEncoder", shape: [1, 4] })
        assert.isTrue(calls.every(({ model, shape }) => model !== "unet" || shape[0] === 1))
        const other = yield* Effect.provide(
          Pipeline.run(pipeline, { ...base, guidanceScale: 1, negativePrompt: "dog" }),
          layer
        )
        assert.deepStrictEqual(rows(one), rows(other))
      })
    )
  }

  it.effect("guides away from the negative prompt", () =>
    Effect.gen(function* () {
      const draw = (more: object) => Pipeline.run(pipeline, { ...base, ...more })
      const [plain, negative, stronger] = yield* Effect.all([
        draw({ guidanceScale: 3 }),
        draw({ guidanceScale: 3, negativePrompt: "dog" }),
        draw({ guidanceScale: 9, negativePrompt: "dog" })
      ])
      assert.notDeepEqual(rows(plain), rows(negative))
      assert.notDeepEqual(rows(negative), rows(stronger))
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("draws the same picture for a seed alone and in a batch", () =>
    Effect.gen(function* () {
      for (const seed of [0, -1, 2 ** 53 - 1, 2n ** 60n]) {
        const alone = yield* Pipeline.run(pipeline, { ...base, seed })
        const batch = yield* Pipeline.run(pipeline, { ...base, seed: [7, seed, 8], numImagesPerPrompt: 3 })
        assert.deepStrictEqual(bytes(batch.images)[1], bytes(alone.images)[0])
        assert.deepStrictEqual(rows(batch)[1], rows(alone)[0])
        assert.notDeepEqual(rows(batch)[0], rows(batch)[2])
      }
    }).pipe(Effect.provide(fakes.make({ scheduler: { _class_name: "EulerAncestralDiscreteScheduler" } }).layer))
  )

  it.effect("keeps prompts and their pictures together", () =>
    Effect.gen(function* () {
      const run = (inputs: Block.In<typeof text2image>) =>
        Effect.map(text2image.run({ ...inputs, numInferenceSteps: 2 }), rows)
      const seeds = [1, 2, 3, 4]
      const together = yield* run({
        prompt: ["cat", "dog"],
        negativePrompt: ["x", "y"],
        numImagesPerPrompt: 2,
        seed: seeds
      })
      const cats = yield* run({ prompt: "cat", negativePrompt: "x", numImagesPerPrompt: 2, seed: [1, 2] })
      const dogs = yield* run({ prompt: "dog", negativePrompt: "y", numImagesPerPrompt: 2, seed: [3, 4] })
      assert.deepStrictEqual(together, [...cats, ...dogs])
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("encodes a text once, however often it is used", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make()
      yield* Effect.provide(text2image.run({ ...base, prompt: ["cat", "cat", ""], numImagesPerPrompt: 2 }), layer)
      assert.deepStrictEqual(calls[0], { model: "textEncoder", shape: [2, 4] })
    })
  )

  it.effect("says which ends of prompts were cut, and draws empty prompts", () =>
    Effect.gen(function* () {
      const { truncatedPrompts, images } = yield* text2image.run({ ...base, prompt: ["a cat", ""] })
      assert.deepStrictEqual(truncatedPrompts, ["t"])
      assert.strictEqual(images.length, 2)
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("starts from given latents and then draws nothing", () =>
    Effect.gen(function* () {
      const first = yield* text2image.run(base)
      const latents = Tensor.make(
        "float32",
        [1, 4, 4, 4],
        Float32Array.from({ length: 64 }, (_, i) => Math.sin(i))
      )
      const before = Float32Array.from(latents.data)
      const given = yield* text2image.run({ ...base, latents })
      assert.deepStrictEqual(latents.data, before)
      assert.strictEqual(given.rng[0]!.drawn, 0)
      assert.isAbove(first.rng[0]!.drawn, 0)
      const again = yield* text2image.run({ ...base, seed: 99, latents })
      assert.deepStrictEqual(rows(given), rows(again))
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("takes a schedule of one's own", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make({ scheduler: { _class_name: "EulerDiscreteScheduler" } })
      const run = text2image.run({ prompt: "cat", timesteps: [900, 500, 100] })
      assert.deepStrictEqual((yield* Effect.provide(run, layer)).timesteps, [900, 500, 100])
      assert.strictEqual(calls.filter(({ model }) => model === "unet").length, 3)
    })
  )
})

describe("image to image", () => {
  it.effect("runs a share of the steps", () =>
    Effect.gen(function* () {
      for (const [strength, steps] of [
        [0.25, 1],
        [0.5, 2],
        [0.8, 3],
        [1, 4]
      ] as const) {
        const { calls, layer } = fakes.make()
        const run = Pipeline.run(
          pipeline,
          { ...base, image: fakes.picture(), strength },
          { output: ["images", "schedulerState"] }
        )
        const { images, schedulerState } = yield* Effect.provide(run, layer)
        assert.strictEqual(calls.filter(({ model }) => model === "unet").length, steps, `strength ${strength}`)
        assert.deepStrictEqual([schedulerState.begin, schedulerState.index], [4 - steps, 4])
        assert.deepStrictEqual(images[0].shape, [8, 8, 3])
        assert.strictEqual(calls[0]!.model, "vaeEncoder")
      }
    })
  )

  it.effect("stays closer to the picture the less it may change", () =>
    Effect.gen(function* () {
      const image = fakes.picture()
      const distance = (strength: number) =>
        Effect.map(
          image2image.run({ ...base, numInferenceSteps: 20, image, strength, guidanceScale: 1 }),
          ({ images: [out] }) => out.data.reduce((sum, level, i) => sum + Math.abs(level - image.data[i]!), 0)
        )
      const [little, half, all] = yield* Effect.all([distance(0.05), distance(0.5), distance(1)])
      assert.isBelow(little, half)
      assert.isBelow(half, all)
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("takes grey, RGBA and numbers, and resizes", () => {
    const { calls, layer } = fakes.make()
    return Effect.gen(function* () {
      const numbers = Tensor.zeros("float32", [2, 3, 8, 8])
      for (const image of [fakes.picture(1), fakes.picture(4), numbers]) {
        calls.length = 0
        const run = image2image.run({ ...base, image, height: 4, width: 12, numImagesPerPrompt: 2 })
        assert.deepStrictEqual(
          (yield* run).images.map(({ shape }) => shape),
          [
            [4, 12, 3],
            [4, 12, 3]
          ]
        )
        const seen = calls.find(({ model }) => model === "vaeEncoder")?.shape
        assert.deepStrictEqual(seen, [image === numbers ? 2 : 1, 3, 4, 12])
      }
      const odd = yield* image2image.run({ ...base, image: fakes.picture(3, 11) })
      assert.deepStrictEqual(odd.images[0].shape, [8, 8, 3])
    }).pipe(Effect.provide(layer))
  })

  it.effect("draws the same picture for a seed alone and in a batch", () =>
    Effect.gen(function* () {
      const image = fakes.picture()
      const alone = yield* image2image.run({ ...base, image, seed: 5 })
      const batch = yield* image2image.run({ ...base, image, seed: [4, 5], numImagesPerPrompt: 2 })
      assert.deepStrictEqual(rows(batch)[1], rows(alone)[0])
    }).pipe(Effect.provide(fakes.make().layer))
  )
})

describe("inpainting", () => {
  const inputs = { ...base, image: fakes.picture(), maskImage: fakes.mask() }

  it.effect("keeps what the mask leaves black", () =>
    Effect.gen(function* () {
      for (const strength of [1, 0.5]) {
        const { images, latents, original, masking } = yield* inpainting.run({ ...inputs, strength })
        assert.deepStrictEqual(masking.mask.data.slice(0, 4), Float32Array.of(0, 0, 1, 1))
        for (let i = 0; i < latents.data.length; i++) {
          if (i % 4 < 2) assert.strictEqual(latents.data[i], original.imageLatents!.data[i])
          else assert.notStrictEqual(latents.data[i], original.imageLatents!.data[i])
        }
        assert.deepStrictEqual(images[0].shape, [8, 8, 3])
      }
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("gives a UNet of 9 channels the mask and the picture with a hole", () =>
    Effect.gen(function* () {
      const seen: Array<Tensor.Tensor<"float32">> = []
      const { calls, layer } = fakes.make({
        inChannels: 9,
        unet: (input, own) => {
          seen.push(input.sample)
          return own(input)
        }
      })
      const { masking, latents } = yield* Effect.provide(
        Pipeline.run(pipeline, { ...inputs, guidanceScale: 1 }),
        layer
      ).pipe(
        Effect.flatMap((out) =>
          out.masking === undefined ? Effect.die("no mask") : Effect.succeed({ ...out, masking: out.masking })
        )
      )
      // at full strength only the picture with a hole is encoded
      assert.deepStrictEqual(
        calls.map(({ model }) => model),
        ["vaeEncoder", "textEncoder", "unet", "unet", "unet", "unet", "vaeDecoder"]
      )
      for (const sample of seen) {
        assert.deepStrictEqual(sample.shape, [1, 9, 4, 4])
        assert.deepStrictEqual(sample.data.slice(64, 80), masking.mask.data)
        assert.deepStrictEqual(sample.data.slice(80), masking.maskedImageLatents!.data)
      }
      assert.isTrue(latents.data.every(Number.isFinite))
    })
  )

  it.effect("draws in diffusers' order: picture, noise, picture with a hole, steps", () =>
    Effect.gen(function* () {
      const drawn = (run: Effect.Effect<{ readonly rng: ReadonlyArray<{ readonly drawn: number }> }, unknown, never>) =>
        Effect.map(run, ({ rng }) => rng[0]!.drawn)
      const euler = { scheduler: { _class_name: "EulerAncestralDiscreteScheduler" } }
      const words = 4 * 4 * 4 // one word for each normal, in blocks of 16
      const four = fakes.make(euler).layer
      const nine = fakes.make({ ...euler, inChannels: 9 }).layer
      assert.strictEqual(yield* drawn(Effect.provide(text2image.run(base), four)), (1 + 4) * words)
      assert.strictEqual(
        yield* drawn(Effect.provide(image2image.run({ ...base, image: inputs.image, strength: 0.5 }), four)),
        (2 + 2) * words
      )
      assert.strictEqual(yield* drawn(Effect.provide(inpainting.run(inputs), four)), (3 + 4) * words)
      assert.strictEqual(yield* drawn(Effect.provide(inpainting.run(inputs), nine)), (2 + 4) * words)
      assert.strictEqual(
        yield* drawn(Effect.provide(inpainting.run({ ...inputs, strength: 0.5 }), nine)),
        (3 + 2) * words
      )
    })
  )
})

describe("a picture and several seeds", () => {
  // draws of a picture's posterior: 64 words each, then 64 of noise for each item
  const drawn = (rng: ReadonlyArray<{ readonly drawn: number }>) => rng.map((one) => one.drawn / 64)
  const inputs = { ...base, image: fakes.picture(), seed: [1, 2], numImagesPerPrompt: 2 }

  it.effect("every seed draws for the picture in image to image, only the first in inpainting, as in diffusers", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(drawn((yield* image2image.run(inputs)).rng), [2, 2])
      assert.deepStrictEqual(drawn((yield* inpainting.run({ ...inputs, maskImage: fakes.mask() })).rng), [3, 1])
      const one = { ...inputs, seed: 1 }
      assert.deepStrictEqual(drawn((yield* inpainting.run({ ...one, maskImage: fakes.mask() })).rng), [4])
    }).pipe(Effect.provide(fakes.make().layer))
  )
})

describe("bad input", () => {
  const image = fakes.picture()
  const cases: ReadonlyArray<readonly [what: string, inputs: Record<string, unknown>, field: string, message: RegExp]> =
    [
      ["an unknown name", { promt: "x" }, "promt", /promt/],
      ["a missing prompt", { prompt: undefined }, "prompt", /prompt/],
      ["a number for a prompt", { prompt: 3 }, "prompt", /prompt/],
      ["no prompts", { prompt: [] }, "prompt", /prompt/],
      ["zero steps", { numInferenceSteps: 0 }, "numInferenceSteps", /between 1 and 1000|numInferenceSteps/],
      ["half a step", { numInferenceSteps: 1.5 }, "numInferenceSteps", /numInferenceSteps/],
      ["too many steps", { numInferenceSteps: 1001 }, "numInferenceSteps", /numInferenceSteps/],
      ["guidance that is no number", { guidanceScale: Number.NaN }, "guidanceScale", /guidanceScale/],
      ["endless guidance", { guidanceScale: Infinity }, "guidanceScale", /guidanceScale/],
      ["negative guidance", { guidanceScale: -1 }, "guidanceScale", /guidanceScale/],
      ["strength above 1", { image, strength: 1.1 }, "strength", /strength/],
      ["strength below 0", { image, strength: -0.1 }, "strength", /strength/],
      [
        "strength that leaves no step",
        { image, strength: 0.2 },
        "strength",
        /0\.2 with 4 steps, expected at least 0\.25/
      ],
      ["a height that is no multiple", { height: 30 }, "height", /height: it is 30, expected a multiple of 4/],
      ["a width that is no multiple", { width: 6_001 }, "width", /width: it is 6001, expected a multiple of 4/],
      ["a size of nothing", { height: 0 }, "height", /height/],
      [
        "too many pictures",
        { prompt: ["a", "b"], numImagesPerPrompt: 33 },
        "numImagesPerPrompt",
        /33 for 2 prompts, expected at most 64 pictures/
      ],
      [
        "seeds that do not match",
        { seed: [1, 2] },
        "seed",
        /a list of 2, expected one seed, or one for each of 1 pictures/
      ],
      ["half a seed", { seed: 0.5 }, "seed", /seed/],
      ["a seed beyond 64 bits", { seed: 2n ** 70n }, "seed", /seed/],
      [
        "negative prompts that do not match",
        { negativePrompt: ["a", "b"] },
        "negativePrompt",
        /a list of 2, expected one text, or one for each of 1 prompts/
      ],
      [
        "latents of another shape",
        { latents: Tensor.zeros("float32", [1, 4, 4, 5]) },
        "latents",
        /of shape \[1, 4, 4, 5\], expected \[1, 4, height, width\], with sides that are multiples of 2/
      ],
      [
        "latents that are not numbers",
        { latents: Tensor.make("float32", [1, 4, 4, 4], new Float32Array(64).fill(NaN, 63)) },
        "latents",
        /NaN or Infinity in it, expected finite numbers/
      ],
      [
        "a picture that is not numbers",
        { image: Tensor.make("float32", [1, 3, 8, 8], new Float32Array(192).fill(Infinity, 191)) },
        "image",
        /NaN or Infinity in it, expected finite numbers/
      ],
      [
        "text states that are not numbers",
        { prompt: undefined, promptEmbeds: Tensor.make("float32", [1, 1, 2], Float32Array.of(0, NaN)) },
        "promptEmbeds",
        /NaN or Infinity in it, expected finite numbers/
      ],
      [
        "skipping layers that the text encoder does not give",
        { clipSkip: 1 },
        "clipSkip",
        /it is 1, expected at most 0: .*hidden_states/
      ],
      ["latents of another rank", { latents: Tensor.zeros("float32", [4, 4, 4]) }, "latents", /latents/],
      [
        "a picture of two channels",
        { image: fakes.picture(2) },
        "image",
        /uint8\[8, 8, 2\], expected 1, 3 or 4 channels/
      ],
      ["a picture that is too small", { image: fakes.picture(3, 3) }, "image", /expected at least 4 pixels each way/],
      [
        "three pictures for one",
        { image: Tensor.zeros("float32", [3, 3, 8, 8]) },
        "image",
        /one picture, or a number of them that divides the 1 of this run/
      ],
      [
        "a mask of another size, to cut a part out of both",
        { image, maskImage: fakes.mask(4), paddingMaskCrop: 1 },
        "maskImage",
        /4x4 pixels, expected 8x8, the size of the picture/
      ],
      [
        "a mask of two channels",
        { image, maskImage: Tensor.zeros("uint8", [8, 8, 2]) },
        "maskImage",
        /expected 1, 3 or 4 channels/
      ]
    ]
  for (const [what, inputs, field, message] of cases) {
    it.effect(`${what} is refused before any model runs`, () =>
      Effect.gen(function* () {
        const { calls, layer } = fakes.make()
        const given = { ...base, ...inputs } as unknown as Block.In<typeof pipeline>
        const exit = yield* Effect.exit(Effect.provide(Pipeline.run(pipeline, given), layer))
        assert.isTrue(Exit.isFailure(exit))
        if (!Exit.isFailure(exit)) return
        const error = Cause.squash(exit.cause)
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

  it.effect("several mistakes come in one error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(image2image.run({ ...base, image, height: 6, width: 10 }))
      assert.deepStrictEqual(error._tag === "InputError" && error.issues.map(({ field }) => field), ["height", "width"])
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("a mask without a picture names the picture", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Pipeline.run(pipeline, { ...base, maskImage: fakes.mask() }))
      assert.include(error.message, "image")
      assert.include(["MissingInputError", "InputError"], error._tag)
    }).pipe(Effect.provide(fakes.make().layer))
  )

  const mismatches = [
    ["a text encoder for another UNet", { overrides: { textEncoder: { width: 3 } } }, {}, "textEncoder"],
    ["a UNet for another VAE", { overrides: { unet: { outChannels: 8 } } }, {}, "unet"],
    ["a UNet of five channels", { inChannels: 5 }, {}, "unet"],
    ["a tokenizer of more tokens", { overrides: { textEncoder: { maxLength: 3 } } }, {}, "tokenizer"],
    ["a tokenizer of more words", { overrides: { textEncoder: { vocabSize: 1 } } }, {}, "tokenizer"],
    [
      "a scheduler that wants variances",
      { scheduler: { _class_name: "DDPMScheduler", variance_type: "learned_range" } },
      {},
      "scheduler"
    ],
    ["an inpainting UNet for words alone", { inChannels: 9 }, {}, "unet"],
    ["an inpainting UNet without a mask", { inChannels: 9 }, { image: fakes.picture() }, "unet"]
  ] as const
  for (const [what, options, inputs, component] of mismatches) {
    it.effect(`${what} is refused before any model runs`, () =>
      Effect.gen(function* () {
        const { calls, layer } = fakes.make(options)
        const error = yield* Effect.flip(Effect.provide(Pipeline.run(pipeline, { ...base, ...inputs }), layer))
        assert.strictEqual(error._tag, "ComponentMismatch")
        if (error._tag === "ComponentMismatch") assert.strictEqual(error.component, component)
        assert.deepStrictEqual(calls, [])
      })
    )
  }

  it.effect("a word that the text encoder does not have is refused before any model runs", () =>
    Effect.gen(function* () {
      const { inputIds } = yield* Effect.map(Tokenizer, ({ encode }) => encode(["", "cat"]))
      const [specials, ids] = [inputIds.data.subarray(0, 4), inputIds.data.subarray(4)]
      const vocabSize = Math.max(...ids)
      assert.isBelow(Math.max(...specials), vocabSize)
      const { calls, layer } = fakes.make({ overrides: { textEncoder: { vocabSize } } })
      const error = yield* Effect.flip(Effect.provide(text2image.run({ ...base, prompt: "cat" }), layer))
      assert.strictEqual(error._tag, "ComponentMismatch")
      assert.match(error.message, /^tokenizer is one that gives the id \d+, expected ids below \d+, /)
      assert.deepStrictEqual(calls, [])
    }).pipe(Effect.provide(fakes.make().layer))
  )

  it.effect("a guider that wants another model is refused before any model runs", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make()
      const own = Result.getOrThrow(Guider.fromConfig({ _class_name: "ClassifierFreeGuidance" }))
      const guider = Guider.Guider.layerOf({
        ...own,
        className: "Mine",
        predictions: () => [{ name: "predCondSkip", takes: "cond", model: "perturbed" }]
      })
      const error = yield* Effect.flip(text2image.run(base).pipe(Effect.provide(guider), Effect.provide(layer)))
      assert.strictEqual(error._tag === "GuiderError" && error.reason, "NeedsPerturbedModel")
      const unsettled = yield* Effect.flip(
        text2image.run({ ...base, guidanceScale: 3 }).pipe(Effect.provide(guider), Effect.provide(layer))
      )
      assert.strictEqual(unsettled._tag === "GuiderError" && unsettled.reason, "UnknownClass")
      assert.deepStrictEqual(calls, [])
    })
  )

  it.effect("a guider may guide beyond diffusers at every scale that the caller gives", () =>
    Effect.gen(function* () {
      const { layer } = fakes.make()
      const guider = (capabilities?: Guider.Capabilities) =>
        Guider.layer({ _class_name: "MagnitudeAwareGuidance" }, capabilities)
      for (const scales of [{}, { guidanceScale: 3 }, { guidanceRescale: 0.5 }]) {
        const run = text2image.run({ ...base, ...scales })
        yield* run.pipe(Effect.provide(guider({ beyondDiffusers: true })), Effect.provide(layer))
        const error = yield* Effect.flip(run.pipe(Effect.provide(guider()), Effect.provide(layer)))
        assert.strictEqual(error._tag === "GuiderError" && error.reason, "UnsupportedShape")
      }
    })
  )

  it.effect("a scale for a guider that has several is refused, and the message says what to do", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make()
      const guider = Guider.layer({ _class_name: "FrequencyDecoupledGuidance" })
      const run = text2image.run({ ...base, guidanceScale: 3 })
      const error = yield* Effect.flip(run.pipe(Effect.provide(guider), Effect.provide(layer)))
      assert.match(error.message, /takes no guidanceScale: it has guidance_scales, .*leave guidanceScale out/)
      assert.deepStrictEqual(calls, [])
    })
  )

  it.effect("a schedule that the scheduler does not take is refused before any model runs", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make()
      const error = yield* Effect.flip(Effect.provide(text2image.run({ prompt: "cat", sigmas: [3, 2, 1] }), layer))
      assert.strictEqual(error._tag, "SchedulerError")
      assert.deepStrictEqual(calls, [])
    })
  )
})

describe("the pipeline", () => {
  it("names its workflows", () => {
    const names = (workflow: "text2image" | "image2image" | "inpainting") =>
      Block.executionBlocks(pipeline, pipeline.workflows[workflow]).map(({ path }) => path)
    assert.include(names("text2image"), "stableDiffusion.text2image.prepareLatents")
    assert.include(names("image2image"), "stableDiffusion.image2image.encodeImage")
    assert.include(names("inpainting"), "stableDiffusion.inpainting.denoise.blendLatents")
    const inputs = Object.keys(Block.workflow(pipeline, "text2image").inputs)
    assert.include(inputs, "prompt")
    assert.notInclude(inputs, "image")
  })

  it("shows ranges, defaults and descriptions to documents and flags", () => {
    const { properties } = Block.inputJsonSchema(pipeline) as { properties: Record<string, object> }
    assert.deepInclude(properties["numInferenceSteps"], { type: "integer", minimum: 1, maximum: 1000, default: 50 })
    assert.deepInclude(properties["strength"], { minimum: 0, maximum: 1 })
    for (const [name, property] of Object.entries(properties)) {
      assert.isTrue(JSON.stringify(property).includes('"description"'), name)
    }
    // nothing that blocks only tell each other
    const given =
      "prompt promptEmbeds negativePrompt negativePromptEmbeds numImagesPerPrompt seed clipSkip height width latents image maskImage maskedImageLatents strength " +
      "paddingMaskCrop numInferenceSteps timesteps sigmas eta guidanceScale guidanceRescale"
    assert.sameMembers(Object.keys(properties), given.split(" "))
    assert.include(Block.describe(text2image), "How strongly the prompt counts")
  })

  it.effect("takes JSON", () =>
    Effect.gen(function* () {
      const { images } = yield* Pipeline.runUnknown(pipeline, {
        prompt: "cat",
        numInferenceSteps: 2,
        seed: "12345678901234567890"
      })
      assert.strictEqual(images.length, 1)
      const error = yield* Effect.flip(Pipeline.runUnknown(pipeline, { prompt: 1, strength: 2, steps: 3 }))
      assert.strictEqual(error._tag, "InputError")
      if (error._tag === "InputError") {
        assert.sameMembers(
          error.issues.map(({ field }) => field),
          ["prompt", "strength", "steps"]
        )
      }
    }).pipe(Effect.provide(fakes.make().layer))
  )
})

describe("a run", () => {
  it.effect("says where a model failed", () =>
    Effect.gen(function* () {
      const { layer } = fakes.make({
        unet: (input, own) => (input.timestep === 250 ? Effect.die("out of memory") : own(input))
      })
      const exit = yield* Effect.exit(Effect.provide(pipeline.run(base), layer))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit))
        assert.strictEqual(Errors.pathOf(exit.cause), "stableDiffusion.text2image.denoise[2].predictNoise")
    })
  )

  it.effect("can be interrupted in the middle", () =>
    Effect.gen(function* () {
      const { calls, layer } = fakes.make({
        unet: (input, own) => (input.timestep === 250 ? Effect.never : own(input))
      })
      const fiber = yield* Effect.forkChild(Effect.provide(pipeline.run(base), layer))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(calls.filter(({ model }) => model === "unet").length, 2)
      assert.isFalse(calls.some(({ model }) => model === "vaeDecoder"))
    })
  )

  const spoilt = (tensor: Tensor.Tensor<"float32">, value: number) =>
    Tensor.make("float32", tensor.shape, tensor.data.with(tensor.data.length - 1, value))
  const flat = [
    [
      "a prediction",
      fakes.make({
        unet: (input, own) => Effect.map(own(input), (out) => (input.timestep === 500 ? spoilt(out, NaN) : out))
      }),
      { component: "unet", at: "timestep 500" },
      "text2image.denoise[1].predictNoise"
    ],
    [
      "a decoded picture",
      fakes.make({
        overrides: { vae: { decode: () => Effect.succeed(spoilt(Tensor.zeros("float32", [1, 3, 8, 8]), -Infinity)) } }
      }),
      { component: "vae", at: "decoding" },
      "text2image.decodeLatents"
    ]
  ] as const
  for (const [what, { layer }, found, path] of flat) {
    it.effect(`does not draw ${what} of NaN or Infinity`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.provide(text2image.run(base), layer))
        assert.isTrue(Exit.isFailure(exit))
        if (!Exit.isFailure(exit)) return
        const error = Cause.squash(exit.cause)
        assert.instanceOf(error, NotFinite)
        assert.deepInclude(error, found)
        assert.strictEqual(Errors.pathOf(exit.cause), path)
      })
    )
  }

  it.effect("says that it is the scheduler or the guider that made NaN of finite numbers", () =>
    Effect.gen(function* () {
      const { layer } = fakes.make()
      const scheduler = Result.getOrThrow(Scheduler.fromConfig({ _class_name: "DDIMScheduler" }))
      const guider = Result.getOrThrow(Guider.fromConfig({ _class_name: "ClassifierFreeGuidance" }))
      const bad = Layer.succeed(Scheduler.Scheduler, {
        ...scheduler,
        step: (...given: Parameters<typeof scheduler.step>) => {
          const next = scheduler.step(...given)
          return { ...next, sample: spoilt(next.sample, Infinity) }
        }
      })
      const worse = Guider.Guider.layerOf({
        ...guider,
        combine: (state, moment, predictions) =>
          moment.step === 1
            ? { state, prediction: spoilt(predictions.predCond!, NaN) }
            : guider.combine(state, moment, predictions)
      })
      const exit = yield* Effect.exit(text2image.run(base).pipe(Effect.provide(bad), Effect.provide(layer)))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      const error = Cause.squash(exit.cause)
      assert.deepInclude(error, { _tag: "NotFinite", component: "scheduler", at: "timestep 750" })
      assert.match(String(error), /output was finite: look at the scheduler's options/)
      assert.strictEqual(Errors.pathOf(exit.cause), "text2image.denoise[0].schedulerStep")
      const guided = yield* Effect.flip(text2image.run(base).pipe(Effect.provide(worse), Effect.provide(layer)))
      assert.deepInclude(guided, { _tag: "NotFinite", component: "guider", at: "timestep 500" })
    })
  )

  it.effect("does not decode latents that a block of one's own spoilt", () =>
    Effect.gen(function* () {
      const spoil = (name: string) =>
        Block.pure(name, {
          inputs: { latents: Fields.latents },
          outputs: { latents: Fields.latents },
          run: ({ latents }) => ({ latents: spoilt(latents, NaN) })
        })
      const { calls, layer } = fakes.make()
      const after = Block.insertBefore(text2image, "decodeLatents", spoil("spoil"))
      const before = Block.insertBefore(text2image, "denoise", spoil("spoil"))
      for (const [run, at] of [
        [after.run(base), "the end of denoising"],
        [before.run(base), "timestep 750"]
      ] as const) {
        const error = yield* Effect.flip(Effect.provide(run, layer))
        assert.deepInclude(error, { _tag: "NotFinite", component: "latents", at })
      }
      assert.isFalse(calls.some(({ model }) => model === "vaeDecoder"))
    })
  )

  it.effect("does not mix with others over the same components", () =>
    Effect.gen(function* () {
      // every model call gives way, so that all runs are in their loops at the same time
      const { layer } = fakes.make({
        unet: (input, own) => Effect.andThen(Effect.yieldNow, own(input)),
        scheduler: { _class_name: "DPMSolverMultistepScheduler" }
      })
      yield* Effect.gen(function* () {
        const runs = Array.from({ length: 8 }, (_, i) => {
          const inputs = { prompt: `p${i}`, seed: i, numInferenceSteps: 3 + i, guidanceScale: 1 + i }
          const image = fakes.picture()
          return Effect.map(
            i % 3 === 0
              ? text2image.run(inputs)
              : i % 3 === 1
                ? image2image.run({ ...inputs, image })
                : inpainting.run({ ...inputs, image, maskImage: fakes.mask() }),
            (out) => [rows(out), bytes(out.images)]
          )
        })
        const alone = yield* Effect.all(runs)
        const together = yield* Effect.all(runs, { concurrency: "unbounded" })
        assert.deepStrictEqual(together, alone)
        assert.strictEqual(new Set(alone.map((one) => JSON.stringify(one))).size, runs.length)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("takes blocks of one's own inside the loop and around it", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const note = Block.make("note", {
        inputs: { latents: Fields.latents, t: Schema.Finite },
        outputs: { latents: Fields.latents },
        run: ({ latents, t }) =>
          Effect.sync(() => {
            seen.push(t)
            return { latents }
          })
      })
      const loop = Loop.fromBlocks(timestepLoop, [scaleModelInput, predictNoise, guide, schedulerStep, note])
      const mine = Block.replace(text2image, "denoise", loop)
      const { layer } = fakes.make()
      const [own, plain] = yield* Effect.provide(Effect.all([mine.run(base), text2image.run(base)]), layer)
      assert.deepStrictEqual(seen, [750, 500, 250, 0])
      assert.deepStrictEqual(rows(own), rows(plain))
    })
  )
})
