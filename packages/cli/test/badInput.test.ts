import * as Image from "@effect-blocks/ops/Image"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bin, effectBlocks, linkModel, start, withFolder } from "./command.ts"

const png = (side: number, parameters?: unknown) =>
  Effect.runPromise(Image.encodePng(Tensor.zeros("uint8", [side, side, 3]), { parameters }))

/** The command is refused with exit code 2 and this line, and the folder is as it was. */
const refused = (
  name: string,
  args: ReadonlyArray<string>,
  expected: RegExp,
  prepare: (folder: string) => void | Promise<void> = () => {}
) =>
  it.concurrent(name, () =>
    withFolder(async (folder) => {
      await prepare(folder)
      const before = readdirSync(folder, { recursive: true }).toSorted()
      const { code, stderr, stdout } = await effectBlocks(["generate", ...args], folder).ended
      assert.match(stderr, expected)
      assert.match(stderr, /^effect-blocks: [^\n]*\n$/, "one line")
      assert.deepEqual([code, stdout], [2, ""])
      assert.deepEqual(readdirSync(folder, { recursive: true }).toSorted(), before)
    })
  )

const model = ["x", "--model", "model"]
const spoiled = (spoil: (folder: string) => void) => (folder: string) => {
  linkModel(join(folder, "model"))
  spoil(join(folder, "model"))
}

