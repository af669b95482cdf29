import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { hub, json, model } from "../commands/shared.ts"
import * as Device from "../Device.ts"
import * as FieldFlag from "../FieldFlag.ts"
import * as Guiders from "../Guiders.ts"
import * as Schedulers from "../Schedulers.ts"
import * as Size from "../Size.ts"
import { fields, flags } from "./fields.ts"
import { parseVariants, variantsExpected } from "./model.ts"

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

/** JSON where it is JSON, such as `true`, `0.5` or `[1, 2]`, else a text. */
const jsonOrText = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `--name key=value`, as often as there are options. */
const optionsOf = (name: string, what: string, example: string) =>
  Flag.KeyValuePair(name).pipe(
    Flag.withDescription(
      `An option of the ${what}, as in its JSON file, such as ${example}; may be given several times`
    ),
    Flag.map((given) => Object.fromEntries(Object.entries(given).map(([key, text]) => [key, jsonOrText(text)]))),
    Flag.optional
  )

/** The flags and the argument of `generate`. */
export const config = {
  prompt: Argument.String("prompt").pipe(Argument.withDescription("What to draw"), Argument.optional),
  prompts: Flag.String("prompts").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Prompts, one a line, each drawn with each seed; - reads them from standard input"),
    Flag.optional
  ),
  fields: flags,
  image: file("image", "image"),
  mask: file("mask", "maskImage"),
  size: Flag.String("size").pipe(
    Flag.withMetavar("pixels"),
    Flag.withDescription("One side or WIDTHxHEIGHT (default: the model's own or, without --mask, that of --image)"),
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
  schedulerOption: optionsOf("scheduler-option", "scheduler", "use_karras_sigmas=true"),
  guider: Flag.Literals("guider", Guiders.names).pipe(
    Flag.withDescription(
      "How predictions with and without the prompt become one (default: cfg, classifier-free guidance)"
    ),
    Flag.optional
  ),
  guiderOption: optionsOf("guider-option", "guider", "stop=0.5"),
  count: Flag.Int("count").pipe(
    Flag.withDescription(`Runs of each prompt, with the seeds from --seed on (1..${maxCount}, default 1)`),
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
  ...hub,
  variant: Flag.String("variant").pipe(
    Flag.withDescription(
      "Which file of a graph: fp16 takes model.fp16.onnx or model_fp16.onnx; unet=fp16 that of the UNet alone"
    ),
    Flag.mapEffect((text) => {
      const variants = parseVariants(text)
      return variants === undefined ? refuse("variant", text, variantsExpected) : Effect.succeed(variants)
    }),
    Flag.optional
  ),
  device: Flag.Literals("device", Device.names).pipe(
    Flag.withDescription(
      `Where the model runs: cpu in this thread, workers in another, auto the best that starts (default ${defaultDevice})`
    ),
    Flag.withDefault(defaultDevice)
  ),
  json
}
