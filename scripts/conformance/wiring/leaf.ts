/** Makes a block of a leaf: what its operations compute, on what its declarations let it read and write. */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Leaf, Value } from "./composition.ts"
import { evaluate, EvaluationError, readsOf } from "./expression.ts"
import {
  type Around,
  fieldOf,
  type Fields,
  type Instance,
  isThere,
  type Key,
  type Values,
  WiringError
} from "./program.ts"

const Group = Schema.Record(Schema.String, Schema.Json)
const missing = (name: string) => new WiringError({ message: `Required input '${name}' is missing` })

/**
 * A leaf. Here a block writes what it declares, so inputs that diffusers' block state writes back (those that `ops`
 * assign, those with a default) are declared as outputs too. A group is a variable that holds a record.
 */
export const leafOf = (name: string, leaf: Leaf, around: Around): Block.Any => {
  const { loop, program, purpose, unsure } = around
  const reads = leaf.ops
    .flatMap(([, expression]) => readsOf(expression))
    .filter(([operator]) => operator !== "config" && operator !== "component")
  const appended = reads.filter(([operator]) => operator === "append_in_place").map(([, read]) => read)
  const targets = new Set([...leaf.ops.map(([target]) => target), ...appended])
  const named = leaf.inputs.flatMap((param) => (param.name === null ? [] : [{ ...param, name: param.name }]))
  const own = new Set(named.map((param) => param.name))
  const params = named.map((param) => ({ ...param, ...loop?.params.get(param.name), name: param.name }))
  const consumed = leaf.inputs.flatMap((param) => (param.name === null ? [param.kwargs_type ?? ""] : []))
  const produced = new Map(leaf.outputs.flatMap((o) => (o.kwargs_type === undefined ? [] : [[o.name, o.kwargs_type]])))
  const outputs = new Set(leaf.outputs.map((output) => output.name))
  // a caller may put any variable into a group: what a block writes is written there too
  const groups = new Set([
    ...consumed,
    ...produced.values(),
    ...(purpose === "run" ? program.groups.keys() : (loop?.consumed ?? []))
  ])
  // what is not declared is dropped, unless it is a member of a group that the block, or its loop, reads
  const reaches = (group: string): boolean => consumed.includes(group) || loop?.consumed.has(group) === true
  const members = new Set(
    [...groups].some(reaches) ? [...targets].filter((target) => !own.has(target) && !outputs.has(target)) : []
  )
  // in a loop the blocks share what they write undeclared, from one iteration to the next
  const shared = new Map<string, string>()
  const touched =
    loop === undefined ? [] : [...targets, ...reads.filter(([op]) => op !== "var").map(([, read]) => read)]
  for (const variable of touched) {
    if (own.has(variable) || groups.has(variable) || loop === undefined) continue
    shared.set(variable, loop.params.has(variable) ? variable : `$${loop.name}.${variable}`)
  }
  const iteration = reads.filter(([operator]) => operator === "var").map(([, variable]) => variable)

  const inputs: Fields = {}
  for (const param of params) inputs[param.name] = fieldOf(param, unsure)
  for (const group of groups) inputs[group] = Field.optional(Group)
  // what a group was when the loop began
  const atStart = (group: string): string | undefined =>
    loop?.consumed.has(group) === true ? `$${loop.name}.${group}` : undefined
  const kept = [...groups].flatMap((group) => atStart(group) ?? [])
  for (const snapshot of kept) inputs[snapshot] = Field.optional(Group)
  for (const variable of shared.values()) inputs[variable] ??= Field.optional(Schema.Json)
  for (const variable of iteration) inputs[`$${variable}`] = Schema.Json

  const writes: Fields = {}
  for (const snapshot of kept) writes[snapshot] = Group
  for (const output of outputs) writes[output] = Schema.Json
  for (const param of params) {
    const isListed = purpose === "run" || loop?.declared.has(param.name) === true
    if (isListed && (targets.has(param.name) || (purpose === "run" && isThere(param.default))))
      writes[param.name] ??= Schema.Json
  }
  for (const member of purpose === "run" ? members : []) writes[member] ??= Field.optional(Schema.Json)
  for (const group of groups) writes[group] = [...produced.values()].includes(group) ? Group : Field.optional(Group)
  for (const [variable, at] of shared) {
    if (!targets.has(variable)) continue
    // what diffusers does not list
    if (purpose === "look" && at === variable && loop?.declared.has(variable) !== true) continue
    writes[at] ??= Field.optional(Schema.Json)
    if (loop?.declared.has(variable) === true) writes[variable] ??= Field.optional(Schema.Json)
  }

  const components = componentsOf(leaf, around)

  const run = (given: Values, services: Readonly<Record<string, unknown>>): Values => {
    const local = new Map<string, Value>()
    const recordOf = (group: string) => (given[group] ?? {}) as Values
    for (const param of params) {
      const value = given[param.name] ?? param.default ?? null
      if (value === null && param.required === true && loop === undefined) throw missing(param.name)
      local.set(param.name, value)
    }
    const fieldsOf = (group: string): Values => {
      const snapshot = atStart(group)
      return (snapshot === undefined ? undefined : (given[snapshot] as Values | undefined)) ?? recordOf(group)
    }
    for (const group of consumed) {
      const there = Object.entries(fieldsOf(group)).filter(([, value]) => value !== null)
      const now = recordOf(group)
      for (const [member, value] of there) local.set(member, now[member] ?? value)
      local.set(group, Object.fromEntries(there))
    }
    for (const [variable, at] of shared) {
      const value = given[at]
      if (value !== undefined) local.set(variable, value)
      else if (at === variable) local.set(variable, null)
    }
    const environment = {
      local,
      iteration: Object.fromEntries(iteration.map((variable) => [variable, given[`$${variable}`]])),
      config: (config: string) => (services[`config ${config}`] ?? null) as Value,
      component: (component: string) => (services[component] ?? null) as Instance
    }
    for (const [target, expression] of leaf.ops) local.set(target, evaluate(expression, environment))
    for (const output of outputs) {
      if (loop === undefined && !local.has(output))
        throw new WiringError({ message: `Output '${output}' is declared and not written` })
    }
    const out: Record<string, Value> = {}
    // nothing can be taken out of a state: what a block overwrites with null is null from then on
    const give = (variable: string, value: Value | undefined) => {
      if (variable in writes && (isThere(value) || (value === null && targets.has(variable)))) out[variable] = value
    }
    for (const variable of [...outputs, ...own]) give(variable, local.get(variable))
    for (const member of members)
      if ([...groups].some((group) => reaches(group) && member in recordOf(group))) give(member, local.get(member))
    for (const [variable, at] of shared) {
      if (loop?.declared.has(variable) === true) give(variable, local.get(variable))
      give(at, local.get(variable))
    }
    for (const group of groups) {
      const snapshot = atStart(group)
      if (snapshot !== undefined) out[snapshot] = fieldsOf(group)
      const before = recordOf(group)
      const fresh = [...produced].filter(([, of]) => of === group).map(([member]) => member)
      const says = (member: string) => reaches(group) || outputs.has(member) || own.has(member)
      const changed = Object.keys(before).filter((member) => targets.has(member) && says(member))
      const after: Record<string, Value> = { ...before }
      for (const member of [...changed, ...fresh]) after[member] = local.get(member) ?? null
      if (fresh.length > 0 || changed.length > 0) out[group] = after
    }
    return out
  }
  return Block.make(name, {
    description: leaf.class,
    inputs,
    outputs: writes,
    components,
    run: (given, services) =>
      Effect.try({
        try: () => run(given as Values, services),
        catch: (error) =>
          error instanceof WiringError
            ? error
            : new WiringError({ message: error instanceof EvaluationError ? error.message : String(error) })
      })
  })
}

/** A block of diffusers reaches all components of its pipeline; here it gets those that it names. */
const componentsOf = (leaf: Leaf, { program, purpose }: Around): Readonly<Record<string, Key>> => {
  const used = (operator: string): ReadonlyArray<string> =>
    purpose === "look"
      ? []
      : leaf.ops.flatMap(([, e]) => readsOf(e).flatMap(([op, name]) => (op === operator ? [name] : [])))
  const keys: Record<string, Key> = {}
  for (const name of [...(leaf.components ?? []).map((component) => component.name), ...used("component")]) {
    const known = program.components.get(name)
    if (known !== undefined) keys[name] = known[0]
  }
  for (const name of [...(leaf.configs ?? []).map((config) => config.name), ...used("config")]) {
    const known = program.configs.get(name)
    if (known !== undefined) keys[`config ${name}`] = known
  }
  return keys
}
