/** What `generate` is asked to do, settled and checked before anything is loaded. */
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Image from "@effect-blocks/ops/Image"
import type { Tensor } from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { UsageError } from "../Failure.ts"
import * as FieldFlag from "../FieldFlag.ts"
import type * as Generate from "../Generate.ts"
import { inspect } from "../ModelFolder.ts"
import type { ModelFolder } from "../ModelFolder.ts"
import { readBytes, readParameters, sha256 } from "../Parameters.ts"
import type { Parameters } from "../Parameters.ts"
import * as Pipelines from "../Pipelines.ts"
import type { Size } from "../Size.ts"
import { given } from "../commands/shared.ts"
import { fieldsOf, flags, suggested } from "./fields.ts"

/** The flags that say what to draw. */
export interface Options {
  readonly prompt: Option.Option<string>
  readonly fields: Readonly<Record<string, Option.Option<unknown>>>
  readonly image: Option.Option<string>
  readonly mask: Option.Option<string>
  readonly size: Option.Option<Size>
  readonly scheduler: Option.Option<string>
  readonly count: number
  readonly from: Option.Option<string>
  readonly model: Option.Option<string>
}

export interface Task {
  readonly prompt: string
  readonly seeds: ReadonlyArray<number | bigint>
  readonly request: Generate.Request
  /** what is to be stored in the picture of that index */
  readonly parameters: (index: number, size: Size) => Parameters
  /** why the pictures will not be those of `--from` */
  readonly warning: string | undefined
}

interface Source {
  readonly picture: Tensor<"uint8">
  readonly stored: { readonly path: string; readonly sha256: string }
}

/** A picture that a flag or `--from` names. */
const readPicture = (flag: string, path: string, expected: string | undefined): Effect.Effect<Source, UsageError> =>
  Effect.gen(function* () {
    const bytes = yield* readBytes(flag, path)
    const sum = sha256(bytes)
    if (expected !== undefined && expected !== sum) {
      return yield* new UsageError({
        subject: "--from",
        detail: `${path} is not the file it was made from (give one with ${flag})`
      })
    }
    const picture = yield* Effect.mapError(
      Image.decode(bytes),
      (error) => new UsageError({ subject: flag, detail: `${path} is not a picture that can be read: ${error.detail}` })
    )
    return { picture, stored: { path, sha256: sum } }
  })

const sources = (options: Options, from: Parameters | undefined) =>
  Effect.gen(function* () {
    const source = Effect.fnUntraced(function* (flag: string, path: Option.Option<string>, field: string) {
      if (Option.isSome(path)) return yield* readPicture(flag, path.value, undefined)
      const before = from?.files[field]
      return before === undefined ? undefined : yield* readPicture(flag, before.path, before.sha256)
    })
    const image = yield* source("--image", options.image, "image")
    const maskImage = yield* source("--mask", options.mask, "maskImage")
    if (maskImage !== undefined && image === undefined) {
      const detail = "says where to draw in a picture, expected --image too"
      return yield* new UsageError({ subject: "--mask", detail })
    }
    return { image, maskImage }
  })

const modelOf = (folder: string): Effect.Effect<ModelFolder, UsageError> =>
  Effect.tap(inspect(folder, "--model"), ({ className }) =>
    Pipelines.ofClass(className) === undefined
      ? Effect.fail(new UsageError({ subject: "--model", detail: `there is no pipeline for ${className}` }))
      : Effect.void
  )

const promptOf = (options: Options, from: Parameters | undefined): Effect.Effect<string, UsageError> => {
  const refuse = (detail: string) => Effect.fail(new UsageError({ subject: "<prompt>", detail }))
  const prompt = Option.getOrElse(options.prompt, () => from?.inputs["prompt"])
  if (!Predicate.isString(prompt)) return refuse('is missing, expected what to draw, such as "a red heart"')
  return prompt.trim() === "" ? refuse("is empty, expected what to draw") : Effect.succeed(prompt)
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

/** What the fields of a workflow are when nobody says: kept with a picture, as a default may change. */
const defaultsOf = (workflow: Pipelines.Name): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(fieldsOf(workflow)).flatMap(([name, field]) => {
      const value = name in flags ? FieldFlag.facts(field).default : undefined
      return value === undefined ? [] : [[name, value]]
    })
  )

const plain = (value: unknown): value is string | number | boolean =>
  Predicate.isString(value) || Predicate.isNumber(value) || Predicate.isBoolean(value)

/** Flags first, then what a picture remembers, then what suits the model; the rest is the pipeline's. */
export const prepare = (options: Options): Effect.Effect<Task, UsageError> =>
  Effect.gen(function* () {
    const from = Option.isSome(options.from) ? yield* readParameters("--from", options.from.value) : undefined
    const prompt = yield* promptOf(options, from)
    const folder = Option.getOrElse(options.model, () => from?.model.path ?? EmojiDiffusion.path)
    const model = yield* modelOf(folder)
    const shipped = model.name === "emoji-diffusion"
    const scheduler = Option.getOrElse(options.scheduler, () => from?.scheduler)
    const { image, maskImage } = yield* sources(options, from)

    const { seed: wantedSeed, ...texts } = given(options.fields)
    const { seed: storedSeed, ...stored } = from?.inputs ?? {}
    const seed = seedOf(wantedSeed) ?? seedOf(storedSeed) ?? (yield* randomSeed)
    const seeds = seedsFrom(seed, options.count)
    const inputs = {
      ...(shipped ? suggested : {}),
      ...stored,
      ...texts,
      ...Option.getOrElse(options.size, () => ({})),
      prompt
    }
    const wanted = seeds.map((seed, index) => ({
      label: `${prompt}, seed ${seed}${seeds.length > 1 ? ` (${index + 1} of ${seeds.length})` : ""}`,
      inputs: { ...inputs, seed: Predicate.isBigInt(seed) ? String(seed) : seed }
    }))

    if (image === undefined && Option.isSome(options.fields["strength"] ?? Option.none())) {
      const detail = "says how far to go from a picture, expected --image too"
      return yield* new UsageError({ subject: "--strength", detail })
    }
    const workflow = maskImage !== undefined ? "inpainting" : image !== undefined ? "image2image" : "text2image"
    const defaults = defaultsOf(workflow)
    const parameters = (index: number, size: Size): Parameters => {
      const all = Object.entries({ ...defaults, ...wanted[index]!.inputs, ...size })
      return {
        software: "effect-blocks",
        pipeline: model.className,
        model: { name: model.name, fingerprint: model.fingerprint, ...(shipped ? {} : { path: folder }) },
        ...(scheduler === undefined ? {} : { scheduler }),
        inputs: Object.fromEntries(
          all
            .flatMap(([name, value]) => (plain(value) ? [[name, value] as const] : []))
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
        ),
        files: {
          ...(image === undefined ? {} : { image: image.stored }),
          ...(maskImage === undefined ? {} : { maskImage: maskImage.stored })
        }
      }
    }
    return {
      prompt,
      seeds,
      request: { model, scheduler, image: image?.picture, maskImage: maskImage?.picture, wanted },
      parameters,
      warning:
        from === undefined || from.model.fingerprint === model.fingerprint
          ? undefined
          : `${from.model.name} has changed since ${Option.getOrElse(options.from, () => "")} was made: the picture will differ.`
    }
  })
