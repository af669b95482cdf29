/** A process that runs a heavy model for ever and says where it is: what `processes.test.ts` stops in several ways. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as OnnxGraph from "../../src/OnnxGraph.ts"
import * as OnnxRuntime from "../../src/OnnxRuntime.ts"
import { heavy, ramp } from "./graphs.ts"

const [layer, mode] = process.argv.slice(2)
const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))
const x = ramp([256, 256])

const program = Effect.gen(function* () {
  yield* Effect.addFinalizer(() => say("closing"))
  if (mode === "load") {
    yield* say("ready")
    while (true) yield* Effect.scoped(OnnxGraph.load(heavy(20)))
  }
  const model = yield* OnnxGraph.load(heavy(200))
  yield* model.run({ x })
  yield* say("ready")
  if (mode === "once") return
  while (true) yield* model.run({ x })
}).pipe(
  Effect.scoped,
  Effect.provide(layer === "cpu" ? OnnxRuntime.layerCpu : OnnxRuntime.layerWorkers({ workers: 2 })),
  Effect.ensuring(say("closed"))
)

NodeRuntime.runMain(program)
