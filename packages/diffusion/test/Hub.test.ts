import * as Hub from "@effect-blocks/diffusion/Hub"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
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

describe("Hub", () => {
  it.live("downloads the shipped model, which then draws the same picture", () =>
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
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
