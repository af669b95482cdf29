import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CompositionError, MissingInputError } from "../Errors.ts"
import { assertBlocks, fromExec } from "./block.ts"
import { located } from "./place.ts"
import { choiceFields, isNeeded, Trigger, viewOf } from "./fields.ts"
import { expectedOf } from "./expected.ts"
import type { Branch, Compiled, Fields, Rec } from "./node.ts"

interface Choice {
  readonly description?: string | undefined
  readonly branches: ReadonlyArray<Compiled>
  readonly skippable: boolean
  readonly triggers: Fields
  readonly select: (state: Rec) => string | undefined
  readonly label: (branch: string) => string
}

/** what is missing for a branch */
const missingOf = (block: Compiled, branch: Branch, state: Rec): MissingInputError | undefined => {
  let missing: Array<string> | undefined
  for (const k of branch.need) if (state[k] === undefined) (missing ??= []).push(k)
  return missing === undefined
    ? undefined
    : new MissingInputError({
        block: block.name,
        branch: branch.block.name,
        missing,
        expected: missing.map((k) => expectedOf(branch.block.inputs[k]!))
      })
}

const choice = (name: string, options: Choice): Compiled => {
  assertBlocks(name, options.branches)
  const branches = [...options.branches]
  const { select } = options
  const byName = new Map<string, Branch>(
    branches.map((block) => [
      block.name,
      {
        block,
        need: Object.keys(block.inputs).filter((k) => isNeeded(block.inputs[k]!))
      }
    ])
  )
  const choose = (state: Rec): Branch | undefined => {
    const chosen = select(state)
    if (chosen === undefined) return undefined
    const branch = byName.get(chosen)
    if (branch === undefined) {
      throw new CompositionError({
        block: name,
        reason: `chose '${chosen}', which is none of its branches ${[...byName.keys()].join(", ")}`
      })
    }
    return branch
  }
  const self: Compiled = fromExec({
    kind: "conditional",
    name,
    description: options.description,
    ...choiceFields(branches, options.skippable, options.triggers),
    blocks: branches as any,
    node: {
      _tag: "conditional",
      choose,
      branch: (name) => byName.get(name),
      missing: (branch, state) => missingOf(self, branch, state)
    },
    choose: select,
    triggers: Object.keys(options.triggers),
    skippable: options.skippable,
    label: options.label,
    rebuild: (branches) => choice(name, { ...options, branches }),
    renamed: (name) => choice(name, options),
    exec: (state, run) => {
      const branch = choose(state)
      if (branch === undefined) return null
      const missing = missingOf(self, branch, state)
      if (missing !== undefined) return Exit.fail(missing)
      const block = branch.block
      const outer = run.places.at
      let e
      try {
        e = block.exec(state, run)
      } catch (defect) {
        e = Exit.die(defect)
      }
      if (e === null) return null
      const finished = Effect.map(e, (value) => block.finish(state, value))
      return located(run, outer, finished, () => block.name)
    }
  })
  return self
}

export const when = (when: string, block: any, options?: { readonly unread?: boolean }): any => ({
  when,
  block,
  unread: options?.unread ?? false
})

export const auto = (name: string, branches: any, options?: any): any => {
  const whens: ReadonlyArray<{ when: string; block: Compiled }> = branches.filter((b: any) => "when" in b)
  const defaults: ReadonlyArray<Compiled> = branches.filter((b: any) => !("when" in b))
  const fallback = defaults[0]
  if (defaults.length > 1 || (fallback !== undefined && branches.at(-1) !== fallback)) {
    throw new CompositionError({
      block: name,
      reason: `'${fallback!.name}' has no 'when': only the last branch can be the default`
    })
  }
  const triggers = whens.map((w) => [w.when, w.block.name] as const)
  return choice(name, {
    description: options?.description,
    branches: [...whens.map((w) => w.block), ...(fallback === undefined ? [] : [fallback])],
    skippable: fallback === undefined,
    triggers: Object.fromEntries(whens.map((w) => [w.when, Trigger])) as any,
    label: (branch) => triggers.find(([, name]) => name === branch)?.[0] ?? "otherwise",
    select: (state) => {
      for (const [trigger, branch] of triggers) if (state[trigger] !== undefined) return branch
      return fallback?.name
    }
  })
}

export const conditional = (name: string, options: any): any => {
  const view = viewOf(options.triggers)
  const names: ReadonlyArray<string> = options.branches.map((block: Compiled) => block.name)
  if (options.otherwise !== undefined && !names.includes(options.otherwise)) {
    throw new CompositionError({
      block: name,
      reason: `'${options.otherwise}' is to be taken otherwise, which is none of its branches ${names.join(", ")}`
    })
  }
  return choice(name, {
    description: options.description,
    branches: options.branches,
    skippable: options.otherwise === undefined,
    triggers: options.triggers,
    label: (branch) => (branch === options.otherwise ? "otherwise" : branch),
    select: (state) => options.select(view(state)) ?? options.otherwise
  })
}
