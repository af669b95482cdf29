/** What `generate` is asked to do, settled and checked before anything is loaded. */
import type { HubError } from "@effect-blocks/diffusion/HubError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { given } from "../commands/shared.ts"
import { UsageError } from "../Failure.ts"
import * as FieldFlag from "../FieldFlag.ts"
import type * as Generate from "../Generate.ts"
import * as Guiders from "../Guiders.ts"
import { readParameters } from "../Parameters.ts"
import type { Parameters } from "../Parameters.ts"
import type { Family, Workflow } from "../Pipelines.ts"
import * as Pipelines from "../Pipelines.ts"
import type { Reporter } from "../Reporter.ts"
import type { Size } from "../Size.ts"
import { fields, fieldsOfFamily, fieldsOfWorkflow, flagOfField, flags, suggested } from "./fields.ts"
import * as models from "./model.ts"
import type { Sources } from "./pictures.ts"
import { sources } from "./pictures.ts"
import { promptsOf } from "./prompts.ts"
import { checkReads } from "./reads.ts"

type Values = Readonly<Record<string, unknown>>

/** The flags that say what to draw, and with what. */
export interface Options extends models.Options {
  readonly prompt: Option.Option<string>
  readonly prompts: Option.Option<string>
  readonly fields: Readonly<Record<string, Option.Option<unknown>>>
  readonly image: Option.Option<string>
  readonly mask: Option.Option<string>
  readonly size: Option.Option<Size>
  readonly scheduler: Option.Option<string>
  readonly schedulerOption: Option.Option<Values>
  readonly guider: Option.Option<string>
  readonly guiderOption: Option.Option<Values>
  readonly count: number
  readonly from: Option.Option<string>
  readonly model: Option.Option<string>
  readonly variant: Option.Option<models.Variants>
}

/** One run of the pipeline: a prompt and a seed. */
export interface Run {
  readonly prompt: string
  readonly seed: number | bigint
}

/** What is known without the model. */
export interface Wish {
  readonly from: Parameters | undefined
  readonly sources: Sources
  /** each prompt with each seed */
  readonly runs: ReadonlyArray<Run>
  /** pictures of each run */
  readonly perRun: number
}

export interface Task {
  readonly request: Generate.Request
  /** what is to be stored in a picture: of that run, the one of that place in it */
  readonly parameters: (index: number, nth: number, size: Size) => Parameters
  /** why the pictures will not be those of `--from` */
  readonly notes: ReadonlyArray<string>
}

const randomSeed = Effect.sync(() => crypto.getRandomValues(new Uint32Array(1))[0]!)

const seedOf = (value: unknown): number | bigint | undefined =>
  Predicate.isNumber(value) || Predicate.isBigInt(value)
    ? value
    : Predicate.isString(value) && /^-?\d+$/.test(value)
      ? BigInt(value)
      : undefined

/** `count` seeds from one on; a bigint where a number would not be exact. */
const seedsFrom = (first: number | bigint, count: number): ReadonlyArray<number | bigint> =>
  Array.from({ length: count }, (_, index) => {
    const seed = BigInt(first) + BigInt(index)
    return Number.isSafeInteger(Number(seed)) ? Number(seed) : seed
  })

/** Reads what the flags name beside the model. */
export const settle = (options: Options): Effect.Effect<Wish, UsageError> =>
  Effect.gen(function* () {
    const from = Option.isSome(options.from) ? yield* readParameters("--from", options.from.value) : undefined
    const prompts = yield* promptsOf(options, from)
    const values: Values = given(options.fields)
    const seed = seedOf(values["seed"]) ?? seedOf(from?.inputs["seed"]) ?? (yield* randomSeed)
    const seeds = seedsFrom(seed, options.count)
    const perRun = values["numImagesPerPrompt"] ?? from?.inputs["numImagesPerPrompt"]
    return {
      from,
      sources: yield* sources(options, from),
      runs: prompts.flatMap((prompt) => seeds.map((seed) => ({ prompt, seed }))),
      perRun: Predicate.isNumber(perRun) ? perRun : 1
    }
  })

