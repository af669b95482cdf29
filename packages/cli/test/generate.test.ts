import * as Image from "@effect-blocks/ops/Image"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bin, effectBlocks, start, withFolder } from "./command.ts"
import type { Ended } from "./command.ts"

const small = ["--steps", "2", "--size", "64", "--guidance", "2"]
const pixels = (path: string) =>
  Effect.runPromise(Image.read(path)).then(({ data, shape }) => [shape, Buffer.from(data).toString("base64")])

const succeeds = async (args: ReadonlyArray<string>, cwd: string): Promise<Ended> => {
  const ended = await effectBlocks(args, cwd).ended
  assert.strictEqual(ended.code, 0, ended.stderr)
  return ended
}

describe("effect-blocks generate", { timeout: 180_000 }, () => {
  it("makes each picture of a batch as it would alone, and again from the parameters in it", () =>
    withFolder(async (folder) => {
      const batch = await succeeds(
        [
          "generate",
          "red heart",
          "--seed",
          "9007199254740990",
          "--count",
          "3",
          ...small,
          "--out",
          "{index}.png",
          "--json"
        ],
        folder
      )
      const { milliseconds, pictures } = JSON.parse(batch.stdout)
      assert.deepEqual(
        pictures.map((picture: { path: string }) => picture.path),
        ["1.png", "2.png", "3.png"]
      )
      assert.deepEqual(
        pictures.map((picture: { parameters: { inputs: { seed: unknown } } }) => picture.parameters.inputs.seed),
        [9007199254740990, 9007199254740991, "9007199254740992"]
      )
      assert.hasAllKeys(milliseconds.loading, ["text_encoder", "unet", "vae_decoder"])
      assert.isAbove(milliseconds.total, milliseconds.firstStep)
      assert.notDeepEqual(await pixels(join(folder, "1.png")), await pixels(join(folder, "2.png")))

      const alone = await succeeds(
        ["generate", "red heart", "--seed", "9007199254740992", ...small, "--out", "alone.png"],
        folder
      )
      assert.strictEqual(alone.stdout, "alone.png\n")
      assert.deepEqual(readFileSync(join(folder, "alone.png")), readFileSync(join(folder, "3.png")))

      await succeeds(["generate", "--from", "3.png", "--device", "cpu", "--out", "again.png"], folder)
      assert.deepEqual(readFileSync(join(folder, "again.png")), readFileSync(join(folder, "3.png")))

      const other = await succeeds(
        ["generate", "blue heart", "--from", "1.png", "--scheduler", "euler", "--json"],
        folder
      )
      const [picture] = JSON.parse(other.stdout).pictures
      assert.strictEqual(picture.path, "blue-heart-9007199254740990.png")
      assert.deepInclude(picture.parameters, { scheduler: "euler" })
      assert.deepInclude(picture.parameters.inputs, {
        prompt: "blue heart",
        numInferenceSteps: 2,
        guidanceScale: 2,
        width: 64,
        height: 64
      })
      assert.deepEqual(readdirSync(folder).toSorted(), [
        "1.png",
        "2.png",
        "3.png",
        "again.png",
        "alone.png",
        "blue-heart-9007199254740990.png"
      ])
    }))

  it("starts from a picture, draws into a mask, and remembers both", () =>
    withFolder(async (folder) => {
      await succeeds(["generate", "red heart", "--seed", "1", ...small, "--out", "heart.png"], folder)
      const mask = new Uint8Array(64 * 64).fill(255, 0, 32 * 64)
      const tensor = await Effect.runPromise(Image.read(join(folder, "heart.png")))
      const data = Uint8Array.from(tensor.data, (_, i) => mask[Math.floor(i / 3)]!)
      writeFileSync(join(folder, "mask.png"), await Effect.runPromise(Image.encodePng({ ...tensor, data })))
      await succeeds(
        [
          "generate",
          "green apple",
          "--image",
          "heart.png",
          "--mask",
          "mask.png",
          "--seed",
          "1",
          "--size",
          "64",
          "--strength",
          "0.9",
          "--steps",
          "4",
          "--out",
          "apple.png"
        ],
        folder
      )
      const [shape] = await pixels(join(folder, "apple.png"))
      assert.deepEqual(shape, [64, 64, 3])
      await succeeds(["generate", "--from", "apple.png", "--out", "again.png"], folder)
      assert.deepEqual(readFileSync(join(folder, "again.png")), readFileSync(join(folder, "apple.png")))

      await succeeds(["generate", "red heart", "--seed", "2", ...small, "--out", "heart.png", "--force"], folder)
      const changed = await effectBlocks(["generate", "--from", "apple.png"], folder).ended
      assert.strictEqual(changed.code, 2)
      assert.strictEqual(
        changed.stderr,
        "effect-blocks: --from: heart.png is not the file it was made from (give one with --image)\n"
      )
    }))

  it("says nothing but the object on standard output with --json, failing too", () =>
    withFolder(async (folder) => {
      const failed = await effectBlocks(["generate", "x", "--steps", "0", "--json"], folder).ended
      assert.strictEqual(failed.code, 2)
      const { error, exitCode } = JSON.parse(failed.stdout)
      assert.deepEqual([error.tag, exitCode], ["UsageError", 2])
      assert.include(failed.stderr, error.message)
    }))
})

