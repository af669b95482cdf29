import * as Guider from "@effect-blocks/diffusion/Guider"
import { ForceZerosForEmptyPrompt } from "@effect-blocks/diffusion/ForceZerosForEmptyPrompt"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
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

const camelCase = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

describe.runIf(golden.present)("Stable Diffusion XL, as diffusers computes it", () => {
  const { doc, f32, u8 } = golden.present ? golden.open("pipelines/sdxl") : ({ doc: { cases: [] } } as never)
  const given = (value: any): unknown => {
    if (value === "input picture") return u8(doc.input_picture)
    if (value === "input mask") return Tensor.reshape(u8(doc.input_mask), [...doc.input_mask.shape, 1])
    return value?.dtype === "f32" ? f32(value) : value
  }
  // sessions are made once for all cases
  const store = ModelStore.layer({ budget: 2 ** 26 }).pipe(Layer.provide(OnnxRuntime.layerCpu))
  layer(store)((it) => {
    for (const item of doc.cases) {
      it.effect(`${item.id} (${item.scheduler[0]}, ${item.guider[0]})`, () => {
        const steps: Array<{
          output: Tensor.Tensor<"float32">
          sample: Tensor.Tensor<"float32">
          next: Tensor.Tensor<"float32">
        }> = []
        const scheduler = Layer.effect(
          Schedulers.Scheduler,
          Effect.map(
            Effect.fromResult(Schedulers.fromConfig({ ...item.scheduler_config, _class_name: item.scheduler[0] })),
            (scheduler) =>
              ({
                ...scheduler,
                step: (plan, state, input) => {
                  const out = scheduler.step(plan, state, input)
                  steps.push({ output: input.modelOutput, sample: input.sample, next: out.sample })
                  return out
                }
              }) satisfies Schedulers.Shape
          )
        )
        const guider = Guider.layer({ _class_name: item.guider[0], ...item.guider[1] })
        const components = Repository.layerXL(join(golden.folder, "pipelines", "tiny-sdxl"), { scheduler, guider })
        const { output_type: _, ...call } = item.call
        const inputs = Object.fromEntries(Object.entries(call).map(([name, value]) => [camelCase(name), given(value)]))
        return Effect.gen(function* () {
          const out = yield* StableDiffusionXL.pipeline.run({ ...(inputs as { prompt: string }), seed: item.seed })
          const close = (what: string, got: ArrayLike<number>, want: golden.Ref, limit = 1e-4) =>
            assert.isBelow(golden.difference(got, f32(want).data), limit, what)
          close("prompt states", out.promptEmbeds.data, item.state.prompt_embeds)
          close("pooled prompt states", out.pooledPromptEmbeds.data, item.state.pooled_prompt_embeds)
          close("size conditioning", out.addTimeIds.data, item.state.add_time_ids)
          if (item.state.negative_prompt_embeds !== null && out.negativePromptEmbeds !== out.promptEmbeds) {
            close("negative prompt states", out.negativePromptEmbeds.data, item.state.negative_prompt_embeds)
            close(
              "negative pooled prompt states",
              out.negativePooledPromptEmbeds.data,
              item.state.negative_pooled_prompt_embeds
            )
            close("negative size conditioning", out.negativeAddTimeIds.data, item.state.negative_add_time_ids)
          }
          assert.deepStrictEqual(out.timesteps, item.steps.timesteps)
          const flat = (of: "output" | "sample" | "next") => steps.flatMap((step) => [...step[of].data])
          close("latents before each step", flat("sample"), item.steps.sample_in)
          close("model output of each step", flat("output"), item.steps.model_output)
          close("latents after each step", flat("next"), item.steps.sample_out)
          if (item.images_uint8 === undefined) return
          const pixels = out.images.flatMap((image) => [...image.data])
          assert.isAtMost(golden.difference(pixels, u8(item.images_uint8).data), 1, "pictures")
        }).pipe(
          item.config.force_zeros_for_empty_prompt === undefined
            ? (_) => _
            : Effect.provideService(ForceZerosForEmptyPrompt, item.config.force_zeros_for_empty_prompt as boolean),
          Effect.provide(components)
        )
      })
    }
  })
})
