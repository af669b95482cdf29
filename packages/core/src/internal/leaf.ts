import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { fromExec } from "./block.ts"
import { CompositionError } from "../Errors.ts"
import { viewOf, writerOf } from "./fields.ts"
import type { Exec, Run } from "./node.ts"

/** for callers that the compiler does not help */
const assertSchemas = (block: string, what: string, fields: object): void => {
  for (const [name, field] of Object.entries(fields)) {
    if (!Schema.isSchema(field)) throw new CompositionError({ block, reason: `${what} '${name}' is not a Schema` })
  }
}

const none = Object.freeze({})

export const make = (name: string, options: any): any => {
  assertSchemas(name, "input", options.inputs)
  assertSchemas(name, "output", options.outputs)
  if (typeof options.run !== "function") throw new CompositionError({ block: name, reason: "'run' is not a function" })
  const run = options.run as (inputs: any, components: any) => Effect.Effect<any, any, any>
  const view = viewOf(options.inputs),
    write = writerOf(options.outputs)
  const keys = Object.entries<any>(options.components ?? {})
  const take = (context: Context.Context<never>): any =>
    Object.fromEntries(keys.map(([k, key]) => [k, Context.getUnsafe(context, key)]))
  // kept by the run, since blocks of a loop take them again and again, and a block outlives the services of its runs
  const componentsOf = (current: Run): any => {
    let { taken } = current
    if (taken === null || taken.context !== current.context) {
      current.taken = taken = { context: current.context, components: new Map() }
    }
    let components = taken.components.get(keys)
    if (components === undefined) taken.components.set(keys, (components = take(current.context)))
    return components
  }
  const exec: Exec = (state, current) => {
    const components = keys.length === 0 ? none : componentsOf(current)
    const e = run(view(state), components) as any
    if (e._tag === "Success") {
      write(state, e.value)
      return null
    }
    // fails here, with the path of this block, and not in the fiber, which could only give up
    if (!Effect.isEffect(e))
      throw new TypeError("'run' gave no Effect: use Block.pure for a function that gives outputs")
    return e
  }
  return fromExec({
    kind: "block",
    name,
    description: options.description,
    version: options.version,
    inputs: options.inputs,
    outputs: options.outputs,
    components: options.components ?? {},
    exec,
    finish: write
  })
}

export const pure = (name: string, options: any): any =>
  make(name, {
    ...options,
    run: typeof options.run === "function" && ((inputs: any) => Exit.succeed(options.run(inputs)))
  })

export const pack = (group: string, fields: any): any =>
  make(`pack_${group}`, {
    description: `Puts ${Object.keys(fields).join(", ")} into '${group}'`,
    inputs: fields,
    outputs: { [group]: Schema.Struct(fields) },
    run: (inputs: any) => Exit.succeed({ [group]: inputs })
  })
