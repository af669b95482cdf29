import { Reporter } from "@effect-blocks/cli/Reporter"
import type { Out } from "@effect-blocks/cli/Reporter"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"

const recorder = (options: Omit<Out, "write"> = {}) => {
  const written: Array<string> = []
  return { written, out: { ...options, write: (text: string) => void written.push(text) } satisfies Out }
}
const terminal = { isTTY: true, columns: 60, rows: 30, getColorDepth: () => 24 }
const red = Effect.succeed(Tensor.make("uint8", [1, 1, 3], Uint8Array.of(255, 0, 0)))
const at = (done: number) => ({ label: "a heart", done, total: 20, left: 100 * (20 - done) })

/** What a terminal shows after these bytes: cursor up, erase below, carriage return and newline are all that is used. */
const screen = (text: string): ReadonlyArray<string> => {
  const lines = [""]
  let row = 0
  // oxlint-disable-next-line no-control-regex -- escapes of a terminal are what it reads
  for (const [part] of text.matchAll(/\u001b\[[?\d;]*[A-Za-z]|\n|\r|[^\u001b\n\r]+/g)) {
    // oxlint-disable-next-line no-control-regex -- escapes of a terminal are what it reads
    const up = /^\u001b\[(\d+)A$/.exec(part)
    if (up !== null) row -= Number(up[1])
    else if (part === "\u001b[J") lines.splice(row, lines.length, "")
    else if (part === "\n") lines[++row] ??= ""
    else if (part !== "\r" && !part.startsWith("\u001b")) lines[row] += part
  }
  return lines
}

describe("Reporter", () => {
  it.effect("writes a plain line now and then where there is no terminal", () => {
    const { out, written } = recorder()
    return Effect.gen(function* () {
      const reporter = yield* Reporter
      yield* reporter.note("hello")
      for (let done = 1; done <= 20; done++) {
        yield* TestClock.adjust(500)
        yield* reporter.progress(at(done), Effect.die("no preview here"))
      }
      yield* TestClock.adjust(5000)
      yield* reporter.progress(at(20))
      yield* reporter.done("heart.png")
      yield* TestClock.adjust(5000)
      yield* reporter.progress(at(1))
      assert.deepEqual(written, [
        "hello\n",
        "a heart: 4 of 20, 1.6 s left\n",
        "a heart: 8 of 20, 1.2 s left\n",
        "a heart: 12 of 20, 0.8 s left\n",
        "a heart: 16 of 20, 0.4 s left\n",
        "a heart: 20 of 20\n",
        "heart.png\n",
        "a heart: 1 of 20, 1.9 s left\n"
      ])
    }).pipe(Effect.provide(Reporter.layer(out)))
  })

  it.effect("draws over itself on a terminal and leaves the last picture", () => {
    const { out, written } = recorder(terminal)
    return Effect.gen(function* () {
      const reporter = yield* Reporter
      for (let done = 1; done <= 20; done++) {
        yield* reporter.progress(at(done), red)
        yield* TestClock.adjust(100)
      }
      const running = screen(written.join(""))
      assert.strictEqual(running.at(-1), "")
      assert.match(running.at(-2)!, /^a heart {2}█{24} 20\/20 {2}$/)
      assert.strictEqual(running.slice(0, -2).join(""), "▀".repeat(32 * 16))
      yield* reporter.note("by the way")
      yield* reporter.done("heart.png", red)
      const ended = screen(written.join(""))
      assert.deepEqual([ended[0], ended.at(-2), ended.length], ["by the way", "heart.png", 19])
    }).pipe(Effect.provide(Reporter.layer(out)))
  })

  it.effect("redraws no faster than people see, but always the last step", () => {
    const { out, written } = recorder(terminal)
    return Effect.gen(function* () {
      const reporter = yield* Reporter
      for (let done = 1; done <= 20; done++) yield* reporter.progress(at(done), red)
      assert.strictEqual(written.length, 2)
    }).pipe(Effect.provide(Reporter.layer(out)))
  })

  it.effect("keeps lines within the width and control characters out", () => {
    const { out, written } = recorder({ ...terminal, columns: 30 })
    return Effect.gen(function* () {
      const reporter = yield* Reporter
      yield* reporter.progress({ ...at(7), label: `evil\u001b]0;title\u0007${"x".repeat(100)}` })
      const shown = screen(written.join(""))
      assert.isAtMost(Array.from(shown[0]!).length, 30)
      assert.include(shown[0]!, "7/20")
      // oxlint-disable-next-line no-control-regex -- escapes of a terminal are what it reads
      assert.notMatch(written.join(""), /\u001b\]|\u0007/)
    }).pipe(Effect.provide(Reporter.layer(out)))
  })

  it.effect("says amounts in their own words, and leaves the time out where there is no room", () => {
    const wide = recorder({ ...terminal, columns: 70 })
    const narrow = recorder({ ...terminal, columns: 34 })
    const plain = recorder()
    const report = { ...at(10), label: "org/name", amount: "8.9 of 29.5 MB" }
    return Effect.gen(function* () {
      for (const { out } of [wide, narrow, plain]) {
        yield* Effect.flatMap(Reporter, (reporter) =>
          Effect.andThen(TestClock.adjust(2000), reporter.progress(report))
        ).pipe(Effect.provide(Reporter.layer(out)))
      }
      assert.match(screen(wide.written.join(""))[0]!, /^org\/name {2}█{12} {12} 8\.9 of 29\.5 MB {2}1\.0 s left$/)
      assert.match(screen(narrow.written.join(""))[0]!, /^org\/name {2}█+[^█]* 8\.9 of 29\.5 MB$/)
      assert.deepEqual(plain.written, ["org/name: 8.9 of 29.5 MB, 1.0 s left\n"])
    })
  })

  it.effect("shows no picture where there are no colours", () => {
    const { out, written } = recorder({ ...terminal, getColorDepth: () => 1 })
    return Effect.gen(function* () {
      const reporter = yield* Reporter
      yield* reporter.progress(at(1), Effect.die("not asked for"))
      assert.strictEqual(screen(written.join("")).length, 2)
    }).pipe(Effect.provide(Reporter.layer(out)))
  })

  it.effect("gives the cursor back when it is interrupted", () => {
    const { out, written } = recorder(terminal)
    return Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.provide(
          Effect.flatMap(Reporter, (reporter) => reporter.progress(at(1))),
          Reporter.layer(out)
        )
      )
      assert.include(written[0]!, "\u001b[?25l")
      assert.strictEqual(written.at(-1), "\u001b[?25h")
    })
  })
})
