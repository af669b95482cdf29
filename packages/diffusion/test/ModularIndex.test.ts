import * as ModularIndex from "@effect-blocks/diffusion/ModularIndex"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Hub from "@effect-blocks/diffusion/Hub"
import { Unet, VaeDecoder } from "@effect-blocks/diffusion/Components"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { copy, temporary } from "./support/folder.ts"
import { filesOf, testHub } from "./support/hub.ts"

/** as diffusers 0.40 writes it, from `ModularPipeline.save_pretrained` */
const written = `{
  "_blocks_class_name": "StableDiffusionXLAutoBlocks",
  "_class_name": "StableDiffusionXLModularPipeline",
  "_diffusers_version": "0.40.0.dev0",
  "controlnet": [
    null,
    null,
    {
      "pretrained_model_name_or_path": null,
      "revision": null,
      "subfolder": "",
      "type_hint": [
        "diffusers",
        "ControlNetUnionModel"
      ],
      "variant": null
    }
  ],
  "force_zeros_for_empty_prompt": true,
  "requires_aesthetics_score": false,
  "unet": [
    "diffusers",
    "UNet2DConditionModel",
    {
      "pretrained_model_name_or_path": "org/name",
      "revision": "v2",
      "subfolder": "unet",
      "type_hint": [
        "diffusers",
        "UNet2DConditionModel"
      ],
      "variant": "fp16"
    }
  ]
}
`

const store = ModelStore.layer({ budget: 2 ** 28 }).pipe(Layer.provide(OnnxRuntime.layerCpu))
/** knowing a component needs no session */
const untouchable = ModelStore.layer({ budget: 2 ** 28 }).pipe(
  Layer.provide(Layer.mock(OnnxRuntime.OnnxRuntime, { load: () => Effect.die("a session was asked for") }))
)
const build = (index: ModularIndex.ModularIndex, options?: ModularIndex.Options) =>
  Effect.scoped(Layer.build(ModularIndex.layer(index, options))).pipe(
    Effect.provide(untouchable),
    Effect.provide(FetchHttpClient.layer)
  )

const emoji = new Map([...filesOf(EmojiDiffusion.path)].filter(([path]) => !/^(?:training|samples|README)/.test(path)))
const names = ["tokenizer", "text_encoder", "vae_encoder", "vae_decoder", "scheduler"]
const beside = Object.fromEntries(names.map((name) => [name, {}]))
const from = (repo: string) => Object.fromEntries(names.map((name) => [name, { repo, subfolder: name }]))

