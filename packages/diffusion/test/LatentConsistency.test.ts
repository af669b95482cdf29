import * as Block from "@effect-blocks/core/Block"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import type { UnetInput } from "@effect-blocks/diffusion/Components"
import { Unet } from "@effect-blocks/diffusion/Components"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as fakes from "./support/fakes.ts"
import { copy } from "./support/folder.ts"

const { image2image, pipeline, text2image } = LatentConsistency
const base = { prompt: "cat", seed: 1 } as const
const lcm = { _class_name: "LCMScheduler" }

/** components with a UNet of this family, and what it was given */
const fake = (timeCondProjDim = 8, options: fakes.Options = {}) => {
  const seen: Array<UnetInput> = []
  const made = fakes.make({
    scheduler: lcm,
    ...options,
    unet: (input, own) => {
      seen.push(input)
      return own(input)
    },
    overrides: { unet: { timeCondProjDim } }
  })
  // `overrides` come last and keep `predict`
  return { ...made, seen }
}
const counted = (calls: ReadonlyArray<fakes.Call>) => calls.filter(({ model }) => model === "unet")

describe("the guidance embedding", () => {
  /**
   * numpy, in float32 as torch: `w = f32(scale - 1) * 1000`, `e = exp(arange(half) * -(log(f32(10000)) / (half - 1)))`,
   * `[sin(w * e), cos(w * e)]`; `exp` in float64 and then rounded, as numpy's own in float32 is a place off
   */
  const expected: ReadonlyArray<readonly [scale: number, width: number, row: ReadonlyArray<number>]> = [
    [
      8.5,
      8,
      [
        -0.8512359261512756, 0.5626711249351501, -0.4352330267429352, 0.6816387176513672, -0.5247832536697388,
        -0.8266808390617371, -0.9003178477287292, 0.731688916683197
      ]
    ],
    [
      7.5,
      8,
      [
        -0.04478473961353302, 0.11018915474414825, 0.9911232590675354, 0.6051863431930542, -0.9989966750144958,
        0.9939106106758118, 0.13294602930545807, 0.7960838675498962
      ]
    ],
    [1, 4, [0, 0, 1, 1]],
    // an odd width ends in a zero
    [3.25, 5, [0.5807584524154663, 0.22310633957386017, 0.8140759468078613, 0.9747940897941589, 0]]
  ]
  for (const [guidanceScale, width, row] of expected) {
    it.effect(`of scale ${guidanceScale} with ${width} numbers is numpy's`, () =>
      Effect.gen(function* () {
        const { layer, seen } = fake(width)
        yield* Effect.provide(pipeline.run({ ...base, guidanceScale, numImagesPerPrompt: 2 }), layer)
        for (const { timestepCond } of seen) {
          assert.deepStrictEqual(timestepCond!.shape, [2, width])
          assert.deepStrictEqual([...timestepCond!.data], [...row, ...row])
        }
        assert.strictEqual(seen.length, 4)
      })
    )
  }
})

