/**
 * A run is left in the middle of its loop, stored as a file, and continued: bit for bit as if it had never stopped. From
 * the same place a fork goes on with another guidance scale.
 *
 *     node examples/09-stop-and-resume.ts
 */
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import { text2image } from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as Image from "@effect-blocks/ops/Image"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { components, inputs } from "./support/emoji.ts"

const program = Effect.gen(function* () {
  // after ten of twenty steps
  const outcome = yield* Snapshot.run(text2image, inputs, { on: "iteration", until: ({ index }) => index === 9 })
  if (outcome._tag === "Done") return
  mkdirSync("out", { recursive: true })
  writeFileSync("out/red-heart.snapshot", yield* Snapshot.toBytes(text2image, outcome.snapshot))

  // perhaps another day, on another machine
  const snapshot = yield* Snapshot.fromBytes(text2image, readFileSync("out/red-heart.snapshot"))
  const { path } = yield* Snapshot.position(text2image, snapshot)
  console.log(`left in ${path}`)
  const [resumed] = (yield* Snapshot.resume(text2image, snapshot)).images
  const [whole] = yield* Pipeline.run(text2image, inputs, { output: "images" })
  console.log(`resumed: ${Tensor.equals(resumed, whole) ? "bit for bit the same" : "another picture"}`)

  // a fork: what ten steps have made of noise goes on, pulled harder towards the prompt
  const fork = yield* Snapshot.modify(text2image, snapshot, { guidanceScale: 6 })
  const [other] = (yield* Snapshot.resume(text2image, fork)).images
  yield* Image.writeFile("out/fork.png", yield* Image.encodePng(other))
  console.log(`fork: ${Tensor.equals(other, whole) ? "bit for bit the same" : "another picture"}, out/fork.png`)
})
await Effect.runPromise(Effect.provide(program, components))
