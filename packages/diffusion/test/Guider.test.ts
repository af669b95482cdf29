import * as Guider from "@effect-blocks/diffusion/Guider"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

type Latents = Tensor.Tensor<"float32">

/** Every class, with the options that it cannot do without and those that make it remember. */
const needed: Readonly<Record<string, Guider.Config>> = {
  AdaptiveProjectedGuidance: { adaptive_projected_guidance_momentum: -0.5 },
  AutoGuidance: { auto_guidance_layers: [0], dropout: 1 },
  PerturbedAttentionGuidance: {
    perturbed_guidance_layers: [0],
    perturbed_guidance_start: 0,
    perturbed_guidance_stop: 1
  },
  SkipLayerGuidance: { skip_layer_guidance_layers: [0], skip_layer_guidance_start: 0, skip_layer_guidance_stop: 1 },
  SmoothedEnergyGuidance: { seg_guidance_layers: [0] }
}
const perturbed = ["AutoGuidance", "PerturbedAttentionGuidance", "SkipLayerGuidance", "SmoothedEnergyGuidance"]

const configOf = (className: string): Guider.Config => ({ ...needed[className], _class_name: className })
const make = (config: Guider.Config, capabilities: Guider.Capabilities = {}) =>
  Result.getOrThrow(Guider.fromConfig(config, { perturbedModel: true, beyondDiffusers: true, ...capabilities }))

const failure = <A>(result: Result.Result<A, Guider.GuiderError>): Guider.GuiderError =>
  Result.getOrThrow(Result.flip(result))

const steps = 10
const momentOf = (step: number): Guider.Moment => ({ step, numInferenceSteps: steps, timestep: 999 - 100 * step })

const codec = Schema.toCodecJson(Guider.GuiderState)
const throughJson = (state: Guider.GuiderState): Guider.GuiderState =>
  Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(state))))

/** The predictions of a step: other normals for each name, seed and step. */
const predictionsOf = (guider: Guider.Shape, seed: number, step: number): Guider.Predictions => {
  const names = guider.predictions(momentOf(step)).map(({ name }) => name)
  const tensors = names.map((name, i) => [name, Rng.normal(Rng.make(1000 * seed + 10 * step + i), [2, 4, 8, 8])[0]])
  return Object.fromEntries(tensors)
}

const bytesOf = ({ data }: Latents): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex")

