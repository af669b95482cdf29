import { TextEncoder, Unet, VaeDecoder, VaeEncoder } from "@effect-blocks/diffusion/Components"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as Hub from "@effect-blocks/diffusion/Hub"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { appendFile, copyFile, mkdir, rename, rm, symlink, truncate, writeFile, readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { copy } from "./support/folder.ts"

/** a runtime that may not be asked for anything: what fails here fails without a session */
const untouchable = ModelStore.layer({ budget: 2 ** 28 }).pipe(
  Layer.provide(Layer.mock(OnnxRuntime.OnnxRuntime, { load: () => Effect.die("a session was asked for") }))
)
const real = ModelStore.layer({ budget: 2 ** 28 }).pipe(Layer.provide(OnnxRuntime.layerCpu))
const build = (folder: string) => Effect.scoped(Layer.build(Repository.layer(folder).pipe(Layer.provide(untouchable))))

const edit = async (file: string, change: (text: string) => string) =>
  await writeFile(file, change(await readFile(file, "utf8")))
const swap = async (a: string, b: string) => {
  await rename(a, `${a}.x`)
  await rename(b, a)
  await rename(`${a}.x`, b)
}

describe("Repository", () => {
  it.effect("opens a folder and picks its pipeline", () =>
    Effect.gen(function* () {
      const repository = yield* Repository.open(EmojiDiffusion.path)
      assert.strictEqual(repository.className, "OnnxStableDiffusionPipeline")
      const loaded = yield* Repository.pipeline(repository)
      assert.strictEqual(loaded.family, "stableDiffusion")
      assert.isTrue(Object.is(loaded.pipeline, StableDiffusion.pipeline))
    })
  )

  it.effect("knows what blocks need to know before any session is made", () =>
    Effect.gen(function* () {
      const unet = yield* Unet
      assert.deepStrictEqual(
        [unet.inChannels, unet.outChannels, unet.sampleSize, unet.sizeMultiple, unet.crossAttentionDim],
        [4, 4, 32, 4, 256]
      )
      const { scalingFactor, ...decoder } = yield* VaeDecoder
      assert.strictEqual(decoder.scaleFactor, 4)
      assert.strictEqual((yield* VaeEncoder).scalingFactor, scalingFactor)
      assert.deepInclude(yield* TextEncoder, { width: 256, vocabSize: 3072, maxLength: 32 })
      assert.strictEqual((yield* Scheduler.Scheduler).className, "DDIMScheduler")
      assert.strictEqual((yield* Guider.Guider).className, "ClassifierFreeGuidance")
    }).pipe(Effect.provide(Repository.layer(EmojiDiffusion.path).pipe(Layer.provide(untouchable))))
  )

  it.effect("takes single components from elsewhere, and does not look for those", () =>
    Effect.gen(function* () {
      const folder = yield* copy(async (folder) => {
        await rm(join(folder, "scheduler"), { recursive: true })
        await rm(join(folder, "unet"), { recursive: true })
      })
      assert.strictEqual((yield* Effect.flip(build(folder))).message.split(":")[0], "unet/config.json")
      const layer = Repository.layer(folder, {
        scheduler: Scheduler.layer({ _class_name: "EulerDiscreteScheduler" }),
        unet: Repository.layerUnet(EmojiDiffusion.path)
      })
      const className = Effect.map(Scheduler.Scheduler, (scheduler) => scheduler.className)
      assert.strictEqual(
        yield* Effect.provide(className, layer.pipe(Layer.provide(untouchable))),
        "EulerDiscreteScheduler"
      )
    })
  )

  it.effect("reads a configuration that Python wrote with bare infinities", () =>
    Effect.gen(function* () {
      const folder = yield* copy((folder) =>
        writeFile(
          join(folder, "scheduler/scheduler_config.json"),
          `{ "_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity }`
        )
      )
      yield* build(folder)
    })
  )

  it.effect("settles the scheduler of old repositories of Stable Diffusion as diffusers' pipelines do", () =>
    Effect.gen(function* () {
      // as the first repositories have it: DDIM then clips, and leading timesteps end at 0
      const old = JSON.stringify({ _class_name: "DDIMScheduler", timestep_spacing: "leading" })
      const folder = yield* copy((folder) => writeFile(join(folder, "scheduler/scheduler_config.json"), old))
      const lastOf = Effect.gen(function* () {
        const { config, setTimesteps } = yield* Scheduler.Scheduler
        const plan = yield* Effect.fromResult(setTimesteps({ steps: 10 }))
        return [config["clip_sample"], plan.timesteps.at(-1)]
      })
      const whole = Repository.layer(folder).pipe(Layer.provide(untouchable))
      assert.deepStrictEqual(yield* Effect.provide(lastOf, whole), [false, 1])
      const single = Repository.layerScheduler(folder)
      assert.deepStrictEqual(yield* Effect.provide(lastOf, single), [true, 0])
    })
  )

  const settled = [
    ["StableDiffusionPipeline", "DDIMScheduler", { clip_sample: false }],
    ["StableDiffusionPipeline", "PNDMScheduler", { skip_prk_steps: false }],
    ["StableDiffusionImg2ImgPipeline", "DDIMScheduler", { clip_sample: false }],
    ["OnnxStableDiffusionImg2ImgPipeline", "PNDMScheduler", { skip_prk_steps: false }],
    ["StableDiffusionInpaintPipeline", "DDIMScheduler", { clip_sample: true }],
    ["StableDiffusionInpaintPipeline", "PNDMScheduler", { skip_prk_steps: true }],
    ["OnnxStableDiffusionInpaintPipeline", "DDIMScheduler", { clip_sample: false }],
    ["OnnxStableDiffusionInpaintPipeline", "PNDMScheduler", { skip_prk_steps: false }]
  ] as const
  for (const [className, scheduler, options] of settled) {
    it.effect(`settles a bare ${scheduler} as ${className} of diffusers does`, () =>
      Effect.gen(function* () {
        const folder = yield* copy(async (folder) => {
          await writeFile(join(folder, "scheduler/scheduler_config.json"), JSON.stringify({ _class_name: scheduler }))
          await writeFile(join(folder, "model_index.json"), JSON.stringify({ _class_name: className }))
        })
        const { config } = yield* Effect.provide(
          Scheduler.Scheduler,
          Repository.layer(folder).pipe(Layer.provide(untouchable))
        )
        assert.deepInclude(config, { steps_offset: 1, ...options })
      })
    )
  }

  it.effect("draws from words without a vae_encoder, and says what is missing when a picture comes", () =>
    Effect.gen(function* () {
      const folder = yield* copy((folder) => rm(join(folder, "vae_encoder"), { recursive: true }))
      const encoder = yield* Effect.provide(VaeEncoder, Repository.layer(folder).pipe(Layer.provide(untouchable)))
      const error = yield* Effect.flip(encoder.encode(Tensor.zeros("float32", [1, 3, 16, 16])))
      assert.strictEqual(error.message, "vae_encoder/model.onnx: no such file")
    })
  )

  const broken: ReadonlyArray<readonly [what: string, change: (folder: string) => Promise<unknown>, message: RegExp]> =
    [
      ["a folder without index", (f) => rm(join(f, "model_index.json")), /^model_index\.json: no such file/],
      [
        "an index that is no JSON",
        (f) => writeFile(join(f, "model_index.json"), "{"),
        /^model_index\.json: .*expected JSON/s
      ],
      [
        "an index without class",
        (f) => writeFile(join(f, "model_index.json"), "{}"),
        /^model_index\.json: [\s\S]*_class_name/
      ],
      [
        "an unknown class",
        (f) => writeFile(join(f, "model_index.json"), `{"_class_name": "FluxPipeline"}`),
        /^model_index\.json: there is no pipeline for the class 'FluxPipeline'; expected a pipeline of Stable Diffusion .*: one of .*StableDiffusionPipeline/
      ],
      ["a missing model", (f) => rm(join(f, "unet/model.onnx")), /^unet\/model\.onnx: no such file/],
      ["a missing configuration", (f) => rm(join(f, "unet/config.json")), /^unet\/config\.json: no such file$/],
      [
        "a configuration with a word for a number",
        (f) => edit(join(f, "unet/config.json"), (text) => text.replace('"in_channels": 4', '"in_channels": "four"')),
        /^unet\/config\.json: [\s\S]*in_channels/
      ],
      [
        "a scaling factor of zero",
        (f) =>
          edit(join(f, "vae_decoder/config.json"), (text) =>
            text.replace(/"scaling_factor": [\d.]+/, '"scaling_factor": 0')
          ),
        /^vae_decoder\/config\.json: [\s\S]*scaling_factor/
      ],
      [
        "an unknown scheduler",
        (f) => writeFile(join(f, "scheduler/scheduler_config.json"), `{"_class_name": "MadeUpScheduler"}`),
        /^scheduler\/scheduler_config\.json: there is no scheduler MadeUpScheduler/
      ],
      [
        "a scheduler of too many timesteps",
        (f) =>
          writeFile(
            join(f, "scheduler/scheduler_config.json"),
            `{"_class_name": "DDIMScheduler", "num_train_timesteps": 1e9}`
          ),
        /^scheduler\/scheduler_config\.json: DDIMScheduler: option num_train_timesteps: /
      ],
      [
        "a tokenizer without files",
        (f) => rm(join(f, "tokenizer"), { recursive: true }),
        /^tokenizer\/tokenizer\.json: no such file/
      ],
      [
        "a truncated model",
        (f) => truncate(join(f, "unet/model.onnx"), 1_000_000),
        /^unet\/model\.onnx: .*expected a whole ONNX model/
      ],
      [
        "a model cut by one byte",
        (f) => cutByOne(join(f, "vae_decoder/model.onnx")),
        /^vae_decoder\/model\.onnx: .*expected a whole/
      ],
      [
        "a model made to be slow to read",
        (f) => writeFile(join(f, "unet/model.onnx"), Buffer.alloc(2 ** 23 + 2, 8)),
        /^unet\/model\.onnx: it holds more than 4194304 fields; expected a whole ONNX model/
      ],
      ["an empty model", (f) => truncate(join(f, "unet/model.onnx"), 0), /^unet\/model\.onnx: it is empty/],
      [
        "a model with something behind it",
        (f) => appendFile(join(f, "unet/model.onnx"), "garbage"),
        /^unet\/model\.onnx: .*expected a whole ONNX model/
      ],
      [
        "a picture for a model",
        (f) => copyFile(join(EmojiDiffusion.path, "samples.png"), join(f, "unet/model.onnx")),
        /^unet\/model\.onnx: .*expected a whole ONNX model/
      ],
      [
        "a text for a model",
        (f) => writeFile(join(f, "unet/model.onnx"), "a unet"),
        /^unet\/model\.onnx: .*expected a whole ONNX model/
      ],
      [
        "a Git LFS pointer for a model",
        (f) =>
          writeFile(join(f, "unet/model.onnx"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        /^unet\/model\.onnx: it is a Git LFS pointer, .*run `git lfs pull`; expected a whole ONNX model/
      ],
      [
        "weights for PyTorch alone",
        (f) => rename(join(f, "unet/model.onnx"), join(f, "unet/diffusion_pytorch_model.safetensors")),
        /^unet\/model\.onnx: no such file, only weights for PyTorch .*expected .*optimum-cli export onnx/
      ],
      [
        "a folder for a model",
        (f) => rm(join(f, "unet/model.onnx")).then(() => mkdir(join(f, "unet/model.onnx"))),
        /^unet\/model\.onnx: it is not a file/
      ],
      [
        "swapped models",
        (f) => swap(join(f, "unet/model.onnx"), join(f, "vae_decoder/model.onnx")),
        /^(unet|vae_decoder)\/model\.onnx: there is no (input|output) '.*expected inputs /
      ],
      [
        "encoder and decoder swapped",
        (f) => swap(join(f, "vae_encoder/model.onnx"), join(f, "vae_decoder/model.onnx")),
        /^vae_(en|de)coder\/model\.onnx: there is no input '.*expected inputs (latent_)?sample float32\[batch, \d/
      ],
      [
        "a UNet of other channels",
        (f) => edit(join(f, "unet/config.json"), (text) => text.replace('"in_channels": 4', '"in_channels": 9')),
        /^unet\/model\.onnx: input 'sample' is float32\[batch_size, 4, height, width\], not float32\[batch, 9, height, width\]/
      ]
    ]
  const cutByOne = async (file: string) => await truncate(file, (await readFile(file)).byteLength - 1)
  for (const [what, change, message] of broken) {
    it.effect(`refuses ${what}, before any session`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(build(yield* copy(change)))
        assert.match(error.message, message)
      })
    )
  }

  it.effect("never leaves its folder", () =>
    Effect.gen(function* () {
      const outside = yield* copy(() => Promise.resolve())
      const link = (file: string) =>
        copy(async (folder) => {
          await rm(join(folder, file), { recursive: true })
          await symlink(join(outside, file), join(folder, file))
        })
      for (const file of [
        "model_index.json",
        "unet/model.onnx",
        "unet/config.json",
        "unet",
        "tokenizer/tokenizer.json",
        "vae_encoder/model.onnx"
      ]) {
        const error = yield* Effect.flip(build(yield* link(file)))
        assert.strictEqual(error._tag === "RepositoryError" && error.reason, "OutsideFolder", file)
        assert.match(error.message, /expected a path within the repository's folder/)
      }
      // a link that stays inside is fine, and so is a link to the whole folder
      const inside = yield* copy(async (folder) => {
        await rename(join(folder, "unet/model.onnx"), join(folder, "weights.onnx"))
        await symlink("../weights.onnx", join(folder, "unet/model.onnx"))
        await symlink(folder, join(dirname(folder), `link-${folder.slice(-6)}`))
      })
      yield* build(join(dirname(inside), `link-${inside.slice(-6)}`))
      yield* Effect.promise(() => rm(join(dirname(inside), `link-${inside.slice(-6)}`)))
    })
  )

  it.effect("refuses overrides and variants of what there is not, compiled or not, and asks no hub for them", () =>
    Effect.gen(function* () {
      const unet = Repository.layerUnet(EmojiDiffusion.path)
      const emoji = EmojiDiffusion.path
      // @ts-expect-error 'unett' does not exist in type 'Variants'
      const unett = Repository.layer(emoji, {}, { unett: "fp16" })
      // @ts-expect-error 'vae' is no override
      const vae = Repository.layer(emoji, { unet, vae: unet })
      // @ts-expect-error these components are of SDXL
      const textEncoder2 = Repository.layer(emoji, { textEncoder2: unet })
      // @ts-expect-error 'unit' is no override
      const unit = Repository.layerXL(emoji, { unit: unet })
      // @ts-expect-error 'unett' does not exist in type 'Variants'
      const hubUnett = Hub.layer({ repo: "org/name", variants: { unett: "fp16" } })
      // @ts-expect-error 'vae' is no override
      const hubVae = Hub.layerXL({ repo: "org/name" }, { vae: unet })
      const misspelt: ReadonlyArray<readonly [Layer.Layer<any, any, any>, RegExp]> = [
        [unett, /^variants: there is no 'unett', did you mean unet\?; expected /],
        [vae, /^overrides: there is no 'vae'.*; expected tokenizer, .*vaeDecoder/],
        [textEncoder2, /^overrides: there is no 'textEncoder2', did you mean textEncoder\?/],
        [unit, /^overrides: there is no 'unit', did you mean unet\?/],
        [hubUnett, /^variants: there is no 'unett'/],
        [hubVae, /^overrides: there is no 'vae'/]
      ]
      const asked = HttpClient.make(() => Effect.die("the hub was asked"))
      const nobody = Layer.succeed(HttpClient.HttpClient, asked)
      for (const [layer, message] of misspelt) {
        const built = Layer.build(layer.pipe(Layer.provide(untouchable), Layer.provide(nobody)))
        const error = yield* Effect.flip(Effect.scoped(built) as Effect.Effect<unknown, Repository.RepositoryError>)
        assert.strictEqual(error.reason, "UnknownName")
        assert.match(error.message, message)
      }
      // @ts-expect-error 'unett' does not exist in type 'Variants'
      const pipeline = Hub.pipeline({ repo: "org/name", variants: { unett: "fp16" } })
      assert.match((yield* Effect.flip(Effect.provide(pipeline, nobody))).message, /did you mean unet/)
    })
  )

  it.effect("opens nothing that is not a folder", () =>
    Effect.gen(function* () {
      for (const path of ["/nowhere/at/all", join(EmojiDiffusion.path, "model_index.json"), "", "a\0b"]) {
        const error = yield* Effect.flip(Repository.open(path))
        assert.strictEqual(error._tag, "RepositoryError", path)
      }
    })
  )

  it.effect("runs what it has checked", () =>
    Effect.gen(function* () {
      const encoder = yield* TextEncoder
      const { lastHiddenState } = yield* encoder.encode(Tensor.zeros("int32", [1, 32]))
      assert.deepStrictEqual(lastHiddenState.shape, [1, 32, 256])
      const refused = yield* Effect.flip(encoder.encode(Tensor.zeros("int32", [1, 31])))
      assert.strictEqual(refused._tag, "ModelInputError")
    }).pipe(Effect.provide(Repository.layer(EmojiDiffusion.path).pipe(Layer.provide(real))))
  )
})