describe("effect-blocks", { timeout: 180_000 }, () => {
  it("does not mind a reader that stops", () =>
    withFolder(async (folder) => {
      const { stderr, stdout } = await start(
        "bash",
        ["-c", `"${process.execPath}" "${bin}" describe --json | head -c 10`],
        folder
      ).ended
      assert.deepEqual([stdout, stderr], ['{"pipeline', ""])
    }))

  it("ends with 141 where nobody reads from the beginning, and leaves no half of a file", () =>
    withFolder(async (folder) => {
      const piped = async (command: string) => {
        const text = `set -o pipefail; "${process.execPath}" "${bin}" ${command}; echo "code $?"`
        const { stderr, stdout } = await start("bash", ["-c", text], folder).ended
        return [stdout, stderr]
      }
      assert.deepEqual(await piped("models | true"), ["code 141\n", ""])
      assert.deepEqual(await piped("models --help | true"), ["code 141\n", ""])
      const [stdout, stderr] = await piped("generate heart --seed 1 --steps 1 --size 16 --count 500 | head -n 1")
      assert.match(stdout!, /^heart-1\.png\ncode 141\n$/)
      assert.notInclude(stderr!, "interrupted")
      const files = readdirSync(folder)
      assert.isBelow(files.length, 500)
      assert.isTrue(
        files.every((file) => /^heart-\d+\.png$/.test(file)),
        files.join()
      )
    }))

  it("says so on a Node that is too old", () =>
    withFolder(async (folder) => {
      const old =
        "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})"
      const ended = await start(process.execPath, ["--import", old, bin, "models"], folder).ended
      assert.strictEqual(ended.code, 2)
      assert.match(ended.stderr, /^effect-blocks needs Node 22\.19 or newer, and this is 20\.20\.2\.[^\n]*\n$/)
    }))

  it("lists the models beside one that cannot be read, and says why it cannot", () =>
    withFolder(async (folder) => {
      for (const name of ["bad", "good"]) mkdirSync(join(folder, "models", name), { recursive: true })
      writeFileSync(join(folder, "models/bad/model_index.json"), "{")
      writeFileSync(join(folder, "models/good/model_index.json"), '{ "_class_name": "OnnxStableDiffusionPipeline" }')
      const { models, unreadable } = JSON.parse((await succeeds(["models", "models", "--json"], folder)).stdout)
      assert.deepEqual(
        models.map((model: { name: string }) => model.name),
        ["emoji-diffusion", "good"]
      )
      assert.deepEqual(
        unreadable.map((one: { path: string }) => one.path),
        [join("models", "bad")]
      )
      const { stdout } = await succeeds(["models", "models"], folder)
      assert.match(
        stdout,
        /\nmodels\/bad: left out: .*is not the index of a model, expected JSON with a "_class_name"\n$/
      )
    }))

  it("takes steps anew for a picture with timesteps, and leaves out the eta of another scheduler", () =>
    withFolder(async (folder) => {
      const inputsOf = async (...args: ReadonlyArray<string>) =>
        JSON.parse((await succeeds(["generate", ...args, "--json"], folder)).stdout).pictures[0].parameters.inputs
      const first = ["x", "--size", "64", "--scheduler", "euler", "--timesteps", "999,500", "--out", "a.png"]
      assert.deepEqual((await inputsOf(...first)).timesteps, [999, 500])
      const again = await inputsOf("--from", "a.png", "--steps", "3", "--out", "b.png")
      assert.deepEqual([again.timesteps, again.numInferenceSteps], [undefined, 3])

      assert.strictEqual((await inputsOf("x", ...small, "--eta", "0.5", "--out", "c.png")).eta, 0.5)
      assert.strictEqual((await inputsOf("--from", "c.png", "--scheduler", "euler", "--out", "d.png")).eta, 0)
    }))

  it("lists and describes", () =>
    withFolder(async (folder) => {
      const models = JSON.parse((await succeeds(["models", "--json"], folder)).stdout).models
      assert.deepEqual(
        models.map((model: { name: string }) => model.name),
        ["emoji-diffusion"]
      )
      const described = JSON.parse((await succeeds(["describe", "inpainting", "--json"], folder)).stdout)
      assert.includeMembers(described.inputs.required, ["image", "maskImage"])
      assert.match((await succeeds(["describe", "--mermaid"], folder)).stdout, /^flowchart TD\n/)
    }))
})
