/** What a composition runs, as far as that is known before a run. */
import { CompositionError } from "../Errors.ts"
import { fromExec, rename } from "./block.ts"
import type { Compiled, Rec } from "./node.ts"
import * as sequential from "./sequential.ts"
import { empty, own } from "./state.ts"

/** the variables that are there at the start: names alone stand for any value */
const activeOf = (given: ReadonlyArray<string> | Rec): Rec => {
  const active = empty()
  if (Array.isArray(given)) for (const k of given) active[k] = true
  else for (const k of Object.keys(given)) if (own(given, k) !== undefined) active[k] = (given as Rec)[k]
  return active
}
const written = (block: Compiled, active: Rec): void => {
  for (const k of Object.keys(block.outputs)) active[k] ??= true
}
/** what a composite writes beside its blocks (a loop its own outputs): what a skipped choice in it would write is not there */
const writtenBeside = (block: Compiled, active: Rec): void => {
  for (const k of Object.keys(block.outputs)) {
    if (!block.blocks.some((b) => Object.hasOwn(b.outputs, k))) active[k] ??= true
  }
}
const chosenOf = (block: Compiled, active: Rec): Compiled | undefined => {
  const name = block.definition.choose!(active)
  return block.blocks.find((b) => b.name === name)
}

export const executionBlocks = (self: any, given: any): any => {
  const active = activeOf(given)
  const out: Array<{ readonly path: string; readonly block: Compiled }> = []
  const walk = (block: Compiled, path: string): void => {
    const inner = block.definition.wraps
    if (inner !== undefined && inner.blocks.length > 0) return walk(inner, path)
    if (block.blocks.length === 0 || inner !== undefined) {
      out.push({ path, block })
      return written(block, active)
    }
    if (block.definition.choose !== undefined) {
      const chosen = chosenOf(block, active)
      return chosen === undefined ? undefined : walk(chosen, `${path}.${chosen.name}`)
    }
    for (const k of Object.keys(block.wrapper?.provides ?? {})) active[k] ??= true
    for (const b of block.blocks) walk(b, `${path}.${b.name}`)
    writtenBeside(block, active)
  }
  walk(self, self.name)
  return out
}

/** the same composition with every choice made */
const resolve = (block: Compiled, active: Rec): Compiled | undefined => {
  const { choose, rebuild } = block.definition
  if (block.blocks.length === 0 || rebuild === undefined) {
    written(block, active)
    return block
  }
  if (choose !== undefined) {
    const chosen = chosenOf(block, active)
    const resolved = chosen === undefined ? undefined : resolve(chosen, active)
    return resolved === undefined
      ? undefined
      : sequential.make(block.name, [resolved], { description: block.description })
  }
  for (const k of Object.keys(block.wrapper?.provides ?? {})) active[k] ??= true
  const steps: Array<Compiled> = []
  for (const b of block.blocks) {
    const resolved = resolve(b, active)
    if (resolved !== undefined) steps.push(resolved)
  }
  writtenBeside(block, active)
  if (block.definition.wraps !== undefined && steps.length === 0) return undefined
  return rebuild(steps)
}

export const workflows = (self: any, map: Readonly<Record<string, ReadonlyArray<string>>>): any => {
  for (const [name, inputs] of Object.entries(map)) {
    const unknown = inputs.filter((k) => !Object.hasOwn(self.inputs, k))
    if (unknown.length > 0) {
      throw new CompositionError({
        block: self.name,
        reason: `workflow '${name}' names ${unknown.map((k) => `'${k}'`).join(", ")}, which is no input`
      })
    }
  }
  return fromExec({ ...self.definition, workflows: map })
}

export const workflow = (self: any, name: string): any => {
  const inputs = Object.hasOwn(self.workflows, name) ? self.workflows[name] : undefined
  if (inputs === undefined) {
    const names = Object.keys(self.workflows)
      .map((n) => `'${n}'`)
      .join(", ")
    throw new CompositionError({ block: self.name, reason: `has no workflow '${name}', only ${names || "none"}` })
  }
  const resolved = resolve(self, activeOf(inputs)) ?? sequential.make(self.name, [])
  return rename(resolved, name)
}

/** Every component that a block or one inside it takes, once, with the paths of those that take it. */
export const components = (self: any): any => {
  const out = new Map<string, { key: any; name: string; paths: Array<string> }>()
  const walk = (block: Compiled, path: string): void => {
    const inner = block.definition.wraps
    for (const [name, key] of Object.entries(block.components)) {
      const known = out.get(key.key)
      if (known === undefined) out.set(key.key, { key, name, paths: [path] })
      else if (!known.paths.includes(path)) known.paths.push(path)
    }
    if (inner !== undefined) return walk(inner, path)
    for (const b of block.blocks) walk(b, `${path}.${b.name}`)
  }
  walk(self, self.name)
  return [...out.values()]
}
