import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import { assert, describe, it } from "@effect/vitest"
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { install, manifest } from "../scripts/install.ts"

/** A copy of the model to spoil and an empty package to install it in. */
const withCopy = async (use: (folder: string, home: string) => Promise<void>): Promise<void> => {
  const root = mkdtempSync(join(tmpdir(), "emoji-diffusion-"))
  try {
    cpSync(EmojiDiffusion.path, join(root, "folder"), { recursive: true })
    await use(join(root, "folder"), join(root, "home"))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const refuses = (name: string, spoil: (folder: string) => void, expected: ReadonlyArray<RegExp>) =>
  it(name, () =>
    withCopy(async (folder, home) => {
      spoil(folder)
      const { problems } = await install(folder, EmojiDiffusion.reference, home)
      for (const pattern of expected)
        assert(
          problems.some((problem) => pattern.test(problem)),
          `${pattern} in\n${problems.join("\n")}`
        )
      assert(!existsSync(home), "nothing was installed")
    })
  )

describe("replace", { timeout: 180_000 }, () => {
  it("installs a folder that fits and writes the manifest of the package", () =>
    withCopy(async (folder, home) => {
      const { files, problems } = await install(folder, EmojiDiffusion.reference, home)
      assert.deepStrictEqual(problems, [])
      assert.strictEqual(files, EmojiDiffusion.files.length)
      const written = readFileSync(join(home, "src/internal/manifest.ts"), "utf8")
      assert.strictEqual(written, await manifest(EmojiDiffusion.path, EmojiDiffusion.reference))
      assert(
        existsSync(join(home, "reference/manifest.json")) &&
          !existsSync(join(home, "model.new")) &&
          !existsSync(join(home, "model.old"))
      )
      // again, over what is there, and from there
      assert.deepStrictEqual((await install(folder, EmojiDiffusion.reference, home)).problems, [])
      assert.deepStrictEqual((await install(join(home, "model"), join(home, "reference"), home)).problems, [])
      assert.strictEqual(readFileSync(join(home, "src/internal/manifest.ts"), "utf8"), written)
    }))

  refuses(
    "swapped models",
    (folder) => {
      renameSync(join(folder, "vae_encoder/model.onnx"), join(folder, "other.onnx"))
      renameSync(join(folder, "vae_decoder/model.onnx"), join(folder, "vae_encoder/model.onnx"))
      renameSync(join(folder, "other.onnx"), join(folder, "vae_decoder/model.onnx"))
    },
    [/vae_decoder.*no input 'latent_sample'/, /vae_encoder.*no output 'latent_parameters'/]
  )

  refuses(
    "a truncated model and a missing file",
    (folder) => {
      truncateSync(join(folder, "unet/model.onnx"), 1_000_000)
      rmSync(join(folder, "tokenizer/merges.txt"))
    },
    [/unet.model\.onnx/, /merges\.txt: missing/]
  )

  refuses(
    "another configuration",
    (folder) => {
      const file = join(folder, "tokenizer/tokenizer_config.json")
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), model_max_length: 77 }))
      writeFileSync(join(folder, "model_index.json"), "{")
    },
    [/'model_max_length' is 77, expected 32/, /model_index\.json: .*JSON/]
  )

  it("weights that do not give the reference values", () =>
    withCopy(async (folder, home) => {
      // one byte of the weights: names and shapes still fit
      const file = join(folder, "vae_decoder/model.onnx")
      const bytes = readFileSync(file)
      for (let at = 1_000_001; at < 1_002_001; at += 2) bytes[at] = 0x40
      writeFileSync(file, bytes)
      const { problems } = await install(folder, EmojiDiffusion.reference, home)
      assert.match(problems.join("\n"), /vae_decoder.model\.onnx: differs from the reference by/)
      assert(!existsSync(home))
    }))

  it("links and folders that are not there", () =>
    withCopy(async (folder, home) => {
      symlinkSync("/etc/hostname", join(folder, "extra"))
      const linked = await install(folder, EmojiDiffusion.reference, home).then(() => "installed", String)
      assert.match(linked, /extra: expected a file or a folder/)
      assert(!existsSync(home))
      const { problems } = await install(join(folder, "nowhere"), EmojiDiffusion.reference, home)
      assert.match(problems.join("\n"), /nowhere: expected the folder of the model/)
    }))
})
