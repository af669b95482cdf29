/**
 * Command-line flags from the fields of a pipeline: type, range, default and help text are read off the field's Schema,
 * and a value is refused by that Schema before anything runs.
 *
 * @module
 */
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** A field of a pipeline: any Schema that needs no services to be decoded. */
export type Field = Schema.Constraint & { readonly DecodingServices: never }

type Kind = "integer" | "number" | "string"

/** What a field's Schema says for a flag. */
export interface Facts {
  /** how the text of a flag becomes a value; `undefined` if no text does */
  readonly kind: Kind | undefined
  readonly description: string | undefined
  readonly minimum: number | undefined
  readonly maximum: number | undefined
  /** what the field is when it is left out */
  readonly default: unknown
}

const kinds: ReadonlyArray<Kind> = ["integer", "number", "string"]
const number = (value: unknown): number | undefined => (Predicate.isNumber(value) ? value : undefined)

/** The simple types among a JSON Schema and its alternatives, without those that are only spelled as text. */
const alternatives = (schema: unknown): ReadonlyArray<Readonly<Record<string, unknown>>> => {
  if (!Predicate.isReadonlyObject(schema)) return []
  const nested =
    Predicate.hasProperty(schema, "anyOf") && Array.isArray(schema.anyOf) ? schema.anyOf.flatMap(alternatives) : []
  return Predicate.hasProperty(schema, "type") ? [{ ...schema }, ...nested] : nested
}

const only = (field: Field) => Schema.Struct({ field })

/**
 * Reads a field: its type, range, default and description.
 *
 * ```ts
 * import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })).annotateKey({ description: "Steps" })
 * const { description, kind, maximum, minimum } = FieldFlag.facts(steps)
 * assert.deepEqual([kind, minimum, maximum, description], ["integer", 1, 1000, "Steps"])
 * ```
 */
export const facts = (field: Field): Facts => {
  const { schema } = Schema.toJsonSchemaDocument(only(field))
  const properties = Predicate.hasProperty(schema, "properties") ? schema.properties : undefined
  const found = Predicate.hasProperty(properties, "field") ? alternatives(properties.field) : []
  // an integer that may also be written as text (a bigint) is an integer here
  const kind = kinds.find((kind) => found.some((one) => one["type"] === kind))
  const chosen = found.find((one) => one["type"] === kind)
  const left = Schema.decodeUnknownExit(only(field))({})
  const wide = (value: number | undefined) =>
    value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value
  return {
    kind,
    description: Schema.resolveAnnotationsKey(field)?.description ?? Schema.resolveAnnotations(field)?.description,
    minimum: wide(number(chosen?.["minimum"])),
    maximum: wide(number(chosen?.["maximum"])),
    default: Exit.isSuccess(left) ? left.value.field : undefined
  }
}

/** What a value of the field must be, in words: `an integer from 1 to 1000`. */
const expectation = ({ kind, maximum, minimum }: Facts): string => {
  const what = kind === "integer" ? "an integer" : kind === "number" ? "a number" : "a text"
  if (minimum !== undefined && maximum !== undefined) return `${what} from ${minimum} to ${maximum}`
  if (minimum !== undefined) return `${what} of at least ${minimum}`
  return maximum === undefined ? what : `${what} of at most ${maximum}`
}

const parse = (kind: Kind | undefined, text: string): unknown => {
  if (kind !== "integer" && kind !== "number") return text
  if (text.trim() === "") return text
  const value = Number(text)
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value
  return kind === "integer" && /^-?\d+$/.test(text.trim()) ? BigInt(text.trim()) : value
}

/**
 * Turns the text of a flag into a value of the field, or says what the field expects.
 *
 * ```ts
 * import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
 * import * as Exit from "effect/Exit"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))
 * assert.deepEqual(FieldFlag.decode(steps, "20"), Exit.succeed(20))
 * assert.deepEqual(FieldFlag.decode(steps, "0"), Exit.fail("an integer from 1 to 1000"))
 * ```
 */
export const decode = <F extends Field>(field: F, text: string): Exit.Exit<F["Type"], string> => {
  const known = facts(field)
  const value = known.kind === undefined ? undefined : parse(known.kind, text)
  const decoded = value === undefined ? undefined : Schema.decodeUnknownExit(only(field))({ field: value })
  return decoded !== undefined && Exit.isSuccess(decoded)
    ? Exit.succeed(decoded.value.field)
    : Exit.fail(expectation(known))
}

/**
 * The optional flag `--name` for a field; `none` when it is not given, so that a default can come from elsewhere.
 *
 * ```ts
 * import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
 * import * as Schema from "effect/Schema"
 *
 * const steps = FieldFlag.make("steps", Schema.Int.check(Schema.isGreaterThan(0)), { alias: "n" })
 * ```
 */
export const make = <F extends Field>(
  name: string,
  field: F,
  options: { readonly alias?: string; readonly default?: string; readonly describe?: string } = {}
): Flag.Flag<Option.Option<F["Type"]>> => {
  const known = facts(field)
  const range =
    known.minimum === undefined && known.maximum === undefined ? [] : [`${known.minimum ?? ""}..${known.maximum ?? ""}`]
  const fallback =
    options.default ?? (known.default === undefined || known.default === "" ? undefined : String(known.default))
  const notes = [...range, ...(fallback === undefined ? [] : [`default ${fallback}`])]
  const help = (options.describe ?? known.description ?? "") + (notes.length > 0 ? ` (${notes.join(", ")})` : "")
  const flag = Flag.String(name).pipe(
    Flag.withMetavar(known.kind ?? "string"),
    Flag.withDescription(help),
    Flag.mapEffect((text) =>
      Exit.match(decode(field, text), {
        onSuccess: Effect.succeed,
        onFailure: () =>
          Effect.fail(
            new CliError.InvalidValue({ option: name, value: text, expected: expectation(known), kind: "flag" })
          )
      })
    )
  )
  return Flag.optional(options.alias === undefined ? flag : Flag.withAlias(flag, options.alias))
}
