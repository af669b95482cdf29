/**
 * The size of a picture as it is written on a command line.
 *
 * @module
 */
import type { Field } from "./FieldFlag.ts"
import { decode } from "./FieldFlag.ts"
import * as Exit from "effect/Exit"

/** Pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/**
 * `128` is 128 wide and high, `128x160` is 128 wide and 160 high. Sides that the fields of the pipeline refuse give the
 * reason.
 *
 * ```ts
 * import * as Size from "@effect-blocks/cli/Size"
 * import * as Exit from "effect/Exit"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const side = Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 8192 }))
 * const parse = (text: string) => Size.parse(text, { width: side, height: side })
 * assert.deepEqual(parse("128x160"), Exit.succeed({ width: 128, height: 160 }))
 * assert.deepEqual(parse("4"), Exit.fail("a width that is an integer from 8 to 8192"))
 * ```
 */
export const parse = (
  text: string,
  fields: { readonly width: Field; readonly height: Field }
): Exit.Exit<Size, string> => {
  const sides = /^\s*(\d+)(?:\s*[x×]\s*(\d+))?\s*$/i.exec(text)
  if (sides === null) return Exit.fail("one side or WIDTHxHEIGHT in pixels, such as 128 or 128x160")
  const [, first = "", second = first] = sides
  for (const [side, value] of [
    ["width", first],
    ["height", second]
  ] as const) {
    const decoded = decode(fields[side], value)
    if (Exit.isFailure(decoded)) {
      const reason = decoded.cause.reasons[0]
      return Exit.fail(`a ${side} that is ${reason?._tag === "Fail" ? reason.error : "smaller"}`)
    }
  }
  return Exit.succeed({ width: Number(first), height: Number(second) })
}
