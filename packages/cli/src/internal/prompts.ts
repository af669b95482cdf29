/** What to draw: one prompt, or those of a file. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { UsageError } from "../Failure.ts"
import { readBytes } from "../Parameters.ts"
import type { Parameters } from "../Parameters.ts"

interface Options {
  readonly prompt: Option.Option<string>
  readonly prompts: Option.Option<string>
}

const refuse = (subject: string, detail: string) => Effect.fail(new UsageError({ subject, detail }))

/** `-` is what other programs write for standard input. */
const standardInput = Effect.promise(async () => {
  const parts: Array<Buffer> = []
  for await (const part of process.stdin) parts.push(Buffer.from(part))
  return new Uint8Array(Buffer.concat(parts))
})

const fromFile = (path: string): Effect.Effect<ReadonlyArray<string>, UsageError> =>
  Effect.gen(function* () {
    const name = path === "-" ? "standard input" : path
    const bytes = path === "-" ? yield* standardInput : yield* readBytes("--prompts", path)
    const text = yield* Effect.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
      catch: () => new UsageError({ subject: "--prompts", detail: `${name} is not a text in UTF-8` })
    })
    const lines = text.split(/\r?\n/).map((line) => line.trim())
    const prompts = lines.filter((line) => line !== "")
    return prompts.length > 0
      ? prompts
      : yield* refuse("--prompts", `${name} holds no line, expected one for each prompt`)
  })

/** The argument, or the lines of `--prompts`, or what a picture was made from. */
export const promptsOf = (
  options: Options,
  from: Parameters | undefined
): Effect.Effect<ReadonlyArray<string>, UsageError> =>
  Effect.gen(function* () {
    if (Option.isSome(options.prompts)) {
      return Option.isSome(options.prompt)
        ? yield* refuse("--prompts", "takes the place of <prompt>, expected one of them")
        : yield* fromFile(options.prompts.value)
    }
    const prompt = Option.getOrElse(options.prompt, () => from?.inputs["prompt"])
    if (!Predicate.isString(prompt)) {
      return yield* refuse("<prompt>", 'is missing, expected what to draw, such as "a red heart"')
    }
    return prompt.trim() === "" ? yield* refuse("<prompt>", "is empty, expected what to draw") : [prompt]
  })
