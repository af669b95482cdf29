/**
 * The `effect-blocks` command as an Effect: arguments in, exit code out.
 *
 * @module
 */
import * as Errors from "@effect-blocks/core/Errors"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import { readFileSync } from "node:fs"
import { inspect } from "node:util"
import { describe } from "./commands/describe.ts"
import { generate } from "./commands/generate.ts"
import { models } from "./commands/models.ts"
import { exitCodes, fromCause, UsageError } from "./Failure.ts"
import type { Failure } from "./Failure.ts"
import * as Guiders from "./Guiders.ts"
import { flagOfField } from "./internal/fields.ts"
import { nearest } from "./internal/nearest.ts"

const root = Command.make("effect-blocks").pipe(
  Command.withDescription("Pictures from prompts, made on this machine; pipelines described"),
  Command.withSubcommands([generate, describe, models])
)

/** The version of this package. */
const version = (): string => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
  return String(version)
}

/** ONNX Runtime searches the whole command line when it starts, and overflows the stack from some 16,000 bytes on. */
const maxBytes = 10_000

/** Fails where the arguments are longer than that; the longest one is named. */
const checkLength = (args: ReadonlyArray<string>): Effect.Effect<void, UsageError> => {
  const bytes = args.map((arg) => Buffer.byteLength(arg))
  if (bytes.reduce((sum, more) => sum + more + 1, 0) <= maxBytes) return Effect.void
  const longest = bytes.indexOf(Math.max(...bytes))
  const before = args[longest - 1] ?? ""
  const inline = /^(--[a-z-]+)=/.exec(args[longest]!)?.[1]
  const subject = inline ?? (before.startsWith("--") ? before : longest === 1 ? "<prompt>" : "the arguments")
  return Effect.fail(
    new UsageError({
      subject,
      detail: `is ${bytes[longest]} bytes long, expected at most ${maxBytes} for all arguments together`
    })
  )
}

/** Libraries log; people read lines on standard error. */
const logger = Logger.make(({ logLevel, message }) => {
  const text = (Array.isArray(message) ? message : [message])
    .map((part) => (typeof part === "string" ? part : inspect(part)))
    .join(" ")
  process.stderr.write(`${logLevel.toLowerCase()}: ${text}\n`)
})

/** With `--log-level debug` the whole Cause is told too: the block's path, stacks. */
const isVerbose = (args: ReadonlyArray<string>): boolean => /--log-level[= ](all|trace|debug)/i.test(args.join(" "))

/** Standard error gets one line, and with `--json` standard output one object. */
const report = (failure: Failure, args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    yield* Console.error(`effect-blocks: ${failure.message}`)
    if (args.includes("--json")) {
      const { error, exitCode, message, path } = failure
      yield* Console.log(JSON.stringify({ error: { tag: error, message, path }, exitCode }))
    }
    return failure.exitCode
  })

/** Help goes to standard output where it was asked for; mistakes are told in one line by `report`. */
const presenter: CliOutput.Presenter = {
  present: (event) => (event._tag === "InvalidInvocation" ? Effect.void : CliOutput.defaultPresenter.present(event))
}

/** A long list of choices says nothing in one line: the nearest ones do, and `--help` has the list. */
const shortened = (error: CliError.CliError): string => {
  if (error._tag !== "InvalidValue") return error.message
  if (error.expected.startsWith("Invalid key=value"))
    return new CliError.InvalidValue({ ...error, expected: "NAME=VALUE" }).message
  const choices = error.expected.split(" | ").map((choice) => choice.replace(/^"(.*)"$/, "$1"))
  if (choices.length < 9) return error.message
  const why = error.option === "guider" ? Guiders.leftOut.get(error.value) : undefined
  if (why !== undefined)
    return new CliError.InvalidValue({
      ...error,
      expected: `one of ${choices.length} names, such as ${choices[0]}; not this one: ${why}`
    }).message
  const close = nearest(error.value, choices)
  const expected = `one of ${choices.length} names${close.length === 0 ? `, such as ${choices[0]}` : `; did you mean ${close.join(" or ")}?`}`
  return new CliError.InvalidValue({ ...error, expected }).message
}

/** Words without quotes are the usual reason. */
const hint = (error: CliError.CliError): string =>
  error.message.startsWith("Unexpected positional") ? ": put quotes around a text of several words" : ""

const usage = (error: CliError.ShowHelp): Failure => {
  const problems = error.errors.map((problem) =>
    (shortened(problem) + hint(problem))
      .split(/\s*\n\s*/)
      .filter((part) => part !== "")
      .join(" ")
  )
  return {
    error: "UsageError",
    message:
      problems.length === 0
        ? "no command was given"
        : `${problems.join("; ")} (see ${error.commandPath.join(" ")} --help)`,
    path: undefined,
    exitCode: exitCodes.usage
  }
}

/**
 * Runs the command and gives its exit code (see `Failure.exitCodes`); failures are told on standard error, never thrown.
 *
 * ```ts
 * import { main } from "@effect-blocks/cli/Main"
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const code = await Effect.runPromise(Effect.provide(main(["models", "--json"]), NodeServices.layer))
 * assert.equal(code, 0)
 * ```
 */
export const main = (args: ReadonlyArray<string>): Effect.Effect<number, never, Command.Environment> =>
  checkLength(args).pipe(
    Effect.andThen(Command.runWith(root, { version: version() })(args)),
    Effect.provide([
      Logger.layer([logger]),
      CliOutput.layerPresenter(presenter),
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel] })
    ]),
    Effect.exit,
    Effect.flatMap(
      Exit.match({
        onSuccess: () => Effect.succeed<number>(exitCodes.success),
        onFailure: (cause) => {
          const error = Cause.hasInterruptsOnly(cause) ? undefined : Cause.squash(cause)
          const failure =
            CliError.isCliError(error) && error._tag === "ShowHelp" ? usage(error) : fromCause(cause, flagOfField)
          const details = isVerbose(args) ? Console.error(Errors.pretty(cause)) : Effect.void
          return Effect.andThen(details, report(failure, args))
        }
      })
    )
  )
