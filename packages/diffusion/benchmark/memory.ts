/**
 * Whether runs leave memory behind: resident memory over many runs of text to image in one process.
 *
 *     node --expose-gc packages/diffusion/benchmark/memory.ts [runs] [cpu|workers]
 *
 * Runs take 2 steps on the shipped model at 64x64 pixels; every tenth is interrupted in its first step and every tenth is
 * refused. After each hundred runs the memory is collected and measured; what is reported is the growth from the first
 * hundred to the last.
 */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const runs = Number(process.argv[2] ?? 1000)
const kind = process.argv[3] ?? "cpu"
const limit = 16

const measure = (): number => {
  globalThis.gc?.()
  return process.memoryUsage.rss() / 2 ** 20
}
const one = (run: number) => {
  const draw = Pipeline.run(StableDiffusion.pipeline, {
    prompt: `red heart ${run}`,
    height: run % 10 === 7 ? 63 : 64,
    width: 64,
    numInferenceSteps: 2,
    guidanceScale: 3,
    seed: run
  })
  if (run % 10 === 7) return Effect.flip(draw)
  return run % 10 === 3 ? Effect.timeoutOption(draw, 5) : draw
}
const program = Effect.gen(function* () {
  const hundreds: Array<number> = []
  for (let run = 0; run < runs; run++) {
    yield* one(run)
    if (run % 100 === 99) hundreds.push(measure())
  }
  return hundreds
})
const components = Repository.layer(EmojiDiffusion.path).pipe(
  Layer.provide(ModelStore.layer({ budget: 2 ** 28 })),
  Layer.provide(kind === "workers" ? OnnxRuntime.layerWorkers({ workers: 1 }) : OnnxRuntime.layerCpu)
)
const hundreds = await Effect.runPromise(Effect.provide(program, components))
const growth = hundreds.at(-1)! - hundreds[0]!
console.log(
  `${kind}, resident MiB after each hundred of ${runs} runs: ${hundreds.map((mib) => mib.toFixed(0)).join(" ")}`
)
console.log(
  `growth after the first hundred: ${growth.toFixed(1)} MiB, at most ${limit}: ${growth <= limit ? "pass" : "FAIL"}`
)
if (growth > limit) process.exitCode = 1
