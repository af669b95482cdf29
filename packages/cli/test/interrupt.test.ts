import { assert, describe, it } from "@effect/vitest"
import { readdirSync } from "node:fs"
import { effectBlocks, withFolder } from "./command.ts"

const long = ["generate", "red heart", "--seed", "1", "--steps", "1000", "--size", "64", "--out", "heart.png"]

describe("effect-blocks generate, stopped in the middle", { timeout: 180_000 }, () => {
  for (const device of ["workers", "cpu"]) {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      it(`${signal}, ${device}: ends with 130 and leaves nothing`, () =>
        withFolder(async (folder) => {
          const { child, ended, says } = effectBlocks([...long, "--device", device], folder)
          await says("of 1000")
          child.kill(signal)
          const { code, signal: killed, stderr, stdout } = await ended
          assert.deepEqual([code, killed, stdout], [130, null, ""], stderr)
          assert.match(stderr, /\neffect-blocks: interrupted\n$/)
          assert.deepEqual(readdirSync(folder), [])
        }))
    }
  }

  it("SIGKILL leaves nothing", () =>
    withFolder(async (folder) => {
      const { child, ended, says } = effectBlocks(long, folder)
      await says("of 1000")
      child.kill("SIGKILL")
      assert.strictEqual((await ended).signal, "SIGKILL")
      assert.deepEqual(readdirSync(folder), [])
    }))

  it("keeps the pictures that were finished", () =>
    withFolder(async (folder) => {
      const args = ["generate", "red heart", "--seed", "1", "--count", "1000", "--steps", "1", "--size", "16"]
      const { child, ended, says } = effectBlocks(args, folder)
      await says("red-heart-2.png")
      child.kill("SIGINT")
      const { code, stdout } = await ended
      assert.strictEqual(code, 130)
      const files = readdirSync(folder)
      assert.includeMembers(files, ["red-heart-1.png", "red-heart-2.png"])
      assert.isTrue(
        files.every((file) => /^red-heart-\d+\.png$/.test(file)),
        files.join()
      )
      assert.isAtLeast(files.length, stdout.trim().split("\n").length)
    }))
})
