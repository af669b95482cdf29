import type * as Block from "@effect-blocks/core/Block"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { components } from "./support/emoji.ts"
import * as fakes from "./support/fakes.ts"

const { pipeline } = StableDiffusion
const base = {
  prompt: "cat",
  negativePrompt: "dog",
  numInferenceSteps: 3,
  seed: [1, 2],
  numImagesPerPrompt: 2
} as const
const image = fakes.picture()
const { prompt: _, ...withoutPrompt } = base
const workflows: Readonly<Record<string, Block.In<typeof pipeline>>> = {
  text2image: base,
  image2image: { ...base, image, strength: 0.7 },
  inpainting: { ...base, image, maskImage: fakes.mask() },
  "inpainting of a part": { ...base, image, maskImage: fakes.mask(), paddingMaskCrop: 1 },
  "text2image of states": {
    ...withoutPrompt,
    promptEmbeds: Tensor.make("float32", [1, 1, 2], Float32Array.of(0.5, 2)),
    guidanceScale: 1
  }
}
const result = (out: {
  readonly images: ReadonlyArray<Tensor.Tensor<"uint8">>
  readonly latents: Tensor.Tensor<"float32">
}) => ({
  pictures: out.images.map(({ data }) => data),
  latents: out.latents.data
})

describe("a run that is left", () => {
  for (const scheduler of ["EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler"]) {
    for (const [name, inputs] of Object.entries(workflows)) {
      it.effect(`goes on bit for bit from every boundary: ${name}, ${scheduler}`, () =>
        Effect.gen(function* () {
          const whole = result(yield* pipeline.run(inputs))
          let boundaries = 0
          for (;;) {
            const outcome = yield* Snapshot.run(pipeline, inputs, { until: ({ count }) => count === boundaries })
            if (outcome._tag === "Done") break
            boundaries++
            const bytes = yield* Snapshot.toBytes(pipeline, outcome.snapshot)
            const snapshot = yield* Snapshot.fromBytes(pipeline, Uint8Array.from(bytes))
            assert.deepStrictEqual(result(yield* Snapshot.resume(pipeline, snapshot)), whole, `boundary ${boundaries}`)
          }
          // 7 to 12 blocks outside the loop, 4 or 6 inside it, 2 or 3 times
          assert.isAtLeast(boundaries, 7 + 4 * 2)
        }).pipe(Effect.provide(fakes.make({ scheduler: { _class_name: scheduler } }).layer))
      )
    }
  }

  it.effect("goes on bit for bit with the shipped model", () =>
    Effect.gen(function* () {
      const inputs = { prompt: "red heart", guidanceScale: 3, numInferenceSteps: 4, seed: 3 }
      const whole = result(yield* pipeline.run(inputs))
      const left = yield* Snapshot.run(pipeline, inputs, { on: "iteration", until: ({ index }) => index === 1 })
      assert.strictEqual(left._tag, "Left")
      if (left._tag === "Done") return
      const bytes = yield* Snapshot.toBytes(pipeline, left.snapshot)
      const again = yield* Snapshot.resume(pipeline, yield* Snapshot.fromBytes(pipeline, bytes))
      assert.deepStrictEqual(result(again), whole)
    }).pipe(Effect.provide(components))
  )

  it.effect("shows the latents that it expects while it runs", () =>
    Effect.gen(function* () {
      const events = yield* Stream.runCollect(Loop.stream(StableDiffusion.text2image, base))
      assert.deepStrictEqual(
        events.map(({ path }) => path),
        ["text2image.denoise", "text2image.denoise", "text2image.denoise"]
      )
      const shown = events.map(({ state }) => state as Record<string, Tensor.Tensor<"float32">>)
      const equal = shown.map(({ latents, predOriginalSample }) =>
        latents!.data.every((value, at) => value === predOriginalSample!.data[at])
      )
      // the last step arrives at what it expects
      assert.deepStrictEqual(equal, [false, false, true])
    }).pipe(Effect.provide(fakes.make().layer))
  )
})
