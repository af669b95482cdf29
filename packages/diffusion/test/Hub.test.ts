import * as Hub from "@effect-blocks/diffusion/Hub"
import { Unet } from "@effect-blocks/diffusion/Components"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import { temporary } from "./support/folder.ts"
import { filesOf, testHub } from "./support/hub.ts"

const emoji = filesOf(EmojiDiffusion.path)

/** knowing a component needs no session */
const untouchable = ModelStore.layer({ budget: 2 ** 28 }).pipe(
  Layer.provide(Layer.mock(OnnxRuntime.OnnxRuntime, { load: () => Effect.die("a session was asked for") }))
)

describe("Hub", () => {
  it.live(
    "downloads the shipped model, which then draws the same picture",
    () =>
      Effect.gen(function* () {
        const hub = yield* testHub({ files: emoji })
        const cache = yield* temporary("effect-blocks-hub-")
        const options: Hub.Options = { repo: "org/name", endpoint: hub.endpoint, cache }
        const folder = yield* Hub.download(options)
        const run = StableDiffusion.pipeline.run({ prompt: ["red heart"], seed: 3, numInferenceSteps: 2 })
        const store = ModelStore.layer({ budget: 2 ** 28 }).pipe(Layer.provide(OnnxRuntime.layerCpu))
        const remote = yield* run.pipe(Effect.provide(Hub.layer(options)), Effect.provide(store))
        const local = yield* run.pipe(Effect.provide(Repository.layer(EmojiDiffusion.path)), Effect.provide(store))
        assert.deepStrictEqual(remote.images, local.images)
        assert.isTrue(folder.startsWith(cache))
        // nothing that a pipeline does not read
        assert.deepStrictEqual(
          [...filesOf(folder).keys()].toSorted(),
          [...emoji.keys()].filter((path) => !/^(?:training|samples|README)/.test(path)).toSorted()
        )
      }).pipe(Effect.provide(FetchHttpClient.layer)),
    120_000
  )

  it.live("downloads neither what is overridden nor another variant than the one that is wanted", () =>
    Effect.gen(function* () {
      const { "unet/model.onnx": unet, ...rest } = Object.fromEntries(emoji)
      const hub = yield* testHub({
        files: new Map(
          Object.entries({ ...rest, "unet/model_fp16.onnx": unet!, "unet/model_int8.onnx": Buffer.from("") })
        )
      })
      const cache = yield* temporary("effect-blocks-hub-")
      const components = Hub.layer(
        { repo: "org/name", endpoint: hub.endpoint, cache, variants: { unet: "fp16" } },
        {
          vaeDecoder: Repository.layerVaeDecoder(EmojiDiffusion.path),
          scheduler: Scheduler.layer({ _class_name: "DDPMScheduler" })
        }
      )
      const known = Effect.all([Unet, Scheduler.Scheduler])
      const [{ inChannels }, { className }] = yield* known.pipe(Effect.provide(components), Effect.provide(untouchable))
      assert.deepStrictEqual([inChannels, className], [4, "DDPMScheduler"])
      assert.isFalse(hub.log.some(({ path }) => /^(?:vae_decoder|scheduler)\//.test(path)))
      const loaded = yield* Hub.pipeline({
        repo: "org/name",
        endpoint: hub.endpoint,
        cache,
        variants: { unet: "fp16" }
      })
      yield* Effect.scoped(Layer.build(loaded.components)).pipe(Effect.provide(untouchable))
      const asked = hub.log.map(({ path }) => path)
      assert.include(asked, "unet/model_fp16.onnx")
      assert.notInclude(asked, "unet/model_int8.onnx")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("opens a repository and picks its pipeline", () =>
    Effect.gen(function* () {
      const hub = yield* testHub({ files: emoji })
      const cache = yield* temporary("effect-blocks-hub-")
      const options: Hub.Options = { repo: "org/name", endpoint: hub.endpoint, cache }
      assert.strictEqual((yield* Hub.open(options)).className, "OnnxStableDiffusionPipeline")
      assert.strictEqual((yield* Hub.pipeline(options)).family, "stableDiffusion")
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Hub.layerXL(options)))).pipe(
        Effect.provide(untouchable)
      )
      assert.match(error.message, /OnnxStableDiffusionPipeline/)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("reports what it does", () =>
    Effect.gen(function* () {
      const hub = yield* testHub({ files: emoji })
      const cache = yield* temporary("effect-blocks-hub-")
      const seen: Array<Hub.Event> = []
      yield* Hub.download({ repo: "org/name", endpoint: hub.endpoint, cache, folders: ["unet"] }).pipe(
        Effect.provideService(Hub.Progress, (event) => Effect.sync(() => void seen.push(event)))
      )
      const size = emoji.get("unet/model.onnx")!.length
      const bytes = size + emoji.get("unet/config.json")!.length
      assert.deepStrictEqual(seen[0], { _tag: "Started", repo: "org/name", commit: hub.commit, files: 2, bytes })
      const received = seen.flatMap((event) =>
        event._tag === "Received" && event.file === "unet/model.onnx" ? [event.received] : []
      )
      assert.deepStrictEqual(
        received,
        received.toSorted((a, b) => a - b)
      )
      assert.strictEqual(received[0], 0)
      assert.strictEqual(received.at(-1), size)
      // about one a megabyte
      assert.isAtMost(received.length, size / 2 ** 20 + 2)
      const finished = seen.flatMap((event) => (event._tag === "Finished" ? [event.file] : []))
      assert.deepStrictEqual(finished.toSorted(), ["unet/config.json", "unet/model.onnx"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
