import { Scheduler } from "@effect-blocks/diffusion/Components"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as Schedulers from "@effect-blocks/diffusion/Scheduler"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import * as golden from "./support/golden.ts"

/** diffusers' arguments under the names that they have here */
const names: Readonly<Record<string, string>> = {
  prompt: "prompt",
  negative_prompt: "negativePrompt",
  num_images_per_prompt: "numImagesPerPrompt",
  num_inference_steps: "numInferenceSteps",
  guidance_scale: "guidanceScale",
  guidance_rescale: "guidanceRescale",
  height: "height",
  width: "width",
  eta: "eta",
  strength: "strength",
  image: "image",
  mask_image: "maskImage"
}

const repository = (scheduler: Layer.Layer<Scheduler, Schedulers.SchedulerError>) =>
  Repository.layer(join(golden.folder, "pipelines", "tiny-sd15"), { scheduler })

describe.runIf(golden.present)("Stable Diffusion 1.5, as diffusers computes it", () => {
  const { doc, f32, u8 } = golden.present ? golden.open("pipelines/sd15") : ({ doc: { cases: [] } } as never)
  // sessions are made once for all cases
  const store = ModelStore.layer({ budget: 2 ** 26 }).pipe(Layer.provide(OnnxRuntime.layerCpu))
  layer(store)((it) => {
    for (const item of doc.cases) {
      const [className] = item.scheduler
      it.effect.runIf(Schedulers.classNames.includes(className))(`${item.id} (${className})`, () => {
        const steps: Array<{ sample: Tensor.Tensor<"float32">; next: Tensor.Tensor<"float32"> }> = []
        const recording = Layer.effect(
          Scheduler,
          Effect.map(
            Effect.fromResult(Schedulers.fromConfig({ ...item.scheduler_config, _class_name: className })),
            (scheduler) =>
              ({
                ...scheduler,
                step: (plan, state, input) => {
                  const out = scheduler.step(plan, state, input)
                  steps.push({ sample: input.sample, next: out.sample })
                  return out
                }
              }) satisfies Schedulers.Shape
          )
        )
        const inputs = Object.fromEntries(
          Object.entries(item.call).map(([name, value]) => {
            const here = names[name]
            assert.isDefined(here, `an argument '${name}' that this test does not know`)
            return [
              here,
              value === "input picture"
                ? u8(doc.input_picture)
                : value === "input mask"
                  ? Tensor.reshape(u8(doc.input_mask), [...doc.input_mask.shape, 1])
                  : value
            ]
          })
        )
        return Effect.gen(function* () {
          const out = yield* StableDiffusion.pipeline.run({ ...(inputs as { prompt: string }), seed: item.seed })
          assert.isBelow(golden.difference(out.promptEmbeds.data, f32(item.prompt_embeds).data), 1e-4, "prompt states")
          if (out.negativePromptEmbeds !== out.promptEmbeds) {
            const negative = f32(item.negative_prompt_embeds).data
            assert.isBelow(golden.difference(out.negativePromptEmbeds.data, negative), 1e-4, "negative prompt states")
          }
          assert.deepStrictEqual(out.timesteps, item.steps.timesteps)
          const flat = (of: "sample" | "next") => steps.flatMap((step) => [...step[of].data])
          assert.isBelow(
            golden.difference(flat("sample"), f32(item.steps.sample_in).data),
            1e-4,
            "latents before each step"
          )
          assert.isBelow(
            golden.difference(flat("next"), f32(item.steps.sample_out).data),
            1e-4,
            "latents after each step"
          )
          const pixels = out.images.flatMap((image) => [...image.data])
          assert.isAtMost(golden.difference(pixels, u8(item.images_uint8).data), 1, "pictures")
        }).pipe(Effect.provide(repository(recording)))
      })
    }
  })
})
