/**
 * What a command says when it fails: one line that names the flag, field or file and what was expected, and an exit code.
 *
 * @module
 */
import * as Errors from "@effect-blocks/core/Errors"
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * The exit codes of the command.
 *
 * ```ts
 * import { exitCodes } from "@effect-blocks/cli/Failure"
 * import assert from "node:assert"
 *
 * assert.deepEqual(exitCodes, { success: 0, failure: 1, usage: 2, interrupted: 130, unread: 141 })
 * ```
 */
export const exitCodes = {
  /** everything that was asked for is there */
  success: 0,
  /** something failed while it ran */
  failure: 1,
  /** the command line, or a file or folder that it names, is not as it must be; nothing has run */
  usage: 2,
  /** stopped by Ctrl-C (SIGINT) or SIGTERM */
  interrupted: 130,
  /** nobody reads the output any more: the code of a program that SIGPIPE ends */
  unread: 141
} as const

/**
 * Something on the command line is not as it must be.
 *
 * ```ts
 * import { UsageError } from "@effect-blocks/cli/Failure"
 * import assert from "node:assert"
 *
 * const error = new UsageError({ subject: "--image", detail: "in.png is not a picture" })
 * assert.equal(error.message, "--image: in.png is not a picture")
 * ```
 */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  /** the flag, argument or file */
  subject: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.subject}: ${this.detail}`
  }
}

/** A failure as a command reports it. */
export interface Failure {
  /** the error's tag, for scripts */
  readonly error: string
  /** one line */
  readonly message: string
  /** the block in which it happened, such as `text2image.denoise[3].predictNoise` */
  readonly path: string | undefined
  readonly exitCode: number
}

const oneLine = (text: string): string =>
  text
    .split(/\s*\n\s*/)
    .filter((line) => line !== "")
    .join(" ")
    .trim()

/** Errors that are found before the first model runs. */
const refusals: ReadonlySet<string> = new Set([
  "UsageError",
  "InputError",
  "MissingInputError",
  "ComponentMismatch",
  "RepositoryError",
  "ModelLoadError",
  "ProviderUnavailableError",
  "SchedulerError",
  "GuiderError",
  "ConfigError"
])

/** Of a hub: what is said of a repository or a setting that is not as it must be. What the others mean may be over later. */
const refusedByHub: ReadonlySet<unknown> = new Set([
  "Invalid",
  "Unauthorized",
  "NotFound",
  "TooLarge",
  "Unsafe",
  "Offline",
  "FileSystem"
])

const tagOf = (error: unknown): string | undefined =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? error._tag : undefined
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A field's name as people typed it: as a flag, where one stands for it. */
const naming = (flags: ReadonlyMap<string, string>) => (field: string) => flags.get(field) ?? field

/** The inputs of a pipeline by the names that a guider and a scheduler have for them. */
const inputNames: Readonly<Record<string, string>> = {
  guidance_scale: "guidanceScale",
  guidance_rescale: "guidanceRescale",
  steps: "numInferenceSteps",
  timesteps: "timesteps",
  sigmas: "sigmas",
  eta: "eta",
  strength: "strength",
  originalInferenceSteps: "originalInferenceSteps"
}

const inputMessage = (error: object, name: (field: string) => string): string | undefined => {
  const tag = tagOf(error)
  if (tag === "HubError") return `--model: ${messageOf(error)}`
  if (tag === "GuiderError" || tag === "SchedulerError") {
    const field = "option" in error && Predicate.isString(error.option) ? inputNames[error.option] : undefined
    return field === undefined ? undefined : `${name(field)}: ${messageOf(error)}`
  }
  if ("issues" in error && Array.isArray(error.issues)) {
    const issues = error.issues.map((issue: { field: string; path: string; reason: string }) => {
      const rest = issue.path.startsWith(issue.field) ? issue.path.slice(issue.field.length) : ""
      return `${name(issue.field)}${rest}: ${issue.reason}`
    })
    return issues.join("; ")
  }
  if ("missing" in error && Array.isArray(error.missing)) {
    return error.missing.map((field: string) => `${name(field)}: is missing`).join("; ")
  }
  if ("field" in error && Predicate.isString(error.field) && "actual" in error && "expected" in error) {
    return `${name(error.field)}: ${error.field} is ${String(error.actual)}, expected ${String(error.expected)}`
  }
  return undefined
}

/**
 * Reads a Cause. `flags` says which flag stands for which field of the pipeline.
 *
 * ```ts
 * import { fromCause, UsageError } from "@effect-blocks/cli/Failure"
 * import * as Cause from "effect/Cause"
 * import assert from "node:assert"
 *
 * const failure = fromCause(Cause.fail(new UsageError({ subject: "--steps", detail: "is 0, expected 1 or more" })))
 * assert.equal(failure.message, "--steps: is 0, expected 1 or more")
 * assert.equal(failure.exitCode, 2)
 * assert.equal(fromCause(Cause.die(new Error("bug"))).exitCode, 1)
 * assert.equal(fromCause(Cause.interrupt()).exitCode, 130)
 * ```
 */
export const fromCause = (cause: Cause.Cause<unknown>, flags: ReadonlyMap<string, string> = new Map()): Failure => {
  if (Cause.hasInterruptsOnly(cause)) {
    return { error: "Interrupted", message: "interrupted", path: undefined, exitCode: exitCodes.interrupted }
  }
  const error = Cause.squash(cause)
  const path = Errors.pathOf(cause)
  const tag = tagOf(error) ?? (error instanceof Error ? error.name : "Error")
  const has = (name: string, wanted: (value: unknown) => boolean) =>
    Predicate.hasProperty(error, name) && wanted(error[name])
  const refused =
    refusals.has(tag) ||
    (tag === "OutputError" && has("before", (before) => before === true)) ||
    (tag === "HubError" && has("reason", (reason) => refusedByHub.has(reason)))
  const named = Predicate.isObjectKeyword(error) ? inputMessage(error, naming(flags)) : undefined
  const where = path === undefined || refused ? "" : ` (in ${path})`
  return {
    error: tag,
    message: oneLine(named ?? messageOf(error)) + where,
    path,
    exitCode: refused ? exitCodes.usage : exitCodes.failure
  }
}
