/** Makes blocks of a composition, through the public API only. */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Loop from "@effect-blocks/loop/Loop"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  type Auto,
  childrenOf,
  type Composition,
  type Conditional,
  type Edit,
  everyPart,
  type FromDict,
  type Leaf,
  leavesOf,
  type Loop as LoopOf,
  loopParams,
  takenAway,
  type Param,
  resolved,
  type Rule,
  type Sequential,
  unsurely,
  type Value
} from "./composition.ts"
import { countOf, evaluate, EvaluationError, readsOf } from "./expression.ts"

/** A block that the compiler knows nothing of: JSON in, JSON out, and it may fail. */
export type AnyBlock = Block.Sealed<Values, Values, WiringError, never, string>
export type Values = { readonly [name: string]: Value }

export class WiringError extends Schema.TaggedError<WiringError>()("WiringError", { message: Schema.String }) {}

/** Blocks made of data have no type of their own, so the compiler cannot check their wiring: the library does, at run time. */
export const untyped = (block: Block.Any): AnyBlock => block as unknown as AnyBlock

type Instance = { readonly [attribute: string]: Value } | null
type Key = Context.Key<unknown, unknown>

/** What is known of a whole composition while its parts are made. */
export interface Program {
  readonly parts: ReadonlyArray<Composition>
  /** the services by the name of the component, each with what `from_config` makes, or null: nothing was loaded */
  readonly components: ReadonlyMap<string, readonly [key: Key, instance: Instance]>
  /** a config is a Reference; where two blocks declare one, the later default counts, as in a pipeline's config */
  readonly configs: ReadonlyMap<string, Key>
  /** of each group (`kwargs_type`) the names that some block puts into it */
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>
  /** the variables that some block may overwrite with null */
  readonly takenAway: ReadonlySet<string>
}

const programOf = (parts: ReadonlyArray<Composition>): Program => {
  const leaves = parts.flatMap(leavesOf)
  const components = new Map<string, readonly [Key, Instance]>()
  const configs = new Map<string, Key>()
  const groups = new Map<string, Set<string>>()
  for (const leaf of leaves) {
    for (const { config, name, ...spec } of leaf.components ?? []) {
      if (components.has(name)) continue
      const made = "creation" in spec && spec.creation === "from_config"
      const instance = made ? (spec.type === "TypeB" ? { value: 0, ...config } : { ...config }) : null
      components.set(name, [Context.Service<Instance>(`component/${name}`), instance])
    }
    for (const config of leaf.configs ?? []) {
      configs.set(
        config.name,
        Context.Reference<Value>(`config/${config.name}`, { defaultValue: () => config.default })
      )
    }
    for (const { kwargs_type: group, name } of [...leaf.inputs, ...leaf.outputs]) {
      if (group === undefined) continue
      const members = groups.get(group) ?? new Set()
      groups.set(group, name === null ? members : members.add(name))
    }
  }
  return { parts: parts.flatMap(everyPart), components, configs, groups, takenAway: takenAway(parts) }
}

/** The variables that only the interpreter knows: they are neither given nor shown. */
export const isPrivate = (name: string): boolean => name.startsWith("$")

interface Around {
  readonly program: Program
  /** `run`: blocks write back what diffusers' block state writes back. `look`: they declare what they declare there. */
  readonly purpose: "run" | "look"
  /** what earlier blocks may have left unwritten although diffusers counts on it */
  readonly unsure: ReadonlySet<string>
  readonly loop?: { readonly name: string; readonly params: ReadonlyMap<string, Param>; readonly declared: Set<string> }
}
type Fields = Record<string, Schema.Struct.Fields[string]>

const Group = Schema.Record(Schema.String, Schema.Json)
const missing = (name: string) => new WiringError({ message: `Required input '${name}' is missing` })
const isThere = (value: Value | undefined): value is Exclude<Value, null> => value !== undefined && value !== null

const fieldOf = ({ default: value, name, required }: Param, unsure: ReadonlySet<string>) =>
  isThere(value)
    ? Field.default(Schema.Json, value)
    : required === true && !unsure.has(String(name))
      ? Schema.Json
      : Field.optional(Schema.Json)

/**
 * A leaf. Here a block writes what it declares, so inputs that diffusers' block state writes back (those that `ops`
 * assign, those with a default) are declared as outputs too. A group is a variable that holds a record.
 */