describe("latent consistency", () => {
  it.effect("runs the model once a step, without negative prompts, 4 steps with a scale of 8.5", () =>
    Effect.gen(function* () {
      const { calls, layer } = fake()
      const { latents } = yield* Effect.provide(pipeline.run(base), layer)
      assert.deepStrictEqual(calls, [
        { model: "textEncoder", shape: [1, 4] },
        ...[999, 759, 499, 259].map((timestep) => ({ model: "unet", shape: [1, 4, 4, 4], timestep }) as const),
        { model: "vaeDecoder", shape: [1, 4, 4, 4] }
      ])
      const same = yield* Effect.provide(pipeline.run({ ...base, guidanceScale: 8.5, numInferenceSteps: 4 }), layer)
      assert.deepStrictEqual(same.latents.data, latents.data)
      const other = yield* Effect.provide(pipeline.run({ ...base, guidanceScale: 2 }), layer)
      assert.notDeepEqual(other.latents.data, latents.data)
    })
  )

  it.effect("chooses among the steps that were distilled from", () =>
    Effect.gen(function* () {
      const { layer } = fake()
      const run = text2image.run({ ...base, originalInferenceSteps: 100, numInferenceSteps: 2 })
      assert.deepStrictEqual((yield* Effect.provide(run, layer)).timesteps, [999, 499])
    })
  )

  it.effect("runs all steps over the last part of the schedule, from a picture", () =>
    Effect.gen(function* () {
      const { calls, layer } = fake()
      const run = Pipeline.run(pipeline, { ...base, image: fakes.picture(), strength: 0.5 }, { output: "timesteps" })
      assert.deepStrictEqual(yield* Effect.provide(run, layer), [499, 379, 259, 139])
      assert.strictEqual(counted(calls).length, 4)
      assert.strictEqual(calls[0]!.model, "vaeEncoder")
    })
  )

  it.effect("decodes clean latents where strength cuts timesteps of one's own", () =>
    Effect.gen(function* () {
      const run = image2image.run({ ...base, image: fakes.picture(), strength: 0.5, timesteps: [900, 600, 300, 100] })
      const { latents, plan, predOriginalSample, timesteps } = yield* run
      assert.deepStrictEqual(timesteps, [300, 100])
      assert.deepStrictEqual(plan.noise, [true, false])
      assert.deepStrictEqual(latents.data, predOriginalSample!.data)
    }).pipe(Effect.provide(fake().layer))
  )

  it.effect("also works in the other pipelines, where guider and negative prompt have nothing to do", () =>
    Effect.gen(function* () {
      for (const xl of [false, true]) {
        const { calls, layer, seen } = fake(8, { xl })
        const { text2image } = xl ? StableDiffusionXL : StableDiffusion
        const inputs = { ...base, numInferenceSteps: 2, negativePrompt: "dog", guidanceRescale: 0.7 }
        yield* Effect.provide(text2image.run({ ...inputs, guidanceScale: 8.5 }), layer)
        assert.deepStrictEqual(
          counted(calls).map(({ shape }) => shape[0]),
          [1, 1]
        )
        assert.deepStrictEqual(calls[0], { model: "textEncoder", shape: [1, 4] })
        assert.closeTo(seen[0]!.timestepCond!.data[0]!, -0.8512359261512756, 1e-6)
        // the guider's own scale of 7.5, where none is given
        yield* Effect.provide(text2image.run(inputs), layer)
        assert.closeTo(seen[2]!.timestepCond!.data[0]!, -0.04478473961353302, 1e-6)
      }
    })
  )

  it.effect("goes on bit for bit from every step", () =>
    Effect.gen(function* () {
      const whole = yield* pipeline.run(base)
      for (const step of [0, 1, 2]) {
        const left = yield* Snapshot.run(pipeline, base, { on: "iteration", until: ({ index }) => index === step })
        assert.strictEqual(left._tag, "Left")
        if (left._tag === "Done") return
        const bytes = yield* Snapshot.toBytes(pipeline, left.snapshot)
        const again = yield* Snapshot.resume(pipeline, yield* Snapshot.fromBytes(pipeline, bytes))
        assert.deepStrictEqual(again.latents.data, whole.latents.data)
      }
    }).pipe(Effect.provide(fake().layer))
  )

  it("takes no negative prompt and nothing that blocks only tell each other", () => {
    const { properties } = Block.inputJsonSchema(pipeline) as { properties: Record<string, object> }
    const given =
      "prompt promptEmbeds numImagesPerPrompt seed clipSkip height width latents image strength numInferenceSteps " +
      "originalInferenceSteps timesteps guidanceScale"
    assert.sameMembers(Object.keys(properties), given.split(" "))
    assert.deepInclude(properties["numInferenceSteps"], { default: 4 })
    assert.deepInclude(properties["guidanceScale"], { default: 8.5, minimum: 0, maximum: 100 })
  })

  const mismatches = [
    ["a UNet that does not guide itself", fakes.make({ scheduler: lcm }), {}, "ComponentMismatch", /unet .*embedding/],
    ["too narrow an embedding", fake(3), {}, "ComponentMismatch", /unet .*embedding of 3 numbers, expected at least 4/],
    ["more steps than were distilled from", fake(), { numInferenceSteps: 51 }, "SchedulerError", /steps \(51\)/],
    [
      "a scheduler without them",
      fake(8, { scheduler: { _class_name: "DDIMScheduler" } }),
      { originalInferenceSteps: 50 },
      "SchedulerError",
      /takes no originalInferenceSteps/
    ],
    ["no steps to distil from", fake(), { originalInferenceSteps: 0 }, "InputError", /originalInferenceSteps/]
  ] as const
  for (const [what, { calls, layer }, inputs, tag, message] of mismatches) {
    it.effect(`refuses ${what} before any model runs`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(Pipeline.run(pipeline, { ...base, ...inputs }), layer))
        assert.strictEqual(error._tag, tag)
        assert.match(error.message, message)
        assert.deepStrictEqual(calls, [])
      })
    )
  }
})

