/** The forms of declarative loops, all made into one plan. */
import { CompositionError } from "@effect-blocks/core/Errors"
import { viewOf } from "@effect-blocks/core/Combinator"
import type { Fields } from "@effect-blocks/core/Combinator"
import * as Schema from "effect/Schema"

export interface WrapperData {
  readonly kind: "loop" | "custom"
  readonly name: string
  readonly description: string
  readonly version: string | undefined
  readonly inputs: Fields
  readonly provides: Fields
  readonly outputs: Fields
  readonly once: boolean
  readonly collect: Readonly<Record<string, string>>
  readonly cursor?: Schema.Constraint
  readonly plan?: {
    readonly view: (state: any) => any
    readonly initial: (view: any) => unknown
    readonly test: (cursor: any, view: any) => boolean
    readonly iteration: (cursor: any, view: any) => any
    readonly next: (cursor: any, view: any) => unknown
    readonly done: ((cursor: any, view: any) => any) | undefined
  }
  /** of `Loop.custom` */
  readonly loop?: (state: any, loopStep: any) => any
}

const refuse = (block: string, reason: string) => new CompositionError({ block, reason })

const declared = (name: string, o: any, view: (state: any) => any, once = false): any => {
  for (const k of Object.keys(o.provides)) {
    if (Object.hasOwn(o.inputs, k)) throw refuse(name, `the iteration variable '${k}' is already an input of the loop`)
  }
  const outputs = o.outputs ?? {}
  if (Object.keys(outputs).length > 0 && o.done === undefined)
    throw refuse(name, "has outputs, and no 'done' to give them")
  const wrapper: WrapperData = {
    kind: "loop",
    name,
    description: o.description ?? "",
    version: o.version,
    inputs: o.inputs,
    provides: o.provides,
    outputs,
    once,
    collect: o.collect ?? {},
    cursor: o.cursor,
    plan: { view, initial: o.initial, test: o.while, iteration: o.iteration, next: o.next, done: o.done }
  }
  return wrapper
}
export const make = (name: string, options: any): any => declared(name, options, viewOf(options.inputs))

const zero = () => 0
const inc = (cursor: number) => cursor + 1
const counted = (o: any, provides: Fields) => ({
  description: o.description,
  version: o.version,
  collect: o.collect,
  provides,
  cursor: Schema.Int,
  initial: zero,
  next: inc
})
const asItIs = (state: any) => state
const Times = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

export const count = (name: string, o: any): any => {
  const i: string = o.as ?? "i"
  const times: string | number = o.times
  const fixed = typeof times === "number"
  if (fixed && !(Number.isInteger(times) && times >= 0)) {
    throw refuse(name, `'times' is ${times}, expected an integer that is not negative`)
  }
  const options = {
    ...counted(o, { [i]: Schema.Int }),
    inputs: fixed ? {} : { [times]: Times },
    while: fixed ? (c: number) => c < times : (c: number, state: any) => c < state[times],
    iteration: (c: number) => ({ [i]: c })
  }
  return declared(name, options, asItIs)
}
export const forEach = (name: string, o: any): any => {
  const [item, schema]: [string, Schema.Constraint] = o.item
  const index: string = o.index ?? "i"
  const over: string = o.over
  if (item === index) throw refuse(name, `'${item}' is both the item and its index`)
  const options = {
    ...counted(o, { [item]: schema, [index]: Schema.Int }),
    inputs: { [over]: Schema.Array(schema) },
    while: (c: number, state: any) => c < state[over].length,
    iteration: (c: number, state: any) => ({ [item]: state[over][c], [index]: c })
  }
  return declared(name, options, asItIs)
}
const conditioned = (name: string, o: any, once: boolean, goesOn: (cursor: number, view: any) => boolean): any => {
  const i: string = o.as ?? "i"
  const options = {
    ...counted(o, { [i]: Schema.Int }),
    inputs: o.inputs,
    while: goesOn,
    iteration: (c: number) => ({ [i]: c })
  }
  return declared(name, options, viewOf(o.inputs), once)
}
export const whilst = (name: string, o: any): any => conditioned(name, o, false, (c, view) => o.test(view, c))
export const until = (name: string, o: any): any => conditioned(name, o, true, (c, view) => c === 0 || !o.test(view, c))

export const custom = (name: string, o: any): any => {
  const wrapper: WrapperData = {
    kind: "custom",
    name,
    description: o.description ?? "",
    version: o.version,
    inputs: o.inputs,
    provides: o.provides,
    outputs: o.outputs ?? {},
    once: false,
    collect: {},
    loop: o.loop
  }
  return wrapper
}
