/**
 * What torch, Pillow and diffusers computed, through the public API: every value on the same bits. The cases are those of
 * `../shared/golden` beside the checkout where that is, else the smaller copy kept here (`support/golden-subset.ts`).
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { documents, open } from "../../../scripts/conformance/golden.ts"
import * as image from "../../../scripts/conformance/image.ts"
import * as rng from "../../../scripts/conformance/rng.ts"
import { failed, type Outcome } from "../../../scripts/conformance/topic.ts"
import type { Case, Golden } from "../../../scripts/conformance/golden.ts"

const whole = fileURLToPath(new URL("../../../../shared/golden", import.meta.url))
const copy = fileURLToPath(new URL("golden", import.meta.url))

const run = (folder: string, topic: string, runCase: (golden: Golden, testCase: Case) => Outcome): number => {
  let count = 0
  for (const file of documents(folder, topic)) {
    const golden = open(file)
    if (golden === undefined) continue
    for (const testCase of golden.cases) {
      // schedules belong to the schedulers
      if (testCase["kind"] === "get_timesteps") continue
      const outcome = runCase(golden, testCase)
      assert.isFalse(failed(outcome), `${testCase["id"]}: ${JSON.stringify(outcome)}`)
      assert.isTrue(outcome.exact, testCase["id"])
      count++
    }
  }
  return count
}

describe.each(
  existsSync(whole)
    ? [["the whole data", whole, 138, 63] as const, ["the copy", copy, 138, 35] as const]
    : [["the copy", copy, 138, 35] as const]
)("%s", (_name, folder, numbers, pictures) => {
  it("random numbers", () => assert.isAtLeast(run(folder, "rng", rng.runCase), numbers))
  it("image processing", () => assert.isAtLeast(run(folder, "image", image.runCase), pictures))
})