describe("ModularIndex", () => {
  it.effect("reads what diffusers writes, and writes the same bytes", () =>
    Effect.gen(function* () {
      const folder = yield* temporary("effect-blocks-modular-")
      const file = join(folder, ModularIndex.fileName)
      writeFileSync(file, written)
      const index = yield* ModularIndex.read(folder)
      assert.strictEqual(index.className, "StableDiffusionXLModularPipeline")
      assert.strictEqual(index.blocksClassName, "StableDiffusionXLAutoBlocks")
      assert.deepStrictEqual(Object.keys(index.components), ["controlnet", "unet"])
      assert.deepStrictEqual(index.components["unet"], {
        library: "diffusers",
        className: "UNet2DConditionModel",
        repo: "org/name",
        subfolder: "unet",
        variant: "fp16",
        revision: "v2",
        typeHint: ["diffusers", "UNet2DConditionModel"]
      })
      assert.deepStrictEqual(index.config, { force_zeros_for_empty_prompt: true, requires_aesthetics_score: false })
      yield* ModularIndex.write(folder, index)
      assert.strictEqual(readFileSync(file, "utf8"), written)
      assert.deepStrictEqual(readdirSync(folder), [ModularIndex.fileName])
    })
  )

  it.effect("reads what earlier versions of diffusers wrote", () =>
    Effect.gen(function* () {
      const index = yield* Schema.decodeUnknownEffect(ModularIndex.ModularIndex)({
        _class_name: "ModularPipeline",
        unet: [null, null, { repo: "org/name", subfolder: null, variant: null }]
      })
      assert.deepStrictEqual(index, ModularIndex.make("ModularPipeline", { unet: { repo: "org/name" } }))
    })
  )

  const broken: ReadonlyArray<readonly [json: string, message: RegExp]> = [
    ["[]", /^modular_model_index\.json: /],
    ["{}", /_?className|_class_name/],
    [`{ "_class_name": "X", "unet": ["diffusers", 3, {}] }`, /unet/],
    [`{ "_class_name": "X", "unet": ["diffusers", "Y", { "revision": 3 }] }`, /revision/],
    ["{", /expected JSON/]
  ]
  for (const [json, message] of broken) {
    it.effect(`refuses ${json}`, () =>
      Effect.gen(function* () {
        const folder = yield* temporary("effect-blocks-modular-")
        writeFileSync(join(folder, ModularIndex.fileName), json)
        const error = yield* Effect.flip(ModularIndex.read(folder))
        assert.strictEqual(error.file, ModularIndex.fileName)
        assert.match(error.message, message)
      })
    )
  }

  it.live(
    "puts a pipeline together from several repositories, which draws the same picture",
    () =>
      Effect.gen(function* () {
        const unet = (name: string) => emoji.get(`unet/${name}`)!
        const hub = yield* testHub({
          files: new Map([...emoji].filter(([path]) => !path.startsWith("unet/"))),
          others: {
            // a repository that is the component, with the variant that is wanted only
            "org/half": new Map([
              ["config.json", unet("config.json")],
              ["model_fp16.onnx", unet("model.onnx")],
              ["training.bin", Buffer.from("none of it")]
            ])
          }
        })
        const cache = yield* temporary("effect-blocks-hub-")
        const index = ModularIndex.make("StableDiffusionModularPipeline", {
          ...from("org/name"),
          unet: { repo: "org/half" }
        })
        const options: ModularIndex.Options = {
          dtypes: { unet: "float16", default: "float32" },
          hub: { endpoint: hub.endpoint, cache }
        }
        const run = StableDiffusion.pipeline.run({ prompt: ["red heart"], seed: 3, numInferenceSteps: 1 })
        const mixed = yield* run.pipe(
          Effect.provide(ModularIndex.layer(index, options)),
          Effect.provide(store),
          Effect.provide(FetchHttpClient.layer)
        )
        const local = yield* run.pipe(Effect.provide(Repository.layer(EmojiDiffusion.path)), Effect.provide(store))
        assert.deepStrictEqual(mixed.images, local.images)
        assert.isFalse(hub.log.some(({ path }) => path === "training.bin"))
        // all of it is there now
        const before = hub.log.length
        yield* build(index, { ...options, hub: { ...options.hub, offline: true } })
        assert.strictEqual(hub.log.length, before)
      }),
    120_000
  )

  it.live("takes components from beside the index, and a VAE that is one component in two halves", () =>
    Effect.gen(function* () {
      const folder = yield* copy(async (path) => {
        cpSync(join(path, "scheduler"), join(path, "other/solver"), { recursive: true })
        const file = join(path, "other/solver/scheduler_config.json")
        writeFileSync(file, JSON.stringify({ _class_name: "EulerDiscreteScheduler" }))
      })
      const { vae_decoder: _, vae_encoder: __, ...rest } = beside
      const index = ModularIndex.make("StableDiffusionModularPipeline", {
        ...rest,
        unet: {},
        vae: { repo: "./", subfolder: "vae" },
        scheduler: { repo: "./other", subfolder: "solver" }
      })
      const known = Effect.all([Unet, VaeDecoder, Scheduler.Scheduler]).pipe(
        Effect.provide(ModularIndex.layer(index, { folder })),
        Effect.provide(untouchable),
        Effect.provide(FetchHttpClient.layer)
      )
      const [unet, vae, scheduler] = yield* known
      assert.strictEqual(unet.inChannels, 4)
      assert.strictEqual(vae.scaleFactor, 4)
      assert.strictEqual(scheduler.className, "EulerDiscreteScheduler")
    })
  )

  it.live("takes each component in its own precision, and says which file is missing", () =>
    Effect.gen(function* () {
      const folder = yield* copy(async (path) => {
        renameSync(join(path, "unet/model.onnx"), join(path, "unet/model.fp16.onnx"))
        renameSync(join(path, "text_encoder/model.onnx"), join(path, "text_encoder/model_int8.onnx"))
      })
      const named = ModularIndex.make("X", { ...beside, unet: { variant: "fp16" }, text_encoder: { variant: "int8" } })
      yield* build(named, { folder })
      const index = ModularIndex.make("X", { ...beside, unet: {} })
      yield* build(index, { folder, dtypes: { unet: "float16", text_encoder: "int8" } })
      const error = yield* Effect.flip(build(named, { folder, dtypes: { unet: "bfloat16" } }))
      assert.strictEqual(
        error.message,
        "unet/model.bf16.onnx: no such file; expected unet/model.bf16.onnx or unet/model_bf16.onnx"
      )
      // the same of a repository as a whole
      const layer = Repository.layer(folder, {}, { unet: "fp16", text_encoder: "int8" })
      yield* Effect.scoped(Layer.build(layer)).pipe(Effect.provide(untouchable))
    })
  )

  const outside: ReadonlyArray<readonly [component: Partial<ModularIndex.Component>, message: RegExp]> = [
    [{ repo: "../elsewhere" }, /it leaves the folder of the index/],
    [{ repo: "/etc" }, /it leaves the folder of the index/],
    [{ repo: "./unet", subfolder: "../../.." }, /it leaves the repository's folder/],
    [{ repo: "./none" }, /no such file/],
    [{ repo: "./model_index.json" }, /it is not a folder/],
    [{ repo: "a/b/c" }, /this is no name of a repository/]
  ]
  for (const [unet, message] of outside) {
    it.live(`does not read ${JSON.stringify(unet)}`, () =>
      Effect.gen(function* () {
        const folder = yield* copy(async (path) => cpSync(path, join(dirname(path), "elsewhere"), { recursive: true }))
        const error = yield* Effect.flip(build(ModularIndex.make("X", { ...beside, unet }), { folder }))
        assert.match(error.message, message)
      })
    )
  }

  it.live("says what it does not say", () =>
    Effect.gen(function* () {
      const unknown = yield* Effect.flip(build(ModularIndex.make("X", beside), { folder: EmojiDiffusion.path }))
      assert.match(unknown.message, /it names no component 'unet'/)
      const nowhere = yield* Effect.flip(build(ModularIndex.make("X", { ...beside, unet: {} })))
      assert.match(nowhere.message, /it does not say where '\w+' comes from; expected a repository of a hub/)
    })
  )

  it.live("is downloaded like any other, though all of its components are elsewhere", () =>
    Effect.gen(function* () {
      const index = new Map([[ModularIndex.fileName, Buffer.from(written)]])
      const hub = yield* testHub({ files: index })
      const cache = yield* temporary("effect-blocks-hub-")
      const folder = yield* Hub.download({ repo: "org/name", endpoint: hub.endpoint, cache }).pipe(
        Effect.provide(FetchHttpClient.layer)
      )
      assert.isTrue(existsSync(join(folder, ModularIndex.fileName)))
      assert.strictEqual((yield* ModularIndex.read(folder)).components["unet"]?.revision, "v2")
    })
  )
})
