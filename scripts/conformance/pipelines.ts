/**
 * Whole pipelines on the tiny repositories of the golden data: tokenizers, single models against torch, and runs of Stable
 * Diffusion and SDXL, free running, every step compared.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as ForceZeros from "@effect-blocks/diffusion/ForceZerosForEmptyPrompt"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import * as Tokenizer from "@effect-blocks/diffusion/Tokenizer"
import * as ImageProcessor from "@effect-blocks/ops/ImageProcessor"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { type Case, type Difference, differenceOf, type Golden, type Reference } from "./golden.ts"
import { type Check, outcome, type Outcome, type Topic } from "./topic.ts"

/** relative to the largest value expected; pictures in levels */
const limits = { models: 1e-4, states: 1e-4, latents: 1e-4, images: 1e-4, level: 1 }

/** sessions are made once for all cases, and go with the process */
const runtime = ManagedRuntime.make(ModelStore.layer({ budget: 2 ** 27 }).pipe(Layer.provide(OnnxRuntime.layerCpu)))

/** A repository of the golden data. A folder without its own uses that of a golden folder beside it. */
const repositoryOf = (folder: string, name: string): string => {
  const beside = dirname(resolve(folder))
  const folders = [folder, ...readdirSync(beside).map((other) => join(beside, other))]
  const shared = join(import.meta.dirname, "../../../shared/golden")
  const found = [...folders, shared].map((one) => join(one, "pipelines", name)).find(existsSync)
  if (found === undefined) throw new Error(`there is no repository ${name} in ${folder} or in a folder beside it`)
  return found
}

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const levels = (got: ArrayLike<number>, want: ArrayLike<number>): Difference => {
  const difference = differenceOf(got, want)
  return { ...difference, relative: difference.absolute / 255 }
}

// ------------------------------------------------------------------ tokenizers

const readJson = (file: string): unknown => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined)
const tokenizers = new Map<string, Promise<Tokenizer.Shape>>()
const tokenizerOf = (folder: string): Promise<Tokenizer.Shape> => {
  const known = tokenizers.get(folder)
  if (known !== undefined) return known
  const read = (name: string) => readJson(join(folder, name))
  const made = Effect.runPromise(
    Tokenizer.make({
      folder: basename(folder),
      tokenizerJson: read("tokenizer.json"),
      tokenizerConfig: read("tokenizer_config.json"),
      specialTokensMap: read("special_tokens_map.json")
    })
  )
  tokenizers.set(folder, made)
  return made
}

const runTokenizer = async (testCase: Case, folder: string): Promise<Outcome> => {
  const tokenizer = await tokenizerOf(join(repositoryOf(folder, testCase["repository"]), testCase["tokenizer"]))
  const { inputIds, truncated } = tokenizer.encode([testCase["text"]])
  const long = testCase["ids"].length > tokenizer.maxLength
  const problems = long === truncated.length > 0 ? [] : [`reports ${truncated.length} truncated texts`]
  return outcome(
    [{ place: "ids", limit: 0, difference: differenceOf(inputIds.data, testCase["padded_ids"]) }],
    problems
  )
}

// ------------------------------------------------------------------ single models

const dtypes = { f32: "float32", i32: "int32", i64: "int64" } as const
const tensorOf = ({ values }: Golden, reference: Reference): Tensor.Tensor => {
  const dtype = reference.dtype
  if (dtype !== "f32" && dtype !== "i32" && dtype !== "i64") throw new TypeError(`no model takes ${dtype}`)
  return Tensor.make<Tensor.DType>(dtypes[dtype], reference.shape, values(reference))
}

const runModel = async (golden: Golden, testCase: Case, folder: string): Promise<Outcome> => {
  const component: string = testCase["id"].split("/").at(-1)
  const path = join(repositoryOf(folder, golden.document["repository"]), component, "model.onnx")
  const checks: Array<Check> = []
  for (const [index, recorded] of testCase["cases"].entries()) {
    const feeds = Object.fromEntries(
      Object.entries<Reference>(recorded.inputs).map(([name, reference]) => [name, tensorOf(golden, reference)])
    )
    const model = Effect.flatMap(ModelStore.ModelStore, (store) => store.get(path))
    const results = await runtime.runPromise(Effect.scoped(Effect.flatMap(model, (_) => _.run(feeds))))
    for (const [name, reference] of Object.entries<Reference>(recorded.outputs)) {
      const got = results[name]
      const data = got === undefined || got.dtype !== "float32" ? [] : (got as Tensor.Tensor<"float32">).data
      const difference = differenceOf(data, golden.float32(reference).data)
      checks.push({ place: `set ${index}, ${name}`, limit: limits.models, difference })
    }
  }
  return outcome(checks)
}

// ------------------------------------------------------------------ runs

