import * as Image from "@effect-blocks/ops/Image"
import type { Tensor } from "@effect-blocks/ops/Tensor"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Device from "../Device.ts"
import * as Generate from "../Generate.ts"
import { config } from "../internal/generateFlags.ts"
import { prepare, settle } from "../internal/task.ts"
import * as Output from "../Output.ts"
import type { Parameters } from "../Parameters.ts"
import { duration } from "../ProgressBar.ts"
import { Reporter } from "../Reporter.ts"
import { basename, dirname } from "node:path"

const encode = (picture: Tensor<"uint8">, path: string, parameters: Parameters) => {
  switch (Output.formatOf(path)) {
    case "jpeg":
      return Image.encodeJpeg(picture)
    case "webp":
      return Image.encodeWebp(picture)
    default:
      return Image.encodePng(picture, { parameters })
  }
}

/** What `--json` says of one picture. */
interface Written {
  readonly path: string
  readonly width: number
  readonly height: number
  readonly bytes: number
  readonly milliseconds: number
  readonly parameters: Parameters
}

const median = (values: ReadonlyArray<number>): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

interface Loaded {
  readonly model: string
  readonly milliseconds: number
}

/** Times for `--json`, in whole milliseconds; `firstStep` and `total` from the start of the process: that is what a user waits for. */
const timings = (loaded: ReadonlyArray<Loaded>, steps: ReadonlyArray<number>) => ({
  loading: Object.fromEntries(
    loaded.map(({ milliseconds, model }) => [basename(dirname(model)), Math.round(milliseconds)])
  ),
  firstStep: steps[0] === undefined ? undefined : Math.round(steps[0] - performance.timeOrigin),
  perStep: median(steps.slice(1).map((end, index) => end - steps[index]!)),
  total: Math.round(performance.now())
})

export const generate = Command.make(
  "generate",
  config,
  Effect.fnUntraced(
    function* (options) {
      const wish = yield* settle(options)
      const { perRun, runs } = wish
      const plan = yield* Output.plan({
        out: Option.getOrUndefined(options.out),
        force: options.force,
        wanted: runs.flatMap((run) => Array.from({ length: perRun }, () => run))
      })
      const task = yield* prepare(options, wish)
      const reporter = yield* Reporter
      // a path on standard output is for other programs; on a terminal the reporter has said it
      const silent = options.json || (process.stdout.isTTY && process.stderr.isTTY)
      const pictures: Array<Written> = []
      const ends: Array<number> = []

      const save = ({ index, milliseconds, nth, picture, steps }: Generate.Made) =>
        Effect.gen(function* () {
          const path = plan.paths[index * perRun + nth]!
          const [height = 0, width = 0] = picture.shape
          const parameters = task.parameters(index, nth, { width, height })
          const bytes = yield* encode(picture, path, parameters)
          yield* Output.write(path, bytes, { force: plan.force })
          if (pictures.length === 0) yield* Effect.forEach(task.notes, reporter.note)
          const line = `${path} (${width}x${height}, seed ${runs[index]!.seed}, ${duration(milliseconds)})`
          yield* reporter.done(line, Effect.succeed(picture))
          if (!silent) yield* Console.log(path)
          if (nth === 0) ends.push(...steps)
          pictures.push({
            path,
            width,
            height,
            bytes: bytes.length,
            milliseconds: Math.round(milliseconds),
            parameters
          })
        })

      const loaded = yield* Effect.provide(Generate.forEach(task.request, save), Device.layer(options.device))
      if (options.json) {
        const { device } = options
        const model = task.request.model.path
        yield* Console.log(JSON.stringify({ pictures, model, device, milliseconds: timings(loaded, ends) }))
      }
    },
    Effect.provide(Reporter.layer(process.stderr))
  )
).pipe(
  Command.withDescription("Makes pictures from a prompt"),
  Command.withExamples([
    { command: 'effect-blocks generate "a red heart"', description: "one picture, a-red-heart-SEED.png" },
    {
      command: 'effect-blocks generate "green apple" --seed 7 --count 4 --out apples/',
      description: "four pictures, seeds 7 to 10"
    },
    {
      command: 'effect-blocks generate "blue heart" --image heart.png --strength 0.6',
      description: "from another picture"
    },
    {
      command: 'effect-blocks generate "a cat" --model organisation/name@v1',
      description: "with a model of a hub, downloaded once"
    },
    { command: "effect-blocks generate --from a-red-heart-7.png --steps 40", description: "again, with more steps" }
  ])
)
