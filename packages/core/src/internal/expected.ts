/** Types of fields as text, for documents and messages: `number`, `"a" | "b"`, `Array<{ width: integer }>`. */
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

const checked = (base: string, checks: ReadonlyArray<any> | undefined): string => {
  let text = base
  for (const check of checks ?? []) {
    const expected: unknown = check.annotations?.expected
    if (typeof expected !== "string") continue
    if (expected === "an integer") text = "integer"
    else if (expected === "a finite number") continue
    else if (expected.startsWith("a value ")) text += ` ${expected.slice("a value ".length)}`
    else text += ` (${expected})`
  }
  return text
}
/** without an article: types are not sentences */
const bare = (expected: string): string => expected.replace(/^(a valid|an?) /, "")
const element = (text: string): string => (text.includes(" | ") ? `(${text})` : text)
const key = (name: PropertyKey): string =>
  typeof name === "string" && /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : JSON.stringify(String(name))

const base = (ast: any, depth: number): string => {
  const inner = (a: any) => text(a, depth + 1)
  switch (ast._tag) {
    case "Literal":
      return typeof ast.literal === "bigint" ? `${ast.literal}n` : JSON.stringify(ast.literal)
    case "Enum":
      return ast.enums.map(([, value]: [string, unknown]) => JSON.stringify(value)).join(" | ")
    case "Union":
      return ast.types.length === 0 ? "never" : [...new Set(ast.types.map(inner))].join(" | ")
    case "Arrays": {
      if (ast.elements.length === 0 && ast.rest.length === 1) return `Array<${inner(ast.rest[0])}>`
      const elements = ast.elements.map((e: any) => inner(e) + (e.context?.isOptional === true ? "?" : ""))
      const rest = ast.rest.map((r: any, i: number) => (i === 0 ? `...${element(inner(r))}[]` : inner(r)))
      return `[${[...elements, ...rest].join(", ")}]`
    }
    case "Objects": {
      if (depth > 3) return "{ ... }"
      const properties = ast.propertySignatures.map(
        (p: any) => `${key(p.name)}${p.type.context?.isOptional === true ? "?" : ""}: ${inner(p.type)}`
      )
      const indexed = ast.indexSignatures.map((i: any) => `[${inner(i.parameter)}]: ${inner(i.type)}`)
      return properties.length + indexed.length === 0 ? "{}" : `{ ${[...properties, ...indexed].join("; ")} }`
    }
    case "Suspend":
      return depth > 3 ? "..." : inner(ast.thunk())
    case "Declaration":
      return "unknown"
    case "TemplateLiteral":
      return "string"
    case "UniqueSymbol":
      return String(ast.symbol)
    default:
      return ast._tag.toLowerCase()
  }
}
const text = (ast: any, depth: number): string => {
  const { identifier, expected, title } = (SchemaAST.resolve(ast) ?? {}) as any
  const own: unknown = ast.annotations?.expected
  if (typeof identifier === "string") return identifier
  if (typeof own === "string") return checked(bare(own), ast.checks)
  if (typeof title === "string") return title
  if (ast.checks === undefined && typeof expected === "string") return bare(expected)
  return checked(base(ast, depth), ast.checks)
}

/** What a value of a field is. */
export const expectedOf = (s: Schema.Constraint): string => text(s.ast, 0)