describe("a repository", () => {
  const width = 8
  /** half of the sample, plus the sum of the guidance embedding */
  const graph = OnnxGraph.make("unet", {
    inputs: {
      sample: Tensor.float32("batch", 4, "height", "width"),
      timestep: Tensor.int64("steps"),
      encoder_hidden_states: Tensor.float32("batch", "length", 256),
      timestep_cond: Tensor.float32("batch", width)
    },
    outputs: { out_sample: Tensor.float32("batch", 4, "height", "width") },
    nodes: [
      OnnxGraph.node("Mul", ["sample", "half"], ["part"]),
      OnnxGraph.node("ReduceSum", ["timestep_cond", "axes"], ["sum"], { attributes: { keepdims: OnnxGraph.int(1) } }),
      OnnxGraph.node("Unsqueeze", ["sum", "planes"], ["planar"]),
      OnnxGraph.node("Add", ["part", "planar"], ["out_sample"])
    ],
    initializers: {
      half: Tensor.make("float32", [], Float32Array.of(0.5)),
      axes: Tensor.make("int64", [1], BigInt64Array.of(1n)),
      planes: Tensor.make("int64", [2], BigInt64Array.of(2n, 3n))
    }
  })
  const repository = (className: string, timeCondProjDim: number | null) =>
    copy(async (folder) => {
      await writeFile(join(folder, "model_index.json"), JSON.stringify({ _class_name: className }))
      await writeFile(join(folder, "scheduler/scheduler_config.json"), JSON.stringify(lcm))
      await writeFile(join(folder, "unet/model.onnx"), OnnxGraph.encode(graph))
      const file = join(folder, "unet/config.json")
      const config: unknown = JSON.parse(await readFile(file, "utf8"))
      await writeFile(file, JSON.stringify({ ...(config as object), time_cond_proj_dim: timeCondProjDim }))
    })
  const store = ModelStore.layer({ budget: 2 ** 28 }).pipe(Layer.provide(OnnxRuntime.layerCpu))

  for (const className of ["LatentConsistencyModelPipeline", "ORTLatentConsistencyModelImg2ImgPipeline"]) {
    it.effect(`of ${className} has this pipeline, and its UNet is given the embedding`, () =>
      Effect.gen(function* () {
        const loaded = yield* Repository.pipeline(yield* repository(className, width))
        assert.strictEqual(loaded.family, "latentConsistency")
        if (loaded.family !== "latentConsistency") return
        const size = { height: 32, width: 32, numInferenceSteps: 2 }
        const [strong, weak] = yield* Effect.all([
          Pipeline.run(loaded.pipeline, { ...base, ...size }),
          Pipeline.run(loaded.pipeline, { ...base, ...size, guidanceScale: 1 })
        ]).pipe(Effect.provide(Layer.provide(loaded.components, store)))
        assert.deepStrictEqual(strong.images[0].shape, [32, 32, 3])
        assert.notDeepEqual(strong.latents.data, weak.latents.data)
      })
    )
  }

  it.effect("may leave the width to the graph, and must not contradict it", () =>
    Effect.gen(function* () {
      const dim = (folder: string) =>
        Effect.map(Unet, (unet) => unet.timeCondProjDim).pipe(
          Effect.provide(Repository.layerUnet(folder).pipe(Layer.provide(store)))
        )
      assert.strictEqual(yield* dim(yield* repository("LatentConsistencyModelPipeline", null)), width)
      const error = yield* Effect.flip(dim(yield* repository("LatentConsistencyModelPipeline", 16)))
      assert.match(error.message, /input 'timestep_cond' is float32\[batch, 8\], not float32\[batch, 16\]/)
    })
  )

  it.effect("says what a UNet misses that is run without the embedding", () =>
    Effect.gen(function* () {
      const folder = yield* repository("LatentConsistencyModelPipeline", width)
      const run = Effect.flatMap(Unet, (unet) =>
        unet.predict({
          sample: Tensor.zeros("float32", [1, 4, 8, 8]),
          timestep: 999,
          encoderHiddenStates: Tensor.zeros("float32", [1, 1, 256])
        })
      )
      const error = yield* Effect.flip(Effect.provide(run, Repository.layerUnet(folder).pipe(Layer.provide(store))))
      assert.strictEqual(error._tag, "ModelInputError")
      assert.include(error.message, "timestep_cond")
    })
  )
})
