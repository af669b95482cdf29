/**
 * Calls of all pipelines as diffusers computes them over the same models of arithmetic: `golden/calls/record.py` says how
 * they were recorded. A call that diffusers refuses is to be refused before any model runs.
 */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import type { UnetShape } from "@effect-blocks/diffusion/Components"
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import * as Rng from "@effect-blocks/ops/Rng"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import * as fakes from "./support/fakes.ts"
import { difference } from "./support/golden.ts"

interface Recorded {
  readonly shape: ReadonlyArray<number>
  readonly base64: string
}
interface Case {
  readonly name: string
  readonly family: "text" | "image" | "inpaint" | "lcm" | "lcm_image" | "xl"
  readonly call: Readonly<Record<string, unknown>>
  readonly seed?: number | ReadonlyArray<number>
  readonly scheduler?: readonly [className: string, options: object]
  readonly guider?: object
  readonly channels?: number
  readonly guidance?: number
  readonly latents?: Recorded
  readonly images?: Recorded
  readonly error?: string
}
const file = new URL("./golden/calls/calls.json", import.meta.url)
const { cases }: { readonly cases: ReadonlyArray<Case> } = JSON.parse(readFileSync(file, "utf8"))

const isRecord = (value: unknown): value is Readonly<Record<string, readonly [number, number]>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const picture = (height: number, width: number, level: (x: number) => number, channels: number) =>
  Tensor.make(
    "uint8",
    [height, width, channels],
    Uint8Array.from({ length: height * width * channels }, (_, i) => level(Math.floor(i / channels) % width))
  )
const argument = (value: unknown): unknown => {
  if (!isRecord(value)) return value
  const { mask, picture: image, randn } = value
  if (image !== undefined) return picture(...image, (x) => (30 * x) % 256, 3)
  if (mask !== undefined) return picture(...mask, (x) => (x >= mask[1] / 2 ? 255 : 0), 1)
  const [seed, shape] = randn as unknown as readonly [number, ReadonlyArray<number>]
  return Rng.normal(Rng.make(seed), shape)[0]
}
const inputsOf = ({ call, seed = 1 }: Case): { readonly prompt: string } => {
  const camelCase = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  const given = Object.entries(call).filter(([, value]) => value !== null)
  const inputs = given.map(([name, value]) => [camelCase(name), argument(value)])
  return { seed, ...Object.fromEntries(inputs) }
}

/** the fake UNet, which sees crops too and, with 9 channels, the mask and the masked picture */
const unet =
  (channels: number) =>
  (input: Parameters<UnetShape["predict"]>[0], own: UnetShape["predict"]): ReturnType<UnetShape["predict"]> =>
    Effect.map(own(input), (out) => {
      const { added, sample } = input
      const plane = out.shape[2]! * out.shape[3]!
      const data = out.data.map((x, i) => {
        const item = Math.floor(i / (4 * plane))
        const seen = item * channels * plane
        const mood = added === undefined ? 0 : added.timeIds.data[item * 6 + 2]! / 100
        const painted =
          channels === 9
            ? 0.3 * sample.data[seen + 4 * plane + (i % plane)]! +
              0.2 * sample.data[seen + 5 * plane + (i % (4 * plane))]!
            : 0
        return x + mood + painted
      })
      return Tensor.make("float32", out.shape, data)
    })

interface Drawn {
  readonly latents: Tensor.Tensor<"float32">
  readonly images: ReadonlyArray<Tensor.Tensor<"uint8">>
}

const run = (testCase: Case) => {
  const {
    channels = 4,
    family,
    guidance,
    guider,
    scheduler: [_class_name, options] = ["DDIMScheduler", { clip_sample: false, steps_offset: 1 }]
  } = testCase
  const inputs = inputsOf(testCase)
  const made = fakes.make({
    xl: family === "xl",
    inChannels: channels,
    scheduler: { _class_name, ...options },
    unet: unet(channels),
    ...(guidance === undefined ? {} : { overrides: { unet: { timeCondProjDim: guidance } } })
  })
  const layer = Layer.merge(made.layer, Layer.orDie(Guider.layer({ _class_name: "ClassifierFreeGuidance", ...guider })))
  const provided = <E, R>(pipeline: Effect.Effect<Drawn, E, R>) =>
    Effect.provide(
      Effect.map(pipeline, ({ images, latents }) => ({ images, latents })),
      layer
    )
  const effect =
    family === "xl"
      ? provided(Pipeline.run(StableDiffusionXL.pipeline, inputs))
      : family.startsWith("lcm")
        ? provided(Pipeline.run(LatentConsistency.pipeline, inputs))
        : provided(Pipeline.run(StableDiffusion.pipeline, inputs))
  return { calls: made.calls, effect }
}

const bytesOf = ({ base64 }: Recorded) => Uint8Array.from(Buffer.from(base64, "base64"))

describe("calls as diffusers computes them", () => {
  for (const testCase of cases) {
    const { error, family, images, latents, name } = testCase
    const { calls, effect } = run(testCase)
    if (error !== undefined) {
      it.effect(`refused before any model runs: ${family}, ${name}`, () =>
        Effect.gen(function* () {
          const failure = yield* Effect.flip(effect)
          // what only a scheduler knows: which options it has
          assert.strictEqual(failure._tag, name.includes("scheduler") ? "SchedulerError" : "InputError")
          assert.deepStrictEqual(calls, [])
        })
      )
      continue
    }
    it.effect(`${family}, ${name}`, () =>
      Effect.gen(function* () {
        const out = yield* effect
        if (latents !== undefined) {
          assert.deepStrictEqual(out.latents.shape, latents.shape)
          const want = new Float32Array(bytesOf(latents).buffer)
          const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
          assert.isBelow(difference(out.latents.data, want) / largest, 1e-5)
        }
        if (images !== undefined) {
          const got = out.images.flatMap(({ data }) => [...data])
          assert.isAtMost(difference(got, bytesOf(images)), 1)
        }
        assert.isTrue(latents !== undefined || images !== undefined)
      })
    )
  }
})
