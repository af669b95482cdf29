/** Runs a composition as a pipeline of diffusers runs: what enters its state, and what its state is afterwards. */
import * as Block from "@effect-blocks/core/Block"
import * as Errors from "@effect-blocks/core/Errors"
import * as Pipeline from "@effect-blocks/core/Pipeline"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type AnyBlock, isPrivate, type Program, unhooked, type Values } from "./program.ts"
import { type Param, triggerNames, type Value } from "./composition.ts"

const defaultIn = (block: Block.Any, name: string): Value | undefined =>
  Block.inputJsonSchema(block).properties[name]?.["default"] as Value | undefined

/** How many blocks read an input, those aside that only look whether it is there. */
const readersOf = (self: Block.Any, name: string): number => {
  const block = unhooked(self)
  if (!(name in block.inputs)) return 0
  return block.blocks.length === 0 || block.kind === "loop"
    ? 1
    : block.blocks.reduce((sum, inner) => sum + readersOf(inner, name), 0)
}

/** The default that a composition has for an input: of its first reader; none where branches disagree. */
export const defaultOf = (self: Block.Any, name: string): Value | undefined => {
  const block = unhooked(self)
  const readers = block.blocks.filter((inner) => readersOf(inner, name) > 0)
  if (block.kind === "sequential" && readers.length > 0) return defaultOf(readers[0]!, name)
  if (block.kind !== "conditional") return defaultIn(block, name)
  const [first, ...others] = readers.map((branch) => defaultOf(branch, name))
  return others.every((other) => JSON.stringify(other) === JSON.stringify(first)) ? first : undefined
}

/** The defaults that must be there before the first block: one reader's own default would do where there is only one. */
const early = (block: Block.Any, { accepted, inputs }: Run, triggers: ReadonlySet<string>): Values =>
  Object.fromEntries(
    accepted.flatMap(({ name }) => {
      if (name === null || name in inputs) return []
      const value = readersOf(block, name) > 1 || triggers.has(name) ? defaultOf(block, name) : undefined
      return value === undefined ? [] : [[name, value]]
    })
  )

/**
 * What a caller's names come to: those that diffusers would ignore are not passed, null is left out, and a group joins
 * what the state has of it; its members are variables too.
 */
const given = ({ accepted, inputs, state = {} }: Run): Values => {
  const out: Record<string, Value> = {}
  const put = (name: string, value: Value | undefined) => {
    if (value !== undefined && value !== null) out[name] = value
  }
  for (const { kwargs_type: group, name } of accepted) {
    if (name !== null && name in inputs) put(name, inputs[name])
    else if (group !== undefined && group in inputs) {
      const fields = inputs[group] as Values
      out[group] = { ...(state[group] as Values), ...fields }
      for (const [member, value] of Object.entries(fields)) put(member, value)
    }
  }
  return out
}

export interface Run {
  readonly inputs: Values
  readonly output?: string | ReadonlyArray<string> | null
  /** the state that a run before this one left */
  readonly state?: Values | undefined
  /** of that run, the inputs that were passed as None and not read */
  readonly absent?: ReadonlyArray<string> | undefined
  /** the inputs that the pipeline has in diffusers */
  readonly accepted: ReadonlyArray<Param>
}
export interface State {
  /** everything in the state, groups as records, without what only the interpreter knows */
  readonly state: Values
  /** as diffusers holds it: the members of groups beside the other variables */
  readonly values: Values
  readonly groups: { readonly [group: string]: ReadonlyArray<string> }
  readonly absent: ReadonlyArray<string>
}
export type Result =
  | { readonly _tag: "State"; readonly after: State }
  | { readonly _tag: "Output"; readonly value: Value }
  | { readonly _tag: "Failed"; readonly message: string }

const isNull = (value: Value | undefined): boolean => value === null

const stateOf = (block: AnyBlock, program: Program, request: Run, all: Values): State => {
  const { accepted, inputs } = request
  const passed = Object.keys(inputs).filter((name) => isNull(inputs[name]))
  // None that is passed stays until a block reads it
  const absent = [...(request.absent ?? []), ...passed].filter(
    (name) => !(name in all) && !(name in inputs && !isNull(inputs[name]))
  )

  const state = Object.fromEntries(Object.entries(all).filter(([name, value]) => !isPrivate(name) && value !== null))
  const values: Record<string, Value> = {}
  for (const { name } of accepted) {
    const value = name === null || name in all || absent.includes(name) ? undefined : defaultOf(block, name)
    if (name !== null && value !== undefined) values[name] = value
  }
  const groups: Record<string, ReadonlyArray<string>> = {}
  for (const [name, value] of Object.entries(state)) {
    if (!program.groups.has(name)) values[name] = value
    else {
      groups[name] = Object.keys(value as Values)
      for (const [member, one] of Object.entries(value as Values))
        if (one !== null && !(member in state)) values[member] = one
    }
  }
  return { state, values, groups, absent }
}

export const triggersOf = (program: Program): ReadonlySet<string> => new Set(program.parts.flatMap(triggerNames))

export const run = (block: AnyBlock, program: Program, request: Run): Result => {
  const { output, state } = request
  const fresh = state === undefined ? early(block, request, triggersOf(program)) : {}
  const passed = Object.entries(request.inputs).flatMap(([name, value]) =>
    program.groups.has(name) ? Object.entries(value as Values) : [[name, value] as const]
  )
  const nulls = new Set(passed.flatMap(([name, value]) => (value === null ? [name] : [])))
  const kept = Object.entries(state ?? {}).filter(([name]) => !nulls.has(name))
  const before = { ...fresh, ...Object.fromEntries(kept), ...given(request) }
  const services = [...program.components.values()].reduce(
    (context, [key, instance]) => Context.add(context, key, instance),
    Context.empty() as Context.Context<never>
  )
  const wanted = typeof output === "string" ? [output] : (output ?? [])
  const selects = wanted.length > 0 && wanted.every((name) => name in block.outputs)
  const options = selects && output !== null && output !== undefined ? { state: before, output } : { state: before }
  const exit = Effect.runSyncExit(
    Effect.provideContext(
      Effect.suspend(() => Pipeline.run(block, {}, options)),
      services
    )
  )
  if (Exit.isFailure(exit)) return { _tag: "Failed", message: Errors.pretty(exit.cause) }
  // what was never written has its default there, or is None
  const { accepted } = request
  const late = (name: string) =>
    accepted.some((param) => param.name === name) && !(name in request.inputs) ? defaultOf(block, name) : undefined
  const orNull = (name: string, value: unknown) => ((value === undefined ? late(name) : value) ?? null) as Value
  if (selects && typeof output === "string") return { _tag: "Output", value: orNull(output, exit.value) }
  if (selects) {
    const written = exit.value as Values
    return { _tag: "Output", value: Object.fromEntries(wanted.map((name) => [name, orNull(name, written[name])])) }
  }
  const after = stateOf(block, program, request, exit.value as Values)
  if (wanted.length === 0) return { _tag: "State", after }
  const picked = Object.fromEntries(wanted.map((name) => [name, after.values[name] ?? null]))
  return { _tag: "Output", value: typeof output === "string" ? (picked[output] ?? null) : picked }
}