/** What the fields of a workflow are when nobody says: kept with a picture, as a default may change. */
const defaultsOf = (family: Family, workflow: Workflow): Values =>
  Object.fromEntries(
    Object.entries(fieldsOfWorkflow(family, workflow)).flatMap(([name, field]) => {
      const value = name in flags ? FieldFlag.facts(field).default : undefined
      return value === undefined ? [] : [[name, value]]
    })
  )

const plain = (value: unknown): value is string | number | boolean =>
  Predicate.isString(value) || Predicate.isNumber(value) || Predicate.isBoolean(value)
const storable = (value: unknown): value is Parameters["inputs"][string] =>
  plain(value) || (Array.isArray(value) && value.every(plain))

/** A component by name: of the flags, else of `--from`. Options of another are not those of this one. */
const chosen = (
  name: Option.Option<string>,
  options: Option.Option<Values>,
  before: readonly [string | undefined, Values | undefined]
) => {
  const own = Option.getOrElse(name, () => before[0])
  const kept = Option.isSome(name) && name.value !== before[0] ? undefined : before[1]
  const all = { ...kept, ...Option.getOrElse(options, () => ({})) }
  return [own, Object.keys(all).length === 0 ? undefined : all] as const
}

/** The inputs that each say which steps there are. */
const schedules = ["timesteps", "sigmas"]

/** Fails where two flags say the same thing in two ways. */
const checkAgreement = (fields: Values, guiderOptions: Values): Effect.Effect<void, UsageError> => {
  const steps = fields["numInferenceSteps"]
  const listed = schedules.find((name) => Array.isArray(fields[name]))
  const list = listed === undefined ? undefined : fields[listed]
  if (steps !== undefined && listed !== undefined && Array.isArray(list) && list.length !== steps) {
    const detail = `says ${String(steps)}, but ${flagOfField.get(listed)} lists ${list.length}: expected one of the two flags`
    return Effect.fail(new UsageError({ subject: "--steps", detail }))
  }
  const scale = fields["guidanceScale"]
  if (
    scale !== undefined &&
    guiderOptions["guidance_scale"] !== undefined &&
    guiderOptions["guidance_scale"] !== scale
  ) {
    const detail = `says ${String(scale)}, but --guider-option guidance_scale says ${String(guiderOptions["guidance_scale"])}: expected one of the two flags`
    return Effect.fail(new UsageError({ subject: "--guidance", detail }))
  }
  return Effect.void
}

