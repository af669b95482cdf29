import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Image from "@effect-blocks/ops/Image"
import type { Tensor } from "@effect-blocks/ops/Tensor"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Device from "../Device.ts"
import { UsageError } from "../Failure.ts"
import * as FieldFlag from "../FieldFlag.ts"
import * as Generate from "../Generate.ts"
import { fields, flags, suggested } from "../internal/fields.ts"
import { inspect } from "../ModelFolder.ts"
import * as Output from "../Output.ts"
import * as Pipelines from "../Pipelines.ts"
import { readBytes, readParameters, sha256 } from "../Parameters.ts"
import type { Parameters } from "../Parameters.ts"
import { duration } from "../ProgressBar.ts"
import { Reporter } from "../Reporter.ts"
import * as Schedulers from "../Schedulers.ts"
import * as Size from "../Size.ts"
import { given, json, model } from "./shared.ts"

/** More pictures than anybody wants from one command. */
const maxCount = 10_000
/** The default of `--device`; docs/command-line.md has the measurement. */
const defaultDevice: Device.Name = "workers"

const side = { width: fields["width"]!, height: fields["height"]! }
const refuse = (option: string, value: string, expected: string) =>
  Effect.fail(new CliError.InvalidValue({ option, value, expected, kind: "flag" }))

const file = (name: string, field: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("file"),
    Flag.withDescription(`${FieldFlag.facts(fields[field]!).description ?? ""} (PNG, JPEG or WebP)`),
    Flag.optional
  )

const config = {
  prompt: Argument.String("prompt").pipe(
    Argument.withDescription(FieldFlag.facts(fields["prompt"]!).description ?? ""),
    Argument.optional
  ),
  fields: flags,
  image: file("image", "image"),
  mask: file("mask", "maskImage"),
  size: Flag.String("size").pipe(
    Flag.withMetavar("pixels"),
    Flag.withDescription("One side or WIDTHxHEIGHT (default: the model's own, or that of --image)"),
    Flag.mapEffect((text) =>
      Exit.match(Size.parse(text, side), {
        onSuccess: Effect.succeed,
        onFailure: (cause) =>
          refuse("size", text, cause.reasons.map((reason) => (reason._tag === "Fail" ? reason.error : "")).join(""))
      })
    ),
    Flag.optional
  ),
  scheduler: Flag.Literals("scheduler", Schedulers.names).pipe(
    Flag.withDescription("The solver (default: the model's own)"),
    Flag.optional
  ),
  count: Flag.Int("count").pipe(
    Flag.withDescription(`Pictures to make, with the seeds from --seed on (1..${maxCount}, default 1)`),
    Flag.mapEffect((count) =>
      count >= 1 && count <= maxCount
        ? Effect.succeed(count)
        : refuse("count", String(count), `an integer from 1 to ${maxCount}`)
    ),
    Flag.withDefault(1)
  ),
  out: Flag.String("out").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("path"),
    Flag.withDescription(
      "A .png, .jpg or .webp file, with {seed}, {index} or {prompt} in its name if there are several; or a folder (default: PROMPT-SEED.png here)"
    ),
    Flag.optional
  ),
  force: Flag.Boolean("force").pipe(
    Flag.withAlias("f"),
    Flag.withDescription("Replace files that are there"),
    Flag.withDefault(false)
  ),
  from: Flag.String("from").pipe(
    Flag.withMetavar("picture.png"),
    Flag.withDescription("Take the parameters that are stored in a picture; other flags override them"),
    Flag.optional
  ),
  model,
  device: Flag.Literals("device", Device.names).pipe(
    Flag.withDescription(
      `Where the model runs: cpu in this thread, workers in another, auto the best that starts (default ${defaultDevice})`
    ),
    Flag.withDefault(defaultDevice)
  ),
  json
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

const randomSeed = Effect.sync(() => crypto.getRandomValues(new Uint32Array(1))[0]!)

const seedOf = (value: unknown): number | bigint | undefined =>
  Predicate.isNumber(value) || Predicate.isBigInt(value)
    ? value
    : Predicate.isString(value) && /^-?\d+$/.test(value)
      ? BigInt(value)
      : undefined

const plain = (value: unknown): value is string | number | boolean =>
  Predicate.isString(value) || Predicate.isNumber(value) || Predicate.isBoolean(value)

const encode = (picture: Tensor<"uint8">, path: string, parameters: Parameters) => {
  switch (Output.formatOf(path)) {
    case "jpeg":
      return Image.encodeJpeg(picture)
    case "webp":
      return Image.encodeWebp(picture)
    default:
      return Image.encodePng(picture, { parameters })
  }
}

