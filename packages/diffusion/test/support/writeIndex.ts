/** A process of its own that writes an index: `node writeIndex.ts FOLDER`. */
import * as ModularIndex from "@effect-blocks/diffusion/ModularIndex"
import * as Effect from "effect/Effect"

const index = ModularIndex.make("After", { unet: { repo: "org/after" } })
await Effect.runPromise(ModularIndex.write(process.argv[2]!, index))