/** Flags first, then what a picture remembers, then what suits the model; the rest is the pipeline's. */
export const prepare = (options: Options, wish: Wish): Effect.Effect<Task, UsageError | HubError, Reporter> =>
  Effect.gen(function* () {
    const { from, runs } = wish
    const variants = Option.getOrElse(options.variant, () => from?.variants)
    const named = Option.getOrElse(options.model, () => from?.model.path)
    const what = Option.isSome(options.model) ? "all" : "nothing"
    const { folder: model, written } = yield* models.resolve(named, options, variants, what)
    const family = Pipelines.ofClass(model.className)
    if (family === undefined) {
      const detail = `there is no pipeline for ${model.className}`
      return yield* new UsageError({ subject: "--model", detail })
    }
    const { image, maskImage } = wish.sources
    const workflow = maskImage !== undefined ? "inpainting" : image !== undefined ? "image2image" : "text2image"
    const { seed: _, ...texts }: Values = given(options.fields)
    const files = [...(maskImage === undefined ? [] : ["maskImage"]), ...(image === undefined ? [] : ["image"])]
    yield* checkReads({ family, model: model.name, workflow, fields: [...files, ...Object.keys(texts)] })

    const [scheduler, schedulerOptions] = chosen(options.scheduler, options.schedulerOption, [
      from?.scheduler,
      from?.schedulerOptions
    ])
    const [guider, guiderOptions] = chosen(options.guider, options.guiderOption, [from?.guider, from?.guiderOptions])
    yield* checkAgreement(
      texts,
      Option.getOrElse(options.guiderOption, () => ({}))
    )
    // what a picture remembers of the steps ends where flags say them anew; eta is of the scheduler that it had
    const anew = ["numInferenceSteps", ...schedules].some((name) => texts[name] !== undefined)
    const isReplaced = (name: string) =>
      (anew && schedules.includes(name)) || (name === "eta" && scheduler !== from?.scheduler)
    const { seed: _stored, ...all } = from?.inputs ?? {}
    const stored = Object.fromEntries(Object.entries(all).filter(([name]) => !isReplaced(name)))
    const known = fieldsOfFamily(family)
    // a default was stored too, and nobody misses that
    const left = Object.keys(stored).filter(
      (name) => !(name in known) && !(name in fields && FieldFlag.facts(fields[name]!).default === stored[name])
    )
    const before = { ...(model.shipped ? suggested : {}), ...stored }
    // a scale that nobody asked for now must neither meet a guider without one nor replace that of its options
    const scaled = Guiders.has(guider ?? "cfg", "guidance_scale") && guiderOptions?.["guidance_scale"] === undefined
    const inputs = {
      ...Object.fromEntries(
        Object.entries(before).filter(([name]) => name in known && (scaled || name !== "guidanceScale"))
      ),
      ...texts,
      ...Option.getOrElse(options.size, () => ({}))
    }
    const wanted = runs.map(({ prompt, seed }, index) => ({
      label: `${prompt}, seed ${seed}${runs.length > 1 ? ` (${index + 1} of ${runs.length})` : ""}`,
      inputs: { ...inputs, prompt, seed: Predicate.isBigInt(seed) ? String(seed) : seed }
    }))
    const defaults = defaultsOf(family, workflow)
    const parameters = (index: number, nth: number, size: Size): Parameters => {
      const all: Values = { ...defaults, ...wanted[index]!.inputs, ...size }
      return {
        software: "effect-blocks",
        pipeline: model.className,
        model: {
          name: model.name,
          fingerprint: model.fingerprint,
          ...(written === undefined ? {} : { path: written })
        },
        ...(variants === undefined ? {} : { variants }),
        ...(scheduler === undefined ? {} : { scheduler }),
        ...(schedulerOptions === undefined ? {} : { schedulerOptions }),
        ...(guider === undefined ? {} : { guider }),
        ...(guiderOptions === undefined ? {} : { guiderOptions }),
        ...(wish.perRun === 1 ? {} : { picture: nth + 1 }),
        inputs: Object.fromEntries(
          Object.entries(all)
            .flatMap(([name, value]) => (storable(value) ? [[name, value] as const] : []))
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
        ),
        files: {
          ...(image === undefined ? {} : { image: image.stored }),
          ...(maskImage === undefined ? {} : { maskImage: maskImage.stored })
        }
      }
    }
    const source = Option.getOrElse(options.from, () => "")
    return {
      request: {
        model,
        scheduler,
        schedulerOptions,
        guider,
        guiderOptions,
        variants,
        image: image?.picture,
        maskImage: maskImage?.picture,
        wanted
      },
      parameters,
      notes: [
        ...(from === undefined || from.model.fingerprint === model.fingerprint
          ? []
          : from.model.name === model.name
            ? [`${model.name} has changed since ${source} was made: the picture will differ.`]
            : [`${source} was made by ${from.model.name}, this is ${model.name}: the picture will differ.`]),
        ...(left.length === 0
          ? []
          : [
              `left out, as ${model.name} does not take it: ${left.map((name) => flagOfField.get(name) ?? name).join(", ")}`
            ])
      ]
    }
  })