const leafOf = (name: string, leaf: Leaf, around: Around): Block.Any => {
  const { loop, program, purpose, unsure } = around
  const reads = leaf.ops.flatMap(([, expression]) => readsOf(expression))
  const appended = reads.filter(([operator]) => operator === "append_in_place").map(([, read]) => read)
  const targets = new Set([...leaf.ops.map(([target]) => target), ...appended])
  const named = leaf.inputs.flatMap((param) => (param.name === null ? [] : [{ ...param, name: param.name }]))
  const own = new Set(named.map((param) => param.name))
  const params = named.map((param) => ({ ...param, ...loop?.params.get(param.name), name: param.name }))
  const consumed = leaf.inputs.flatMap((param) => (param.name === null ? [param.kwargs_type ?? ""] : []))
  const produced = new Map(leaf.outputs.flatMap((o) => (o.kwargs_type === undefined ? [] : [[o.name, o.kwargs_type]])))
  const outputs = new Set(leaf.outputs.map((output) => output.name))
  const inGroups = [...program.groups].filter(
    ([group, members]) => consumed.includes(group) || [...targets].some((target) => members.has(target))
  )
  const groups = new Set([...consumed, ...produced.values(), ...inGroups.map(([group]) => group)])
  const members = new Set(
    inGroups.flatMap(([, all]) => [...all]).filter((member) => targets.has(member) && !own.has(member))
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
  for (const variable of shared.values()) inputs[variable] ??= Field.optional(Schema.Json)
  for (const variable of iteration) inputs[`$${variable}`] = Schema.Json

  const writes: Fields = {}
  for (const output of outputs) writes[output] = Schema.Json
  for (const param of purpose === "look" ? [] : params)
    if (targets.has(param.name) || isThere(param.default)) writes[param.name] ??= Schema.Json
  for (const member of members) writes[member] ??= Field.optional(Schema.Json)
  for (const group of groups) writes[group] = [...produced.values()].includes(group) ? Group : Field.optional(Group)
  for (const [variable, at] of shared) {
    if (!targets.has(variable)) continue
    writes[at] ??= Field.optional(Schema.Json)
    if (loop?.declared.has(variable) === true) writes[variable] ??= Field.optional(Schema.Json)
  }

  const components: Record<string, Key> = {}
  for (const component of leaf.components ?? []) components[component.name] = program.components.get(component.name)![0]
  for (const config of leaf.configs ?? []) components[`config ${config.name}`] = program.configs.get(config.name)!

  const run = (given: Values, services: Readonly<Record<string, unknown>>): Values => {
    const local = new Map<string, Value>()
    const recordOf = (group: string) => (given[group] ?? {}) as Values
    for (const param of params) {
      const value = given[param.name] ?? param.default ?? null
      if (value === null && param.required === true && loop === undefined) throw missing(param.name)
      local.set(param.name, value)
    }
    for (const group of consumed) {
      const there = Object.entries(recordOf(group)).filter(([, value]) => value !== null)
      for (const [member, value] of there) local.set(member, value)
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
      config: (config: string) => services[`config ${config}`] as Value,
      component: (component: string) => services[component] as Instance
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
    for (const variable of [...outputs, ...own, ...members]) give(variable, local.get(variable))
    for (const [variable, at] of shared) {
      give(variable, local.get(variable))
      give(at, local.get(variable))
    }
    for (const group of groups) {
      const before = recordOf(group)
      const fresh = [...produced].filter(([, of]) => of === group).map(([member]) => member)
      const changed = Object.keys(before).filter((member) => targets.has(member))
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

const sequentialOf = (name: string, { blocks, class: description, workflows }: Sequential, around: Around) => {
  let unsure = around.unsure
  const steps: Array<Block.Any> = []
  for (const [step, block] of blocks) {
    steps.push(blockOf(step, block, { ...around, unsure }))
    unsure = new Set([...unsure, ...unsurely(block)])
  }
  const made = Block.sequential(name, steps, { description })
  if (workflows === undefined) return made
  const known = Object.entries(workflows).map(([workflow, given]) => [
    workflow,
    Object.keys(given).filter((input) => input in made.inputs)
  ])
  return Block.workflows(untyped(made), Object.fromEntries(known))
}

const chosen = (
  name: string,
  options: {
    readonly description: string
    readonly triggers: ReadonlyArray<string>
    readonly branches: ReadonlyArray<Block.Any>
    readonly select: (given: Values) => string | undefined
    readonly otherwise: string | null
  }
) => {
  const { branches, description, otherwise, select, triggers } = options
  // a conditional whose default is none of its branches does not compile
  if (otherwise !== null && !branches.some((branch) => branch.name === otherwise))
    throw new WiringError({ message: `'${otherwise}' is none of the branches of '${name}'` })
  return Block.conditional(name, {
    description,
    triggers: Object.fromEntries(triggers.map((trigger) => [trigger, Field.optional(Schema.Json)])),
    branches,
    select: (given) => select(given as Values),
    ...(otherwise === null ? {} : { otherwise })
  })
}

const autoOf = (name: string, { blocks, class: description, triggers }: Auto, around: Around): Block.Any => {
  // a branch and its trigger are one pair here
  if (triggers.length !== blocks.length)
    throw new WiringError({ message: `'${name}' has ${blocks.length} branches and ${triggers.length} triggers` })
  const branches = blocks.map(([branch, block]) => blockOf(branch, block, around))
  const first = triggers.indexOf(null)
  const mayBeNull = triggers.some((trigger) => trigger !== null && around.program.takenAway.has(trigger))
  if (!mayBeNull && (first < 0 || first === triggers.length - 1)) {
    const pairs = branches.map((branch, i) => {
      const trigger = triggers[i] ?? null
      return trigger === null ? branch : Block.when(trigger, branch)
    })
    return Block.auto(name, pairs, { description })
  }
  // a default that is not the last branch, or a trigger that may be null: `auto` asks only whether it is there
  return chosen(name, {
    description,
    triggers: triggers.filter((trigger) => trigger !== null),
    branches,
    select: (given) => branches.find((_, i) => isThere(given[triggers[i] ?? ""]))?.name,
    otherwise: branches[first]?.name ?? null
  })
}

const holds = ({ absent = [], present = [] }: Rule, given: Values): boolean =>
  present.every((name) => isThere(given[name])) && absent.every((name) => !isThere(given[name]))

const conditionalOf = (name: string, composition: Conditional, around: Around): Block.Any =>
  chosen(name, {
    description: composition.class,
    triggers: composition.triggers,
    branches: composition.blocks.map(([branch, block]) => blockOf(branch, block, around)),
    select: (given) => composition.rules.find(([rule]) => holds(rule, given))?.[1],
    otherwise: composition.default
  })

const wrapperOf = (name: string, { class: description, iterate, loop_inputs: own = [] }: LoopOf, params: Params) => {
  const inputs: Fields = {}
  const steering = iterate.count ?? iterate.down_from ?? iterate.over ?? iterate.until![0]
  for (const variable of [...own.map((param) => param.name), steering])
    if (variable !== null) inputs[variable] = fieldOf({ name: variable, ...params.get(variable) }, new Set())
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
    next: ({ at, items }) => ({ at: at + 1, items })
  })
}
type Params = ReadonlyMap<string, Param>
const nothing = { local: new Map(), iteration: {}, config: () => null, component: () => null }

/** A loop of diffusers has all its outputs at its end, or fails: also after no iteration. */
const loopOf = (name: string, composition: LoopOf, around: Around): Block.Any => {
  const params = loopParams(composition)
  const outputs = [
    ...(composition.loop_outputs ?? []),
    ...childrenOf(composition)
      .flatMap(leavesOf)
      .flatMap((leaf) => leaf.outputs)
  ]
  const names = new Set(outputs.map((output) => output.name))
  const inside = { ...around, loop: { name, params, declared: names } }
  const blocks = composition.blocks.map(([step, block]) => blockOf(step, block, inside))
  const made = Loop.fromBlocks(wrapperOf(name, composition, params), blocks)
  const late = [...names].filter((output) => !params.has(output))
  if (late.length === 0) return made
  return Block.tap(untyped(made), (out) => {
    const lacking = late.find((output) => out[output] === undefined)
    return lacking === undefined
      ? Effect.void
      : Effect.fail(new WiringError({ message: `Output '${lacking}' is declared and not written` }))
  })
}

const fromDict = (name: string, composition: FromDict, around: Around): Block.Any => {
  const whole = resolved(composition)
  if (composition.as === "instance" || whole.kind === "sequential") return blockOf(name, whole, around)
  // what makes a block is not a block: the loop does not call it
  const makers = composition.blocks.map(
    ([step, block]) =>
      () =>
        blockOf(step, block, around)
  )
  return Loop.fromBlocks(wrapperOf(name, whole, loopParams(whole)), makers as unknown as ReadonlyArray<Block.Any>)
}

const blockOf = (name: string, composition: Composition, around: Around): Block.Any => {
  switch (composition.kind) {
    case "leaf":
      return leafOf(name, composition, around)
    case "sequential":
      return sequentialOf(name, composition, around)
    case "auto":
      return autoOf(name, composition, around)
    case "conditional":
      return conditionalOf(name, composition, around)
    case "loop":
      return loopOf(name, composition, around)
    case "from_dict":
      return fromDict(name, composition, around)
  }
}

/** A sequence is edited by the library; another composite is made again of other blocks, as a wrapper takes other blocks. */
export const editedComposition = (composition: Composition, edits: ReadonlyArray<Edit>): Composition => {
  if (edits.length === 0 || composition.kind === "leaf" || isSequence(composition)) return composition
  // a branch and its trigger are one pair: what is put in between has none, and what goes takes its own along
  if (composition.kind === "auto") return editedComposition(asConditional(composition), edits)
  const blocks = [...composition.blocks]
  for (const edit of edits) {
    const at = blocks.findIndex(([name]) => name === edit[1])
    if (edit[0] === "insert") blocks.splice(edit[3], 0, [edit[1], edit[2]])
    else if (edit[0] === "set") blocks.splice(at < 0 ? blocks.length : at, 1, [edit[1], edit[2]])
    else if (at < 0) throw new WiringError({ message: `there is no block '${edit[1]}'` })
    else blocks.splice(at, 1)
  }
  return { ...composition, blocks }
}
const asConditional = ({ blocks, class: name, triggers }: Auto): Conditional => ({
  kind: "conditional",
  class: name,
  blocks,
  triggers: triggers.filter((trigger) => trigger !== null),
  default: blocks[triggers.indexOf(null)]?.[0] ?? null,
  rules: blocks.flatMap(([branch], i) => {
    const trigger = triggers[i] ?? null
    return trigger === null ? [] : [[{ present: [trigger] }, branch] as const]
  })
})
const isSequence = (composition: Composition): boolean =>
  composition.kind === "sequential" || (composition.kind === "from_dict" && composition.base === "sequential")

type Steps = Block.Sequential<string, ReadonlyArray<Block.Any>>
const steps = (block: Block.Any): Steps => block as unknown as Steps
const applied = (self: Steps, edit: Edit, around: Around): Steps => {
  const [kind, name] = edit
  if (kind === "pop") return steps(Block.remove(self, name))
  const block = blockOf(name, edit[2], around)
  const names = self.steps.map((step) => step.name)
  if (kind === "set" && names.includes(name)) return steps(Block.replace(self, name, block))
  const index = kind === "insert" ? edit[3] : names.length
  const before = names.at(index)
  const last = names.at(-1)
  if (index < names.length && before !== undefined) return steps(Block.insertBefore(self, before, block))
  return steps(last === undefined ? Block.sequential(self.name, [block]) : Block.insertAfter(self, last, block))
}

export interface Built {
  readonly program: Program
  /** for running: a block declares as outputs the inputs that it writes back */
  readonly block: AnyBlock
  /** for looking at: a block declares what it declares in diffusers */
  readonly declared: AnyBlock
}

/** The whole composition of a case, edited. */
export const build = (composition: Composition, edits: ReadonlyArray<Edit>): Built => {
  const whole = editedComposition(composition, edits)
  const program = programOf([whole, ...edits.flatMap((edit) => (edit[0] === "pop" ? [] : [edit[2]]))])
  const make = (purpose: Around["purpose"]): AnyBlock => {
    const around = { program, purpose, unsure: new Set<string>() }
    const made = blockOf(composition.class, whole, around)
    if (!isSequence(whole)) return untyped(made)
    return untyped(edits.reduce((self, edit) => applied(self, edit, around), steps(made)))
  }
  return { program, block: make("run"), declared: make("look") }
}

/** The block that a hook was put on. */
export const unhooked = (block: Block.Any): Block.Any => (block.kind === "tap" ? unhooked(block.blocks[0]!) : block)
