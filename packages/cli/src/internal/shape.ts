/** What a text on a command line can stand for, read off a JSON Schema. */
import * as Predicate from "effect/Predicate"

/** A kind of value that a text can stand for. */
export type Shape =
  | { readonly kind: "integer" | "number"; readonly minimum: number | undefined; readonly maximum: number | undefined }
  | { readonly kind: "string" | "boolean" }
  | { readonly kind: "choice"; readonly values: ReadonlyArray<string | number> }
  /** joined by commas */
  | { readonly kind: "list"; readonly of: Shape }
  | { readonly kind: "tuple"; readonly of: ReadonlyArray<Shape> }

type Json = Readonly<Record<string, unknown>>

const isJson = (value: unknown): value is Json => Predicate.isReadonlyObject(value)
const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

/** The bounds of safe integers say nothing to people. */
const bound = (value: unknown): number | undefined =>
  !Predicate.isNumber(value) || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value

/** A schema and its alternatives, references followed; a reference to itself ends. */
const alternatives = (
  schema: unknown,
  definitions: Json,
  seen: ReadonlySet<string> = new Set()
): ReadonlyArray<Json> => {
  if (!isJson(schema)) return []
  const reference = Predicate.isString(schema["$ref"]) ? /^#\/\$defs\/(.+)$/.exec(schema["$ref"])?.[1] : undefined
  if (reference !== undefined) {
    const name = reference.replaceAll("~1", "/").replaceAll("~0", "~")
    return seen.has(name) ? [] : alternatives(definitions[name], definitions, new Set([...seen, name]))
  }
  const nested = isArray(schema["anyOf"]) ? schema["anyOf"].flatMap((one) => alternatives(one, definitions, seen)) : []
  return "type" in schema ? [schema, ...nested] : nested
}

const isChoice = (value: unknown): value is string | number => Predicate.isString(value) || Predicate.isNumber(value)

/** How bigints are spelled in JSON. */
const digits = "^-?\\d+$"

const simple = (schema: Json): Shape | undefined => {
  const { enum: values, pattern, type } = schema
  if (isArray(values) && values.every(isChoice)) return { kind: "choice", values }
  if (type === "string" && pattern === digits) return { kind: "integer", minimum: undefined, maximum: undefined }
  if (type === "integer" || type === "number")
    return { kind: type, minimum: bound(schema["minimum"]), maximum: bound(schema["maximum"]) }
  return type === "string" || type === "boolean" ? { kind: type } : undefined
}

/** Lists of lists are beyond a flag. */
const joined = (schema: Json, definitions: Json): Shape | undefined => {
  if (schema["type"] !== "array") return undefined
  const item = (one: unknown) =>
    alternatives(one, definitions)
      .map(simple)
      .find((shape) => shape !== undefined)
  const first = isArray(schema["prefixItems"]) ? schema["prefixItems"] : []
  if (isJson(schema["items"])) {
    const of = item(schema["items"])
    return of === undefined ? undefined : { kind: "list", of }
  }
  const of = first.flatMap((one) => item(one) ?? [])
  return of.length === 0 || of.length < first.length ? undefined : { kind: "tuple", of }
}

const order = ["integer", "number", "choice", "boolean", "string"]

/**
 * What a text may stand for, first to be tried first. A text that may be anything ends it, and where one value will do,
 * a list of them is not offered: a comma may be a part of it.
 */
export const shapesOf = (schema: unknown, definitions: Json): ReadonlyArray<Shape> => {
  const found = alternatives(schema, definitions)
  const one = found.flatMap((schema) => simple(schema) ?? [])
  const shapes = one.length > 0 ? one : found.flatMap((schema) => joined(schema, definitions) ?? [])
  const sorted = shapes.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
  // an integer may be written as a bigint too: that is no kind of its own, and the narrower range says more
  const ranged = (shape: Shape) => "minimum" in shape && (shape.minimum ?? shape.maximum) !== undefined
  const integers = sorted.filter(({ kind }) => kind === "integer")
  const integer = integers.find(ranged) ?? integers[0]
  return sorted.filter((shape) => shape.kind !== "integer" || shape === integer)
}

const plural: Readonly<Record<string, string>> = { integer: "integers", number: "numbers", string: "texts" }

const rangeOf = (shape: Shape): string => {
  if (!("minimum" in shape)) return ""
  const { maximum, minimum } = shape
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  return maximum === undefined ? "" : ` of at most ${maximum}`
}

const several = (shape: Shape): string =>
  plural[shape.kind] === undefined ? `values (each ${words(shape)})` : `${plural[shape.kind]}${rangeOf(shape)}`

/** What a text must be, in words: `an integer from 1 to 1000`. */
export const words = (shape: Shape): string => {
  switch (shape.kind) {
    case "integer":
      return `an integer${rangeOf(shape)}`
    case "number":
      return `a number${rangeOf(shape)}`
    case "string":
      return "a text"
    case "boolean":
      return "true or false"
    case "choice":
      return shape.values.length === 1 ? String(shape.values[0]) : `one of ${shape.values.join(", ")}`
    case "list":
      return `${several(shape.of)} with commas between them`
    case "tuple": {
      const [first, ...others] = shape.of.map(several)
      const same = others.every((other) => other === first)
      const what = same ? first : shape.of.map(words).join(", then ")
      return `${same ? `${shape.of.length} ` : ""}${what} with ${shape.of.length > 2 ? "commas" : "a comma"} between them`
    }
  }
}

/** The placeholder in help texts: `integer`, `number,...`. */
export const metavar = (shape: Shape): string => {
  switch (shape.kind) {
    case "list":
      return `${metavar(shape.of)},...`
    case "tuple":
      return shape.of.map(metavar).join(",")
    default:
      return shape.kind
  }
}

/** The values that a text may mean, to be tried in this order; none if it means none of that shape. */
const readings = (shape: Shape, text: string): ReadonlyArray<unknown> => {
  const trimmed = text.trim()
  switch (shape.kind) {
    case "integer":
    case "number": {
      const value = trimmed === "" ? Number.NaN : Number(trimmed)
      // an integer stays exact where the field can hold it
      const exact = shape.kind === "integer" && /^-?\d+$/.test(trimmed) ? [BigInt(trimmed)] : []
      if (Number.isNaN(value)) return []
      return Number.isInteger(value) && !Number.isSafeInteger(value) && exact.length > 0 ? exact : [value, ...exact]
    }
    case "string":
      return [text]
    case "boolean":
      return trimmed === "true" ? [true] : trimmed === "false" ? [false] : []
    case "choice":
      return shape.values.filter((value) => String(value) === trimmed)
    case "list":
      return all(text.split(",").map((part) => readings(shape.of, part)))
    case "tuple": {
      const parts = text.split(",")
      return parts.length === shape.of.length ? all(parts.map((part, index) => readings(shape.of[index]!, part))) : []
    }
  }
}

/** One list, of the first reading of each part, if each has one. */
const all = (parts: ReadonlyArray<ReadonlyArray<unknown>>): ReadonlyArray<unknown> =>
  parts.every((part) => part.length > 0) ? [parts.map(([first]) => first)] : []

export const parse = (shapes: ReadonlyArray<Shape>, text: string): ReadonlyArray<unknown> =>
  shapes.flatMap((shape) => readings(shape, text))
