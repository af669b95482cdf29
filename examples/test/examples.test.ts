/** Runs every example as a user would and compares what it prints. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const folder = dirname(dirname(fileURLToPath(import.meta.url)))

const run = (name: string) =>
  Effect.callback<{ readonly stdout: string; readonly stderr: string; readonly failed: boolean }>((resume) => {
    const child = execFile(
      process.execPath,
      [join(folder, `${name}.ts`)],
      { cwd: dirname(folder) },
      (error, stdout, stderr) => resume(Effect.succeed({ stdout, stderr, failed: error !== null }))
    )
    return Effect.sync(() => child.kill())
  })

const anything = (lines: number) => Array.from({ length: lines }, () => /^/)

/** what each prints; a regular expression where it says how long something took */
const expected: Readonly<Record<string, ReadonlyArray<string | RegExp>>> = {
  "01-loop": ["LoopWrapper: { x: 20 }", "Loop.count:  { x: 20 }"],
  "02-add-a-block": ["squared: { x: 25 }", "limited: { x: 25 }", "inputs:  numSteps, x, every"],
  "03-nested-loops": ["18 iterations, 4 of the outer loop", "1 8 28 56 70 56 28 8 1"],
  "04-conditional-in-a-loop": ["6 → 3 → 10 → 5 → 16 → 8 → 4 → 2 → 1"],
  "05-text-to-image": ["out/red-heart.png: 128 x 128 x 3"],
  "06-swap-layers": [/^✔ on fakes/, /^✔ on the CPU/, "ℹ tests 2", "ℹ suites 0", "ℹ pass 2", ...anything(5)],
  "07-custom-block": [
    "scaleModelInput → predictNoise → guide → schedulerStep → mirror",
    "out/mirrored.png: 128 x 128 x 3"
  ],
  "08-previews": [5, 10, 15, 20].flatMap((step) => [`text2image.denoise: step ${step} of 20`, ...anything(8)]),
  "09-stop-and-resume": [
    "left in text2image.denoise",
    "resumed: bit for bit the same",
    "fork: another picture, out/fork.png"
  ],
  "10-voice-activity": ["312 chunks", "speech from 1.5 s to 3.6 s", "speech from 6.3 s to 8.5 s"],
  "11-http-service": [
    "200 image/png 128 x 128 x 3",
    "400 {",
    /inputs of 'stableDiffusion' do not fit/,
    /prompt: .*string/,
    /numInferenceSteps: .*1 and 1000/,
    "}"
  ]
}

describe("examples", () => {
  for (const [name, lines] of Object.entries(expected)) {
    it.live(name, () =>
      Effect.gen(function* () {
        const { failed, stderr, stdout } = yield* run(name)
        assert.strictEqual(stderr, "")
        assert.isFalse(failed)
        const printed = stdout.trimEnd().split("\n")
        for (const [index, line] of lines.entries()) {
          if (typeof line === "string") assert.strictEqual(printed[index], line)
          else assert.match(printed[index] ?? "", line)
        }
        assert.strictEqual(printed.length, lines.length)
      })
    )
  }

  it("covers every file", () => {
    const files = readdirSync(folder).filter((file) => /^\d\d-.*\.ts$/.test(file))
    assert.deepEqual(
      files.toSorted(),
      Object.keys(expected).map((name) => `${name}.ts`)
    )
  })
})