describe("Guider.fromConfig", () => {
  it("refuses unknown classes and options, and values that cannot be", () => {
    assert.strictEqual(failure(Guider.fromConfig({ _class_name: "Nothing" })).reason, "UnknownClass")
    assert.match(failure(Guider.fromConfig({})).message, /no _class_name.*ClassifierFreeGuidance/)
    assert.match(
      failure(Guider.fromConfig({ _class_name: "ClasifierFreeGuidance" })).message,
      /^there is no guider ClasifierFreeGuidance, did you mean ClassifierFreeGuidance\?; known are /
    )
    for (const [none, what] of [
      [null, "null"],
      [[], "a list"],
      ["ClassifierFreeGuidance", "a string"]
    ] as const) {
      const error = failure(Guider.fromConfig(none as unknown as Guider.Config))
      assert.match(error.message, new RegExp(`^the configuration is ${what}, not an object; known are `))
    }
    const cases: ReadonlyArray<readonly [Guider.Config, string, Guider.GuiderError["reason"]]> = [
      [{ guidance_scales: 7 }, "guidance_scales", "UnknownOption"],
      [{ guidance_scale: "7" }, "guidance_scale", "InvalidOption"],
      [{ guidance_rescale: null }, "guidance_rescale", "InvalidOption"],
      [{ start: 1 }, "start", "InvalidOption"],
      [{ start: -0.1 }, "start", "InvalidOption"],
      [{ start: 0.6, stop: 0.4 }, "stop", "InvalidOption"],
      [{ stop: 1.1 }, "stop", "InvalidOption"]
    ]
    for (const [options, option, reason] of cases) {
      const error = failure(Guider.fromConfig({ _class_name: "ClassifierFreeGuidance", ...options }))
      assert.strictEqual(error.option, option)
      assert.strictEqual(error.reason, reason)
    }
  })

  it("refuses what changes the model, saying why and what helps, unless there is a second one", () => {
    for (const className of perturbed) {
      const error = failure(Guider.fromConfig(configOf(className)))
      assert.strictEqual(error.reason, "NeedsPerturbedModel", className)
      assert.match(error.message, /inside the model.*ONNX.*one model.*second model.*perturbedModel/)
      const guider = make(configOf(className))
      assert.ok(guider.predictions(momentOf(1)).some(({ model }) => model === "perturbed"))
      assert.strictEqual(guider.predictions(momentOf(1))[0]?.model, "main")
    }
  })

  it("wants exactly one way to say which layers", () => {
    const both = { _class_name: "SkipLayerGuidance", skip_layer_guidance_layers: 1, skip_layer_config: {} }
    assert.strictEqual(failure(Guider.fromConfig(both, { perturbedModel: true })).option, "skip_layer_config")
    const none = { _class_name: "SkipLayerGuidance" }
    assert.strictEqual(failure(Guider.fromConfig(none, { perturbedModel: true })).option, "skip_layer_guidance_layers")
    const dropout = { _class_name: "AutoGuidance", auto_guidance_layers: 1 }
    assert.strictEqual(failure(Guider.fromConfig(dropout, { perturbedModel: true })).option, "dropout")
  })

  it("refuses frequency levels that diffusers mixes up, and does them when asked", () => {
    const _class_name = "FrequencyDecoupledGuidance"
    const refused = (config: Guider.Config, numInferenceSteps?: number) =>
      Result.flatMap(Guider.fromConfig({ _class_name, ...config }), (guider) =>
        guider.supports([1, 4, 8, 8], numInferenceSteps)
      )
    assert.strictEqual(failure(refused({ start: [0, 0.4] })).option, "start")
    assert.strictEqual(failure(refused({ stop: [0.8, 1] }, 5)).option, "stop")
    assert.strictEqual(failure(refused({ guidance_scales: [4, 1] })).option, "guidance_scales")
    assert.strictEqual(failure(Guider.fromConfig({ _class_name, start: [0, 0, 0] })).option, "start")
    // in so short a run both levels begin at step 0, and a guider that is off guides no level
    assert.ok(Result.isSuccess(refused({ start: [0, 0.1] }, 5)))
    assert.ok(Result.isSuccess(refused({ guidance_scales: [4, 1], enabled: false })))
    const fine = make({ _class_name, guidance_scales: [4, 1] })
    const zero = Tensor.zeros("float32", [1, 1, 4, 4])
    const flat = Tensor.make("float32", zero.shape, new Float32Array(16).fill(1))
    // the coarse level holds all of a flat picture and is left as the conditional prediction has it
    const { prediction } = fine.combine(Guider.initial, momentOf(0), { predCond: flat, predUncond: zero })
    for (const value of prediction.data) assert.closeTo(value, 1, 1e-6)
  })

  it("says which shapes cannot be combined", () => {
    const magnitude = Guider.fromConfig({ _class_name: "MagnitudeAwareGuidance" })
    const refused = Result.flatMap(magnitude, (guider) => guider.supports([1, 4, 8, 8]))
    assert.strictEqual(failure(refused).reason, "UnsupportedShape")
    const frequency = make({ _class_name: "FrequencyDecoupledGuidance", guidance_scales: [1, 2, 3] })
    assert.ok(Result.isSuccess(frequency.supports([1, 4, 12, 12])))
    assert.ok(Result.isFailure(frequency.supports([1, 4, 16, 6])))
    assert.ok(Result.isFailure(frequency.supports([1, 4, 16])))
    // a blur reflects two values at each edge
    assert.ok(Result.isFailure(frequency.supports([1, 4, 4, 4])))
    const off = make({ _class_name: "MagnitudeAwareGuidance", stop: 0.1 }, { beyondDiffusers: false })
    assert.ok(Result.isFailure(off.supports([1, 4, 8, 8], 10)))
    assert.ok(Result.isSuccess(off.supports([1, 4, 8, 8], 9)))
    for (const axes of [4, [1, -3], [0, 1, 2, 3, 4]]) {
      const adaptive = make({ _class_name: "AdaptiveProjectedGuidance", adaptive_projected_guidance_norm_dim: axes })
      assert.strictEqual(failure(adaptive.supports([1, 4, 8, 8])).option, "adaptive_projected_guidance_norm_dim")
    }
  })

  it("reads the descriptions of layers, and refuses those that cannot be", () => {
    const options = { perturbedModel: true }
    const read = (skip_layer_config: unknown) =>
      Guider.fromConfig({ _class_name: "SkipLayerGuidance", skip_layer_config }, options)
    assert.ok(Result.isSuccess(read([{ indices: [7], fqn: "blocks", skip_ff: false }])))
    for (const wrong of [
      "layers",
      {},
      { indices: [7], layer: 1 },
      { indices: [7], dropout: 2 },
      { indices: [7], dropout: 0.5, skip_attention_scores: true }
    ])
      assert.strictEqual(failure(read(wrong)).option, "skip_layer_config")
  })

  it("has momentum from the first step on, and none in a run that begins after it", () => {
    const guider = make({
      ...configOf("AdaptiveProjectedGuidance"),
      adaptive_projected_guidance_momentum: 1,
      adaptive_projected_guidance_rescale: 0,
      start: 0.1
    })
    const one = (value: number) => Tensor.make("float32", [1, 1], Float32Array.of(value))
    const last = (begin: number): number => {
      let state = Guider.initial
      let value = 0
      for (let step = begin; step < 3; step++) {
        const out = guider.combine(state, momentOf(step), { predCond: one(1), predUncond: one(0) })
        state = out.state
        value = out.prediction.data[0]!
      }
      return value
    }
    assert.strictEqual(last(0), 15)
    assert.strictEqual(last(1), 7.5)
  })

  it("takes a negative rescale as none", () => {
    const combined = (guidance_rescale: number) =>
      make({ _class_name: "ClassifierFreeGuidance", guidance_rescale }).combine(Guider.initial, momentOf(0), {
        predCond: Tensor.make("float32", [1, 2], Float32Array.of(-1, 1)),
        predUncond: Tensor.make("float32", [1, 2], Float32Array.of(0, 0))
      }).prediction.data
    assert.deepStrictEqual([...combined(-0.5)], [-7.5, 7.5])
    assert.closeTo(combined(1)[1]!, 1, 1e-6)
  })

  it("gives a configuration that makes the same guider again", () => {
    for (const className of Guider.classNames) {
      const guider = make(configOf(className))
      assert.deepStrictEqual(make(JSON.parse(JSON.stringify(guider.config))).config, guider.config)
    }
  })
})

