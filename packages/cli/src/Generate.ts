/**
 * Pictures from a prompt: a model's folder, a device and the inputs of its pipeline in, pictures out, one after the other.
 *
 * @module
 */
import type { Any } from "@effect-blocks/core/Block"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Fields from "@effect-blocks/diffusion/Fields"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import { Progress } from "@effect-blocks/loop/Progress"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { totalmem } from "node:os"
import { UsageError } from "./Failure.ts"
import * as Guiders from "./Guiders.ts"
import { nearest } from "./internal/nearest.ts"
import * as LatentPreview from "./LatentPreview.ts"
import type { ModelFolder } from "./ModelFolder.ts"
import * as Pipelines from "./Pipelines.ts"
import * as ProgressBar from "./ProgressBar.ts"
import { Reporter } from "./Reporter.ts"
import * as Schedulers from "./Schedulers.ts"

/** One run to make: a picture, or `numImagesPerPrompt` of them. */
export interface Wanted {
  /** what progress calls it */
  readonly label: string
  /** the pipeline's inputs as JSON, without pictures */
  readonly inputs: Readonly<Record<string, unknown>>
}

/** What to make, and with what. */
export interface Request {
  readonly model: ModelFolder
  /** a name of `Schedulers.names`; the model's own when absent */
  readonly scheduler?: string | undefined
  /** over the scheduler's configuration, as in its JSON file */
  readonly schedulerOptions?: Readonly<Record<string, unknown>> | undefined
  /** a name of `Guiders.names`; classifier-free guidance when absent */
  readonly guider?: string | undefined
  /** of the guider, as in its JSON file */
  readonly guiderOptions?: Readonly<Record<string, unknown>> | undefined
  /** by folder, the variant of a component's graph: `{ unet: "fp16" }` */
  readonly variants?: Repository.Variants | undefined
  /** to start from; 8 bits, `[height, width, channels]` */
  readonly image?: Tensor.Tensor<"uint8"> | undefined
  /** where to draw in it */
  readonly maskImage?: Tensor.Tensor<"uint8"> | undefined
  readonly wanted: ReadonlyArray<Wanted>
}

/** A finished picture: `[height, width, 3]`. */
export interface Made {
  /** of its run in `wanted` */
  readonly index: number
  /** of it in its run */
  readonly nth: number
  readonly picture: Tensor.Tensor<"uint8">
  /** that its run took */
  readonly milliseconds: number
  /** when each denoising step of its run ended, in milliseconds since 1970 */
  readonly steps: ReadonlyArray<number>
}

/** An option of the command line is named by its flag. */
const named = (
  flag: string,
  options: Readonly<Record<string, unknown>> | undefined,
  error: Scheduler.SchedulerError | Guider.GuiderError
) => {
  const own = error.option !== undefined && options !== undefined && error.option in options
  return new UsageError({ subject: own ? `${flag}-option` : flag, detail: error.message })
}

/** A file's options of another class are passed over, as diffusers does; one that somebody typed is a mistake. */
const checkOptions = (className: string, asked: ReadonlyArray<string>) => {
  // a configuration keeps what its class does not know, one of the class alone has its options and nothing else
  const plain = Scheduler.fromConfig({ _class_name: className })
  if (Result.isFailure(plain)) return Effect.void
  const own = Object.keys(plain.success.config).filter((name) => !name.startsWith("_"))
  const unknown = asked.find((name) => !name.startsWith("_") && !own.includes(name))
  if (unknown === undefined) return Effect.void
  const expected = nearest(unknown, own)
  const meant = expected.length === 0 ? "" : `; did you mean ${expected.join(" or ")}?`
  const detail = `${className} has no option ${unknown}, expected one of ${own.join(", ")}${meant}`
  return Effect.fail(new UsageError({ subject: "--scheduler-option", detail }))
}

/** Pipelines hand eta to the schedulers that take it, and the others none: as for options, a flag is a mistake. */
const checkEta = (scheduler: Scheduler.Shape) => {
  const plan = scheduler.setTimesteps({ steps: 4, eta: 1 })
  const takes = Result.isSuccess(plan) ? "eta" in plan.success.settings : plan.failure.option !== "eta"
  const detail = `does nothing with ${scheduler.className}, expected a scheduler that takes it, such as ddim`
  return takes ? Effect.void : Effect.fail(new UsageError({ subject: "--eta", detail }))
}

/** The pipeline's own scheduler, or another on its configuration: `Repository.layer` settles what its file leaves open. */
const scheduled = ({ scheduler, schedulerOptions, wanted }: Request) => {
  const options = { ...(scheduler === undefined ? {} : Schedulers.options(scheduler)), ...schedulerOptions }
  return Layer.effect(
    Scheduler.Scheduler,
    Effect.gen(function* () {
      const made = yield* Effect.mapError(
        Effect.fromResult(Scheduler.reconfigure(yield* Scheduler.Scheduler, options)),
        (error) => named("--scheduler", schedulerOptions, error)
      )
      yield* checkOptions(made.className, Object.keys(schedulerOptions ?? {}))
      if (wanted.some(({ inputs }) => Predicate.isNumber(inputs["eta"]) && inputs["eta"] > 0)) yield* checkEta(made)
      return made
    })
  )
}

/** Classifier-free guidance, or another guider. */
const guiderOf = ({ guider = "cfg", guiderOptions }: Request) => {
  const made = Guider.fromConfig({ ...Guiders.options(guider), ...guiderOptions })
  const checked = Effect.mapError(Effect.fromResult(made), (error) => named("--guider", guiderOptions, error))
  return Layer.effect(Guider.Guider, checked)
}

const isLatents = Schema.is(Fields.Latents)

