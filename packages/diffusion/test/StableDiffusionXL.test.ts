import type * as Block from "@effect-blocks/core/Block"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import { ForceZerosForEmptyPrompt } from "@effect-blocks/diffusion/ForceZerosForEmptyPrompt"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as fakes from "./support/fakes.ts"

const { pipeline, text2image, latents2image } = StableDiffusionXL
const base = { prompt: "cat", numInferenceSteps: 4, seed: 1 } as const
const image = fakes.picture()
const imageLatents = Tensor.make(
  "float32",
  [1, 4, 4, 4],
  Float32Array.from({ length: 64 }, (_, i) => Math.cos(i))
)
const workflows: Readonly<Record<string, Block.In<typeof pipeline>>> = {
  text2image: base,
  image2image: { ...base, image, strength: 0.5 },
  latents2image: { ...base, imageLatents, strength: 0.5 },
  inpainting: { ...base, image, maskImage: fakes.mask(), strength: 1 }
}
const fake = (options: fakes.Options = {}) => fakes.make({ ...options, xl: true })

describe("Stable Diffusion XL", () => {
  for (const [name, inputs] of Object.entries(workflows)) {
    it.effect(`draws, and goes on bit for bit from every boundary: ${name}`, () =>
      Effect.gen(function* () {
        const whole = yield* Pipeline.run(pipeline, inputs)
        assert.deepStrictEqual(
          whole.images.map(({ shape }) => shape),
          [[8, 8, 3]]
        )
        for (let boundary = 0; ; boundary++) {
          const outcome = yield* Snapshot.run(pipeline, inputs, { until: ({ count }) => count === boundary })
          if (outcome._tag === "Done") return assert.isAbove(boundary, 15)
          const bytes = yield* Snapshot.toBytes(pipeline, outcome.snapshot)
          const again = yield* Snapshot.resume(pipeline, yield* Snapshot.fromBytes(pipeline, bytes))
          assert.deepStrictEqual(again.latents.data, whole.latents.data, `boundary ${boundary}`)
          assert.deepStrictEqual(again.images[0].data, whole.images[0].data)
        }
      }).pipe(Effect.provide(fake({ scheduler: { _class_name: "EulerAncestralDiscreteScheduler" } }).layer))
    )
  }

  it.effect("gives both encoders their own words, and zeros for no negative prompt", () =>
    Effect.gen(function* () {
      const { calls, layer } = fake()
      const run = (inputs: Partial<Block.In<typeof text2image>>) => text2image.run({ ...base, ...inputs })
      yield* Effect.gen(function* () {
        const plain = yield* run({})
        assert.isTrue(plain.negativePromptEmbeds.data.every((x) => x === 0))
        assert.isTrue(plain.negativePooledPromptEmbeds.data.every((x) => x === 0))
        assert.deepStrictEqual(plain.promptEmbeds.shape, [1, 4, 4])
        assert.deepStrictEqual(calls.slice(0, 2), [
          { model: "textEncoder", shape: [1, 4] },
          { model: "textEncoder2", shape: [1, 4] }
        ])
        const second = yield* run({ prompt2: "dog" })
        assert.notDeepEqual(second.pooledPromptEmbeds.data, plain.pooledPromptEmbeds.data)
        assert.notDeepEqual(second.promptEmbeds.data, plain.promptEmbeds.data)
        const empty = yield* run({ negativePrompt: "" })
        assert.isFalse(empty.negativePromptEmbeds.data.every((x) => x === 0))
        const off = yield* Effect.provideService(run({}), ForceZerosForEmptyPrompt, false)
        assert.deepStrictEqual(off.negativePromptEmbeds.data, empty.negativePromptEmbeds.data)
        assert.deepStrictEqual(off.latents.data, empty.latents.data)
        const skipped = yield* run({ clipSkip: 1, negativePrompt: "" })
        assert.notDeepEqual(skipped.promptEmbeds.data, empty.promptEmbeds.data)
        assert.deepStrictEqual(skipped.negativePromptEmbeds.data, empty.negativePromptEmbeds.data)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("tells the model sizes", () =>
    Effect.gen(function* () {
      const ids = (inputs: Partial<Block.In<typeof pipeline>>) =>
        Effect.map(pipeline.run({ ...base, ...inputs }), ({ addTimeIds, negativeAddTimeIds }) => [
          [...addTimeIds.data],
          [...negativeAddTimeIds.data]
        ])
      assert.deepStrictEqual(yield* ids({}), [
        [8, 8, 0, 0, 8, 8],
        [8, 8, 0, 0, 8, 8]
      ])
      assert.deepStrictEqual(yield* ids({ originalSize: [20, 10], cropsCoordsTopLeft: [1, 2] }), [
        [20, 10, 1, 2, 8, 8],
        [20, 10, 1, 2, 8, 8]
      ])
      assert.deepStrictEqual(yield* ids({ image, originalSize: [20, 10], cropsCoordsTopLeft: [1, 2] }), [
        [20, 10, 1, 2, 8, 8],
        [20, 10, 1, 2, 8, 8]
      ])
      // as in diffusers, over a picture the crop of the unconditional prediction is not looked at
      const negativeCropsCoordsTopLeft = [5, 6] as const
      assert.deepStrictEqual((yield* ids({ image, negativeCropsCoordsTopLeft }))[1], [8, 8, 0, 0, 8, 8])
      const negative = { negativeOriginalSize: [1, 2], negativeTargetSize: [3, 4] } as const
      assert.deepStrictEqual((yield* ids(negative))[1], [1, 2, 0, 0, 3, 4])
    }).pipe(Effect.provide(fake().layer))
  )

  it.effect("hands over in the middle: two models draw what one draws", () =>
    Effect.gen(function* () {
      const whole = yield* text2image.run(base)
      const first = yield* text2image.run({ ...base, denoisingEnd: 0.5 })
      assert.deepStrictEqual(first.timesteps, [750, 500])
      const second = yield* latents2image.run({ ...base, imageLatents: first.latents, denoisingStart: 0.5 })
      assert.deepStrictEqual(second.timesteps, [250, 0])
      assert.deepStrictEqual(second.latents.data, whole.latents.data)
    }).pipe(Effect.provide(fake().layer))
  )

  const empty = [
    ["an end before the first step", { denoisingEnd: 0.0001 }, "denoisingEnd 0.0001"],
    [
      "a start behind the end",
      { image, denoisingStart: 0.8, denoisingEnd: 0.5 },
      "denoisingStart 0.8 and denoisingEnd 0.5"
    ],
    [
      "a start at the end",
      { imageLatents, denoisingStart: 0.5, denoisingEnd: 0.5 },
      "denoisingStart 0.5 and denoisingEnd 0.5"
    ]
  ] as const
  for (const [what, inputs, shares] of empty) {
    it.effect(`warns of ${what}, which diffusers' blocks take`, () =>
      Effect.gen(function* () {
        const said: Array<unknown> = []
        const logger = Logger.make(({ message }) => void said.push(message))
        const { timesteps } = yield* Pipeline.run(pipeline, { ...base, ...inputs }).pipe(
          Effect.provide(Logger.layer([logger]))
        )
        assert.deepStrictEqual(timesteps, [])
        assert.include(String(said), `no step is left to run: of 4 steps ${shares} leaves none`)
      }).pipe(Effect.provide(fake().layer))
    )
  }

  const refused = [
    ["latents of other channels", { imageLatents: Tensor.zeros("float32", [1, 3, 4, 4]) }, "imageLatents"],
    ["latents of odd sides", { imageLatents: Tensor.zeros("float32", [1, 4, 3, 4]) }, "imageLatents"],
    [
      "latents that are no numbers",
      { imageLatents: Tensor.make("float32", [1, 4, 4, 4], new Float32Array(64).fill(Number.NaN)) },
      "imageLatents"
    ],
    ["numbers of 0..255", { image: Tensor.make("float32", [1, 3, 8, 8], new Float32Array(192).fill(37)) }, "image"],
    ["a share beyond the end", { denoisingEnd: 1.5 }, "denoisingEnd"],
    ["a size of three numbers", { originalSize: [1, 2, 3] }, "originalSize"]
  ] as const
  for (const [what, inputs, field] of refused) {
    it.effect(`refuses ${what} before any model runs`, () =>
      Effect.gen(function* () {
        const { calls, layer } = fake()
        const given = { ...base, ...inputs } as unknown as Block.In<typeof pipeline>
        const error = yield* Effect.flip(Effect.provide(Pipeline.run(pipeline, given), layer))
        assert.strictEqual(error._tag, "InputError")
        if (error._tag === "InputError")
          assert.include(
            error.issues.map((issue) => issue.field),
            field
          )
        assert.deepStrictEqual(calls, [])
      })
    )
  }

  it.effect("refuses to skip more layers than both text encoders give", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(pipeline.run({ ...base, clipSkip: 2 }))
      assert.strictEqual(error._tag, "InputError")
      assert.match(error.message, /clipSkip: it is 2, expected at most 1: /)
    }).pipe(Effect.provide(fakes.make({ xl: true }).layer))
  )

  const guided = (config: Guider.Config, options: fakes.Options = {}) => {
    const { calls, layer } = fake(options)
    return { calls, layer: Layer.merge(layer, Layer.orDie(Guider.layer(config))) }
  }

  it.effect("refuses sizes that a guider pads before any model runs", () =>
    Effect.gen(function* () {
      const { calls, layer } = guided({ _class_name: "FrequencyDecoupledGuidance" })
      const error = yield* Effect.flip(Effect.provide(pipeline.run({ ...base, height: 24, width: 40 }), layer))
      assert.strictEqual(error._tag, "GuiderError")
      assert.match(error.message, /FrequencyDecoupledGuidance makes \[4, 16, 32\] of predictions \[4, 12, 20\]/)
      assert.deepStrictEqual(calls, [])
      // one side that halves to the end is enough
      yield* Effect.provide(pipeline.run({ ...base, height: 32, width: 40 }), layer)
    })
  )

  it.effect("wants a scale for a UNet that guides itself, where the guider has none", () =>
    Effect.gen(function* () {
      const { calls, layer } = guided(
        { _class_name: "FrequencyDecoupledGuidance" },
        { overrides: { unet: { timeCondProjDim: 8 } } }
      )
      const error = yield* Effect.flip(Effect.provide(pipeline.run(base), layer))
      assert.match(error.message, /guidanceScale: it is missing, expected a scale for a UNet that guides itself/)
      assert.deepStrictEqual(calls, [])
    })
  )

  it.effect("refuses the components of the other family", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.provide(
          pipeline.run(base),
          fakes.make({ xl: false, overrides: { unet: { crossAttentionDim: 4 } } }).layer
        )
      )
      assert.match(error.message, /unet is a model without size conditioning|layers/)
      assert.strictEqual(error._tag, "ComponentMismatch")
    })
  )
})
