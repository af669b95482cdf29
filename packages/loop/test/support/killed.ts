/** A process that is killed: runs a loop with checkpoints in a folder, and says which iteration has begun. `node killed.ts FOLDER` */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Block from "@effect-blocks/core/Block"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
import * as Loop from "@effect-blocks/loop/Loop"
import { Effect, Layer, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { writeSync } from "node:fs"

export const iterations = 60
export const inputs = { n: iterations, latents: Float32Array.from({ length: 20_000 }, (_, i) => Math.sin(i)) }
export const options = { key: "killed" }
/** `begun` is told of each iteration that begins. */
export const make = (begun: (i: number) => Effect.Effect<unknown>) => {
  const step = Block.make("step", {
    inputs: { latents: Snapshot.Float32, i: Schema.Int },
    outputs: { latents: Snapshot.Float32 },
    run: ({ latents, i }) => Effect.as(begun(i), { latents: latents.map((v) => v * 0.99 + i) })
  })
  const rows = Loop.fromBlocks(Loop.count("columns", { times: 2, as: "column" }), [step])
  return Block.sequential("main", [Loop.fromBlocks(Loop.count("rows", { times: "n" }), [rows])])
}
export const storeIn = (folder: string): Layer.Layer<KeyValueStore.KeyValueStore, unknown> =>
  Layer.provide(KeyValueStore.layerFileSystem(folder), NodeServices.layer)

if (import.meta.main) {
  const block = make((i) => Effect.sync(() => writeSync(1, `${i}\n`)))
  const run = Checkpoint.run(block, inputs, options)
  await Effect.runPromise(Effect.provide(run, storeIn(process.argv[2]!)))
}