export const generate = Command.make(
  "generate",
  config,
  Effect.fnUntraced(
    function* (options) {
      const text = given(options.fields)
      const from = Option.isSome(options.from) ? yield* readParameters("--from", options.from.value) : undefined

      // what to make
      const prompt = Option.getOrElse(options.prompt, () => from?.inputs["prompt"])
      if (!Predicate.isString(prompt)) {
        return yield* new UsageError({
          subject: "<prompt>",
          detail: 'is missing, expected what to draw, such as "a red heart"'
        })
      }
      if (prompt.trim() === "") {
        return yield* new UsageError({ subject: "<prompt>", detail: "is empty, expected what to draw" })
      }
      const folder = Option.getOrElse(options.model, () => from?.model.path ?? EmojiDiffusion.path)
      const chosen = yield* inspect(folder, "--model")
      if (Pipelines.ofClass(chosen.className) === undefined) {
        return yield* new UsageError({ subject: "--model", detail: `there is no pipeline for ${chosen.className}` })
      }
      const { height: storedHeight, seed: storedSeed, width: storedWidth, ...stored } = from?.inputs ?? {}
      const size = Option.getOrUndefined(options.size)
      const sides = size ?? {
        ...(Predicate.isNumber(storedWidth) ? { width: storedWidth } : {}),
        ...(Predicate.isNumber(storedHeight) ? { height: storedHeight } : {})
      }
      const { seed: wantedSeed, ...texts } = text
      const inputs = { ...(chosen.name === "emoji-diffusion" ? suggested : {}), ...stored, ...texts, ...sides, prompt }
      const seed = seedOf(wantedSeed) ?? seedOf(storedSeed) ?? (yield* randomSeed)
      const seeds = Array.from({ length: options.count }, (_, index) => {
        const next = BigInt(seed) + BigInt(index)
        return Number.isSafeInteger(Number(next)) ? Number(next) : next
      })
      const scheduler = Option.getOrElse(options.scheduler, () => from?.scheduler)

      // the files it is made from
      const source = Effect.fnUntraced(function* (flag: string, path: Option.Option<string>, name: string) {
        if (Option.isSome(path)) return yield* readPicture(flag, path.value, undefined)
        const before = from?.files[name]
        return before === undefined ? undefined : yield* readPicture(flag, before.path, before.sha256)
      })
      const image = yield* source("--image", options.image, "image")
      const mask = yield* source("--mask", options.mask, "maskImage")
      if (mask !== undefined && image === undefined) {
        return yield* new UsageError({
          subject: "--mask",
          detail: "says where to draw in a picture, expected --image too"
        })
      }

      // where it goes
      const plan = yield* Output.plan({
        out: Option.getOrUndefined(options.out),
        force: options.force,
        wanted: seeds.map((seed) => ({ prompt, seed }))
      })

      const reporter = yield* Reporter
      const wanted = seeds.map((seed, index) => ({
        label: `${prompt}, seed ${seed}${seeds.length > 1 ? ` (${index + 1} of ${seeds.length})` : ""}`,
        inputs: { ...inputs, seed: typeof seed === "bigint" ? String(seed) : seed }
      }))
      // a default may change, a stored picture must not
      const branch =
        Pipelines.all[mask !== undefined ? "inpainting" : image !== undefined ? "image2image" : "text2image"]
      const defaults = Object.fromEntries(
        Object.keys(branch.inputs).flatMap((name) => {
          const value = name in flags ? FieldFlag.facts(fields[name]!).default : undefined
          return value === undefined ? [] : [[name, value]]
        })
      )
      const pictures: Array<Readonly<Record<string, unknown>>> = []
      const ended: Array<number> = []
      const save = ({ index, milliseconds, picture, steps }: Generate.Made) =>
        Effect.gen(function* () {
          const path = plan.paths[index]!
          ended.push(...steps)
          const [height = 0, width = 0] = picture.shape
          const all = { ...defaults, ...wanted[index]!.inputs, width, height }
          const kept = Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1))
          const parameters: Parameters = {
            software: "effect-blocks",
            pipeline: chosen.className,
            model: {
              name: chosen.name,
              fingerprint: chosen.fingerprint,
              ...(chosen.name === "emoji-diffusion" ? {} : { path: folder })
            },
            ...(scheduler === undefined ? {} : { scheduler }),
            inputs: Object.fromEntries(kept.flatMap(([name, value]) => (plain(value) ? [[name, value]] : []))),
            files: {
              ...(image === undefined ? {} : { image: image.stored }),
              ...(mask === undefined ? {} : { maskImage: mask.stored })
            }
          }
          if (index === 0 && from !== undefined && from.model.fingerprint !== chosen.fingerprint) {
            yield* reporter.note(
              `${from.model.name} has changed since the stored picture was made: this one will differ.`
            )
          }
          const bytes = yield* encode(picture, path, parameters)
          yield* Output.write(path, bytes, { force: plan.force })
          const line = `${path} (${width}x${height}, seed ${seeds[index]}, ${duration(milliseconds)})`
          yield* reporter.done(line, Effect.succeed(picture))
          if (!options.json && !(process.stdout.isTTY && process.stderr.isTTY)) yield* Console.log(path)
          pictures.push({
            path,
            width,
            height,
            bytes: bytes.length,
            milliseconds: Math.round(milliseconds),
            parameters
          })
        })
      const loading = yield* Generate.forEach(
        { model: chosen, scheduler, image: image?.picture, maskImage: mask?.picture, wanted },
        save
      ).pipe(Effect.provide(Device.layer(options.device)))
      if (options.json) {
        // of the process, not of this function: what a user waits for
        const sinceStart = (time: number) => Math.round(time - performance.timeOrigin)
        const perStep = ended
          .slice(1)
          .map((end, step) => end - ended[step]!)
          .toSorted((a, b) => a - b)
        const milliseconds = {
          loading: Math.round(loading),
          firstStep: sinceStart(ended[0] ?? Number.NaN),
          perStep: perStep[Math.floor(perStep.length / 2)],
          total: sinceStart(yield* Clock.currentTimeMillis)
        }
        yield* Console.log(JSON.stringify({ pictures, model: chosen.path, device: options.device, milliseconds }))
      }
    },
    Effect.provide(Reporter.layer(process.stderr))
  )
).pipe(
  Command.withDescription("Makes pictures from a prompt"),
  Command.withExamples([
    { command: 'effect-blocks generate "a red heart"', description: "one picture, a-red-heart-SEED.png" },
    {
      command: 'effect-blocks generate "green apple" --seed 7 --count 4 --out apples/',
      description: "four pictures, seeds 7 to 10"
    },
    {
      command: 'effect-blocks generate "blue heart" --image heart.png --strength 0.6',
      description: "from another picture"
    },
    { command: "effect-blocks generate --from a-red-heart-7.png --steps 40", description: "again, with more steps" }
  ])
)
