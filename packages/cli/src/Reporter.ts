/**
 * What people see while a command works: on a terminal a bar, the time left and a picture that are drawn over
 * themselves; elsewhere now and then a plain line. Everything goes to standard error, so that standard output is for results.
 *
 * @module
 */
import type * as Tensor from "@effect-blocks/ops/Tensor"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HalfBlocks from "./HalfBlocks.ts"
import * as ProgressBar from "./ProgressBar.ts"

/** How far a run is. */
export interface Report {
  /** what is being made */
  readonly label: string
  readonly done: number
  readonly total: number
  /** milliseconds, if an estimate exists */
  readonly left: number | undefined
  /** how much of how much, where that is not a count: `1.5 of 29.2 MB` */
  readonly amount?: string
}

/** A picture that is asked for only where it can be shown. */
export type Picture = Effect.Effect<Tensor.Tensor<"uint8"> | undefined>

/** What a reporter does. */
export interface ReporterShape {
  /** a line that stays */
  readonly note: (text: string) => Effect.Effect<void>
  /** how far it is, in the place of what was said before; the picture, where there can be one, above it */
  readonly progress: (report: Report, picture?: Picture) => Effect.Effect<void>
  /** the end of what `progress` showed: its last picture stays, and the line */
  readonly done: (text: string, picture?: Picture) => Effect.Effect<void>
}

/** What a reporter writes to: `process.stderr` is one. */
export interface Out {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  readonly write: (text: string) => unknown
  readonly getColorDepth?: () => number
}

/** Redrawing more often than this, in milliseconds, shows nothing more. */
const interval = 50

/** Plain lines are at least this far apart, in milliseconds. */
const quiet = 2000

const timeOf = ({ done, left, total }: Report): string =>
  left === undefined ? "" : done >= total ? "" : `${ProgressBar.duration(left)} left`

/** Cuts text (without escapes) to `width` characters, the last one `…`. */
const cut = (text: string, width: number): string => {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`
}

/** Control characters of a prompt must not reach the terminal. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ")

/**
 * Shows how a command gets on.
 *
 * ```ts
 * import { Reporter } from "@effect-blocks/cli/Reporter"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const written: Array<string> = []
 * const program = Effect.gen(function* () {
 *   const reporter = yield* Reporter
 *   yield* reporter.note("drawing a heart")
 *   yield* reporter.done("heart.png")
 * })
 * const out = { write: (text: string) => written.push(text) }
 * await Effect.runPromise(Effect.provide(program, Reporter.layer(out)))
 * assert.deepEqual(written, ["drawing a heart\n", "heart.png\n"])
 * ```
 */
export class Reporter extends Context.Service<Reporter, ReporterShape>()("effect-blocks/cli/Reporter") {
  /** Plain lines: notes, and progress at each tenth, but none within two seconds of another. */
  static readonly layerPlain = (out: Out): Layer.Layer<Reporter> =>
    Layer.effect(
      Reporter,
      Effect.gen(function* () {
        let last = yield* Clock.currentTimeMillis
        let tenth = -1
        const line = (text: string) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            last = now
            out.write(`${printable(text)}\n`)
          })
        return Reporter.of({
          note: line,
          progress: (report) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              const reached = Math.floor((10 * report.done) / report.total)
              if (reached === tenth || now - last < quiet) return Effect.void
              tenth = reached
              const left = timeOf(report)
              return line(
                `${report.label}: ${report.amount ?? `${report.done} of ${report.total}`}${left === "" ? "" : `, ${left}`}`
              )
            }),
          done: line
        })
      })
    )

  /** A bar, the time left and the picture, drawn over themselves; the cursor is back when the scope ends. */
  static readonly layerTerminal = (out: Out): Layer.Layer<Reporter> =>
    Layer.effect(
      Reporter,
      Effect.gen(function* () {
        const depth = out.getColorDepth?.() ?? 24
        let height = 0
        let hidden = false
        let last = -Infinity
        let shown: ReadonlyArray<string> = []
        yield* Effect.addFinalizer(() => Effect.sync(() => void (hidden && out.write("\x1b[?25h"))))

        const erase = () => (height > 0 ? `\x1b[${height}A\r\x1b[J` : "")
        const draw = (lines: ReadonlyArray<string>, keep: boolean) =>
          Effect.sync(() => {
            const text = lines.map((line) => `${line}\x1b[K\n`).join("")
            const cursor = keep ? (hidden ? "\x1b[?25h" : "") : hidden ? "" : "\x1b[?25l"
            // 2026: nothing is shown until the frame is complete, where the terminal knows it
            out.write(`\x1b[?2026h${erase()}${text}${cursor}\x1b[?2026l`)
            height = keep ? 0 : lines.length
            hidden = !keep
          })
        const render = (picture: Picture | undefined): Effect.Effect<ReadonlyArray<string>> => {
          if (picture === undefined || depth < 8) return Effect.succeed([])
          const options = {
            columns: Math.min(32, out.columns ?? 80),
            rows: Math.max(1, Math.min(16, (out.rows ?? 24) - 3)),
            depth: depth >= 24 ? (24 as const) : (8 as const)
          }
          return Effect.map(picture, (tensor) => (tensor === undefined ? shown : HalfBlocks.render(tensor, options)))
        }

        return Reporter.of({
          note: (text) =>
            Effect.sync(() => {
              out.write(`${erase()}${printable(text)}\n`)
              height = 0
            }),
          progress: (report, picture) =>
            Effect.gen(function* () {
              const now = yield* Clock.currentTimeMillis
              if (now - last < interval && report.done < report.total) return
              last = now
              shown = yield* render(picture)
              const columns = out.columns ?? 80
              const count =
                report.amount ?? `${String(report.done).padStart(String(report.total).length)}/${report.total}`
              // where there is no room for all of it, the time is the first to go
              const timed = ` ${count}  ${timeOf(report)}`
              const end = timed.length + 20 > columns ? ` ${count}` : timed
              const room = columns - 1 - end.length
              const bar = Math.min(24, room - 11)
              const label = cut(printable(report.label), Math.max(0, room - bar - 2))
              const line = bar < 4 ? count : `${label}  ${ProgressBar.render(report.done, report.total, bar)}${end}`
              yield* draw([...shown, cut(line, columns - 1)], false)
            }),
          done: (text, picture) =>
            Effect.gen(function* () {
              const lines = yield* render(picture)
              shown = []
              last = -Infinity
              yield* draw([...lines, printable(text)], true)
            })
        })
      })
    )

  /** Nothing at all. */
  static readonly layerSilent: Layer.Layer<Reporter> = Layer.succeed(Reporter, {
    note: () => Effect.void,
    progress: () => Effect.void,
    done: () => Effect.void
  })

  /** `layerTerminal` where `out` is a terminal that can move its cursor, otherwise `layerPlain`. */
  static readonly layer = (out: Out): Layer.Layer<Reporter> =>
    out.isTTY === true && process.env["TERM"] !== "dumb" ? Reporter.layerTerminal(out) : Reporter.layerPlain(out)
}
