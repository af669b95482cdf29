/** `torch.nn.functional.interpolate` of [batch, channels, height, width] without aligned corners. */
import * as Tensor from "@effect-blocks/ops/Tensor"
import type { Latents } from "./model.ts"

const f = Math.fround

export type Mode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "bicubic" | "trilinear" | "area"

/** For each output position along an axis: which inputs, and how much of each. */
type Taps = ReadonlyArray<ReadonlyArray<readonly [index: number, weight: number]>>

const clampTo = (index: number, size: number): number => Math.min(Math.max(index, 0), size - 1)

/** Keys' cubic with a = -0.75, as torch has it. */
const cubic = (t: number): ReadonlyArray<number> => {
  const a = -0.75
  const near = (x: number) => f(f(f(f(f(a + 2) * x) - f(a + 3)) * x) * x + 1)
  const far = (x: number) => f(f(f(f(f(f(a * x) - 5 * a) * x) + 8 * a) * x) - 4 * a)
  return [far(f(t + 1)), near(t), near(f(1 - t)), far(f(2 - t))]
}

const tapsOf = (mode: Mode, from: number, to: number): Taps => {
  const scale = f(from / to)
  return Array.from({ length: to }, (_, i) => {
    switch (mode) {
      case "nearest":
        return [[Math.min(Math.floor(f(i * scale)), from - 1), 1]]
      case "nearest-exact":
        return [[Math.min(Math.floor(f(f(i + 0.5) * scale)), from - 1), 1]]
      case "area": {
        const start = Math.floor((i * from) / to)
        const end = Math.ceil(((i + 1) * from) / to)
        return Array.from({ length: end - start }, (_, k) => [start + k, 1 / (end - start)] as const)
      }
      case "linear":
      case "bilinear":
      case "trilinear": {
        const at = Math.max(f(f(scale * f(i + 0.5)) - 0.5), 0)
        const low = Math.min(Math.floor(at), from - 1)
        const share = f(at - low)
        return [
          [low, f(1 - share)],
          [Math.min(low + 1, from - 1), share]
        ]
      }
      case "bicubic": {
        const at = f(f(scale * f(i + 0.5)) - 0.5)
        const low = Math.floor(at)
        return cubic(f(at - low)).map((weight, k) => [clampTo(low - 1 + k, from), weight] as const)
      }
    }
  })
}

/** Resizes the last two axes to those of `shape`. */
export const interpolateTo = (mode: Mode, tensor: Latents, shape: ReadonlyArray<number>): Latents => {
  const [height = 1, width = 1] = tensor.shape.slice(-2)
  const [newHeight = 1, newWidth = 1] = shape.slice(-2)
  const rows = tapsOf(mode, height, newHeight)
  const columns = tapsOf(mode, width, newWidth)
  const planes = tensor.data.length / (height * width)
  const out = new Float32Array(planes * newHeight * newWidth)
  let at = 0
  for (let plane = 0; plane < planes; plane++)
    for (const row of rows)
      for (const column of columns) {
        let sum = 0
        for (const [y, weightY] of row) {
          const start = (plane * height + y) * width
          let line = 0
          for (const [x, weightX] of column) line = f(line + f(tensor.data[start + x]! * weightX))
          sum = f(sum + f(line * weightY))
        }
        out[at++] = sum
      }
  return Tensor.make("float32", [...tensor.shape.slice(0, -2), newHeight, newWidth], out)
}
