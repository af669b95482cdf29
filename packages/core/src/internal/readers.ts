/** Who reads what the caller gives: every block that an input may reach, with its path and its own field. */
import * as Equal from "effect/Equal"
import { type Default, defaultOf, isOptional, Trigger } from "./fields.ts"
import type { Compiled, Fields, Rec } from "./node.ts"
import { empty } from "./state.ts"

export interface Reader {
  readonly path: string
  readonly schema: any
}
export type Readers = ReadonlyMap<string, ReadonlyArray<Reader>>

const known = new WeakMap<Compiled, Readers>()
export const readersOf = (root: Compiled): Readers => {
  let readers = known.get(root)
  if (readers === undefined) known.set(root, (readers = collect(root, everyBranch)))
  return readers
}

/** the branches that may run of a choice, which comes after blocks that may have written these variables */
type Branches = (choice: Compiled, path: string, maybe: ReadonlySet<string>) => ReadonlyArray<Compiled>
const everyBranch: Branches = (choice) => choice.blocks

const collect = (root: Compiled, branches: Branches): Readers => {
  const readers = new Map<string, Array<Reader>>()
  const add = (fields: Fields, path: string, written: ReadonlySet<string>, except?: (k: string) => boolean): void => {
    for (const k of Object.keys(fields)) {
      const schema = fields[k]!
      if (written.has(k) || schema === Trigger || except?.(k) === true) continue
      const list = readers.get(k)
      if (list === undefined) readers.set(k, [{ path, schema }])
      else if (!list.some((r) => r.schema === schema)) list.push({ path, schema })
    }
  }
  /** `written`: surely; `maybe`: perhaps */
  const walk = (block: Compiled, path: string, written: ReadonlySet<string>, maybe: ReadonlySet<string>): void => {
    const { blocks, wrapper } = block
    if (block.definition.wraps !== undefined) return walk(block.definition.wraps, path, written, maybe)
    if (blocks.length === 0 && wrapper === undefined) return add(block.inputs, path, written)
    if (block.kind === "conditional" || block.kind === "parallel") {
      add(block.inputs, path, written, (k) => blocks.some((b) => Object.hasOwn(b.inputs, k)))
      const taken = block.kind === "parallel" ? blocks : branches(block, path, maybe)
      for (const b of taken) walk(b, `${path}.${b.name}`, written, maybe)
      return
    }
    const sofar = new Set(written),
      perhaps = new Set(maybe)
    if (wrapper !== undefined) {
      add(wrapper.inputs, path, sofar)
      for (const k of Object.keys(wrapper.provides)) {
        sofar.add(k)
        perhaps.add(k)
      }
      // what a block writes is there in the next iteration
      for (const b of blocks) for (const k of Object.keys(b.outputs)) perhaps.add(k)
    }
    for (const b of blocks) {
      walk(b, `${path}.${b.name}`, sofar, perhaps)
      for (const k of Object.keys(b.outputs)) {
        perhaps.add(k)
        if (!isOptional(b.outputs[k]!)) sofar.add(k)
      }
    }
  }
  walk(root, root.name, new Set(), new Set())
  return readers
}

/** What a run does with the values that it is given. */
export interface Taken {
  /** Who reads them: of a choice that is made by given values only the blocks of the branch that it takes. */
  readonly readers: Readers
  /** choices that are made by given values: what they look at, and the branches that they pass over */
  readonly choices: ReadonlyArray<{
    readonly path: string
    readonly chosen: string | undefined
    readonly triggers: ReadonlyArray<string>
    readonly passed: ReadonlyArray<Compiled>
  }>
}
/** A choice that is made by what blocks write, or by a default that is drawn, counts as taking every branch. */
export const takenBy = (root: Compiled, values: Rec): Taken => {
  const given = empty()
  for (const k of Object.keys(values)) given[k] = values[k]
  const drawn = (k: string) =>
    given[k] === undefined &&
    readersOf(root)
      .get(k)
      ?.some((r) => defaultOf(k, r.schema)?._tag === "effect") === true
  const choices: Array<Taken["choices"][number]> = []
  const readers = collect(root, (choice, path, maybe) => {
    const { choose, triggers } = choice.definition
    if (choose === undefined || triggers === undefined || triggers.some((k) => maybe.has(k) || drawn(k)))
      return choice.blocks
    let chosen: string | undefined
    try {
      chosen = choose(given)
    } catch {
      // values that were refused are shown to it too
      return choice.blocks
    }
    choices.push({ path, chosen, triggers, passed: choice.blocks.filter((b) => b.name !== chosen) })
    return choice.blocks.filter((b) => b.name === chosen)
  })
  return { readers, choices }
}

const partial = new WeakMap<Compiled, ReadonlySet<string>>()
/** the variables that some branch of a choice reads and another does not */
const sometimesRead = (block: Compiled): ReadonlySet<string> => {
  let names = partial.get(block)
  if (names === undefined) {
    const { blocks, definition } = block
    const all = new Set(blocks.flatMap((b) => [...sometimesRead(b)]))
    if (definition.choose !== undefined) {
      for (const k of blocks.flatMap((b) => Object.keys(b.inputs))) {
        if (definition.skippable === true || !blocks.every((b) => Object.hasOwn(b.inputs, k))) all.add(k)
      }
    }
    partial.set(block, (names = all))
  }
  return names
}
/** Inputs that were given and that no block reads, by the choice that passes over who would. */
export const unreadBy = (
  root: Compiled,
  given: Rec,
  values: Rec
): ReadonlyMap<Taken["choices"][number], ReadonlyArray<string>> => {
  const unread = new Map<Taken["choices"][number], Array<string>>()
  const names = sometimesRead(root)
  const doubtful = Object.keys(given).filter((k) => given[k] !== undefined && names.has(k))
  if (doubtful.length === 0) return unread
  const { choices, readers } = takenBy(root, values)
  for (const k of doubtful) {
    if (readers.has(k) || choices.some((c) => c.triggers.includes(k))) continue
    const choice = choices.find((c) => c.passed.some((b) => Object.hasOwn(b.inputs, k)))
    if (choice !== undefined) unread.set(choice, [...(unread.get(choice) ?? []), k])
  }
  return unread
}

/** The defaults of an input, one where its readers agree: each reader that gets no value uses its own. */
export const defaultsOf = (root: Compiled, name: string): ReadonlyArray<Default> => {
  const found: Array<Default> = []
  for (const { schema } of readersOf(root).get(name) ?? []) {
    const d = defaultOf(name, schema)
    if (d !== undefined && !found.some((other) => same(other, d))) found.push(d)
  }
  // an effect counts for all who read
  const effect = found.find((d) => d._tag === "effect")
  return effect === undefined ? found : [effect]
}
const same = (a: Default, b: Default): boolean =>
  a._tag === "constant" && b._tag === "constant" && Equal.equals(a.value, b.value)
