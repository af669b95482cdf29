import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isObject } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { CompositionError, InputError, InputIssue } from "../Errors.ts"
import { expectedOf } from "./expected.ts"
import { isNeeded, Trigger } from "./fields.ts"
import type { Compiled, Rec } from "./node.ts"
import { type Reader, type Readers, readersOf, takenBy, unreadBy } from "./readers.ts"
import { own, put } from "./state.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()
/** how the JSON form of numbers speaks of them */
const nonFinite = '"Infinity" | "-Infinity" | "NaN"'
const parsing = { errors: "all" as const, onExcessProperty: "error" as const }

const keyOf = (segment: any): PropertyKey => (isObject(segment) && "key" in segment ? (segment as any).key : segment)
/** `sizes`, `[0]`, `width` to `sizes[0].width` */
const pathText = (field: string, path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>((out, k) => (typeof k === "number" ? `${out}[${k}]` : `${out}.${String(k)}`), field)

/** what was given there, without what may be secret */
const gotText = (value: unknown, path: ReadonlyArray<PropertyKey>): string => {
  let at: any = value
  for (const k of path) {
    if (at === null || at === undefined || !Object.hasOwn(at, k)) return ""
    at = at[k]
  }
  if (typeof at === "string") return ", got a string"
  if (at === null || typeof at === "number" || typeof at === "boolean") return `, got ${at}`
  return Array.isArray(at) ? ", got an array" : ""
}

/** what a failed parse of one field says */
const issuesOf = (
  field: string,
  block: string,
  schema: any,
  cause: Cause.Cause<any>,
  value: unknown
): ReadonlyArray<InputIssue> => {
  const error = Cause.squash(cause) as any
  const expected = expectedOf(schema)
  const found = Schema.isSchemaError(error)
    ? format(error.issue).issues
    : [{ message: String(error?.message ?? error), path: [] }]
  return found.map(({ message, path = [] }) => {
    const inside = path.slice(1).map(keyOf)
    const got = message.startsWith("Expected") && !message.includes(", got ") ? gotText(value, inside) : ""
    const reason = message.replace(nonFinite, "number").replace(/^Expected/, "expected") + got
    return new InputIssue({ field, path: pathText(field, inside), block, expected, reason })
  })
}

interface Check {
  readonly path: string
  readonly schema: any
  readonly parse: (value: unknown) => Exit.Exit<any, any>
}
interface Checks {
  readonly needed: boolean
  /** where it is first read */
  readonly path: string
  readonly readers: ReadonlyArray<Check>
  /** JSON to the value of the first reader */
  readonly decode: (json: unknown) => Effect.Effect<any, any>
}

const decoderOf = (field: any): Checks["decode"] =>
  Schema.decodeUnknownEffect(Schema.toCodecJson(Schema.Struct({ value: field }) as any) as any, parsing) as any
/** a mere trigger is what it is, but what may come out as an output goes in as one */
const triggerDecoder = (output: any): Checks["decode"] =>
  output === undefined
    ? (json) => Effect.succeed(json)
    : (json) => Effect.catchCause(decoderOf(output)(json), () => Effect.succeed(json))
/** why a reader cannot take it, if it cannot */
const refusedBy = (reader: Reader | undefined, json: unknown) =>
  reader === undefined
    ? Effect.succeed(undefined)
    : Effect.match(Effect.sandbox(decoderOf(reader.schema)({ value: json })), {
        onSuccess: () => undefined,
        onFailure: (cause) => ({ ...reader, cause })
      })

const known = new WeakMap<Compiled, ReadonlyMap<string, Checks>>()
const checksOf = (block: Compiled): ReadonlyMap<string, Checks> => {
  let checks = known.get(block)
  if (checks === undefined) {
    const readers = readersOf(block)
    checks = new Map(
      Object.keys(block.inputs).map((k): [string, Checks] => {
        const field: any = block.inputs[k]
        const list = readers.get(k) ?? []
        return [
          k,
          {
            needed: isNeeded(field),
            path: list[0]?.path ?? block.name,
            readers: list.map(({ path, schema }) => ({
              path,
              schema,
              parse: Schema.decodeUnknownExit(Schema.Struct({ value: Schema.toType(schema) }) as any, { errors: "all" })
            })),
            decode: field === Trigger ? triggerDecoder(own(block.outputs, k)) : decoderOf(field)
          }
        ]
      })
    )
    known.set(block, checks)
  }
  return checks
}

/** distance of two words: how many letters to change */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
/** of short names too, most letters must be there: `x` is not a misspelt `n` */
const isClose = (key: string, changed: number, name: string): boolean =>
  changed <= Math.max(2, key.length / 3) && changed < Math.min(key.length, name.length) / 2
/** guessing what was meant takes time, which a caller with many names shall not have */
const HINTS = 16
const unknownIssue = (block: Compiled, key: string, guess: boolean): InputIssue => {
  const names = Object.keys(block.inputs)
  const close =
    !guess || key.length > 64
      ? undefined
      : names.map((n) => [distance(key, n), n] as const).toSorted((a, b) => a[0] - b[0])[0]
  const hint = close !== undefined && isClose(key, ...close) ? `, did you mean '${close[1]}'?` : ""
  const expected = names.length === 0 ? "no input" : `one of ${names.join(", ")}`
  return new InputIssue({ field: key, path: key, block: "", expected, reason: `there is no input of this name${hint}` })
}
const missingIssue = (block: Compiled, key: string, path: string): InputIssue => {
  const expected = expectedOf(block.inputs[key]!)
  return new InputIssue({ field: key, path: key, block: path, expected, reason: `is missing, expected ${expected}` })
}

/** where an input is read first, if that is in a branch that the values choose: an error should name no other */
type Read = (k: string) => ReadonlyArray<Reader>
const readOf = (block: Compiled, values: Rec, given: Rec): Read => {
  let taken: Readers | undefined
  return (k) => (taken ??= takenBy(block, { ...given, ...values }).readers).get(k) ?? []
}

/** everything that is wrong with these values, of which the caller gave `given` */
const validate = (block: Compiled, values: Rec, given: Rec, read: Read): ReadonlyArray<InputIssue> => {
  const issues: Array<InputIssue> = []
  const checks = checksOf(block)
  for (const k of Object.keys(given)) {
    if (!checks.has(k) && given[k] !== undefined) issues.push(unknownIssue(block, k, issues.length < HINTS))
  }
  for (const [k, check] of checks) {
    const value = own(values, k)
    if (value === undefined) {
      if (check.needed) issues.push(missingIssue(block, k, read(k)[0]?.path ?? check.path))
      continue
    }
    const refusal = ({ parse, path, schema }: Check): ReadonlyArray<InputIssue> | undefined => {
      const exit = parse({ value })
      return Exit.isFailure(exit) ? issuesOf(k, path, schema, exit.cause, value) : undefined
    }
    const found = first(check.readers, refusal)
    if (found === undefined) continue
    const parses = new Map(check.readers.map(({ parse, schema }) => [schema, parse]))
    const nearer = read(k).map(({ path, schema }) => ({ path, schema, parse: parses.get(schema)! }))
    issues.push(...(first(nearer, refusal) ?? found))
  }
  return issues
}
const first = <A, B>(list: ReadonlyArray<A>, f: (a: A) => B | undefined): B | undefined => {
  for (const a of list) {
    const b = f(a)
    if (b !== undefined) return b
  }
  return undefined
}

const names = (list: ReadonlyArray<string>): string => list.map((k) => `'${k}'`).join(", ")
/** says once, before a run, which inputs it does not use: what reads them is in branches that it does not take */
const toldUnread = <A, E, R>(
  block: Compiled,
  given: Rec,
  values: Rec,
  run: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const unread = unreadBy(block, given, values)
  if (unread.size === 0) return run
  const texts = [...unread].map(([{ chosen, passed, path }, inputs]) => {
    const [what, them] = inputs.length === 1 ? ["input", "it"] : ["inputs", "them"]
    const readers = passed.filter((b) => inputs.some((k) => Object.hasOwn(b.inputs, k))).map((b) => b.name)
    const why = chosen === undefined ? `takes none of its branches` : `takes '${chosen}', which does not read ${them}`
    return `${what} ${names(inputs)} not used: '${path}' ${why}; ${names(readers)} would`
  })
  return Effect.andThen(Effect.logWarning(texts.join("; ")), run)
}

const refuse = (block: Compiled, issues: ReadonlyArray<InputIssue>) =>
  Effect.fail(new InputError({ block: block.name, issues }))

const selected = (out: Rec, output: string | ReadonlyArray<string> | undefined): any => {
  if (output === undefined) return out
  if (typeof output === "string") return own(out, output)
  const chosen: Rec = {}
  for (const k of output) if (own(out, k) !== undefined) put(chosen, k, out[k])
  return chosen
}
const assertOutputs = (block: Compiled, output: string | ReadonlyArray<string> | undefined): void => {
  for (const k of output === undefined ? [] : typeof output === "string" ? [output] : output) {
    if (!Object.hasOwn(block.outputs, k)) {
      throw new CompositionError({
        block: block.name,
        reason: `has no output '${k}', only ${Object.keys(block.outputs).join(", ")}`
      })
    }
  }
}

export const run = (block: any, inputs: any, options?: any): any =>
  Effect.suspend(() => {
    assertOutputs(block, options?.output)
    const state = options?.state
    const values = state === undefined ? inputs : { ...state, ...inputs }
    const issues = validate(block, values, inputs, readOf(block, values, inputs))
    if (issues.length > 0) return refuse(block, issues)
    return Effect.map(toldUnread(block, inputs, values, block.run(values)), (out: any) =>
      selected(state === undefined ? out : { ...state, ...out }, options?.output)
    )
  })

/** JSON to typed inputs */
export const decode = (block: any, json: unknown): any =>
  Effect.suspend(() => {
    if (!isObject(json) || Array.isArray(json)) {
      return refuse(block, [
        new InputIssue({
          field: "inputs",
          path: "inputs",
          block: "",
          expected: "an object",
          reason: `expected an object${gotText(json, [])}`
        })
      ])
    }
    const checks = checksOf(block),
      given: Rec = json
    const values: Rec = {},
      wrong = new Map<string, Cause.Cause<any>>()
    const present = [...checks].filter(([k]) => own(given, k) !== undefined)
    const decoded = Effect.forEach(
      present,
      ([k, check]) =>
        Effect.matchCauseEffect(check.decode({ value: given[k] }), {
          onSuccess: ({ value }) => Effect.sync(() => put(values, k, value)),
          onFailure: (cause) =>
            Cause.hasInterrupts(cause) ? Effect.failCause(cause) : Effect.sync(() => wrong.set(k, cause))
        }),
      { discard: true }
    )
    return Effect.flatMap(decoded, () => {
      // what is wrong may choose a branch all the same
      const read = readOf(block, values, given)
      const issues = validate(block, values, given, read).filter((i) => !wrong.has(i.field))
      if (issues.length + wrong.size === 0) return Effect.succeed(values)
      const refused = Effect.forEach(wrong, ([k, cause]) => {
        const { path, readers } = checks.get(k)!
        // what a typed caller would give; what is wrong with it as JSON would be said of its insides
        if (readers.length > 0 && readers.every(({ parse }) => Exit.isSuccess(parse({ value: given[k] })))) {
          const expected = "its JSON form"
          const reason = "is what Pipeline.run takes, expected its JSON form, which Pipeline.runUnknown takes"
          return Effect.succeed([new InputIssue({ field: k, path: k, block: path, expected, reason })])
        }
        return Effect.map(refusedBy(read(k)[0], given[k]), (nearer) => {
          const found = nearer ?? { path: checks.get(k)!.path, schema: block.inputs[k], cause }
          return issuesOf(k, found.path, found.schema, found.cause, given[k])
        })
      })
      return Effect.flatMap(refused, (lists) => refuse(block, [...issues, ...lists.flat()]))
    })
  })

export const runUnknown = (block: any, json: unknown, options?: any): any =>
  Effect.suspend(() => {
    assertOutputs(block, options?.output)
    return Effect.flatMap(decode(block, json), (values: any) =>
      Effect.map(toldUnread(block, values, values, block.run(values)), (out: any) => selected(out, options?.output))
    )
  })
