import * as Image from "@effect-blocks/ops/Image"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { effectBlocks, withFolder } from "./command.ts"
import type { Family } from "./tinyModel.ts"
import { tinyModel } from "./tinyModel.ts"

interface Picture {
  readonly path: string
  readonly parameters: {
    readonly inputs: Readonly<Record<string, unknown>>
    readonly picture?: number
    readonly guider?: string
    readonly guiderOptions?: unknown
    readonly schedulerOptions?: unknown
  }
}

/** The pictures of a run: their files' pixels and what is said of them. */
const draws = async (folder: string, ...args: ReadonlyArray<string>) => {
  const flags = ["--seed", "1", "--steps", "3", "--force", "--out", "{index}.png", "--json", "--device", "cpu"]
  const { code, stderr, stdout } = await effectBlocks(["generate", ...flags, ...args], folder).ended
  assert.strictEqual(code, 0, stderr)
  const pictures: ReadonlyArray<Picture> = JSON.parse(stdout).pictures
  const pixels = await Promise.all(
    pictures.map(async ({ path }) => {
      const { data } = await Effect.runPromise(Image.read(join(folder, path)))
      return Buffer.from(data).toString("base64")
    })
  )
  return { pictures, pixels }
}

/** The command is refused with exit code 2 and this line. */
const refuses = async (folder: string, expected: RegExp, ...args: ReadonlyArray<string>) => {
  const { code, stderr } = await effectBlocks(["generate", ...args], folder).ended
  assert.match(stderr, expected)
  assert.match(stderr, /^effect-blocks: [^\n]*\n$/, "one line")
  assert.strictEqual(code, 2)
}

const withModel = (family: Family, use: (folder: string) => Promise<void>) =>
  withFolder(async (folder) => {
    tinyModel(join(folder, "model"), family)
    const levels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (7 * i) % 256)
    const picture = Tensor.make("uint8", [16, 16, 3], levels)
    writeFileSync(join(folder, "in.png"), await Effect.runPromise(Image.encodePng(picture)))
    await use(folder)
  })

const model = ["--model", "model"]

