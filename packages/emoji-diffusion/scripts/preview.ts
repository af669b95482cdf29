import { readFile } from "node:fs/promises"
import { join } from "node:path"

/** Solves the symmetric system `a x = b` by Gaussian elimination with pivoting. */
const solve = (a: ReadonlyArray<ReadonlyArray<number>>, b: ReadonlyArray<number>): ReadonlyArray<number> => {
  const rows = a.map((row, i) => [...row, b[i]!])
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows
      .slice(i)
      .reduce((best, row, j) => (Math.abs(row[i]!) > Math.abs(rows[best]![i]!) ? i + j : best), i)
    ;[rows[i], rows[pivot]] = [rows[pivot]!, rows[i]!]
    for (let j = 0; j < rows.length; j++) {
      if (j === i) continue
      const factor = rows[j]![i]! / rows[i]![i]!
      rows[j] = rows[j]!.map((x, k) => x - factor * rows[i]![k]!)
    }
  }
  return rows.map((row, i) => row.at(-1)! / row[i]!)
}

/**
 * The linear map from one latent pixel (four channels and a one) to red, green and blue of 0..255 that comes nearest to
 * the reference pictures: for previews that do not run the decoder.
 */
export const fit = async (reference: string): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const { arrays } = JSON.parse(await readFile(join(reference, "manifest.json"), "utf8"))
  const latents = new Float32Array(new Uint8Array(await readFile(join(reference, arrays.final_latents.file))).buffer)
  const pixels = new Uint8Array(await readFile(join(reference, arrays.image_uint8_nhwc.file)))
  const [batch, channels, height, width] = arrays.final_latents.shape
  const scale = arrays.image_uint8_nhwc.shape[1] / height
  const size = channels + 1
  const normal = Array.from({ length: size }, () => Array.from({ length: size }, () => 0))
  const right = Array.from({ length: 3 }, () => Array.from({ length: size }, () => 0))
  for (let n = 0; n < batch; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const latent = Array.from({ length: size }, (_, c) =>
          c === channels ? 1 : latents[((n * channels + c) * height + y) * width + x]!
        )
        for (let rgb = 0; rgb < 3; rgb++) {
          let sum = 0
          for (let j = 0; j < scale; j++) {
            for (let i = 0; i < scale; i++)
              sum += pixels[3 * ((n * height * scale + y * scale + j) * width * scale + x * scale + i) + rgb]!
          }
          for (let c = 0; c < size; c++) right[rgb]![c]! += (latent[c]! * sum) / (scale * scale)
        }
        for (let c = 0; c < size; c++) for (let d = 0; d < size; d++) normal[c]![d]! += latent[c]! * latent[d]!
      }
    }
  }
  const columns = right.map((b) => solve(normal, b))
  return normal.map((_, c) => columns.map((column) => Math.round(column[c]! * 1000) / 1000))
}
