import * as HalfBlocks from "@effect-blocks/cli/HalfBlocks"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"

const picture = (
  height: number,
  width: number,
  channels: number,
  value: (y: number, x: number, c: number) => number
) => {
  const data = new Uint8Array(height * width * channels)
  for (let i = 0; i < data.length; i++) {
    data[i] = value(Math.floor(i / channels / width), Math.floor(i / channels) % width, i % channels)
  }
  return Tensor.make("uint8", [height, width, channels], data)
}

/** The colours of the upper and lower pixels of each cell. */
const cells = (line: string) => {
  const found: Array<string> = []
  let style = ""
  // oxlint-disable-next-line no-control-regex -- escapes of a terminal are what it reads
  for (const [, next, cell] of line.matchAll(/\u001b\[([\d;]*)m|(▀)/g)) {
    if (cell === undefined) style = next!
    else found.push(style)
  }
  return found
}

describe("HalfBlocks", () => {
  it("averages the pixels of a cell", () => {
    const lines = HalfBlocks.render(
      picture(4, 4, 3, (y, x) => 10 * y + x),
      { columns: 2 }
    )
    // rows 0 and 1, columns 0 and 1: 0, 1, 10, 11
    assert.deepEqual(lines.map(cells), [["38;2;6;6;6;48;2;26;26;26", "38;2;8;8;8;48;2;28;28;28"]])
  })

  it("keeps the proportions and the limit of rows", () => {
    const size = (height: number, width: number, options: { columns?: number; rows?: number }) => {
      const lines = HalfBlocks.render(
        picture(height, width, 1, () => 7),
        options
      )
      return [lines.length, cells(lines[0]!).length]
    }
    assert.deepEqual(size(128, 128, { columns: 32 }), [16, 32])
    assert.deepEqual(size(128, 128, { columns: 32, rows: 5 }), [5, 10])
    assert.deepEqual(size(64, 128, { columns: 32 }), [8, 32])
    assert.deepEqual(size(1, 1000, { columns: 32 }), [1, 32])
    assert.deepEqual(size(1000, 1, { rows: 3 }), [500, 1])
  })

  it("repeats a colour once a run of cells and resets each line", () => {
    const [line] = HalfBlocks.render(
      picture(2, 3, 3, () => 255),
      { columns: 3 }
    )
    assert.strictEqual(line, "\u001b[38;2;255;255;255;48;2;255;255;255m▀▀▀\u001b[0m")
  })

  it("shows grey, and blends alpha with black", () => {
    assert.deepEqual(
      cells(
        HalfBlocks.render(
          picture(2, 1, 1, () => 90),
          { columns: 1 }
        )[0]!
      ),
      ["38;2;90;90;90;48;2;90;90;90"]
    )
    const half = picture(2, 1, 4, (_y, _x, c) => (c === 3 ? 51 : 100))
    assert.deepEqual(cells(HalfBlocks.render(half, { columns: 1 })[0]!), ["38;2;20;20;20;48;2;20;20;20"])
  })

  it("uses the nearest entry of the palette with 8 bits", () => {
    const index = (red: number, green: number, blue: number) => {
      const line = HalfBlocks.render(
        picture(2, 1, 3, (_y, _x, c) => [red, green, blue][c]!),
        { columns: 1, depth: 8 }
      )[0]!
      return Number(/^38;5;(\d+);/.exec(cells(line)[0]!)![1])
    }
    const palette = (at: number) => {
      if (at >= 232) return [8 + 10 * (at - 232), 8 + 10 * (at - 232), 8 + 10 * (at - 232)]
      const level = (x: number) => (x === 0 ? 0 : 55 + 40 * x)
      return [level(Math.floor((at - 16) / 36)), level(Math.floor((at - 16) / 6) % 6), level((at - 16) % 6)]
    }
    for (let n = 0; n < 400; n++) {
      const [red, green, blue] = [(n * 37) % 256, (n * 91) % 256, (n * 53) % 256] as const
      const distance = (at: number) => palette(at).reduce((sum, x, i) => sum + (x - [red, green, blue][i]!) ** 2, 0)
      const best = Math.min(...Array.from({ length: 240 }, (_, i) => distance(16 + i)))
      assert.strictEqual(distance(index(red, green, blue)), best, `${red} ${green} ${blue}`)
    }
  })

  it("gives nothing for a picture without pixels", () => {
    assert.deepEqual(HalfBlocks.render(Tensor.make("uint8", [0, 4, 3], new Uint8Array())), [])
  })
})