interface Step {
  readonly output: Tensor.Tensor<"float32">
  readonly sample: Tensor.Tensor<"float32">
  readonly next: Tensor.Tensor<"float32">
}

/** the scheduler of a case; what goes through its `step` is kept */
const recording = (testCase: Case, steps: Array<Step>) => {
  const [className] = testCase["scheduler"]
  return Layer.effect(
    Scheduler.Scheduler,
    Effect.map(
      Effect.fromResult(Scheduler.fromConfig({ ...testCase["scheduler_config"], _class_name: className })),
      (scheduler): Scheduler.Shape => ({
        ...scheduler,
        step: (plan, state, input) => {
          const out = scheduler.step(plan, state, input)
          steps.push({ output: input.modelOutput, sample: input.sample, next: out.sample })
          return out
        }
      })
    )
  )
}

const isOf = <D extends Reference["dtype"]>(value: unknown, dtype: D): value is Reference & { readonly dtype: D } =>
  typeof value === "object" && value !== null && "dtype" in value && value.dtype === dtype

const inputsOf = (golden: Golden, testCase: Case): { readonly prompt: string } => {
  const { float32, values } = golden
  const picture = (reference: Reference & { readonly dtype: "u8" }) => {
    const shape = reference.shape.length === 2 ? [...reference.shape, 1] : reference.shape
    return Tensor.make("uint8", shape, values(reference))
  }
  const given = (value: unknown): unknown => {
    if (value === "input picture") return picture(golden.document["input_picture"])
    if (value === "input mask") return picture(golden.document["input_mask"])
    if (isOf(value, "u8")) return picture(value)
    return isOf(value, "f32") ? float32(value) : value
  }
  const { output_type: _, ...call } = testCase["call"]
  const seed = testCase["seed"]
  // what is null is missing, in diffusers
  const inputs = Object.entries(call).flatMap(([name, value]) =>
    value === null ? [] : [[camelCase(name), given(value)]]
  )
  return { ...Object.fromEntries(inputs), seed: Array.isArray(seed) ? seed.map(BigInt) : BigInt(seed) }
}

const stepChecks = ({ float32 }: Golden, { steps: want }: Case, got: ReadonlyArray<Step>): ReadonlyArray<Check> => {
  // no step was left to run
  if (want === null) return []
  const flat = (of: keyof Step) => Float32Array.from(got.flatMap((step) => [...step[of].data]))
  const check = (place: string, of: keyof Step, reference: Reference): Check => ({
    place,
    limit: limits.latents,
    difference: differenceOf(flat(of), float32(reference).data)
  })
  return [
    check("latents before each step", "sample", want["sample_in"]),
    check("model output of each step", "output", want["model_output"]),
    check("latents after each step", "next", want["sample_out"])
  ]
}

interface Pictures {
  readonly decoded: Tensor.Tensor<"float32">
  readonly images: ReadonlyArray<Tensor.Tensor<"uint8">>
}
const pictureChecks = (
  golden: Golden,
  out: Pictures,
  images: Reference | undefined,
  uint8: (Reference & { readonly dtype: "u8" }) | undefined
): ReadonlyArray<Check> => {
  const checks: Array<Check> = []
  if (images !== undefined && images.shape[1] === 3) {
    const values = Effect.runSync(Effect.fromResult(ImageProcessor.denormalize(out.decoded)))
    const difference = differenceOf(values.data, golden.float32(images).data)
    checks.push({ place: "images", limit: limits.images, difference })
  }
  if (uint8 !== undefined) {
    const difference = levels(
      out.images.flatMap((image) => [...image.data]),
      golden.values(uint8)
    )
    checks.push({ place: "pictures", limit: limits.level / 255, difference })
  }
  return checks
}

const compare =
  ({ float32 }: Golden) =>
  (place: string, got: Tensor.Tensor<"float32">, want: Reference | null | undefined) =>
    want === null || want === undefined
      ? []
      : [{ place, limit: limits.states, difference: differenceOf(got.data, float32(want).data) }]

/** a run that has ended, for the comparisons: they are made only where diffusers did not fail */
type Run = () => Promise<() => Outcome>

const runStableDiffusion =
  (golden: Golden, testCase: Case, folder: string): Run =>
  async () => {
    const steps: Array<Step> = []
    const components = Repository.layer(repositoryOf(folder, golden.document["repository"]), {
      scheduler: recording(testCase, steps)
    })
    const inputs = inputsOf(golden, testCase)
    const own = String(testCase["class"]).startsWith("LatentConsistencyModel")
    const out = own
      ? await runtime.runPromise(Effect.provide(Pipeline.run(LatentConsistency.pipeline, inputs), components))
      : await runtime.runPromise(Effect.provide(Pipeline.run(StableDiffusion.pipeline, inputs), components))
    return () => {
      const check = compare(golden)
      const negative = out.negativePromptEmbeds === out.promptEmbeds ? undefined : testCase["negative_prompt_embeds"]
      return outcome([
        { place: "timesteps", limit: 1e-6, difference: differenceOf(out.timesteps, testCase["steps"]["timesteps"]) },
        ...check("prompt states", out.promptEmbeds, testCase["prompt_embeds"]),
        ...check("negative prompt states", out.negativePromptEmbeds, negative),
        ...stepChecks(golden, testCase, steps),
        ...pictureChecks(golden, out, testCase["images"], testCase["images_uint8"])
      ])
    }
  }

