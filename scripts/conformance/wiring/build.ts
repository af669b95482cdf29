/** Makes blocks of a composition, through the public API only. */
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Schema from "effect/Schema"
import {
  type Auto,
  type Composition,
  type Conditional,
  type Edit,
  type FromDict,
  loopParams,
  perhaps,
  resolved,
  type Rule,
  type Sequential,
  unsurely
} from "./composition.ts"
import { leafOf } from "./leaf.ts"
import { loopOf, wrapped } from "./loop.ts"
import {
  type AnyBlock,
  type Around,
  isThere,
  type Program,
  programOf,
  untyped,
  type Values,
  WiringError
} from "./program.ts"

/** What a sequence may have left unwritten before one of its blocks. */
const unsureBefore = (sequence: Composition, name: string, purpose: Around["purpose"]): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const [step, block] of sequence.kind === "leaf" ? [] : sequence.blocks) {
    if (step === name) break
    for (const output of [...unsurely(block), ...(purpose === "run" ? perhaps(block) : [])]) names.add(output)
  }
  return names
}

const sequentialOf = (name: string, sequence: Sequential, { edited = sequence, ...around }: Around) => {
  const steps = sequence.blocks.map(([step, block]) =>
    blockOf(step, block, {
      ...around,
      unsure: new Set([...around.unsure, ...unsureBefore(edited, step, around.purpose)])
    })
  )
  const { class: description, workflows } = sequence
  return withWorkflows(Block.sequential(name, steps, { description }), workflows)
}

/** Workflows are of the sequence as it is at last: an edited one gets them anew. */
const withWorkflows = (made: Block.Any, workflows: Sequential["workflows"]): Block.Any => {
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
  // what `auto` only looks at does not keep its value, which a branch may have written in an earlier run
  const hasValue = triggers.some(
    (trigger) =>
      trigger !== null &&
      (around.program.takenAway.has(trigger) || branches.some((branch) => trigger in branch.outputs))
  )
  if (!hasValue && (first < 0 || first === triggers.length - 1)) {
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

const conditionalOf = (name: string, composition: Conditional, around: Around): Block.Any => {
  const { popped = [] } = composition
  return chosen(name, {
    description: composition.class,
    triggers: composition.triggers,
    branches: composition.blocks.map(([branch, block]) => blockOf(branch, block, around)),
    select: (given) => {
      const name = composition.rules.find(([rule]) => holds(rule, given))?.[1]
      const taken = name ?? composition.default
      if (taken !== null && popped.includes(taken)) throw new WiringError({ message: `there is no block '${taken}'` })
      return name
    },
    otherwise: popped.includes(composition.default ?? "") ? null : composition.default
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
  return wrapped(name, whole, loopParams(whole), makers as unknown as ReadonlyArray<Block.Any>, around)
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
      return loopOf(name, composition, around, blockOf)
    case "from_dict":
      return fromDict(name, composition, around)
  }
}

/** A sequence is edited by the library; another composite is made again of other blocks, as a wrapper takes other blocks. */
export const editedComposition = (composition: Composition, edits: ReadonlyArray<Edit>): Composition =>
  isSequence(composition) ? composition : withEdits(composition, edits)

export const withEdits = (composition: Composition, edits: ReadonlyArray<Edit>): Composition => {
  if (edits.length === 0 || composition.kind === "leaf") return composition
  // a branch and its trigger are one pair: what is put in between has none
  if (composition.kind === "auto") return withEdits(asConditional(composition), edits)
  const blocks = [...composition.blocks]
  const popped: Array<string> = []
  for (const edit of edits) {
    const at = blocks.findIndex(([name]) => name === edit[1])
    if (edit[0] === "insert") {
      // a name that is there moves
      if (at >= 0) blocks.splice(at, 1)
      blocks.splice(edit[3], 0, [edit[1], edit[2]])
    } else if (edit[0] === "set") blocks.splice(at < 0 ? blocks.length : at, at < 0 ? 0 : 1, [edit[1], edit[2]])
    else if (at < 0) throw new WiringError({ message: `there is no block '${edit[1]}'` })
    else popped.push(...blocks.splice(at, 1).map(([name]) => name))
  }
  return composition.kind === "conditional" ? { ...composition, blocks, popped } : { ...composition, blocks }
}

/** The leaves and loops at some paths, each once, one after the other. */
const inOrder = (composition: Composition, paths: ReadonlyArray<string>): Sequential => {
  const found = new Map<string, Composition>()
  for (const path of paths) {
    let at: Composition = composition
    const names: Array<string> = []
    // the root is named like its class
    for (const name of path.split(".").slice(1)) {
      if (at.kind === "leaf" || at.kind === "loop" || (at.kind === "from_dict" && !isSequence(at))) break
      const inner: Composition | undefined = at.blocks.find(([step]) => step === name)?.[1]
      if (inner === undefined) throw new WiringError({ message: `there is no block '${path}'` })
      names.push(name)
      at = inner
    }
    found.set(names.join(" "), at)
  }
  return { kind: "sequential", class: composition.kind === "leaf" ? "" : composition.class, blocks: [...found] }
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
  if (kind === "set" && self.steps.some((step) => step.name === name)) return steps(Block.replace(self, name, block))
  const known = self.steps.some((step) => step.name === name)
  // a name that is there moves
  if (known && self.steps.length > 1) return applied(steps(Block.remove(self, name)), edit, around)
  const names = known ? [] : self.steps.map((step) => step.name)
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
  /** the blocks at some paths, for running */
  readonly only: (paths: ReadonlyArray<string>) => AnyBlock
}

/** The whole composition of a case, edited. */
export const build = (composition: Composition, edits: ReadonlyArray<Edit>): Built => {
  const whole = editedComposition(composition, edits)
  const edited = withEdits(composition, edits)
  const program = programOf([edited])
  const make = (purpose: Around["purpose"]): AnyBlock => {
    const around = { program, purpose, unsure: new Set<string>() }
    const made = blockOf(composition.class, whole, isSequence(whole) ? { ...around, edited } : around)
    if (!isSequence(whole)) return untyped(made)
    const after = edits.reduce(
      (self, edit) => applied(self, edit, { ...around, unsure: unsureBefore(edited, edit[1], purpose) }),
      steps(made)
    )
    return untyped(edits.length > 0 && whole.kind === "sequential" ? withWorkflows(after, whole.workflows) : after)
  }
  const only = (paths: ReadonlyArray<string>): AnyBlock => {
    const around = { program, purpose: "run", unsure: new Set<string>() } as const
    return untyped(blockOf(composition.class, inOrder(edited, paths), around))
  }
  return { program, block: make("run"), declared: make("look"), only }
}
