/**
 * The suite on devices. `EFFECT_BLOCKS_WEBGPU=1` where webgpu starts (without a GPU: `node scripts/swiftshader.ts -- ...`),
 * `EFFECT_BLOCKS_CUDA=1` where cuda does.
 */
import { describe } from "@effect/vitest"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import { layerSuite } from "./support/layerSuite.ts"

describe.runIf(process.env["EFFECT_BLOCKS_WEBGPU"] === "1")("webgpu", () => {
  layerSuite("in a worker", OnnxRuntime.layerGpu({ provider: "webgpu" }), {
    provider: "webgpu",
    heavyLayers: 2,
    heavySize: 128,
    tolerance: 1e-4
  })
})

describe.runIf(process.env["EFFECT_BLOCKS_CUDA"] === "1")("cuda", () => {
  // TF32, which the Node binding cannot switch off, has 10 bits of mantissa
  layerSuite("in a worker", OnnxRuntime.layerGpu({ provider: "cuda" }), {
    provider: "cuda",
    heavyLayers: 200,
    tolerance: 5e-3
  })
})
