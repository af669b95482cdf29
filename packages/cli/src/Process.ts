/**
 * Runs a program as a process: signals, closed pipes, exit code.
 *
 * @module
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { exitCodes } from "./Failure.ts"

/** How long, in milliseconds, a model may take to finish the step that it is in when the process is told to end. */
const grace = 3000

/**
 * Runs a program that gives its exit code. SIGINT and SIGTERM interrupt it, so that what it holds is released; a second
 * signal, or three seconds without an end, kill the process at once. Nobody reading the output is no reason to complain.
 *
 * ```ts no-run
 * import { main } from "@effect-blocks/cli/Main"
 * import * as Process from "@effect-blocks/cli/Process"
 *
 * Process.run(main(["models"]))
 * ```
 */
export const run = (program: Effect.Effect<number, never, NodeServices.NodeServices>): void => {
  let unread = false
  let ended = false
  // `effect-blocks models | head -1`: what runs is released, and the code is that of others that SIGPIPE ends
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EPIPE") throw cause
      if (ended) return process.exit(exitCodes.unread)
      if (!unread) process.emit("SIGTERM")
      unread = true
    })
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      // the signal's own effect: no handler of ONNX Runtime or of Node runs, so nothing can hang
      const now = () => {
        process.removeAllListeners(signal)
        process.kill(process.pid, signal)
      }
      process.once(signal, now)
      setTimeout(now, grace).unref()
    })
  }
  NodeRuntime.runMain(Effect.provide(program, NodeServices.layer), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      ended = true
      if (unread) return onExit(exitCodes.unread)
      if (Exit.isSuccess(exit)) return onExit(typeof exit.value === "number" ? exit.value : exitCodes.success)
      process.stderr.write("effect-blocks: interrupted\n")
      onExit(exitCodes.interrupted)
    }
  })
}
