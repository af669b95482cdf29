/** Fields of blocks: which are optional, what their defaults are, and how those of several blocks become those of one. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import type { Fields, Rec } from "./node.ts"
import { merger, put } from "./state.ts"

/** The annotation that `Field.default` leaves on a field. */
export const DefaultAnnotation = "~effect-blocks/default"
/** Constants are used by each reader for itself; effects are evaluated when a run starts. */
export type Default =
  | { readonly _tag: "constant"; readonly value: unknown }
  | { readonly _tag: "effect"; readonly effect: Effect.Effect<unknown, any> }

const encodedSide = (s: any): boolean =>
  s.ast.encoding?.some((link: any) => link.to.context?.isOptional === true) === true
/** the caller may leave it out */
export const isOptional = (s: Schema.Constraint): boolean => s.ast.context?.isOptional === true || encodedSide(s)
/** a reader cannot do without it: neither optional nor happy with `undefined` */
export const isNeeded = (s: Schema.Constraint): boolean => !isOptional(s) && !accepts(s, undefined)
const accepts = (s: any, value: unknown): boolean => Schema.is(s)(value)

/** What a field falls back to. A default that Schema itself gives may be any effect, so it is one. */
export const defaultOf = (key: string, s: Schema.Constraint): Default | undefined => {
  const noted = Schema.resolveAnnotations(s)?.[DefaultAnnotation] as Default | undefined
  if (noted !== undefined) return noted
  if (s.ast.context?.isOptional === true || !encodedSide(s)) return undefined
  const decode: (u: unknown) => Effect.Effect<any, any> = Schema.decodeUnknownEffect(
    Schema.Struct({ [key]: s }) as any
  ) as any
  return { _tag: "effect", effect: Effect.suspend(() => Effect.map(decode({}), (value: any) => value[key])) }
}

/** The view that a block has of a state: its inputs, with constant defaults where they are missing. */
export const viewOf = (fields: Fields): ((state: Rec) => any) => {
  const keys = Object.keys(fields),
    n = keys.length
  const constants = keys.map((k) => {
    const d = defaultOf(k, fields[k]!)
    return d?._tag === "constant" ? d.value : undefined
  })
  if (keys.some((k) => k in Object.prototype)) {
    return (state) => {
      const inputs = {}
      keys.forEach((k, i) => put(inputs, k, state[k] === undefined ? constants[i] : state[k]))
      return inputs
    }
  }
  if (n === 1 && constants[0] === undefined && !isOptional(fields[keys[0]!]!)) {
    const key = keys[0]!
    return (state) => ({ [key]: state[key] })
  }
  return (state) => {
    const inputs: Rec = {}
    for (let i = 0; i < n; i++) {
      const k = keys[i]!,
        v = state[k]
      if (v !== undefined) inputs[k] = v
      else if (constants[i] !== undefined) inputs[k] = constants[i]
    }
    return inputs
  }
}
/** Writes what a block returned. */
export const writerOf = (fields: Fields): ((state: Rec, out: any) => void) => merger(Object.keys(fields))

/** A trigger of `auto`: only whether it is there is looked at, and only that becomes state, unless a branch writes it. */
export const Trigger: Schema.Constraint = Schema.optionalKey(
  Schema.declare((_: unknown): _ is unknown => true, {
    representation: { id: "effect-blocks/Trigger", payload: null },
    expected: "anything",
    toCodecJson: () =>
      Schema.link<unknown>()(Schema.Boolean, {
        decode: SchemaGetter.transform((_: boolean) => true as unknown),
        encode: SchemaGetter.transform((_: unknown) => true)
      })
  } as any)
)

const unions = new WeakMap<object, ReadonlyArray<any>>()
const bare = (s: any): any => (s.ast.context?.isOptional === true && s.schema !== undefined ? s.schema : s)
const members = (s: any): ReadonlyArray<any> => unions.get(bare(s)) ?? [bare(s)]
const unnest = (s: any): ReadonlyArray<any> =>
  Array.isArray(s.members) && s.ast._tag === "Union" ? s.members.flatMap(unnest) : [s]
