import { assert, describe, it } from "@effect/vitest"
import { refusal } from "../src/internal/auto.ts"

const started = (milliseconds: number, cpuMilliseconds: number, error: number) =>
  refusal({ provider: "webgpu", _tag: "started", milliseconds, cpuMilliseconds, error })

describe("what OnnxRuntime.layerAuto refuses", () => {
  it("a provider that does not start, with its reason", () => {
    const reason = refusal({ provider: "cuda", _tag: "failed", reason: "Failed to load shared library" })
    assert.strictEqual(reason, "does not start: Failed to load shared library")
  })
  it("wrong numbers, but not TF32", () => {
    assert.match(started(1, 1, 0.05)!, /^gives wrong numbers \(5\.0e-2/)
    assert.match(started(1, 1, NaN)!, /^gives wrong numbers/)
    assert.isUndefined(started(1, 1, 1e-3))
  })
  it("a device in software, but not one that only costs some milliseconds to ask", () => {
    assert.match(started(3924.7, 7.9, 1e-6)!, /^is slower than the CPU \(3924\.7 ms against 7\.9 ms\)/)
    assert.isUndefined(started(4, 0.8, 1e-6))
    assert.isUndefined(started(30, 20, 1e-6))
  })
})
