/** Making a block of a definition, and running it. */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import { pipeArguments } from "effect/Pipeable"
import * as Tracer from "effect/Tracer"
import { CompositionError, prependPath } from "../Errors.ts"
import { drawer } from "./draw.ts"
import { Trigger } from "./fields.ts"
import type { Compiled, Definition, Exec, Rec, Run } from "./node.ts"
import { settled } from "./place.ts"
import type { Listener } from "./progress.ts"
import { Progress } from "./progress.ts"
import { empty, own, picker } from "./state.ts"
import { hasIterations, watchable, watched } from "./stepping.ts"

export const TypeId = "~effect-blocks/Block" as const

/** loop turns until the fiber gets a turn */
export const BUDGET = 512
const isTraced = (fiber: Fiber.Fiber<any, any>): boolean =>
  fiber.cache.tracer !== undefined && fiber.cache.tracerEnabled
/** what a run carries, of the fiber that runs it */
export const runOf = (fiber: Fiber.Fiber<any, any>): Run => ({
  traced: isTraced(fiber),
  context: fiber.context,
  taken: null,
  budget: BUDGET,
  deadline: 0,
  mask: 0,
  watch: null,
  places: { at: null }
})

const noFinish = (_state: Rec, _value: unknown): void => {}

/** useSpan and ParentSpan, not withSpan: withSpan captures a stack per call, which costs microseconds */
const spanned = (definition: Definition, exec: Exec): Exec => {
  const options = { attributes: { "block.kind": definition.kind, "block.name": definition.name } }
  return (state, run) =>
    run.traced
      ? Effect.useSpan(definition.name, options, (span) =>
          Effect.provideService(
            Effect.suspend(() => exec(state, run) ?? Exit.void),
            Tracer.ParentSpan,
            span
          )
        )
      : exec(state, run)
}

/**
 * Of a mere trigger only that it is there becomes state: its value can be anything. One that a branch also writes is an
 * output as well, and stays what it was where that branch is not taken.
 */
const enterer = ({ inputs, outputs }: Definition): ((given: Rec) => Rec) => {
  const keys = Object.keys(inputs),
    triggers = new Set(keys.filter((k) => inputs[k] === Trigger && !Object.hasOwn(outputs, k)))
  const plain = triggers.size === 0 && keys.every((k) => !(k in Object.prototype))
  return plain
    ? (given) => {
        const state = empty()
        for (let i = 0; i < keys.length; i++) {
          const v = given[keys[i]!]
          if (v !== undefined) state[keys[i]!] = v
        }
        return state
      }
    : (given) => {
        const state = empty()
        for (const k of keys) {
          const v = own(given, k)
          if (v !== undefined) state[k] = triggers.has(k) ? true : v
        }
        return state
      }
}

class BlockImpl {
  readonly [TypeId] = TypeId
  readonly kind: string
  readonly name: string
  readonly description: string
  readonly version: string | undefined
  readonly inputs: Definition["inputs"]
  readonly outputs: Definition["outputs"]
  readonly components: NonNullable<Definition["components"]>
  readonly blocks: ReadonlyArray<Compiled>
  readonly steps: ReadonlyArray<Compiled>
  readonly workflows: NonNullable<Definition["workflows"]>
  readonly node: Definition["node"]
  readonly wrapper: Definition["wrapper"]
  readonly definition: Definition
  readonly exec: Exec
  readonly finish: NonNullable<Definition["finish"]>
  readonly enter: (given: Rec) => Rec
  readonly draw: Compiled["draw"]
  readonly run: Compiled["run"]
  readonly events: unknown

  constructor(definition: Definition) {
    this.kind = definition.kind
    this.name = definition.name
    this.description = definition.description ?? ""
    this.version = definition.version
    this.inputs = definition.inputs
    this.outputs = definition.outputs
    this.components = definition.components ?? {}
    this.blocks = this.steps = (definition.blocks ?? []) as unknown as ReadonlyArray<Compiled>
    this.workflows = definition.workflows ?? {}
    this.node = definition.node
    this.wrapper = definition.wrapper
    this.definition = definition
    const { exec, node } = definition
    this.exec = spanned(definition, node === undefined ? exec : watchable(this as unknown as Compiled, exec))
    this.finish = definition.finish ?? noFinish
    this.enter = enterer(definition)
    this.draw = drawer(this as unknown as Compiled)
    this.events = definition.events
    this.run = runner(this as unknown as Compiled)
  }
  pipe() {
    return pipeArguments(this, arguments)
  }
  toJSON() {
    return { _id: "Block", kind: this.kind, name: this.name }
  }
}

/** Runs a block by itself: the fast interpreter, or the stepping one where somebody listens to Progress. */
const runner = (self: Compiled): Compiled["run"] => {
  const result = picker(Object.keys(self.outputs))
  const fail = (cause: Cause.Cause<any>) => Exit.failCause(prependPath(cause, self.name))
  const go = (state: Rec, run: Run): Effect.Effect<any, any, any> => {
    let e
    try {
      e = self.exec(state, run)
    } catch (defect) {
      e = Exit.die(defect)
    }
    if (e === null) return Exit.succeed(result(state))
    return settled(
      run,
      e,
      (value) => {
        self.finish(state, value)
        return Exit.succeed(result(state))
      },
      () => self.name
    )
  }
  const begin = (state: Rec, run: Run, listener: Listener | null): Effect.Effect<any, any, any> =>
    listener === null || !hasIterations(self) ? go(state, run) : watched(self, state, run, listener)
  return (inputs) =>
    Effect.withFiber((fiber) => {
      const run = runOf(fiber)
      const listener = Context.get(fiber.context, Progress)
      const state = self.enter(inputs)
      const drawn = self.draw(state)
      if (drawn === null) return begin(state, run, listener)
      return Effect.flatMap(Effect.catchCause(drawn, fail), () => begin(state, run, listener))
    })
}

export const fromExec = (definition: Definition): Compiled => new BlockImpl(definition) as unknown as Compiled

export const isBlock = (u: any): u is any => typeof u === "object" && u !== null && TypeId in u

export const runAny = (self: any, inputs: any): any => self.run(inputs)
export const seal = (self: any): any => self

export const rename = (self: Compiled, name: string): Compiled => {
  if (name === self.name) return self
  const { renamed, workflows } = self.definition
  if (renamed === undefined) {
    const { rebuild } = self.definition
    return fromExec({
      ...self.definition,
      name,
      ...(rebuild === undefined ? {} : { rebuild: (blocks) => rename(rebuild(blocks), name) })
    })
  }
  const block = renamed(name)
  return workflows === undefined ? block : fromExec({ ...block.definition, workflows })
}

export const renameDual: any = dual(2, rename)

/** for callers that the compiler does not help: refuses what are not blocks, and two of one name */
export const assertBlocks = (composition: string, blocks: ReadonlyArray<{ readonly name: string }>): void => {
  if (!Array.isArray(blocks)) {
    throw new CompositionError({ block: composition, reason: "its blocks are not an array" })
  }
  const stranger = blocks.findIndex((b) => !isBlock(b))
  if (stranger >= 0)
    throw new CompositionError({ block: composition, reason: `[${stranger}] of its blocks is not a block` })
  const names = blocks.map((b) => b.name)
  const twice = new Set(names.filter((n, i) => names.indexOf(n) !== i))
  if (twice.size > 0) {
    throw new CompositionError({
      block: composition,
      reason: `two blocks are named ${[...twice].map((n) => `'${n}'`).join(", ")}: give one another name with Block.rename`
    })
  }
}
