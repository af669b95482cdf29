/** Values of a state to JSON and back: which Schema a value goes through, and what JSON itself would lose. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { SnapshotInvalid } from "../Errors.ts"
import { Trigger } from "./fields.ts"
import type { Compiled, Fields } from "./node.ts"

/** Several Schemas where several fields write a name, or one field a union. */
export type Schemas = ReadonlyMap<string, ReadonlyArray<Schema.Constraint>>

const bare = (s: any): any => (s.ast.context?.isOptional === true && s.schema !== undefined ? s.schema : s)
/** Members of a union apart: the JSON of an untagged union may read back as another member, so the member is noted. */
const members = (s: any): ReadonlyArray<any> => {
  const inner = bare(s)
  const union = inner.ast._tag === "Union" && Array.isArray(inner.members) && inner.ast.checks === undefined
  return union && inner.ast.encoding === undefined ? inner.members.flatMap(members) : [s]
}
const takesAnything = (s: any): boolean =>
  bare(s) === bare(Trigger) || bare(s).ast._tag === "Unknown" || bare(s).ast._tag === "Any"

const tables = new WeakMap<Compiled, Schemas>()
/** The Schemas through which a value of a name may have come: those of its writers, what takes anything last. */
export const schemasOf = (root: Compiled): Schemas => {
  const known = tables.get(root)
  if (known !== undefined) return known
  const table = new Map<string, Array<Schema.Constraint>>()
  const add = (fields: Fields): void => {
    for (const name of Object.keys(fields)) {
      const list = table.get(name) ?? []
      for (const s of members(fields[name])) if (!list.includes(s)) list.push(s)
      table.set(name, list)
    }
  }
  const walk = (block: Compiled): void => {
    if (block.node === undefined) add(block.outputs)
    if (block.wrapper !== undefined) {
      add(block.wrapper.provides)
      add(block.wrapper.outputs)
    }
    for (const inner of block.blocks) walk(inner)
  }
  add(root.inputs)
  walk(root)
  for (const list of table.values()) list.sort((a, b) => Number(takesAnything(a)) - Number(takesAnything(b)))
  tables.set(root, table)
  return table
}

const cached = <A>(make: (s: any) => A): ((s: any) => A) => {
  const cache = new WeakMap<object, A>()
  return (s) => {
    let known = cache.get(s)
    if (known === undefined) cache.set(s, (known = make(s)))
    return known
  }
}
/** The Schema takes the value and drops no key of it. */
const keeps = cached((s) => {
  const decode = Schema.decodeUnknownExit(Schema.toType(Schema.Struct({ v: s })) as any)
  return (value: unknown): boolean => Exit.isSuccess(decode({ v: value }, { onExcessProperty: "error" }))
})
const takes = cached((s) => Schema.is(Schema.Struct({ v: s })))
/** Which of the Schemas of a name a value goes through; -1: none takes it. */
export const choose = (schemas: ReadonlyArray<Schema.Constraint>, value: unknown): number => {
  const exact = schemas.findIndex((s) => keeps(s)(value))
  return exact !== -1 ? exact : schemas.findIndex((s) => takes(s)({ v: value }))
}

const codec = cached((s) => {
  const json: any = Schema.toCodecJson(Schema.Struct({ v: s }))
  return { encode: Schema.encodeUnknownEffect(json), decode: Schema.decodeUnknownEffect(json) }
})

/** JSON has no -0. */
const negativeZero = "~-0"
const protect = (json: any): any => {
  if (Object.is(json, -0)) return { [negativeZero]: true }
  if (Array.isArray(json)) return json.map(protect)
  if (json === null || typeof json !== "object") return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, protect(value)]))
}
const unprotect = (json: any): any => {
  if (Array.isArray(json)) return json.map(unprotect)
  if (json === null || typeof json !== "object") return json
  if (json[negativeZero] === true && Object.keys(json).length === 1) return -0
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, unprotect(value)]))
}

type Values<A> = Effect.Effect<A, SnapshotInvalid>
const invalid = (path: string) => (error: any) => new SnapshotInvalid({ path, reason: String(error?.message ?? error) })
export const encodeValue = (path: string, schema: Schema.Constraint, value: unknown): Values<unknown> =>
  Effect.mapBoth(codec(schema).encode({ v: value }), {
    onSuccess: (json: any) => protect(json.v),
    onFailure: invalid(path)
  }) as any
export const decodeValue = (path: string, schema: Schema.Constraint, json: unknown): Values<unknown> =>
  Effect.mapBoth(codec(schema).decode({ v: unprotect(json) }), {
    onSuccess: (out: any) => out.v,
    onFailure: invalid(path)
  }) as any
