/**
 * Pictures in a terminal: every character cell is two pixels, the upper one the colour of `▀`, the lower one its
 * background. Plain ANSI, no dependency.
 *
 * @module
 */
import type * as Tensor from "@effect-blocks/ops/Tensor"

/** How many bits of colour the terminal shows: 24 is true colour, 8 the palette of 256. */
export type Depth = 8 | 24

/** The entry of the 6x6x6 cube or the grey ramp of xterm's palette that is nearest to a colour of 0..255. */
const paletteIndex = (red: number, green: number, blue: number): number => {
  const level = (x: number) => (x < 48 ? 0 : x < 115 ? 1 : Math.floor((x - 35) / 40))
  const value = (at: number) => (at === 0 ? 0 : 55 + 40 * at)
  const [r, g, b] = [level(red), level(green), level(blue)]
  const grey = Math.max(0, Math.min(23, Math.round(((red + green + blue) / 3 - 8) / 10)))
  const distance = (x: number, y: number, z: number) => (x - red) ** 2 + (y - green) ** 2 + (z - blue) ** 2
  const ramp = 8 + 10 * grey
  return distance(ramp, ramp, ramp) < distance(value(r), value(g), value(b)) ? 232 + grey : 16 + 36 * r + 6 * g + b
}

const colour = (depth: Depth, red: number, green: number, blue: number): string =>
  depth === 24 ? `2;${red};${green};${blue}` : `5;${paletteIndex(red, green, blue)}`

/**
 * A picture of shape `[height, width, channels]` with 1 to 4 channels of 0..255, scaled with a box filter to `columns`
 * cells of width (fewer if the picture would be higher than `rows` cells), one string a line. Transparent pixels are
 * blended with black.
 *
 * ```ts
 * import * as HalfBlocks from "@effect-blocks/cli/HalfBlocks"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 * import assert from "node:assert"
 *
 * const picture = Tensor.make("uint8", [2, 1, 3], Uint8Array.of(255, 0, 0, 0, 0, 255)) // red above blue
 * assert.deepEqual(HalfBlocks.render(picture, { columns: 1 }), ["\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m"])
 * ```
 */
export const render = (
  picture: Tensor.Tensor<"uint8">,
  options: { readonly columns?: number; readonly rows?: number; readonly depth?: Depth } = {}
): ReadonlyArray<string> => {
  const [height = 0, width = 0, channels = 1] = picture.shape
  if (height === 0 || width === 0) return []
  const { depth = 24, rows = Infinity } = options
  const columns = Math.max(1, Math.min(options.columns ?? 32, Math.floor((2 * rows * width) / height)))
  const lines = Math.max(1, Math.round((columns * height) / width / 2))
  const { data } = picture
  const opaque = channels === 1 || channels === 3
  const offsets = channels < 3 ? [0, 0, 0] : [0, 1, 2]

  const pixel = (column: number, row: number): string => {
    const x0 = Math.floor((column * width) / columns)
    const x1 = Math.max(x0 + 1, Math.floor(((column + 1) * width) / columns))
    const y0 = Math.min(height - 1, Math.floor((row * height) / (2 * lines)))
    const y1 = Math.max(y0 + 1, Math.floor(((row + 1) * height) / (2 * lines)))
    const sums = [0, 0, 0]
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const at = (y * width + x) * channels
        const alpha = opaque ? 1 : data[at + channels - 1]! / 255
        for (let i = 0; i < 3; i++) sums[i]! += data[at + offsets[i]!]! * alpha
      }
    }
    const [red, green, blue] = sums.map((sum) => Math.round(sum / ((x1 - x0) * (y1 - y0))))
    return colour(depth, red!, green!, blue!)
  }

  return Array.from({ length: lines }, (_, line) => {
    let text = ""
    let before = ""
    for (let column = 0; column < columns; column++) {
      const style = `38;${pixel(column, 2 * line)};48;${pixel(column, 2 * line + 1)}`
      text += style === before ? "▀" : `\x1b[${style}m▀`
      before = style
    }
    return `${text}\x1b[0m`
  })
}
