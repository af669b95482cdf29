/**
 * `npm start`: a sheet of pictures from the model that is shipped, in `out/`, to see that everything works here.
 */
import * as Device from "@effect-blocks/cli/Device"
import { exitCodes, fromCause } from "@effect-blocks/cli/Failure"
import * as Generate from "@effect-blocks/cli/Generate"
import * as ModelFolder from "@effect-blocks/cli/ModelFolder"
import * as Output from "@effect-blocks/cli/Output"
import * as Process from "@effect-blocks/cli/Process"
import { duration } from "@effect-blocks/cli/ProgressBar"
import { Reporter } from "@effect-blocks/cli/Reporter"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Image from "@effect-blocks/ops/Image"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const columns = 4
const gap = 8
const seed = 1
const prompts = EmojiDiffusion.prompts.slice(0, 2 * columns)

/** Pictures of one size, `[height, width, 3]`, in rows on white. */
const sheet = (pictures: ReadonlyArray<Tensor.Tensor<"uint8">>): Tensor.Tensor<"uint8"> => {
  const side = EmojiDiffusion.size
  const width = columns * (side + gap) + gap
  const height = Math.ceil(pictures.length / columns) * (side + gap) + gap
  const data = new Uint8Array(3 * width * height).fill(255)
  for (const [index, { data: pixels }] of pictures.entries()) {
    const left = gap + (index % columns) * (side + gap)
    const top = gap + Math.floor(index / columns) * (side + gap)
    for (let y = 0; y < side; y++) {
      data.set(pixels.subarray(3 * y * side, 3 * (y + 1) * side), 3 * ((top + y) * width + left))
    }
  }
  return Tensor.make("uint8", [height, width, 3], data)
}

const program = Effect.gen(function* () {
  const startedAt = yield* Clock.currentTimeMillis
  const reporter = yield* Reporter
  const model = yield* ModelFolder.inspect(EmojiDiffusion.path, "emoji-diffusion")
  yield* reporter.note(
    `Drawing ${prompts.length} pictures with ${model.name} (${ModelFolder.size(model.bytes)}) on this machine's CPU.`
  )
  const { guidanceScale, numInferenceSteps } = EmojiDiffusion
  const pictures: Array<Tensor.Tensor<"uint8">> = []
  yield* Generate.forEach(
    {
      model,
      wanted: prompts.map((prompt, index) => ({
        label: `${index + 1} of ${prompts.length}: ${prompt}`,
        inputs: { prompt, seed, guidanceScale, numInferenceSteps }
      }))
    },
    ({ picture }) => Effect.sync(() => void pictures.push(picture))
  )
  const path = "out/contact-sheet.png"
  const all = sheet(pictures)
  const bytes = yield* Image.encodePng(all, { parameters: { prompts, seed, guidanceScale, numInferenceSteps } })
  yield* Output.write(path, bytes, { force: true })
  const time = duration((yield* Clock.currentTimeMillis) - startedAt)
  yield* reporter.done(`${prompts.join(", ")}`, Effect.succeed(all))
  yield* Console.log(
    `${path}: ${prompts.length} pictures in ${time}. Now one of your own: npx effect-blocks generate "blue heart"`
  )
  return exitCodes.success
}).pipe(
  Effect.provide([Device.layer("workers"), Reporter.layer(process.stderr)]),
  Effect.catchCause((cause) => {
    const { exitCode, message } = fromCause(cause)
    return Effect.as(Console.error(message), exitCode)
  })
)

Process.run(program)
