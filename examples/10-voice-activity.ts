/**
 * A loop that has nothing to do with diffusion, around a model that somebody else made: Silero VAD hears whether a
 * piece of sound is speech. It is recurrent: its state goes round the loop, as latents do in denoising.
 *
 *     node examples/10-voice-activity.ts
 */
import * as Block from "@effect-blocks/core/Block"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Model from "@effect-blocks/ops/Model"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { sampleRate, synthesise } from "./support/speech.ts"

const Chunk = Tensor.float32(512)
const Tail = Tensor.float32(64)
const State = Tensor.float32(2, 1, 128)

// the component: a model whose file is checked against these Schemas when it is loaded
const contract = {
  inputs: { input: Tensor.float32(1, 576), state: State, sr: Tensor.int64() },
  outputs: { output: Tensor.float32(1, 1), stateN: State }
}
class Silero extends Context.Service<Silero, Model.TypedModel<typeof contract.inputs, typeof contract.outputs>>()(
  "examples/Silero"
) {
  static readonly layer = Layer.effect(
    Silero,
    OnnxRuntime.load(fileURLToPath(import.meta.resolve("@ricky0123/vad-web/dist/silero_vad_v5.onnx"))).pipe(
      Effect.flatMap((model) => Model.typed(model, contract))
    )
  )
}

const sr = Tensor.make("int64", [], BigInt64Array.of(BigInt(sampleRate)))
const listen = Block.make("listen", {
  description: "How likely a chunk of 32 ms is speech; the model also wants the last 4 ms before it",
  inputs: { chunk: Chunk, tail: Tail, state: State },
  outputs: { probability: Schema.Number, tail: Tail, state: State },
  components: { silero: Silero },
  run: ({ chunk, state, tail }, { silero }) =>
    Effect.gen(function* () {
      const input = Tensor.make("float32", [1, 576], Float32Array.of(...tail.data, ...chunk.data))
      const { output, stateN } = yield* silero.run({ input, state, sr })
      return { probability: output.data[0]!, tail: Tensor.make("float32", [64], chunk.data.slice(448)), state: stateN }
    })
})

const Stretch = Schema.Struct({ from: Schema.Number, to: Schema.Number })
const collect = Block.pure("collect", {
  description: "Joins chunks of speech to stretches of seconds; a pause of less than 0.2 s does not end one",
  inputs: { i: Schema.Int, probability: Schema.Number, stretches: Schema.Array(Stretch) },
  outputs: { stretches: Schema.Array(Stretch) },
  run: ({ i, probability, stretches }) => {
    if (probability < 0.5) return { stretches }
    const [from, to] = [(i * 512) / sampleRate, ((i + 1) * 512) / sampleRate]
    const last = stretches.at(-1)
    return last !== undefined && from - last.to < 0.2
      ? { stretches: [...stretches.slice(0, -1), { from: last.from, to }] }
      : { stretches: [...stretches, { from, to }] }
  }
})

const detect = Loop.fromBlocks(Loop.forEach("detect", { over: "chunks", item: ["chunk", Chunk], index: "i" }), [
  listen,
  collect
])

// ten seconds: quiet, speech, a hiss that is not speech, speech again
const sound = synthesise(
  10,
  [
    [1.5, 3.5],
    [6.25, 8.5]
  ],
  [[4, 5]]
)
const chunks = Array.from({ length: Math.floor(sound.length / 512) }, (_, n) =>
  Tensor.make("float32", [512], sound.subarray(n * 512, (n + 1) * 512))
)

const { stretches } = await Effect.runPromise(
  detect
    .run({ chunks, tail: Tensor.zeros("float32", [64]), state: Tensor.zeros("float32", [2, 1, 128]), stretches: [] })
    .pipe(Effect.provide(Silero.layer), Effect.provide(OnnxRuntime.layerCpu))
)
console.log(`${chunks.length} chunks`)
for (const { from, to } of stretches) console.log(`speech from ${from.toFixed(1)} s to ${to.toFixed(1)} s`)
