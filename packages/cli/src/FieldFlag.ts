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
import { fieldsOf } from "./internal/fieldsOf.ts"
import type { Shape } from "./internal/shape.ts"
import { metavar, parse, shapesOf, words } from "./internal/shape.ts"

export type { Shape } from "./internal/shape.ts"

/** A field of a pipeline: any Schema that needs no services to be decoded. */
export type Field = Schema.Constraint & { readonly DecodingServices: never }

/** What a field's Schema says for a flag. */
export interface Facts {
  /** what the text of a flag may stand for, first to be tried first; empty if no text stands for the field */
  readonly shapes: ReadonlyArray<Shape>
  readonly description: string | undefined
  /** what the field is when it is left out */
  readonly default: unknown
}

const only = (field: Field) => Schema.Struct({ field })

/** Nothing for a Schema that has no form in JSON, such as one of functions: no text stands for that either. */
const documentOf = (field: Field) => {
  try {
    return Schema.toJsonSchemaDocument(only(field))
  } catch {
    return undefined
  }
}

/**
 * Reads a field: what a text may stand for, its default and its description. Numbers, texts, booleans and literals have a
 * flag, and lists and tuples of them, written with commas.
 *
 * ```ts
 * import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
 * import * as Schema from "effect/Schema"
 * import assert from "node:assert"
 *
 * const steps = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })).annotateKey({ description: "Steps" })
 * const { description, shapes } = FieldFlag.facts(steps)
 * assert.deepEqual([description, shapes], ["Steps", [{ kind: "integer", minimum: 1, maximum: 1000 }]])
 * ```
 */
export const facts = (field: Field): Facts => {
  const document = documentOf(field)
  const properties = Predicate.hasProperty(document?.schema, "properties") ? document.schema.properties : undefined
  const left = Schema.decodeUnknownExit(only(field))({})
  return {
    shapes: Predicate.hasProperty(properties, "field") ? shapesOf(properties.field, document?.definitions ?? {}) : [],
    description: Schema.resolveAnnotationsKey(field)?.description ?? Schema.resolveAnnotations(field)?.description,
    default: Exit.isSuccess(left) ? left.value.field : undefined
  }
}

/** What a value of the field must be, in words: `an integer from 1 to 1000`. */
const expectation = ({ shapes }: Facts): string =>
  shapes.length === 0 ? "nothing that a text can stand for" : shapes.map(words).join(", or ")

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
 *
 * const size = Schema.Tuple([Schema.Int, Schema.Int])
 * assert.deepEqual(FieldFlag.decode(size, "1024,768"), Exit.succeed([1024, 768]))
 * assert.deepEqual(FieldFlag.decode(size, "1024"), Exit.fail("2 integers with a comma between them"))
 * ```
 */
export const decode = <F extends Field>(field: F, text: string): Exit.Exit<F["Type"], string> => {
  const known = facts(field)
  for (const value of parse(known.shapes, text)) {
    const decoded = Schema.decodeUnknownExit(only(field))({ field: value })
    if (Exit.isSuccess(decoded)) return Exit.succeed(decoded.value.field)
  }
  return Exit.fail(expectation(known))
}

/** How a flag differs from what its field says. */
export interface Options {
  /** a second, short name */
  readonly alias?: string
  /** the default in words, in place of the field's */
  readonly default?: string
  /** the help text, in place of the field's description */
  readonly describe?: string
  /** what a value must be, in place of what the field's Schema says in JSON, which has no bounds of large integers */
  readonly expected?: string
}

/**
 * The optional flag `--name` for a field; `none` when it is not given, so that a default can come from elsewhere. A
 * boolean is given as `--name` or `--no-name`.
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
  options: Options = {}
): Flag.Flag<Option.Option<F["Type"]>> => {
  const known = facts(field)
  const range = known.shapes.flatMap((shape) =>
    "minimum" in shape && (shape.minimum ?? shape.maximum) !== undefined
      ? [`${shape.minimum ?? ""}..${shape.maximum ?? ""}`]
      : shape.kind === "choice"
        ? [shape.values.join(" | ")]
        : []
  )
  const fallback =
    options.default ?? (known.default === undefined || known.default === "" ? undefined : String(known.default))
  const notes = [...range, ...(fallback === undefined ? [] : [`default ${fallback}`])]
  const help = (options.describe ?? known.description ?? "") + (notes.length > 0 ? ` (${notes.join(", ")})` : "")
  const text = known.shapes.some(({ kind }) => kind === "boolean")
    ? Flag.map(Flag.Boolean(name), String)
    : Flag.withMetavar(Flag.String(name), known.shapes.map(metavar).join("|") || "string")
  const flag = text.pipe(
    Flag.withDescription(help),
    Flag.mapEffect((text) =>
      Exit.match(decode(field, text), {
        onSuccess: Effect.succeed,
        onFailure: () =>
          Effect.fail(
            new CliError.InvalidValue({
              option: name,
              value: text,
              expected: options.expected ?? expectation(known),
              kind: "flag"
            })
          )
      })
    )
  )
  return Flag.optional(options.alias === undefined ? flag : Flag.withAlias(flag, options.alias))
}

/**
 * The name that a field's flag has unless it is given another: `--guidance-rescale` for `guidanceRescale`.
 *
 * ```ts
 * import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
 * import assert from "node:assert"
 *
 * assert.equal(FieldFlag.nameOf("guidanceRescale"), "guidance-rescale")
 * ```
 */
export const nameOf = (field: string): string => field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/**
 * One optional flag for each input of a block that a text can stand for, such as those of a pipeline of one's own. `choose`
 * says how a flag differs from its field, or `undefined` for no flag.
 *
 * ```ts
 * import * as FieldFlag from "@effect-blocks/cli/FieldFlag"
 * import { text2image } from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
 * import assert from "node:assert"
 *
 * const flags = FieldFlag.all(text2image.inputs, (field) => (field === "seed" ? undefined : {}))
 * assert("targetSize" in flags && "guidanceScale" in flags)
 * assert(!("seed" in flags) && !("latents" in flags))
 * ```
 */
export const all = (
  inputs: Schema.Struct.Fields,
  choose: (field: string) => (Options & { readonly name?: string }) | undefined = () => ({})
): Readonly<Record<string, Flag.Flag<Option.Option<unknown>>>> =>
  Object.fromEntries(
    Object.entries(fieldsOf(inputs)).flatMap(([name, field]) => {
      const options = choose(name)
      return options === undefined || facts(field).shapes.length === 0
        ? []
        : [[name, make(options.name ?? nameOf(name), field, options)]]
    })
  )