/** The Schemas that a value of this field may have gone through: several for a union that `either` made. */
export const writersOf = (s: any): ReadonlyArray<any> =>
  unions.has(bare(s)) ? unions.get(bare(s))!.flatMap(unnest) : [s]
/** The field of a value that either of two fields wrote, the likelier first. Two equal ones are one. */
export const either = (a: any, b: any, optional: boolean): any => {
  const all = [...new Set([...members(a), ...members(b)])]
  const union = all.length === 1 ? all[0] : Schema.Union(all)
  if (all.length > 1) unions.set(union, all)
  return !optional ? union : a === b && isOptional(a) ? a : Schema.optionalKey(union)
}
/** The same field where it may also be absent. */
export const perhaps = (s: any): any => (isOptional(s) ? s : Schema.optionalKey(s))

/** A record of fields whose names cannot collide with those of `Object.prototype`. */
export const record = (): Record<string, any> => Object.create(null)
const has = (fields: Fields, k: string): boolean => Object.hasOwn(fields, k)
/** a requirement hides an optional field of the same name, and every field a mere trigger */
const addInput = (inputs: Record<string, any>, k: string, s: any): void => {
  if (!has(inputs, k) || (isOptional(inputs[k]) && !isOptional(s)) || inputs[k] === Trigger) inputs[k] = s
}

/** What blocks that run one after the other need and write together. An optional output does not satisfy a later reader. */
export const mergeFields = (steps: ReadonlyArray<{ readonly inputs: Fields; readonly outputs: Fields }>) => {
  const inputs = record(),
    outputs = record(),
    known = new Set<string>()
  for (const step of steps) {
    for (const k of Object.keys(step.inputs)) if (!known.has(k)) addInput(inputs, k, step.inputs[k])
    for (const k of Object.keys(step.outputs)) {
      const s = step.outputs[k]!,
        sure = !isOptional(s)
      outputs[k] = sure || !has(outputs, k) ? s : either(s, outputs[k], !known.has(k))
      if (sure) known.add(k)
    }
  }
  return { inputs, outputs }
}
/** What blocks that all read the same state need and write together. */
export const besideFields = (steps: ReadonlyArray<{ readonly inputs: Fields; readonly outputs: Fields }>) => {
  const inputs = record(),
    outputs = record()
  for (const step of steps) {
    for (const k of Object.keys(step.inputs)) addInput(inputs, k, step.inputs[k])
    for (const k of Object.keys(step.outputs)) outputs[k] = step.outputs[k]
  }
  return { inputs, outputs }
}
/** What one of several blocks needs and writes; `skippable`: perhaps none of them runs. */
export const choiceFields = (
  branches: ReadonlyArray<{ readonly inputs: Fields; readonly outputs: Fields }>,
  skippable: boolean,
  triggers: Fields
) => {
  const inputs = record(),
    outputs = record()
  const all = (side: "inputs" | "outputs", k: string) =>
    !skippable && branches.every((b) => has(b[side], k) && !isOptional(b[side][k]!))
  for (const b of branches) {
    for (const k of Object.keys(b.inputs)) {
      // a branch that only looks whether it is there must not hide one that reads it
      if (!has(inputs, k) || inputs[k] === Trigger) inputs[k] = all("inputs", k) ? b.inputs[k] : perhaps(b.inputs[k])
    }
    for (const k of Object.keys(b.outputs)) {
      const sure = all("outputs", k)
      outputs[k] = has(outputs, k)
        ? either(outputs[k], b.outputs[k], !sure)
        : sure
          ? b.outputs[k]
          : perhaps(b.outputs[k])
    }
  }
  for (const k of Object.keys(triggers)) inputs[k] ??= perhaps(triggers[k])
  return { inputs, outputs }
}
