/** Makes a block of a loop: a wrapper as data. */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  childrenOf,
  type Composition,
  leavesOf,
  type Loop as LoopOf,
  loopParams,
  type Param,
  type Value
} from "./composition.ts"
import { countOf, evaluate } from "./expression.ts"
import { type Around, fieldOf, type Fields, isThere, untyped, type Values, WiringError } from "./program.ts"

const wrapperOf = (name: string, loop: LoopOf, params: Params, { purpose, unsure }: Around) => {
  const { class: description, iterate, loop_inputs: own = [] } = loop
  const inputs: Fields = {}
  const steering = iterate.count ?? iterate.down_from ?? iterate.over ?? iterate.until![0]
  const passed = passedOn(loop, purpose)
  const read = passed.filter((variable) => params.has(variable))
  for (const variable of [...own.map((param) => param.name), steering, ...read])
    if (variable !== null) inputs[variable] = fieldOf({ name: variable, ...params.get(variable) }, unsure)
  const items = (given: Values): ReadonlyArray<Value> => {
    const value = given[steering] ?? null
    if (iterate.until !== undefined) return []
    if (iterate.over !== undefined) return Array.isArray(value) ? value : [evaluate(["fail", "not a list"], nothing)]
    const counted = Array.from({ length: countOf(value) }, (_, i) => i)
    return iterate.count === undefined ? counted.toReversed() : counted
  }
  const goesOn = (at: number, all: ReadonlyArray<Value>, given: Values): boolean => {
    if (iterate.until === undefined) return at < all.length
    const value = given[steering] ?? null
    return typeof value === "number" ? value < iterate.until[1] : evaluate(["fail", "not a number"], nothing) === true
  }
  return Loop.make(name, {
    description,
    inputs: inputs as {},
    provides: { $i: Schema.Json, ...(iterate.over === undefined ? {} : { $t: Schema.Json }) },
    cursor: Schema.Struct({ at: Schema.Int, items: Schema.Array(Schema.Json) }),
    initial: (given) => ({ at: 0, items: items(given as Values) }),
    while: ({ at, items }, given) => goesOn(at, items, given as Values),
    iteration: ({ at, items }) => {
      const item = items[at] ?? null
      return iterate.over === undefined ? { $i: iterate.until === undefined ? item : at } : { $i: at, $t: item }
    },
    next: ({ at, items }) => ({ at: at + 1, items }),
    outputs: {
      [ranOf(name)]: Schema.Json,
      ...Object.fromEntries(passed.map((variable) => [variable, Field.optional(Schema.Json)]))
    },
    done: ({ at }, given) => {
      const values = given as Values
      const kept = read.flatMap((variable) => (isThere(values[variable]) ? [[variable, values[variable]]] : []))
      return { [ranOf(name)]: at, ...Object.fromEntries(kept) }
    }
  })
}
/**
 * What a loop writes that no block in it writes: its own outputs, which are inputs that it passes on, or nothing; and, as
 * diffusers' block state writes defaults back, the inputs that have one, also where no iteration ran.
 */
const passedOn = (loop: LoopOf, purpose: Around["purpose"]): ReadonlyArray<string> => {
  const leaves = childrenOf(loop).flatMap(leavesOf)
  const written = new Set(
    leaves.flatMap((leaf) => [...leaf.outputs.map((output) => output.name), ...leaf.ops.map(([target]) => target)])
  )
  const passed = (loop.loop_outputs ?? []).map((output) => output.name).filter((variable) => !written.has(variable))
  const defaulted = [...loopParams(loop)].flatMap(([variable, { default: value = null }]) =>
    isThere(value) && purpose === "run" ? [variable] : []
  )
  return [...new Set([...passed, ...defaulted])]
}
/** How often a loop ran: a variable that only the interpreter knows. */
const ranOf = (name: string): string => `$${name}.ran`
type Params = ReadonlyMap<string, Param>
const nothing = { local: new Map(), iteration: {}, config: () => null, component: () => null }

/** A loop of diffusers has all its outputs at its end, or fails: also after no iteration. */
export const loopOf = (
  name: string,
  composition: LoopOf,
  around: Around,
  blockOf: (name: string, composition: Composition, around: Around) => Block.Any
): Block.Any => {
  const params = loopParams(composition)
  const outputs = [
    ...(composition.loop_outputs ?? []),
    ...childrenOf(composition)
      .flatMap(leavesOf)
      .flatMap((leaf) => leaf.outputs)
  ]
  const names = new Set(outputs.map((output) => output.name))
  const consumed = new Set(
    childrenOf(composition)
      .flatMap(leavesOf)
      .flatMap((leaf) =>
        leaf.inputs.flatMap(({ kwargs_type: group, name: own }) => (own === null ? [group ?? ""] : []))
      )
  )
  const inside = { ...around, loop: { name, params, declared: names, consumed } }
  const blocks = composition.blocks.map(([step, block]) => blockOf(step, block, inside))
  const made = wrapped(name, composition, params, blocks, around)
  const late = [...names].filter((output) => !params.has(output))
  const never = passedOn(composition, "look").find((output) => !params.has(output))
  if (late.length === 0) return made
  return Block.tap(untyped(made), (out) => {
    // what was there before the loop is not what its blocks wrote
    const lacking = never ?? late.find((output) => out[ranOf(name)] === 0 || out[output] === undefined)
    return lacking === undefined
      ? Effect.void
      : Effect.fail(new WiringError({ message: `Output '${lacking}' is declared and not written` }))
  })
}

/** The wrapper of a loop with these blocks. */
export const wrapped = (
  name: string,
  loop: LoopOf,
  params: Params,
  blocks: ReadonlyArray<Block.Any>,
  around: Around
): Block.Any => Loop.fromBlocks(wrapperOf(name, loop, params, around), blocks)
