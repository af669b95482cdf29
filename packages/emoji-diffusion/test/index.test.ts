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

  it("previews the reference latents with an error below a tenth of the range", () => {
    const manifest = JSON.parse(readFileSync(join(EmojiDiffusion.reference, "manifest.json"), "utf8"))
    const read = (name: string) =>
      new Uint8Array(readFileSync(join(EmojiDiffusion.reference, manifest.arrays[name].file)))
    const latents = new Float32Array(read("final_latents").buffer)
    const pixels = read("image_uint8_nhwc")
    const [batch, channels, height, width] = manifest.arrays.final_latents.shape
    let squares = 0
    for (let n = 0; n < batch; n++) {
      for (let at = 0; at < height * width; at++) {
        for (let rgb = 0; rgb < 3; rgb++) {
          let value = EmojiDiffusion.latentRgb[channels]![rgb]!
          for (let c = 0; c < channels; c++) {
            value += latents[(n * channels + c) * height * width + at]! * EmojiDiffusion.latentRgb[c]![rgb]!
          }
          const [y, x] = [4 * Math.floor(at / width) + 2, 4 * (at % width) + 2]
          squares +=
            (Math.min(255, Math.max(0, value)) - pixels[3 * ((n * 4 * height + y) * 4 * width + x) + rgb]!) ** 2
        }
      }
    }
    assert.isBelow(Math.sqrt(squares / (3 * batch * height * width)), 25.5)
  })
})
