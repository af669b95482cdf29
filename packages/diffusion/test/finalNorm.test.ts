import { TextEncoder, Tokenizer } from "@effect-blocks/diffusion/Components"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import { applyNormOf } from "../src/internal/finalNorm.ts"
import * as golden from "./support/golden.ts"

const noise = (seed: number, shape: ReadonlyArray<number>) =>
  Tensor.make(
    "float32",
    shape,
    Float32Array.from(
      { length: Tensor.sizeOf(shape) },
      (_, i) => Math.sin(seed + 12.9898 * i) * 3 + Math.cos(0.7 * i + seed)
    )
  )

describe("the norm after a text encoder's last layer", () => {
  it("is found from what goes in and what comes out", () => {
    const width = 8
    const weight = noise(1, [width]).data
    const bias = noise(2, [width]).data
    const norm = (states: Tensor.Tensor<"float32">) => {
      const out = new Float32Array(states.data.length)
      for (let start = 0; start < out.length; start += width) {
        const token = [...states.data.subarray(start, start + width)]
        const mean = token.reduce((a, b) => a + b) / width
        const variance = token.reduce((a, b) => a + (b - mean) ** 2, 0) / width
        token.forEach((x, c) => (out[start + c] = ((x - mean) / Math.sqrt(variance + 1e-5)) * weight[c]! + bias[c]!))
      }
      return Tensor.make("float32", states.shape, out)
    }
    const [last, earlier] = [noise(3, [2, 20, width]), noise(4, [3, 20, width])]
    const found = applyNormOf(last, norm(last), earlier)
    assert.isBelow(golden.difference(found.data, norm(earlier).data), 1e-5)
  })

  it.effect.runIf(golden.present)("found on one text is that of another, in a real encoder", () =>
    Effect.gen(function* () {
      const tokenizer = yield* Tokenizer
      const encoder = yield* TextEncoder
      const encode = (text: string) => encoder.encode(tokenizer.encode([text]).inputIds)
      const a = yield* encode("a photo of a cat sitting on the table")
      const b = yield* encode("An astronaut riding a horse, highly detailed!")
      const found = applyNormOf(a.hiddenStates.at(-1)!, a.lastHiddenState, b.hiddenStates.at(-1)!)
      assert.isBelow(golden.difference(found.data, b.lastHiddenState.data), 1e-4)
      assert.isAbove(golden.difference(found.data, a.lastHiddenState.data), 0.1)
    }).pipe(
      Effect.provide(
        Repository.layer(join(golden.folder, "pipelines", "tiny-sd15")).pipe(
          Layer.provide(ModelStore.layer({ budget: 2 ** 26 })),
          Layer.provide(OnnxRuntime.layerCpu)
        )
      )
    )
  )
})
