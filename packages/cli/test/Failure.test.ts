import { fromCause, UsageError } from "@effect-blocks/cli/Failure"
import * as Errors from "@effect-blocks/core/Errors"
import { GuiderError } from "@effect-blocks/diffusion/GuiderError"
import { HubError } from "@effect-blocks/diffusion/HubError"
import * as Scheduler from "@effect-blocks/diffusion/Scheduler"
import { ModelLoadError, ModelRunError } from "@effect-blocks/ops/OnnxError"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Result from "effect/Result"

describe("Failure.fromCause", () => {
  it("gives one line, however many a message has", () => {
    const failure = fromCause(Cause.fail(new UsageError({ subject: "--image", detail: "broken\n  in two\n\nways" })))
    assert.strictEqual(failure.message, "--image: broken in two ways")
  })

  it("tells refusals, failures and defects apart", () => {
    const code = (error: unknown) => fromCause(Cause.fail(error)).exitCode
    assert.strictEqual(code(new ModelLoadError({ model: "unet", reason: "corrupt", detail: "truncated" })), 2)
    assert.strictEqual(code(new ModelRunError({ model: "unet", detail: "out of memory" })), 1)
    assert.strictEqual(code("text"), 1)
    assert.strictEqual(fromCause(Cause.die(new TypeError("x is not a function"))).error, "TypeError")
    assert.strictEqual(fromCause(Cause.interrupt(1)).exitCode, 130)
  })

  it("says in which block a run failed, and nothing of blocks where an input is at fault", () => {
    const cause = Cause.fail(new ModelRunError({ model: "unet", detail: "out of memory" }))
    const located = Errors.prependPath(Errors.prependPath(cause, "predictNoise"), "denoise")
    const failure = fromCause(located)
    assert.strictEqual(failure.message, "unet failed: out of memory (in denoise.predictNoise)")
    assert.strictEqual(failure.path, "denoise.predictNoise")
  })

  it("names the flag of a field, every issue of it", () => {
    const issue = (field: string, path: string, reason: string) =>
      new Errors.InputIssue({ field, path, block: "", expected: "", reason })
    const error = new Errors.InputError({
      block: "x",
      issues: [issue("numInferenceSteps", "numInferenceSteps", "it is 0"), issue("sizes", "sizes[0].width", "missing")]
    })
    const { exitCode, message } = fromCause(Cause.fail(error), new Map([["numInferenceSteps", "--steps"]]))
    assert.deepEqual([exitCode, message], [2, "--steps: it is 0; sizes[0].width: missing"])
  })

  it("tells a repository that is not as it must be from a hub that does not answer", () => {
    const failure = (reason: HubError["reason"]) =>
      fromCause(Cause.fail(new HubError({ repo: "org/name", reason, detail: "it is so", advice: "do this" })))
    assert.strictEqual(failure("NotFound").message, "--model: org/name: it is so; do this")
    const code = (reason: HubError["reason"]) => failure(reason).exitCode
    const refused = ["Invalid", "Unauthorized", "NotFound", "TooLarge", "Unsafe", "Offline", "FileSystem"] as const
    const failed = ["RateLimited", "Server", "Network", "TimedOut", "Truncated", "Corrupt", "NoSpace"] as const
    assert.deepEqual(
      refused.map(code),
      refused.map(() => 2)
    )
    assert.deepEqual(
      failed.map(code),
      failed.map(() => 1)
    )
    // none is forgotten
    assert.strictEqual(refused.length + failed.length, HubError.fields.reason.literals.length)
  })

  it("names the flag of what a guider or a scheduler refuses in a run", () => {
    const flags = new Map([
      ["guidanceScale", "--guidance"],
      ["timesteps", "--timesteps"]
    ])
    const message = (error: unknown) => fromCause(Cause.fail(error), flags).message
    const guider = new GuiderError({
      className: "A",
      reason: "UnknownOption",
      option: "guidance_scale",
      message: "A: no"
    })
    assert.strictEqual(message(guider), "--guidance: A: no")
    const scheduler = Scheduler.fromConfig({ _class_name: "DDIMScheduler" })
    const refused = Result.flatMap(scheduler, (scheduler) => scheduler.setTimesteps({ timesteps: [9, 1] }))
    assert.match(message(Result.getOrThrow(Result.flip(refused))), /^--timesteps: DDIMScheduler: /)
    const missing = new Errors.MissingInputError({
      block: "x",
      branch: "y",
      missing: ["guidanceScale"],
      expected: ["number"]
    })
    assert.strictEqual(message(missing), "--guidance: is missing")
  })
})
