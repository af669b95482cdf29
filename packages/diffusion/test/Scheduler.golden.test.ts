/** Schedulers and guiders against the values of diffusers itself, and the program that runs such folders. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { openCase } from "../../../scripts/conformance/schedulers.ts"
import { report } from "../../../scripts/conformance/report.ts"
import { runFolder } from "../../../scripts/conformance/run.ts"

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))
const whole = path("../../../../shared/golden")
const folder = existsSync(whole) ? whole : path("./golden")

describe("conformance", () => {
  it("holds for every scheduler case, most of them bit for bit", async () => {
    const summary = await runFolder(folder, ["schedulers"])
    const cases = summary.topics.flatMap((topic) => topic.cases)
    assert.deepStrictEqual(
      cases.filter((one) => one.status === "failed"),
      []
    )
    assert.isAtLeast(cases.length, 60)
    assert.isAtLeast(cases.filter((one) => one.exact).length / cases.length, 0.75)
  })

  it("holds for every guider case", async () => {
    const summary = await runFolder(folder, ["guiders"])
    const cases = summary.topics.flatMap((topic) => topic.cases)
    assert.deepStrictEqual(
      cases.filter((one) => one.status === "failed"),
      []
    )
    assert.isAtLeast(cases.length, 20)
  })

  it("counts topics without a module as not run, and ends with the counts", async () => {
    const summary = await runFolder(path("./golden"), ["guiders", "nothing"])
    assert.match(report(summary), /\n\d+ passed, 0 failed$/)
  })

  it("sees a value that is off, and says where", async () => {
    const { topic } = await import("../../../scripts/conformance/schedulers.ts")
    const { open } = await import("../../../scripts/conformance/golden.ts")
    const { broken } = await import("../../../scripts/conformance/topic.ts")
    const golden = open(path("./golden/schedulers/ddim.json"))!
    const testCase = golden.cases[0]!
    const values = testCase["timesteps"].values
    const off = { ...testCase, timesteps: { ...testCase["timesteps"], values: [values[0] + 1, ...values.slice(1)] } }
    assert.deepStrictEqual(broken(await topic.runCase(golden, testCase, "")), [])
    const [first] = broken(await topic.runCase(golden, off, ""))
    assert.strictEqual(first?.place, "timesteps")
    assert.strictEqual(first?.difference.index, 0)
    assert.strictEqual(first?.difference.absolute, 1)
    const unknown = { ...testCase, class: "Nothing", error: { message: "not built" } }
    assert.ok(Result.isFailure(openCase(unknown)))
    assert.deepStrictEqual((await topic.runCase(golden, unknown, "")).exact, false)
  })
})
