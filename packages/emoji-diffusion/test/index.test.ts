import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

describe("EmojiDiffusion", () => {
  it("lists every file of the model with its size and checksum", () => {
    const found = readdirSync(EmojiDiffusion.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(EmojiDiffusion.path, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    assert.deepStrictEqual(
      EmojiDiffusion.files.map((file) => file.path),
      found.toSorted()
    )
    for (const { bytes, path, sha256 } of EmojiDiffusion.files) {
      const data = readFileSync(join(EmojiDiffusion.path, path))
      assert.strictEqual(data.length, bytes, path)
      assert.strictEqual(createHash("sha256").update(data).digest("hex"), sha256, path)
    }
  })

  it("suits its own configuration", () => {
    const unet = JSON.parse(readFileSync(join(EmojiDiffusion.path, "unet/config.json"), "utf8"))
    const vae = JSON.parse(readFileSync(join(EmojiDiffusion.path, "vae_decoder/config.json"), "utf8"))
    assert.strictEqual(unet.sample_size * 2 ** (vae.block_out_channels.length - 1), EmojiDiffusion.size)
  })
})
