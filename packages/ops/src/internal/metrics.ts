import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"

/** what models take, in milliseconds: 0.1 ms to 100 s */
const boundaries = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000]

export const runs = Metric.counter("onnx_runs", { description: "model runs that have ended", incremental: true })
export const runDuration = Metric.histogram("onnx_run_duration_ms", {
  description: "time in ONNX Runtime, ms",
  boundaries
})
export const loads = Metric.counter("onnx_loads", { description: "model loads that have ended", incremental: true })
export const loadDuration = Metric.histogram("onnx_load_duration_ms", {
  description: "time to load a model, ms",
  boundaries
})
export const openModels = Metric.gauge("onnx_open_models", { description: "models that are loaded" })
export const loadedBytes = Metric.gauge("onnx_loaded_bytes", { description: "bytes of the models that are loaded" })
export const queueLength = Metric.gauge("onnx_queue_length", { description: "runs that wait for their turn" })

type Outcome = "success" | "failure" | "interrupt"

export interface Series {
  readonly ended: { readonly [O in Outcome]: Metric.Metric<number, unknown> }
  readonly duration: Metric.Metric<number, unknown>
}

/** The series of one model, made once: merging attributes at every run would cost more than a small run. */
export const series = (
  counter: typeof runs,
  histogram: typeof runDuration,
  attributes: { readonly model: string; readonly provider: string }
): Series => {
  const of = (outcome: Outcome) => Metric.withAttributes(counter, { ...attributes, outcome })
  return {
    ended: { success: of("success"), failure: of("failure"), interrupt: of("interrupt") },
    duration: Metric.withAttributes(histogram, attributes)
  }
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome =>
  Exit.isSuccess(exit) ? "success" : Cause.hasInterruptsOnly(exit.cause) ? "interrupt" : "failure"

export const record = (self: Series, exit: Exit.Exit<unknown, unknown>, milliseconds: number): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    self.ended[outcomeOf(exit)].updateUnsafe(1, fiber.context)
    self.duration.updateUnsafe(milliseconds, fiber.context)
    return Effect.void
  })

export const add = (gauge: Metric.Gauge<number>, amount: number): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    gauge.modifyUnsafe(amount, fiber.context)
    return Effect.void
  })