describe("a guider", () => {
  for (const className of Guider.classNames) {
    const guider = make(configOf(className))

    const run = (seed: number, from: Guider.GuiderState, first: number): ReadonlyArray<string> => {
      const out: Array<string> = []
      let state = from
      for (let step = first; step < steps; step++) {
        const next = guider.combine(state, momentOf(step), predictionsOf(guider, seed, step))
        state = next.state
        out.push(bytesOf(next.prediction))
      }
      return out
    }

    it(`goes on from its state through JSON at every step, bit for bit: ${className}`, () => {
      const want = run(1, Guider.initial, 0)
      let state = Guider.initial
      for (let step = 0; step < steps; step++) {
        assert.deepStrictEqual(run(1, throughJson(state), step), want.slice(step))
        state = guider.combine(state, momentOf(step), predictionsOf(guider, 1, step)).state
      }
    })

    it.effect(`is shared by concurrent runs: ${className}`, () =>
      Effect.gen(function* () {
        const stepping = (seed: number) =>
          Effect.gen(function* () {
            const out: Array<string> = []
            let state = Guider.initial
            for (let step = 0; step < steps; step++) {
              const next = guider.combine(state, momentOf(step), predictionsOf(guider, seed, step))
              state = next.state
              out.push(bytesOf(next.prediction))
              yield* Effect.yieldNow
            }
            return out
          })
        const together = yield* Effect.all([stepping(1), stepping(2), stepping(3)], { concurrency: "unbounded" })
        assert.deepStrictEqual(
          together,
          [1, 2, 3].map((seed) => run(seed, Guider.initial, 0))
        )
      })
    )

    it(`writes to nothing it was given, and dies of a missing prediction: ${className}`, () => {
      let state = Guider.initial
      for (let step = 0; step < steps; step++) {
        const predictions = predictionsOf(guider, 1, step)
        const given = [...Object.values(predictions), ...Object.values(state.memory)].filter((one) => one !== undefined)
        const copies = given.map(({ data }) => data.slice())
        state = guider.combine(state, momentOf(step), predictions).state
        given.forEach(({ data }, i) => assert.deepStrictEqual(data, copies[i]))
      }
      assert.throws(() => guider.combine(Guider.initial, momentOf(2), {}), /needs predCond/)
    })
  }

  it("acts only within its share of the steps", () => {
    const guider = make({ _class_name: "ClassifierFreeGuidance", start: 0.2, stop: 0.5 })
    const counts = Array.from({ length: steps }, (_, step) => guider.predictions(momentOf(step)).length)
    assert.deepStrictEqual(counts, [1, 1, 2, 2, 2, 1, 1, 1, 1, 1])
  })
})

