/** Models for benchmarks, written at run time. */
import * as OnnxGraph from "../../src/OnnxGraph.ts"
import * as Tensor from "../../src/Tensor.ts"

const wave = (length: number, scale: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.3) * scale)

export const ramp = (shape: ReadonlyArray<number>): Tensor.Tensor<"float32"> =>
  Tensor.make("float32", shape, wave(Tensor.sizeOf(shape), 1))

/** c = a + b over n floats: what is left is overhead */
export const add = OnnxGraph.make("add", {
  inputs: { a: Tensor.float32("n"), b: Tensor.float32("n") },
  outputs: { c: Tensor.float32("n") },
  nodes: [OnnxGraph.node("Add", ["a", "b"], ["c"])]
})

/** Residual blocks of 3x3 convolutions with SiLU, as in a UNet: 2 * blocks * batch * channels^2 * 9 * size^2 floating point operations. */
export const convolutions = (blocks: number, channels: number, size: number, batch: number) => {
  const pads = { kernel_shape: OnnxGraph.ints([3, 3]), pads: OnnxGraph.ints([1, 1, 1, 1]) }
  const name = (i: number) => (i === 0 ? "x" : i === blocks ? "y" : `x${i}`)
  return OnnxGraph.make(`${blocks} convolutions`, {
    inputs: { x: Tensor.float32(batch, channels, size, size) },
    outputs: { y: Tensor.float32(batch, channels, size, size) },
    initializers: Object.fromEntries(
      Array.from({ length: blocks }, (_, i) => [
        `w${i}`,
        Tensor.make("float32", [channels, channels, 3, 3], wave(channels * channels * 9, 1 / (channels * (1 + i / 10))))
      ])
    ),
    nodes: Array.from({ length: blocks }, (_, i) => [
      OnnxGraph.node("Conv", [name(i), `w${i}`], [`c${i}`], { attributes: pads }),
      OnnxGraph.node("Sigmoid", [`c${i}`], [`s${i}`]),
      OnnxGraph.node("Mul", [`c${i}`, `s${i}`], [`a${i}`]),
      OnnxGraph.node("Add", [`a${i}`, name(i)], [name(i + 1)])
    ]).flat()
  })
}
