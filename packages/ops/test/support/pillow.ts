/** What Pillow made of small pictures: see `fixtures/pillow.py`. */
import { readFileSync } from "node:fs"
import type { Box, Filter, Image, Mode } from "../../src/Image.ts"
import * as Tensor from "../../src/Tensor.ts"

interface Pixels {
  readonly shape: ReadonlyArray<number>
  readonly data: string
}

export type Case = { readonly image: Pixels; readonly result: Pixels } & (
  | { readonly kind: "resize"; readonly filter: Filter; readonly reducingGap?: number }
  | { readonly kind: "blur"; readonly factor: number }
  | { readonly kind: "convert"; readonly mode: Mode }
  | { readonly kind: "crop"; readonly box: Box }
  | { readonly kind: "overlay"; readonly mask: Pixels; readonly new: Pixels }
)

export interface File {
  readonly name: string
  readonly bytes: string
  readonly rgb: Pixels
  readonly gray: Pixels
}

export const { cases, files }: { readonly cases: ReadonlyArray<Case>; readonly files: ReadonlyArray<File> } =
  JSON.parse(readFileSync(new URL("../fixtures/pillow.json", import.meta.url), "utf8"))

export const imageOf = ({ data, shape }: Pixels): Image => Tensor.fromBytes("uint8", shape, Buffer.from(data, "base64"))

export const bytesOf = ({ bytes }: File): Uint8Array => new Uint8Array(Buffer.from(bytes, "base64"))

/** a file of the fixtures by name */
export const file = (name: string): File => {
  const found = files.find((file) => file.name === name)
  if (found === undefined) throw new Error(`no file '${name}'`)
  return found
}
