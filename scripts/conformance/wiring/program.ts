/** What is known of a whole composition while its parts are made, and what blocks made of data look like to the compiler. */
import type * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import { type Composition, everyPart, leavesOf, type Param, takenAway, type Value } from "./composition.ts"

/** A block that the compiler knows nothing of: JSON in, JSON out, and it may fail. */
export type AnyBlock = Block.Sealed<Values, Values, WiringError, never, string>
export type Values = { readonly [name: string]: Value }

export class WiringError extends Schema.TaggedError<WiringError>()("WiringError", { message: Schema.String }) {}

/** Blocks made of data have no type of their own, so the compiler cannot check their wiring: the library does, at run time. */
export const untyped = (block: Block.Any): AnyBlock => block as unknown as AnyBlock

export type Instance = { readonly [attribute: string]: Value } | null
export type Key = Context.Key<unknown, unknown>

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

export const programOf = (parts: ReadonlyArray<Composition>): Program => {
  const leaves = parts.flatMap(leavesOf)
  const components = new Map<string, readonly [Key, Instance]>()
  const configs = new Map<string, Key>()
  const groups = new Map<string, Set<string>>()
  for (const leaf of leaves) {
    for (const { config, creation, name, type } of leaf.components ?? []) {
      const made = creation === "from_config"
      // two declarations that are made in the same way are one, the first; else the later one counts
      const known = components.get(name)
      if (known !== undefined && (known[1] !== null) === made) continue
      const instance = made ? (type === "TypeB" ? { value: 0, ...config } : { ...config }) : null
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

export interface Around {
  readonly program: Program
  /** `run`: blocks write back what diffusers' block state writes back. `look`: they declare what they declare there. */
  readonly purpose: "run" | "look"
  /** what earlier blocks may have left unwritten although diffusers counts on it */
  readonly unsure: ReadonlySet<string>
  /** a sequence as it will be once it is edited */
  readonly edited?: Composition
  readonly loop?: {
    readonly name: string
    readonly params: ReadonlyMap<string, Param>
    readonly declared: Set<string>
    readonly consumed: ReadonlySet<string>
  }
}
export type Fields = Record<string, Schema.Struct.Fields[string]>

export const isThere = (value: Value | undefined): value is Exclude<Value, null> =>
  value !== undefined && value !== null

export const fieldOf = ({ default: value, name, required }: Param, unsure: ReadonlySet<string>) =>
  isThere(value)
    ? Field.default(Schema.Json, value)
    : required === true && !unsure.has(String(name))
      ? Schema.Json
      : Field.optional(Schema.Json)

/** The block that a hook was put on. */
export const unhooked = (block: Block.Any): Block.Any => (block.kind === "tap" ? unhooked(block.blocks[0]!) : block)
