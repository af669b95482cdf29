/** Reads the golden folder: pairs of NAME.json and NAME.bin, tensors as references into the latter. */
import * as Tensor from "@effect-blocks/ops/Tensor"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** beside the repository, where it is there at all */
export const folder: string = fileURLToPath(new URL("../../../../../shared/golden", import.meta.url))
export const present: boolean = existsSync(join(folder, "pipelines", "sd15.json"))

export interface Ref {
  readonly offset: number
  readonly shape: ReadonlyArray<number>
  readonly dtype: "f32" | "u8"
}

export const open = (name: string) => {
  const file = join(folder, `${name}.json`)
  const doc = JSON.parse(readFileSync(file, "utf8"))
  const raw = doc.bin === undefined ? Buffer.alloc(0) : readFileSync(join(dirname(file), doc.bin))
  const bytes = (ref: Ref, size: number) =>
    new Uint8Array(raw.subarray(ref.offset, ref.offset + size * Tensor.sizeOf(ref.shape)))
  return {
    doc,
    f32: (ref: Ref): Tensor.Tensor<"float32"> => Tensor.fromBytes("float32", ref.shape, bytes(ref, 4)),
    u8: (ref: Ref): Tensor.Tensor<"uint8"> => Tensor.fromBytes("uint8", ref.shape, bytes(ref, 1))
  }
}

/** the largest difference of two arrays; infinite where their lengths differ or one is not finite */
export const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) return Infinity
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!)
    if (!(d <= largest)) largest = Number.isNaN(d) ? Infinity : d
  }
  return largest
}
