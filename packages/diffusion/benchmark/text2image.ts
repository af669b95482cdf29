/**
 * What a picture costs beyond its models: text to image on the shipped model against the sum of the raw `session.run`
 * times of the same calls.
 *
 *     node packages/diffusion/benchmark/text2image.ts [rounds] [steps]
 *
 * In this process (`cpu`) every `session.run` of a picture is timed from inside, so that both numbers are of the very same
 * calls. What `workers` run cannot be timed from here: raw calls in this process and pictures take turns. Ratios are medians
 * of the rounds' ratios.
 */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ort from "onnxruntime-node"

const rounds = Number(process.argv[2] ?? 9)
const steps = Number(process.argv[3] ?? 20)
const limit = 1.05
const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!

// the options of OnnxRuntime's own sessions
const open = (name: string) =>
  ort.InferenceSession.create(`${EmojiDiffusion.path}/${name}/model.onnx`, {
    logSeverityLevel: 4,
    extra: { session: { intra_op: { allow_spinning: "0" } } }
  })
const sessions = { text: await open("text_encoder"), unet: await open("unet"), vae: await open("vae_decoder") }
const floats = (dims: ReadonlyArray<number>) =>
  new ort.Tensor(
    "float32",
    Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
    dims
  )

/** milliseconds within `session.run`, for the calls that one picture makes */
const raw = async (): Promise<number> => {
  let sum = 0
  const time = async (session: ort.InferenceSession, feeds: Record<string, ort.Tensor>) => {
    const start = performance.now()
    await session.run(feeds)
    sum += performance.now() - start
  }
  await time(sessions.text, { input_ids: new ort.Tensor("int32", new Int32Array(2 * 32), [2, 32]) })
  for (let i = 0; i < steps; i++) {
    await time(sessions.unet, {
      sample: floats([2, 4, 32, 32]),
      timestep: new ort.Tensor("float32", Float32Array.of(999 - i), [1]),
      encoder_hidden_states: floats([2, 32, 256])
    })
  }
  await time(sessions.vae, { latent_sample: floats([1, 4, 32, 32]) })
  return sum
}

const picture = (seed: number) =>
  Pipeline.run(
    StableDiffusion.pipeline,
    { prompt: "red heart", numInferenceSteps: steps, guidanceScale: 3, seed },
    { output: "images" }
  )

/** milliseconds within `session.run`, of all sessions of this process together */
let inside = 0
const prototype: object = Object.getPrototypeOf(sessions.unet)
const original = sessions.unet.run
Reflect.set(prototype, "run", async function (this: ort.InferenceSession, ...args: ReadonlyArray<unknown>) {
  const start = performance.now()
  try {
    return await Reflect.apply(original, this, args)
  } finally {
    inside += performance.now() - start
  }
})

const compare = (baseline: "same calls" | "raw calls in turn") =>
  Effect.gen(function* () {
    const raws: Array<number> = []
    const pictures: Array<number> = []
    for (let round = -1; round < rounds; round++) {
      const turn = baseline === "same calls" ? 0 : yield* Effect.promise(raw)
      inside = 0
      const start = performance.now()
      yield* picture(round + 1)
      const took = performance.now() - start
      // the first round loads the models
      if (round < 0) continue
      raws.push(baseline === "same calls" ? inside : turn)
      pictures.push(took)
    }
    const ratios = pictures.map((took, i) => took / raws[i]!).toSorted((a, b) => a - b)
    return { raw: median(raws), picture: median(pictures), ratio: median(ratios), ratios }
  })

const layers = [
  ["cpu", OnnxRuntime.layerCpu, "same calls"],
  ["workers", OnnxRuntime.layerWorkers({ workers: 1 }), "raw calls in turn"]
] as const
for (const [name, runtime, baseline] of layers) {
  const components = Repository.layer(EmojiDiffusion.path).pipe(
    Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
    Layer.provide(runtime)
  )
  const { picture, ratio, ratios, raw } = await Effect.runPromise(Effect.provide(compare(baseline), components))
  const spread = `${ratios[0]!.toFixed(3)} to ${ratios.at(-1)!.toFixed(3)}`
  const verdict = ratio <= limit ? "pass" : "FAIL"
  console.log(
    `${name}: session.run (${baseline}) ${raw.toFixed(0)} ms, picture ${picture.toFixed(0)} ms, ` +
      `ratio ${ratio.toFixed(3)} (${spread}, ${rounds} rounds), at most ${limit}: ${verdict}`
  )
  if (ratio > limit) process.exitCode = 1
}
