import type * as Schema from "effect/Schema"

const of = (ast: any): string => ast.getExpected(of)
/** What a value of a field is, as a short text: `number`, `"a" | "b"`, `float32[batch, 4, height, width]`. */
export const expectedOf = (s: Schema.Constraint): string => {
  try {
    return of(s.ast)
  } catch {
    return s.ast._tag.toLowerCase()
  }
}
