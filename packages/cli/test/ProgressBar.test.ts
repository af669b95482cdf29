import * as ProgressBar from "@effect-blocks/cli/ProgressBar"
import { assert, describe, it } from "@effect/vitest"

describe("ProgressBar", () => {
  it("has the width asked for and never shrinks as work is done", () => {
    let before = -1
    for (let done = 0; done <= 1000; done++) {
      const bar = ProgressBar.render(done, 1000, 10)
      assert.strictEqual(Array.from(bar).length, 10)
      const filled = Array.from(bar).reduce((sum, cell) => sum + " ▏▎▍▌▋▊▉█".indexOf(cell), 0)
      assert.isAtLeast(filled, before)
      before = filled
    }
    assert.strictEqual(before, 80)
    assert.strictEqual(ProgressBar.render(0, 0, 3), "   ")
    assert.strictEqual(ProgressBar.render(9, 3, 3), "███")
  })

  it("estimates from the pace after the first step", () => {
    assert.isUndefined(ProgressBar.timeLeft(ProgressBar.started, 11))
    const first = ProgressBar.advance(1, 5000)(ProgressBar.started)
    assert.isUndefined(ProgressBar.timeLeft(first, 11))
    const third = ProgressBar.advance(3, 5200)(first)
    assert.strictEqual(ProgressBar.timeLeft(third, 11), 800)
    assert.strictEqual(ProgressBar.timeLeft(ProgressBar.advance(11, 6000)(third), 11), 0)
  })

  it("counts from where a resumed run begins", () => {
    const pace = ProgressBar.advance(12, 1100)(ProgressBar.advance(11, 1000)(ProgressBar.started))
    assert.strictEqual(ProgressBar.timeLeft(pace, 20), 800)
  })

  it("says durations in the largest two units", () => {
    assert.deepEqual(
      [-5, 0, 9949, 9951, 59_400, 59_600, 119_700, 3_599_600, 3_600_000, 90_061_000].map(ProgressBar.duration),
      ["0.0 s", "0.0 s", "9.9 s", "10 s", "59 s", "1 min", "2 min", "1 h", "1 h", "25 h 1 min"]
    )
  })
})