const runXL =
  (golden: Golden, testCase: Case, folder: string): Run =>
  async () => {
    const steps: Array<Step> = []
    const [className, config] = testCase["guider"]
    const components = Repository.layerXL(repositoryOf(folder, golden.document["repository"]), {
      scheduler: recording(testCase, steps),
      guider: Guider.layer({ _class_name: className, ...config })
    })
    const zeros: boolean | undefined = testCase["config"]?.force_zeros_for_empty_prompt
    const run = Pipeline.run(StableDiffusionXL.pipeline, inputsOf(golden, testCase))
    const configured =
      zeros === undefined ? run : Effect.provideService(run, ForceZeros.ForceZerosForEmptyPrompt, zeros)
    const out = await runtime.runPromise(Effect.provide(configured, components))
    return () => {
      const check = compare(golden)
      const state = testCase["state"]
      const guided = out.negativePromptEmbeds !== out.promptEmbeds
      const ran = testCase["steps"] === null ? [] : testCase["steps"]["timesteps"]
      return outcome([
        { place: "timesteps", limit: 1e-6, difference: differenceOf(out.timesteps, ran) },
        ...check("prompt states", out.promptEmbeds, state["prompt_embeds"]),
        ...check("pooled prompt states", out.pooledPromptEmbeds, state["pooled_prompt_embeds"]),
        ...check("size conditioning", out.addTimeIds, state["add_time_ids"]),
        ...(guided
          ? [
              ...check("negative prompt states", out.negativePromptEmbeds, state["negative_prompt_embeds"]),
              ...check(
                "negative pooled states",
                out.negativePooledPromptEmbeds,
                state["negative_pooled_prompt_embeds"]
              ),
              ...check("negative size conditioning", out.negativeAddTimeIds, state["negative_add_time_ids"])
            ]
          : []),
        ...stepChecks(golden, testCase, steps),
        ...pictureChecks(golden, out, state["images"], testCase["images_uint8"])
      ])
    }
  }

/** what works here and not in diffusers, as docs/differences.md has it */
const beyond = (testCase: Case): string | undefined => {
  const { call, guider, scheduler, seed } = testCase
  const prompts = call["prompt_embeds"]?.shape[0] ?? (Array.isArray(call["prompt"]) ? call["prompt"].length : 1)
  const once = (name: string) => typeof call[name] === "string" || call[name]?.shape?.[0] === 1
  const flow = String(scheduler[0]).startsWith("FlowMatch")
  if (flow || (call["image"] != null && ["IPNDMScheduler", "DDIMInverseScheduler"].includes(scheduler[0])))
    return "a scheduler here has all that pipelines ask for"
  if (guider !== undefined && call["prompt"] == null && call["prompt_embeds"] != null)
    return "SDXL takes text states in place of prompts"
  if (guider !== undefined && call["image"] != null && call["mask_image"] == null && Array.isArray(seed))
    return "each picture of SDXL's image to image may have a seed of its own"
  if (Array.isArray(call["prompt"]) && ["prompt_2", "negative_prompt", "negative_prompt_embeds"].some(once))
    return "one text or text state serves all prompts"
  if (prompts === 1 && Array.isArray(call["negative_prompt"])) return "a list of one text is as good as the text"
  return undefined
}

/** a case that makes diffusers raise is to fail here too, with an error that says what is wrong */
const runPipeline = async (testCase: Case, run: Run): Promise<Outcome> => {
  if (testCase["error"] === undefined) return (await run())()
  try {
    await run()
  } catch (error) {
    const typed = typeof error === "object" && error !== null && "_tag" in error
    return outcome([], typed ? [] : [`fails without a typed error: ${error}`])
  }
  const differsByDesign = beyond(testCase)
  return differsByDesign === undefined
    ? outcome([], [`should fail: ${testCase["error"].message}`])
    : { ...outcome([]), differsByDesign }
}

const runCase = async (golden: Golden, testCase: Case, folder: string): Promise<Outcome> => {
  if (testCase["tokenizer"] !== undefined) return await runTokenizer(testCase, folder)
  if (testCase["exporter"] !== undefined) return await runModel(golden, testCase, folder)
  const run = testCase["guider"] === undefined ? runStableDiffusion : runXL
  return await runPipeline(testCase, run(golden, testCase, folder))
}

export const topic: Topic = { name: "pipelines", runCase }
