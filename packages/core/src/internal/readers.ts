/** Who reads what the caller gives: every block that an input may reach, with its path and its own field. */
import * as Equal from "effect/Equal"
import { type Default, defaultOf, isOptional, Trigger } from "./fields.ts"
import type { Compiled, Fields } from "./node.ts"

export interface Reader {
  readonly path: string
  readonly schema: any
}
export type Readers = ReadonlyMap<string, ReadonlyArray<Reader>>

const known = new WeakMap<Compiled, Readers>()
export const readersOf = (root: Compiled): Readers => {
  let readers = known.get(root)
  if (readers === undefined) known.set(root, (readers = collect(root)))
  return readers
}

const collect = (root: Compiled): Readers => {
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
  const walk = (block: Compiled, path: string, written: ReadonlySet<string>): void => {
    const { blocks, wrapper } = block
    if (block.definition.wraps !== undefined) return walk(block.definition.wraps, path, written)
    if (blocks.length === 0 && wrapper === undefined) return add(block.inputs, path, written)
    if (block.kind === "conditional" || block.kind === "parallel") {
      add(block.inputs, path, written, (k) => blocks.some((b) => Object.hasOwn(b.inputs, k)))
      for (const b of blocks) walk(b, `${path}.${b.name}`, written)
      return
    }
    const sofar = new Set(written)
    if (wrapper !== undefined) {
      add(wrapper.inputs, path, sofar)
      for (const k of Object.keys(wrapper.provides)) sofar.add(k)
    }
    for (const b of blocks) {
      walk(b, `${path}.${b.name}`, sofar)
      for (const k of Object.keys(b.outputs)) if (!isOptional(b.outputs[k]!)) sofar.add(k)
    }
  }
  walk(root, root.name, new Set())
  return readers
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
