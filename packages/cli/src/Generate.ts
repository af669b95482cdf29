/**
 * Pictures from a prompt: a model's folder, a device and the inputs of its pipeline in, pictures out, one after the other.
 *
 * @module
 */
import { Progress } from "@effect-blocks/core/Combinator"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Fields from "@effect-blocks/diffusion/Fields"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { totalmem } from "node:os"
import * as LatentPreview from "./LatentPreview.ts"
import type { ModelFolder } from "./ModelFolder.ts"
import * as ProgressBar from "./ProgressBar.ts"
import { Reporter } from "./Reporter.ts"
import * as Schedulers from "./Schedulers.ts"

/** What to make. */
export interface Request {
  readonly model: ModelFolder
  /** a name of `Schedulers.names`; the model's own when absent */
  readonly scheduler: string | undefined
  /** the pipeline's inputs as JSON, without a seed and without pictures */
  readonly inputs: Readonly<Record<string, unknown>>
  readonly image: Tensor.Tensor<"uint8"> | undefined
  readonly maskImage: Tensor.Tensor<"uint8"> | undefined
  /** one picture each */
  readonly seeds: ReadonlyArray<number | bigint>
}

/** A finished picture: `[height, width, 3]`. */
export interface Made {
  readonly index: number
  readonly seed: number | bigint
  readonly picture: Tensor.Tensor<"uint8">
  readonly milliseconds: number
}

/** The components of the request's model; sessions are made at their first run. */
const components = ({ model, scheduler }: Request) => {
  const own = Repository.layer(model.path).pipe(Layer.provide(ModelStore.layer({ budget: totalmem() / 2 })))
  if (scheduler === undefined) return own
  const changed = Effect.flatMap(Scheduler.Scheduler, (service) =>
    Effect.fromResult(Scheduler.reconfigure(service, Schedulers.options(scheduler)))
  )
  return Layer.provideMerge(Layer.effect(Scheduler.Scheduler, changed), own)
}

const isLatents = Schema.is(Fields.Latents)

/** Tells the reporter of every denoising step, with a preview where latents can be shown without decoding them. */
const listen = (request: Request, label: string) =>
  Effect.gen(function* () {
    const reporter = yield* Reporter
    let pace = ProgressBar.started(yield* Clock.currentTimeMillis)
    return (event: { readonly index: number; readonly state: Readonly<Record<string, unknown>> }) =>
      Effect.gen(function* () {
        const { latents, predOriginalSample = latents, timesteps } = event.state
        if (!Array.isArray(timesteps)) return
        const done = event.index + 1
        pace = ProgressBar.advance(done, yield* Clock.currentTimeMillis)(pace)
        const report = { label, done, total: timesteps.length, left: ProgressBar.timeLeft(pace, timesteps.length) }
        const preview = () =>
          request.model.name === "emoji-diffusion" && isLatents(predOriginalSample)
            ? LatentPreview.linear(predOriginalSample, EmojiDiffusion.latentRgb)
            : undefined
        yield* reporter.progress(report, Effect.sync(preview))
      })
  })

/**
 * Makes the pictures of a request in the order of its seeds and hands each to `use` as soon as it is finished. A picture
 * depends on its own seed only, so each can be made again alone.
 */
export const forEach = <E, R>(request: Request, use: (made: Made) => Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const { image, inputs, maskImage, seeds } = request
    const pictures = { ...(image === undefined ? {} : { image }), ...(maskImage === undefined ? {} : { maskImage }) }
    // before anything is loaded
    const decoded = yield* Effect.forEach(seeds, (seed) =>
      Pipeline.decodeInputs(StableDiffusion.pipeline, {
        ...inputs,
        seed: typeof seed === "bigint" ? String(seed) : seed
      })
    )
    yield* Effect.gen(function* () {
      for (const [index, seed] of seeds.entries()) {
        const label = `${String(inputs["prompt"])}, seed ${seed}${seeds.length > 1 ? ` (${index + 1} of ${seeds.length})` : ""}`
        const before = yield* Clock.currentTimeMillis
        const images = yield* Pipeline.run(
          StableDiffusion.pipeline,
          { ...decoded[index]!, ...pictures },
          {
            output: "images"
          }
        ).pipe(Effect.provideService(Progress, yield* listen(request, label)))
        yield* use({
          index,
          seed,
          picture: images[0],
          milliseconds: (yield* Clock.currentTimeMillis) - before
        })
      }
    }).pipe(Effect.provide(components(request)))
  })
