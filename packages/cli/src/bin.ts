import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { exitCodes } from "./Failure.ts"
import { main } from "./Main.ts"

// whoever reads our output may stop: `effect-blocks models | head -1`
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EPIPE") throw cause
    process.exit(exitCodes.failure)
  })
}

/** A second Ctrl-C, or a model that takes longer than this to finish its step, ends the process at once. */
const grace = 3000
const onSignal = (signal: NodeJS.Signals) => {
  const now = () => {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.once(signal, now)
  setTimeout(now, grace).unref()
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal)

NodeRuntime.runMain(Effect.provide(main(process.argv.slice(2)), NodeServices.layer), {
  disableErrorReporting: true,
  teardown: (exit, onExit) =>
    onExit(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : exitCodes.interrupted)
})