describe("batches", () => {
  it("go together and come apart", () => {
    const guider = make({ _class_name: "ClassifierFreeGuidance" })
    const predictions = guider.predictions(momentOf(0))
    const [cond] = Rng.normal(Rng.make(1), [2, 3])
    const [uncond] = Rng.normal(Rng.make(2), [2, 3])
    const batch = Guider.gather(predictions, { cond, uncond })
    assert.deepStrictEqual(batch.shape, [4, 3])
    const apart = Guider.split(predictions, batch)
    assert.deepStrictEqual(apart.predCond?.data, cond.data)
    assert.deepStrictEqual(apart.predUncond?.data, uncond.data)
    const single = predictions.slice(0, 1)
    assert.strictEqual(Guider.gather(single, { cond, uncond }), cond)
    assert.strictEqual(Guider.split(single, cond).predCond, cond)
  })
})

describe("Guider", () => {
  it.effect("is a service whose layer fails with what is wrong", () =>
    Effect.gen(function* () {
      const scale = Effect.map(Guider.Guider, ({ config }) => config["guidance_scale"])
      const layer = Guider.layer({ _class_name: "ClassifierFreeGuidance", guidance_scale: 4 })
      assert.strictEqual(yield* Effect.provide(scale, layer), 4)
      const changed = Result.getOrThrow(
        Guider.reconfigure(make(configOf("TangentialClassifierFreeGuidance")), { guidance_scale: 2 })
      )
      assert.strictEqual(yield* Effect.provide(scale, Guider.Guider.layerOf(changed)), 2)
      for (const [className, capabilities] of [
        ["MagnitudeAwareGuidance", { beyondDiffusers: true }],
        ["PerturbedAttentionGuidance", { perturbedModel: true }]
      ] as const) {
        const made = Result.getOrThrow(Guider.fromConfig(configOf(className), capabilities))
        const kept = Result.getOrThrow(Guider.reconfigure(made, { guidance_rescale: 0.5 }))
        assert.deepStrictEqual(kept.capabilities, capabilities)
        assert.isTrue(Result.isSuccess(kept.supports([1, 4, 8, 8])))
      }
      const error = yield* Effect.flip(Effect.provide(scale, Guider.layer({ _class_name: "Nothing" })))
      assert.strictEqual(error._tag, "GuiderError")
    })
  )
})
