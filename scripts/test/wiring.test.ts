/** Compositions on which this library, or its comparison with diffusers, once differed: found by a random search. */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { runFolder } from "../conformance/run.ts"

const folder = fileURLToPath(new URL("../../packages/diffusion/test/golden/faults", import.meta.url))

describe("compositions that once differed from diffusers", async () => {
  const { topics } = await runFolder(folder, ["wiring"])
  const cases = topics.flatMap((topic) => topic.cases)

  it("are there", () => {
    assert.isAbove(cases.length, 40)
  })
  for (const { failures, id, status } of cases) {
    it(id, () => {
      assert.deepStrictEqual(failures, [])
      assert.strictEqual(status, "passed")
    })
  }
})
