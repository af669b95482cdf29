/** Compositions as the golden data writes them, and what follows from them by diffusers' rules. */

export type Value = null | boolean | number | string | ReadonlyArray<Value> | { readonly [key: string]: Value }
export type Expression = Value

export interface Param {
  readonly name: string | null
  readonly default?: Value
  readonly required?: boolean
  readonly kwargs_type?: string
}
export interface Output {
  readonly name: string
  readonly kwargs_type?: string
}
export interface Component {
  readonly name: string
  readonly type: string
  readonly creation?: string
  readonly config?: Values
}
export interface Leaf {
  readonly kind: "leaf"
  readonly class: string
  readonly inputs: ReadonlyArray<Param>
  readonly outputs: ReadonlyArray<Output>
  readonly ops: ReadonlyArray<readonly [target: string, expression: Expression]>
  readonly components?: ReadonlyArray<Component>
  readonly configs?: ReadonlyArray<{ readonly name: string; readonly default: Value }>
}
type Values = { readonly [name: string]: Value }
interface Composite {
  readonly class: string
  readonly blocks: ReadonlyArray<readonly [name: string, block: Composition]>
}
export interface Sequential extends Composite {
  readonly kind: "sequential"
  readonly workflows?: { readonly [name: string]: Values }
}
export interface Auto extends Composite {
  readonly kind: "auto"
  readonly triggers: ReadonlyArray<string | null>
}
export interface Rule {
  readonly present?: ReadonlyArray<string>
  readonly absent?: ReadonlyArray<string>
}
export interface Conditional extends Composite {
  readonly kind: "conditional"
  readonly triggers: ReadonlyArray<string>
  readonly default: string | null
  readonly rules: ReadonlyArray<readonly [Rule, string]>
  /** branches that an edit took away: choosing one fails */
  readonly popped?: ReadonlyArray<string>
}
export interface Loop extends Composite {
  readonly kind: "loop"
  readonly iterate: {
    readonly count?: string
    readonly down_from?: string
    readonly over?: string
    readonly until?: readonly [name: string, limit: number]
  }
  readonly loop_inputs?: ReadonlyArray<Param>
  readonly loop_outputs?: ReadonlyArray<Output>
}
export interface FromDict extends Composite {
  readonly kind: "from_dict"
  readonly base: "sequential" | Loop
  readonly as: "instance" | "class"
}
export type Composition = Leaf | Sequential | Auto | Conditional | Loop | FromDict

export type Edit =
  | readonly ["insert", name: string, block: Composition, index: number]
  | readonly ["pop", name: string]
  | readonly ["set", name: string, block: Composition]

/** The composition that a dictionary of blocks stands for. */
export const resolved = (composition: FromDict): Sequential | Loop =>
  composition.base === "sequential"
    ? { kind: "sequential", class: composition.class, blocks: composition.blocks }
    : { ...composition.base, blocks: composition.blocks }

export const childrenOf = (composition: Composition): ReadonlyArray<Composition> =>
  composition.kind === "leaf" ? [] : composition.blocks.map(([, block]) => block)

export const leavesOf = (composition: Composition): ReadonlyArray<Leaf> =>
  composition.kind === "leaf" ? [composition] : childrenOf(composition).flatMap(leavesOf)

export const everyPart = (composition: Composition): ReadonlyArray<Composition> => [
  composition,
  ...childrenOf(composition).flatMap(everyPart)
]

/** The names that a loop has in its block state from the start, each with its default or the need for a value. */
export const loopParams = (loop: Loop): ReadonlyMap<string, Param> => {
  const own = loop.loop_inputs ?? []
  const leaves = childrenOf(loop).flatMap(leavesOf)
  const needed = new Set(
    [...own, ...leaves.flatMap((leaf) => leaf.inputs)].flatMap((p) => (p.required ? [p.name] : []))
  )
  const params = new Map<string, Param>()
  const written = new Set<string>()
  const add = ({ default: value = null, name }: Param) => {
    if (name === null || written.has(name)) return
    const known = params.get(name)
    const required = needed.has(name)
    // the default that is listed first is what a pipeline starts with
    const bare = required && (known === undefined ? value : (known.default ?? null)) === null
    params.set(name, { name, required, default: bare ? null : (known?.default ?? value) })
  }
  for (const param of own) add(param)
  for (const leaf of leaves) {
    for (const param of leaf.inputs) add(param)
    for (const { name } of leaf.outputs) written.add(name)
  }
  return params
}

