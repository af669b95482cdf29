/**
 * A process of its own that downloads `org/name` with its settings from the environment and says all that a program can
 * say of it: logs of every level, reports, spans, errors. The first word of the last line is `Success` or `Failure`.
 */
import * as Hub from "@effect-blocks/diffusion/Hub"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"

const spans: Array<Tracer.Span> = []
const tracer = Tracer.make({
  span: (options) => {
    const span = new Tracer.NativeSpan(options)
    spans.push(span)
    return span
  }
})
const exit = await Hub.download({ repo: "org/name", retries: 1, retryDelay: "1 millis" }).pipe(
  Effect.tapCause((cause) => Effect.logFatal(cause)),
  Effect.withSpan("program"),
  Effect.withTracer(tracer),
  Effect.provideService(Hub.Progress, (event) => Effect.logTrace(event)),
  Effect.provideService(References.MinimumLogLevel, "All"),
  Effect.provide(FetchHttpClient.layer),
  Effect.exit,
  Effect.runPromise
)
const say = (what: unknown) =>
  process.stderr.write(`${typeof what === "string" ? what : inspect(what, { depth: 10, showHidden: true })}\n`)
for (const span of spans) say(span)
if (exit._tag === "Failure") {
  for (const form of [Cause.pretty(exit.cause), exit, JSON.stringify(exit)]) say(form)
}
process.stdout.write(`${exit._tag} ${exit._tag === "Success" ? exit.value : ""}`)