describe("effect-blocks generate refuses", { timeout: 300_000 }, () => {
  describe("flags:", () => {
    refused("an unknown one", ["x", "--stepps", "3"], /--stepps.*Did you mean this\? --steps/)
    refused("no prompt", [], /<prompt>: is missing/)
    refused("an empty prompt", [" "], /<prompt>: is empty, expected what to draw/)
    refused("a prompt of 100,000 characters", ["x".repeat(100_000)], /<prompt>: is 100000 bytes long, expected at most/)
    refused(
      "a negative prompt of 100,000 characters",
      ["x", "--negative", "x".repeat(100_000)],
      /--negative: is 100000 bytes long/
    )
    refused("no steps", ["x", "--steps", "0"], /--steps: "0"\. Expected: an integer from 1 to 1000/)
    refused("steps that are no number", ["x", "--steps", "1e"], /--steps: "1e"\. Expected: an integer from 1 to 1000/)
    refused("strength above 1", ["x", "--strength", "1.5"], /--strength: "1\.5"\. Expected: a number from 0 to 1/)
    refused("strength without a picture", ["x", "--strength", "0.5"], /--strength: .* expected --image too/)
    refused(
      "a seed beyond 64 bits",
      ["x", "--seed", "9".repeat(26)],
      /--seed: "9+"\. Expected: an integer from -2\^63 to 2\^64 - 1 \(/
    )
    refused(
      "skipping layers that the text encoder does not give",
      ["x", "--clip-skip", "12"],
      /--clip-skip: it is 12, expected at most 0: .*hidden_states/
    )
    refused("guidance below 0", ["x", "--guidance", "-1"], /--guidance: "-1"\. Expected: a number from 0 to 100/)
    refused("a size that is none", ["x", "--size", "64x"], /--size: "64x"\. Expected: one side or WIDTHxHEIGHT/)
    refused(
      "a size beyond the range",
      ["x", "--size", "64x9000"],
      /--size: "64x9000"\. Expected: a height that is an integer from 8 to 8192/
    )
    refused(
      "a size that the model cannot make",
      ["x", "--size", "128x100"],
      /--size \(height\): it is 100, expected a multiple of 16/
    )
    refused(
      "a scheduler that is not there",
      ["x", "--scheduler", "eulr"],
      /--scheduler: "eulr"\. Expected: one of \d+ names; did you mean euler\? \(see .*--help\)/
    )
    refused(
      "a guider that changes layers",
      ["x", "--guider", "pag"],
      /--guider: "pag"\. Expected: one of \d+ names, such as cfg; not this one: it changes layers inside a model/
    )
    refused(
      "a guider that refuses pictures",
      ["x", "--guider", "mag"],
      /--guider: "mag"\. Expected: one of \d+ names, such as cfg; not this one: it takes the norm over other dimensions/
    )
    refused(
      "an option of another scheduler",
      ["x", "--scheduler", "ddpm", "--scheduler-option", "use_karras_sigmas=true"],
      /--scheduler-option: DDPMScheduler has no option use_karras_sigmas, expected one of num_train_timesteps, /
    )
    refused(
      "eta for a scheduler without it",
      ["x", "--scheduler", "euler", "--eta", "0.5"],
      /--eta: does nothing with EulerDiscreteScheduler, expected a scheduler that takes it, such as ddim/
    )
    refused(
      "steps that are not those of the timesteps",
      ["x", "--scheduler", "euler", "--steps", "4", "--timesteps", "999,500"],
      /--steps: says 4, but --timesteps lists 2: expected one of the two flags/
    )
    refused(
      "two scales of guidance",
      ["x", "--guidance", "4", "--guider-option", "guidance_scale=3"],
      /--guidance: says 4, but --guider-option guidance_scale says 3: expected one of the two flags/
    )
    refused("no pictures", ["x", "--count", "0"], /--count: "0"\. Expected: an integer from 1/)
    refused(
      "a provider that is not there",
      ["x", "--device", process.platform === "darwin" ? "dml" : "coreml"],
      /execution provider '(dml|coreml)' does not start/
    )
  })

  describe("pictures:", () => {
    const image = ["x", "--image", "in.png"]
    const write = (bytes: Uint8Array | string) => (folder: string) => writeFileSync(join(folder, "in.png"), bytes)
    refused("a missing one", image, /--image: in\.png: there is no such file/)
    refused("a folder", image, /--image: in\.png: is a folder, expected a picture/, (folder) =>
      mkdirSync(join(folder, "in.png"))
    )
    refused("an empty file", image, /--image: in\.png is not a picture/, write(""))
    refused(
      "a text",
      image,
      /--image: in\.png is not a picture that can be read: neither PNG, JPEG nor WebP/,
      write("hello")
    )
    refused("one that is cut off", image, /--image: in\.png is not a picture that can be read/, async (folder) => {
      const bytes = await png(128)
      write(bytes.subarray(0, bytes.length - 20))(folder)
    })
    refused("a damaged one", image, /--image: in\.png is not a picture that can be read/, async (folder) => {
      const bytes = Uint8Array.from(await png(128))
      bytes[60]! ^= 0xff
      write(bytes)(folder)
    })
    refused("a mask without a picture", ["x", "--mask", "in.png"], /--mask: .*expected --image too/, async (folder) =>
      write(await png(128))(folder)
    )
    refused("one without parameters", ["--from", "in.png"], /--from: in\.png: holds no parameters/, async (folder) =>
      write(await png(8))(folder)
    )
    refused(
      "one whose parameters are cut off",
      ["--from", "in.png"],
      /--from: in\.png: holds no parameters \(.*cut off.*\), expected a PNG that effect-blocks wrote/,
      async (folder) => write((await png(8, { prompt: "x" })).subarray(0, 60))(folder)
    )
    refused(
      "one that is no PNG",
      ["--from", "in.png"],
      /--from: in\.png: not a PNG file, expected a PNG that effect-blocks wrote/,
      write("hello")
    )
    refused(
      "one with other parameters",
      ["--from", "in.png"],
      /--from: in\.png: holds parameters that effect-blocks did not write/,
      async (folder) => write(await png(8, { prompt: "x" }))(folder)
    )
    refused("stored parameters out of range", ["--from", "in.png"], /--steps: .*1000/, async (folder) =>
      write(
        await png(8, {
          software: "effect-blocks",
          pipeline: "OnnxStableDiffusionPipeline",
          model: { name: "emoji-diffusion", fingerprint: "" },
          inputs: { prompt: "x", numInferenceSteps: 100_000 },
          files: {}
        })
      )(folder)
    )
  })

  describe("models:", () => {
    refused("a missing folder", model, /--model: there is no folder model/)
    refused("a file", model, /--model: model is a file, expected the folder of a model/, (folder) =>
      writeFileSync(join(folder, "model"), "")
    )
    refused("a folder without an index", model, /--model: model has no model_index\.json/, (folder) =>
      mkdirSync(join(folder, "model"))
    )
    refused(
      "a modular index alone",
      model,
      /--model: model has only a modular_model_index\.json, which is for the library/,
      (folder) => {
        mkdirSync(join(folder, "model"))
        writeFileSync(join(folder, "model", "modular_model_index.json"), "{}")
      }
    )
    refused(
      "an index that is none",
      model,
      /model_index\.json is not the index of a model/,
      spoiled((folder) => {
        rmSync(join(folder, "model_index.json"))
        writeFileSync(join(folder, "model_index.json"), "{")
      })
    )
    refused(
      "a pipeline that is not there",
      model,
      /--model: there is no pipeline for MagicPipeline/,
      spoiled((folder) => {
        rmSync(join(folder, "model_index.json"))
        writeFileSync(join(folder, "model_index.json"), '{ "_class_name": "MagicPipeline" }')
      })
    )
    refused(
      "a missing file",
      model,
      /unet\/model\.onnx: .*no such file/i,
      spoiled((folder) => rmSync(join(folder, "unet/model.onnx")))
    )
    refused(
      "a truncated file",
      model,
      /unet\/model\.onnx/,
      spoiled((folder) => {
        const bytes = readFileSync(join(folder, "unet/model.onnx"))
        rmSync(join(folder, "unet/model.onnx"))
        writeFileSync(join(folder, "unet/model.onnx"), bytes.subarray(0, 1_000_000))
      })
    )
    refused(
      "swapped files",
      model,
      /vae_(en|de)coder\/model\.onnx/,
      spoiled((folder) => {
        renameSync(join(folder, "vae_encoder/model.onnx"), join(folder, "other"))
        renameSync(join(folder, "vae_decoder/model.onnx"), join(folder, "vae_encoder/model.onnx"))
        renameSync(join(folder, "other"), join(folder, "vae_decoder/model.onnx"))
      })
    )
    refused(
      "a file outside the folder",
      model,
      /unet\/model\.onnx/,
      spoiled((folder) => {
        renameSync(join(folder, "unet/model.onnx"), join(folder, "../outside.onnx"))
        symlinkSync("../../outside.onnx", join(folder, "unet/model.onnx"))
      })
    )
  })

  describe("outputs:", () => {
    const out = (path: string) => ["x", "--steps", "1", "--out", path]
    refused(
      "a file that is there",
      out("a.png"),
      /a\.png: a file of this name is there already \(--force replaces it\)/,
      (folder) => writeFileSync(join(folder, "a.png"), "")
    )
    refused("a folder of that name", [...out("a.png"), "--force"], /a\.png: is a folder, expected a file/, (folder) =>
      mkdirSync(join(folder, "a.png"))
    )
    refused(
      "another type",
      out("a.gif"),
      /a\.gif: expected a file ending in \.png, \.jpg, \.jpeg or \.webp, or a folder/
    )
    refused(
      "a path through a file",
      out("a/b.png"),
      /a part of the path is a file|is a file, expected a folder/,
      (folder) => writeFileSync(join(folder, "a"), "")
    )
    refused(
      "a folder that takes no files",
      out("/proc/x/a.png"),
      /^effect-blocks: \/proc(\/x)?: cannot write into this folder/
    )
  })
})

it("ends with 1 and leaves nothing when the disk is full", { timeout: 300_000 }, () =>
  withFolder(async (folder) => {
    // no file may grow beyond 4 KiB: the same to a writer as a full disk, and it needs no disk of its own
    const command = `ulimit -f 4; exec "${process.execPath}" "${bin}" generate "red heart" --seed 1 --steps 1 --out new/heart.png --json`
    process.env["NODE_DISABLE_COMPILE_CACHE"] = "1"
    const { code, stderr, stdout } = await start("bash", ["-c", command], folder).ended
    delete process.env["NODE_DISABLE_COMPILE_CACHE"]
    assert.strictEqual(code, 1, stderr)
    assert.match(stderr, /effect-blocks: new\/heart\.png: [^\n]*\n$/)
    assert.strictEqual(JSON.parse(stdout).error.tag, "OutputError")
    assert.deepEqual(readdirSync(folder, { recursive: true }), ["new"])
  })
)