describe("effect-blocks generate with other families", { timeout: 240_000 }, () => {
  it("gives every input of SDXL that a text can stand for to the model, and keeps it with the picture", () =>
    withModel("stableDiffusionXL", async (folder) => {
      // without a negative prompt SDXL looks at no second one either
      const base = ["a cat", ...model, "--scheduler", "euler", "--negative", "a cow"]
      const plain = (await draws(folder, ...base)).pixels[0]
      const changes: ReadonlyArray<readonly [flag: string, text: string, field: string, value: unknown]> = [
        ["--prompt2", "a dog", "prompt2", "a dog"],
        ["--negative2", "a dog", "negativePrompt2", "a dog"],
        ["--original-size", "512,1024", "originalSize", [512, 1024]],
        ["--crops-coords-top-left", "99,0", "cropsCoordsTopLeft", [99, 0]],
        ["--target-size", "512,512", "targetSize", [512, 512]],
        ["--negative-original-size", "999,999", "negativeOriginalSize", [999, 999]],
        ["--denoising-end", "0.5", "denoisingEnd", 0.5],
        ["--guidance-rescale", "0.7", "guidanceRescale", 0.7],
        ["--clip-skip", "1", "clipSkip", 1],
        ["--timesteps", "999,500,20", "timesteps", [999, 500, 20]],
        ["--sigmas", "14,3,0.5", "sigmas", [14, 3, 0.5]]
      ]
      const seen = new Set([plain])
      for (const [flag, text, field, value] of changes) {
        // negative sizes count where both are given
        const more = flag === "--negative-original-size" ? ["--negative-target-size", "16,16"] : []
        const { pictures, pixels } = await draws(folder, ...base, flag, text, ...more)
        assert.deepEqual(pictures[0]!.parameters.inputs[field], value)
        assert.isFalse(seen.has(pixels[0]), `${flag} changes the picture`)
        seen.add(pixels[0])
        if (flag === "--original-size") {
          writeFileSync(join(folder, "sized.png"), readFileSync(join(folder, "1.png")))
        }
      }
      assert.strictEqual((await draws(folder, "--from", "sized.png")).pixels[0], [...seen][3])
    }))

  it("draws with latent-consistency models, from words and from a picture", () =>
    withModel("latentConsistency", async (folder) => {
      const words = (await draws(folder, "a cat", ...model)).pixels[0]
      const strong = (await draws(folder, "a cat", ...model, "--guidance", "2")).pixels[0]
      const image = (await draws(folder, "a cat", ...model, "--image", "in.png", "--strength", "0.5")).pixels[0]
      assert.strictEqual(new Set([words, strong, image]).size, 3)
      const defaults = (await draws(folder, "a cat", ...model)).pictures[0]!.parameters.inputs
      assert.deepInclude(defaults, { guidanceScale: 8.5, numInferenceSteps: 3 })
      await refuses(
        folder,
        /--mask: is not for model, a model of latent-consistency/,
        "x",
        ...model,
        "--image",
        "in.png",
        "--mask",
        "in.png"
      )
      await refuses(
        folder,
        /--negative: is not for model, .*expected one of stable-diffusion or/,
        "x",
        ...model,
        "--negative",
        "y"
      )
      await refuses(
        folder,
        /--steps: LCMScheduler: .*originalInferenceSteps/,
        "x",
        ...model,
        "--steps",
        "9",
        "--original-inference-steps",
        "8"
      )
    }))

  it("makes several pictures in one run and several runs, and each run again from any of its pictures", () =>
    withModel("stableDiffusion", async (folder) => {
      const { pictures, pixels } = await draws(
        folder,
        "a cat",
        ...model,
        "--num-images-per-prompt",
        "2",
        "--count",
        "2"
      )
      assert.deepEqual(
        pictures.map(({ parameters: { inputs, picture } }) => [inputs["seed"], picture]),
        [
          [1, 1],
          [1, 2],
          [2, 1],
          [2, 2]
        ]
      )
      assert.strictEqual(new Set(pixels).size, 4)
      writeFileSync(join(folder, "last.png"), readFileSync(join(folder, "4.png")))
      const again = await effectBlocks(["generate", "--from", "last.png", "--out", "again-{index}.png"], folder).ended
      assert.strictEqual(again.code, 0, again.stderr)
      assert.deepEqual(readFileSync(join(folder, "again-1.png")), readFileSync(join(folder, "3.png")))
      assert.deepEqual(readFileSync(join(folder, "again-2.png")), readFileSync(join(folder, "4.png")))
    }))

  it("draws the prompts of a file and of standard input, each with each seed", () =>
    withModel("stableDiffusion", async (folder) => {
      writeFileSync(join(folder, "prompts.txt"), "a cat\r\n\n  a dog \n")
      const args = [...model, "--prompts", "prompts.txt", "--count", "2"]
      const { pictures, pixels } = await draws(folder, ...args)
      assert.deepEqual(
        pictures.map(({ parameters: { inputs } }) => [inputs["prompt"], inputs["seed"]]),
        [
          ["a cat", 1],
          ["a cat", 2],
          ["a dog", 1],
          ["a dog", 2]
        ]
      )
      assert.strictEqual((await draws(folder, "a dog", ...model)).pixels[0], pixels[2])
      const input = effectBlocks(["generate", ...model, "--steps", "1", "--seed", "1", "--prompts", "-"], folder, {
        input: "pipe"
      })
      input.child.stdin?.end("a cat\na dog\n")
      assert.strictEqual((await input.ended).stdout, "a-cat-1.png\na-dog-1.png\n")
      await refuses(folder, /--prompts: takes the place of <prompt>/, "x", ...args)
      writeFileSync(join(folder, "prompts.txt"), "\n")
      await refuses(folder, /--prompts: prompts\.txt holds no line/, ...args)
      writeFileSync(join(folder, "prompts.txt"), Uint8Array.of(0xff, 0xfe, 0x41))
      await refuses(folder, /--prompts: prompts\.txt is not a text in UTF-8/, ...args)
    }))

  it("takes guiders and options of guiders and schedulers, and remembers them", () =>
    withModel("stableDiffusion", async (folder) => {
      const plain = (await draws(folder, "a cat", ...model)).pixels[0]
      const guided = await draws(
        folder,
        "a cat",
        ...model,
        "--guider",
        "apg",
        "--guider-option",
        "stop=0.5",
        "--guider-option",
        "eta=0.25"
      )
      assert.deepInclude(guided.pictures[0]!.parameters, { guider: "apg", guiderOptions: { stop: 0.5, eta: 0.25 } })
      writeFileSync(join(folder, "guided.png"), readFileSync(join(folder, "1.png")))
      assert.deepEqual((await draws(folder, "--from", "guided.png")).pixels, guided.pixels)
      // options of one guider are not those of another
      const other = await draws(folder, "--from", "guided.png", "--guider", "tcfg")
      assert.isUndefined(other.pictures[0]!.parameters.guiderOptions)
      const scheduled = await draws(folder, "a cat", ...model, "--scheduler-option", "beta_end=0.02")
      assert.deepEqual(scheduled.pictures[0]!.parameters.schedulerOptions, { beta_end: 0.02 })
      assert.strictEqual(new Set([plain, guided.pixels[0], other.pixels[0], scheduled.pixels[0]]).size, 4)
      // the file has no steps_offset, and the pipeline says 1, as diffusers' does
      const offset = (value: number) => draws(folder, "a cat", ...model, "--scheduler-option", `steps_offset=${value}`)
      assert.strictEqual((await offset(1)).pixels[0], plain)
      assert.notStrictEqual((await offset(0)).pixels[0], plain)
      await refuses(folder, /--guider-option: .*option stopp is unknown/, "x", ...model, "--guider-option", "stopp=1")
      await refuses(folder, /--guider-option: "stop"\. Expected: NAME=VALUE/, "x", ...model, "--guider-option", "stop")
      await refuses(
        folder,
        /--scheduler-option: .*beta_end: Expected number/,
        "x",
        ...model,
        "--scheduler-option",
        "beta_end=x"
      )
      await refuses(
        folder,
        /--guidance: FrequencyDecoupledGuidance takes no guidanceScale: it has guidance_scales/,
        "x",
        ...model,
        "--guider",
        "fdg",
        "--guidance",
        "2"
      )
    }))

  it("says what another model does not take of a picture's parameters", () =>
    withModel("stableDiffusionXL", async (folder) => {
      tinyModel(join(folder, "other"), "latentConsistency")
      await draws(folder, "a cat", ...model, "--prompt2", "a dog")
      const args = ["generate", "--from", "1.png", "--model", "other", "--out", "other.png"]
      const { code, stderr } = await effectBlocks(args, folder).ended
      assert.strictEqual(code, 0, stderr)
      assert.include(stderr, "1.png was made by model, this is other: the picture will differ.\n")
      assert.include(stderr, "left out, as other does not take it: --prompt2\n")
    }))

  it("refuses flags that the model, or the run, does not look at", () =>
    withModel("stableDiffusion", async (folder) => {
      await refuses(
        folder,
        /--prompt2: is not for model, .*expected one of stable-diffusion-xl/,
        "x",
        ...model,
        "--prompt2",
        "y"
      )
      await refuses(
        folder,
        /--padding-mask-crop: does nothing in a run from words alone, expected --image and --mask too/,
        "x",
        ...model,
        "--padding-mask-crop",
        "8"
      )
      await refuses(
        folder,
        /--original-size: "16x16"\. Expected: 2 integers from 0 to 65536 with a comma between them/,
        "x",
        ...model,
        "--original-size",
        "16x16"
      )
      await refuses(
        folder,
        /--timesteps: "9,x"\. Expected: numbers with commas between them/,
        "x",
        ...model,
        "--timesteps",
        "9,x"
      )
      await refuses(folder, /--sigmas: DDIMScheduler: setTimesteps takes no sigmas/, "x", ...model, "--sigmas", "9,1")
    }))
})
