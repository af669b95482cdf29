import { fromCause, UsageError } from "@effect-blocks/cli/Failure"
import * as Errors from "@effect-blocks/core/Errors"
import { ModelLoadError, ModelRunError } from "@effect-blocks/ops/OnnxError"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"

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
})