/** Tells the reporter of every denoising step of all pictures, with a preview of what the model expects. */
const listener = (request: Request) =>
  Effect.gen(function* () {
    const reporter = yield* Reporter
    const decoded = yield* LatentPreview.decoded
    const preview = (latents: Tensor.Tensor<"float32">) =>
      request.model.shipped
        ? Effect.sync(() => LatentPreview.linear(latents, EmojiDiffusion.latentRgb))
        : decoded(latents)
    let pace = ProgressBar.started
    return (picture: number, steps: Array<number>) =>
      (event: { readonly index: number; readonly state: Readonly<Record<string, unknown>> }) =>
        Effect.gen(function* () {
          const { latents, predOriginalSample = latents, timesteps } = event.state
          if (!Array.isArray(timesteps)) return
          const now = yield* Clock.currentTimeMillis
          steps.push(now)
          const done = picture * timesteps.length + event.index + 1
          const total = request.wanted.length * timesteps.length
          pace = ProgressBar.advance(done, now)(pace)
          const report = { label: request.wanted[picture]!.label, done, total, left: ProgressBar.timeLeft(pace, total) }
          yield* reporter.progress(report, isLatents(predOriginalSample) ? preview(predOriginalSample) : undefined)
        })
  })

/**
 * Makes the pictures of a request one after the other and hands each to `use` as soon as it is finished. All inputs are
 * checked before a model is loaded; a picture depends on its own inputs only, so each can be made again alone. Gives what
 * was loaded, and how long that took.
 *
 * ```ts
 * import * as Device from "@effect-blocks/cli/Device"
 * import * as Generate from "@effect-blocks/cli/Generate"
 * import * as ModelFolder from "@effect-blocks/cli/ModelFolder"
 * import { Reporter } from "@effect-blocks/cli/Reporter"
 * import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const program = Effect.gen(function* () {
 *   const model = yield* ModelFolder.inspect(EmojiDiffusion.path, "--model")
 *   const inputs = { prompt: "red heart", seed: 7, numInferenceSteps: 1, width: 64, height: 64 }
 *   const sizes: Array<ReadonlyArray<number>> = []
 *   yield* Generate.forEach({ model, wanted: [{ label: "a heart", inputs }] }, ({ picture }) =>
 *     Effect.sync(() => void sizes.push(picture.shape))
 *   )
 *   assert.deepEqual(sizes, [[64, 64, 3]])
 * })
 * await Effect.runPromise(Effect.provide(program, [Device.layer("cpu"), Reporter.layerSilent]))
 * ```
 */
export const forEach = <E, R>(request: Request, use: (made: Made) => Effect.Effect<void, E, R>) => {
  const { image, maskImage, model, variants, wanted } = request
  const start = image === undefined ? {} : { image }
  const pictures = { ...start, ...(maskImage === undefined ? {} : { maskImage }) }
  const output = { output: "images" } as const
  const store = ModelStore.layer({ budget: totalmem() / 2 })
  const overrides = { guider: guiderOf(request) }
  const scheduler = scheduled(request)

  const draw = <E2, R2>(
    runs: ReadonlyArray<Effect.Effect<readonly [Tensor.Tensor<"uint8">, ...Array<Tensor.Tensor<"uint8">>], E2, R2>>
  ) =>
    Effect.gen(function* () {
      const listen = yield* listener(request)
      for (const [index, run] of runs.entries()) {
        const before = yield* Clock.currentTimeMillis
        const steps: Array<number> = []
        const images = yield* Effect.provideService(run, Progress, listen(index, steps))
        const milliseconds = (yield* Clock.currentTimeMillis) - before
        for (const [nth, picture] of images.entries()) yield* use({ index, nth, picture, milliseconds, steps })
      }
      const decisions = yield* ModelStore.ModelStore.use((store) => store.decisions)
      return decisions.flatMap((decision) => (decision._tag === "load" ? [decision] : []))
    })
  // inputs are decoded, and so checked, before components are made
  const decoded = <B extends Any>(pipeline: B) =>
    Effect.forEach(wanted, ({ inputs }) => Pipeline.decodeInputs(pipeline, inputs))

  const stableDiffusion = Effect.gen(function* () {
    const runs = (yield* decoded(StableDiffusion.pipeline)).map((input) =>
      Pipeline.run(StableDiffusion.pipeline, { ...input, ...pictures }, output)
    )
    const components = Layer.provideMerge(scheduler, Repository.layer(model.path, overrides, variants))
    return yield* Effect.provide(draw(runs), Layer.provideMerge(components, store))
  })
  const stableDiffusionXL = Effect.gen(function* () {
    const runs = (yield* decoded(StableDiffusionXL.pipeline)).map((input) =>
      Pipeline.run(StableDiffusionXL.pipeline, { ...input, ...pictures }, output)
    )
    const components = Layer.provideMerge(scheduler, Repository.layerXL(model.path, overrides, variants))
    return yield* Effect.provide(draw(runs), Layer.provideMerge(components, store))
  })
  const latentConsistency = Effect.gen(function* () {
    const runs = (yield* decoded(LatentConsistency.pipeline)).map((input) =>
      Pipeline.run(LatentConsistency.pipeline, { ...input, ...start }, output)
    )
    const components = Layer.provideMerge(scheduler, Repository.layer(model.path, overrides, variants))
    return yield* Effect.provide(draw(runs), Layer.provideMerge(components, store))
  })
  switch (Pipelines.ofClass(model.className)) {
    case "stable-diffusion-xl":
      return stableDiffusionXL
    case "latent-consistency":
      return latentConsistency
    default:
      return stableDiffusion
  }
}
