/** Small models, written at run time. */
import { Message } from "../../src/internal/protobuf.ts"
import * as OnnxGraph from "../../src/OnnxGraph.ts"
import * as Tensor from "../../src/Tensor.ts"

/** c = a + b */
export const add = OnnxGraph.make("add", {
  inputs: { a: Tensor.float32("n"), b: Tensor.float32("n") },
  outputs: { c: Tensor.float32("n") },
  nodes: [OnnxGraph.node("Add", ["a", "b"], ["c"])]
})

/** `add` with one of its inputs in a file beside it, which `OnnxGraph` does not write: protobuf merges what it is told twice */
export const withWeights = (input: "a" | "b", file: string, dims: ReadonlyArray<number>): Uint8Array => {
  const weights = new Message()
  for (const dim of dims) weights.int(1, dim)
  weights.int(2, 1).text(8, input).message(13, new Message().text(1, "location").text(2, file)).int(14, 1)
  const graph = new Message().message(5, weights)
  return Buffer.concat([OnnxGraph.encode(add), new Message().message(7, graph).finish()])
}

/** sum = a + b, product = a * b, with a batch that both inputs share */
export const arithmetic = OnnxGraph.make("arithmetic", {
  inputs: { a: Tensor.float32("batch", 2), b: Tensor.float32("batch", 2) },
  outputs: { sum: Tensor.float32("batch", 2), product: Tensor.float32("batch", 2) },
  nodes: [OnnxGraph.node("Add", ["a", "b"], ["sum"]), OnnxGraph.node("Mul", ["a", "b"], ["product"])]
})

const wave = (length: number, scale: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.3) * scale)

/** y = x w w w ...: about 33 million multiplications a layer at the default size */
export const heavy = (layers: number, size = 256) =>
  OnnxGraph.make("heavy", {
    inputs: { x: Tensor.float32(size, size) },
    outputs: { y: Tensor.float32(size, size) },
    initializers: { w: Tensor.make("float32", [size, size], wave(size * size, 1 / 16)) },
    nodes: Array.from({ length: layers }, (_, i) =>
      OnnxGraph.node("MatMul", [i === 0 ? "x" : `x${i}`, "w"], [i === layers - 1 ? "y" : `x${i + 1}`])
    )
  })

/** What networks are made of: convolution, activation, normalisation over channels, attention's softmax. */
export const network = (channels = 4, size = 8) =>
  OnnxGraph.make("network", {
    inputs: { x: Tensor.float32("batch", channels, size, size) },
    outputs: { y: Tensor.float32("batch", channels, size, size) },
    initializers: {
      w: Tensor.make("float32", [channels, channels, 3, 3], wave(channels * channels * 9, 0.3)),
      bias: Tensor.make("float32", [channels], wave(channels, 0.1))
    },
    nodes: [
      OnnxGraph.node("Conv", ["x", "w", "bias"], ["convolved"], {
        attributes: { kernel_shape: OnnxGraph.ints([3, 3]), pads: OnnxGraph.ints([1, 1, 1, 1]) }
      }),
      OnnxGraph.node("Sigmoid", ["convolved"], ["gate"]),
      OnnxGraph.node("Mul", ["convolved", "gate"], ["activated"]),
      OnnxGraph.node("Softmax", ["activated"], ["weights"], { attributes: { axis: OnnxGraph.int(1) } }),
      OnnxGraph.node("Mul", ["weights", "x"], ["y"])
    ]
  })

/** The same network in plain loops: what every provider must agree with. */
export const networkByHand = (x: Tensor.Tensor<"float32">): Float32Array => {
  const [batch, channels, height, width] = x.shape as [number, number, number, number]
  const w = wave(channels * channels * 9, 0.3)
  const bias = wave(channels, 0.1)
  const at = (n: number, c: number, i: number, j: number) => ((n * channels + c) * height + i) * width + j
  const activated = new Float32Array(x.data.length)
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          let sum = bias[c]!
          for (let k = 0; k < channels; k++) {
            for (let di = 0; di < 3; di++) {
              for (let dj = 0; dj < 3; dj++) {
                const row = i + di - 1
                const column = j + dj - 1
                if (row < 0 || column < 0 || row >= height || column >= width) continue
                sum += x.data[at(n, k, row, column)]! * w[((c * channels + k) * 3 + di) * 3 + dj]!
              }
            }
          }
          activated[at(n, c, i, j)] = sum / (1 + Math.exp(-sum))
        }
      }
    }
  }
  const y = new Float32Array(x.data.length)
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let total = 0
        for (let c = 0; c < channels; c++) total += Math.exp(activated[at(n, c, i, j)]!)
        for (let c = 0; c < channels; c++) {
          const place = at(n, c, i, j)
          y[place] = (Math.exp(activated[place]!) / total) * x.data[place]!
        }
      }
    }
  }
  return y
}

export const float32 = (...values: ReadonlyArray<number>): Tensor.Tensor<"float32"> =>
  Tensor.make("float32", [values.length], Float32Array.from(values))

export const ramp = (shape: ReadonlyArray<number>): Tensor.Tensor<"float32"> =>
  Tensor.make("float32", shape, wave(Tensor.sizeOf(shape), 1))
