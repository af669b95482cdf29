import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { documents, open } from "../../../scripts/conformance/golden.ts"
import * as timesteps from "../../../scripts/conformance/timesteps.ts"
import { failed } from "../../../scripts/conformance/topic.ts"
import * as Schedule from "../src/Schedule.ts"
import * as Scheduler from "../src/Scheduler.ts"

const golden = fileURLToPath(new URL("../../ops/test/golden", import.meta.url))

const planOf = (className: string, steps: number) =>
  Result.getOrThrow(
    Result.flatMap(Scheduler.fromConfig({ _class_name: className }), (scheduler) => scheduler.setTimesteps({ steps }))
  )

const Steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))
const Percent = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))
const Class = Schema.Literals(["DDIMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler"])

describe("Schedule", () => {
  it("cuts as diffusers does", () => {
    let count = 0
    for (const file of documents(golden, "image")) {
      for (const testCase of open(file)?.cases ?? []) {
        if (testCase["kind"] !== "get_timesteps") continue
        assert.isFalse(failed(timesteps.runCase(testCase)), testCase["id"])
        count++
      }
    }
    assert.isAbove(count, 50)
  })

  it.prop("a strength leaves its share of whole steps", [Class, Steps, Percent], ([className, steps, percent]) => {
    const plan = planOf(className, steps)
    const begin = Schedule.beginOfStrength(plan, percent / 100)
    assert.strictEqual(begin % plan.order, 0)
    assert.strictEqual(steps - begin / plan.order, Math.trunc(steps * (percent / 100)))
  })

  it.prop("a run that ends where another begins leaves no gap", [Steps, Percent], ([steps, percent]) => {
    const plan = planOf("DDIMScheduler", steps)
    const end = Schedule.endOfDenoisingEnd(plan, percent / 100)
    assert.strictEqual(end, Schedule.beginOfDenoisingStart(plan, percent / 100))
    assert.isTrue(end >= 0 && end <= plan.timesteps.length)
  })
})