/** What a composition writes, and what its loops say they do. */
export const outputNames = (composition: Composition): ReadonlySet<string> => {
  const own = everyPart(composition).flatMap((part) => {
    const whole = part.kind === "from_dict" ? resolved(part) : part
    return whole.kind === "loop" ? (whole.loop_outputs ?? []) : []
  })
  return new Set([...own, ...leavesOf(composition).flatMap((leaf) => leaf.outputs)].map(({ name }) => name))
}

const isSkippable = (composition: Composition): boolean =>
  (composition.kind === "auto" && !composition.triggers.includes(null)) ||
  (composition.kind === "conditional" && composition.default === null)

/** What a block surely writes: the same in every branch, and not in a loop, which may run zero times. */
const surely = (composition: Composition): ReadonlySet<string> => {
  switch (composition.kind) {
    case "leaf":
      return outputNames(composition)
    case "from_dict":
      return surely(resolved(composition))
    case "sequential":
      return new Set(childrenOf(composition).flatMap((block) => [...surely(block)]))
    case "loop":
      return new Set()
    case "auto":
    case "conditional": {
      const branches = childrenOf(composition).map(surely)
      return isSkippable(composition) || branches.length === 0
        ? new Set()
        : new Set([...branches[0]!].filter((name) => branches.every((branch) => branch.has(name))))
    }
  }
}

/** What diffusers takes for written after a block although it may not be. */
export const unsurely = (composition: Composition): ReadonlyArray<string> => {
  if (isSkippable(composition)) return []
  const sure = surely(composition)
  return [...outputNames(composition)].filter((name) => !sure.has(name))
}

/**
 * What a block may write although diffusers does not count on it: all that may be skipped, and the inputs that only some
 * branches write back. Whether it did is asked where the value is read.
 */
export const perhaps = (composition: Composition): ReadonlyArray<string> => [
  ...(isSkippable(composition) ? outputNames(composition) : []),
  ...everyPart(composition).flatMap((part) =>
    part.kind === "auto" || part.kind === "conditional" ? leavesOf(part).flatMap(writtenBack) : []
  )
]

const writtenBack = (leaf: Leaf): ReadonlyArray<string> =>
  leaf.inputs.flatMap(({ default: value = null, name }) =>
    name !== null && (value !== null || leaf.ops.some(([target]) => target === name)) ? [name] : []
  )

/**
 * The outputs that diffusers does not list: those of a block of a sequence whose own name is one of its input names.
 */
export const hiddenOutputs = (composition: Composition): ReadonlySet<string> =>
  new Set(
    everyPart(composition).flatMap((part) => {
      if (part.kind !== "sequential" && part.kind !== "from_dict") return []
      return part.blocks.flatMap(([name, block]) =>
        leavesOf(block).some((leaf) => leaf.inputs.some((input) => input.name === name)) ? [...outputNames(block)] : []
      )
    })
  )

/** The names whose presence a choice looks at. */
export const triggerNames = (composition: Composition): ReadonlyArray<string> =>
  composition.kind === "auto" || composition.kind === "conditional"
    ? [...composition.triggers].filter((name) => name !== null)
    : []

const mayBeNull = (expression: Expression, leaf: Leaf, assigned: ReadonlySet<string>): boolean => {
  if (!Array.isArray(expression)) return expression === null
  const [operator, first, second, third] = expression
  if (operator === "if_present") return mayBeNull(second, leaf, assigned) || mayBeNull(third, leaf, assigned)
  if (operator === "config") return true
  if (operator !== "get") return false
  const input = leaf.inputs.find(({ name }) => name === first)
  return assigned.has(first) || (input?.required !== true && (input?.default ?? null) === null)
}

/** The variables that some block may overwrite with null: it takes them away. */
export const takenAway = (parts: ReadonlyArray<Composition>): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const leaf of parts.flatMap(leavesOf)) {
    const assigned = new Set<string>()
    for (const [target, expression] of leaf.ops) {
      if (mayBeNull(expression, leaf, assigned)) names.add(target)
      if (names.has(target)) assigned.add(target)
    }
  }
  return names
}
