/** A wrapper and blocks, made into a block. */
import type * as Block from "@effect-blocks/core/Block"
import * as Combinator from "@effect-blocks/core/Combinator"
import { CompositionError } from "@effect-blocks/core/Errors"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { WrapperData } from "./wrappers.ts"

type Compiled = Combinator.Compiled
type Exec = Combinator.Exec
type Rec = Combinator.Rec
type Plan = Combinator.Plan
type Any = Effect.Effect<any, any, any>

/**
 * The fast interpreter of a declarative loop: one record for each run of the loop, plain JavaScript while blocks finish at once,
 * and otherwise one whileLoop.
 */
const execLoop = (steps: ReadonlyArray<Compiled>, plan: Plan): Exec => {
  const n = steps.length
  const { collect } = plan
  return (state, run) => {
    const outer = run.places.at
    const inner = Combinator.copy(state)
    let view = plan.view(inner)
    let cursor = plan.initial(view)
    let index = 0
    /** -1: about to test */
    let pc = -1
    let ended = false
    let yielding = false
    const lists: ReadonlyArray<Array<unknown>> = collect.map(() => [])
    /** `null`: the loop is over */
    const turn = (): Any | null => {
      for (;;) {
        if (pc === -1) {
          if (Combinator.spent(run)) {
            yielding = true
            return Effect.yieldNow
          }
          if (!plan.test(cursor, view)) return null
          Combinator.provide(inner, plan, plan.iteration(cursor, view))
          pc = 0
        }
        for (; pc < n; pc++) {
          const e = steps[pc]!.exec(inner, run)
          if (e !== null) return e
        }
        for (let i = 0; i < collect.length; i++) lists[i]!.push(inner[collect[i]![0]])
        view = plan.view(inner)
        cursor = plan.next(cursor, view)
        index++
        pc = -1
      }
    }
    const leave = (): void => Combinator.leaveLoop(state, inner, plan, plan.done?.(cursor, view), lists)
    /** A failure of `while`, `iteration`, `next` or `done` is the loop's own. */
    const where = (): string => (pc < 0 || pc >= n ? "" : `[${index}].${steps[pc]!.name}`)
    let pending: Any | null
    try {
      pending = turn()
    } catch (defect) {
      return Exit.failCause(Combinator.prependPath(Cause.die(defect), where()))
    }
    if (pending === null) {
      leave()
      return null
    }
    const loop = Effect.whileLoop({
      while: () => !ended,
      body: () => {
        const e = pending ?? turn()
        pending = null
        if (e !== null) return e
        leave()
        ended = true
        return Exit.void
      },
      step: (value) => {
        if (ended) return
        if (yielding) {
          yielding = false
          return
        }
        steps[pc]!.finish(inner, value)
        pc++
      }
    })
    return Combinator.located(run, outer, loop, where)
  }
}

/** Any structure: the blocks inside run whenever `loop` calls its step. */
const execCustom = (wrapper: WrapperData, steps: ReadonlyArray<Compiled>, self: () => Compiled): Exec => {
  const body = Combinator.execAll(steps)
  const names = Object.keys(wrapper.provides)
  const loop = wrapper.loop!
  return (state, run) => {
    let count = 0
    const step = (given: Rec, iteration: Rec): Any =>
      Effect.suspend(() => {
        const index = count++
        const outer = run.places.at
        const segment = () => `[${index}]`
        const next = Combinator.copy(given)
        for (const name of names) next[name] = iteration[name]
        const { watch } = run
        if (watch === null) {
          const e = body(next, run)
          return e === null ? Exit.succeed(next) : Combinator.located(run, outer, Effect.as(e, next), segment)
        }
        const ran = Combinator.nestedAll(self(), steps, next, Combinator.inside(run, segment()))
        return Effect.flatMap(Combinator.located(run, outer, ran, segment), () => {
          const seen: Rec = {}
          for (const name of names) seen[name] = next[name]
          const event = { path: watch.path, cursor: index, index, iteration: seen, state: { ...next } }
          return Effect.as(watch.emit(event), next)
        })
      })
    return loop(Combinator.copy(state), step)
  }
}

export const fromBlocks = (wrapper: WrapperData, given: ReadonlyArray<Block.Any>): any => {
  if (wrapper.provides === undefined) {
    throw new CompositionError({
      block: wrapper.name,
      reason: "is not the wrapper of a loop, as Loop.count, Loop.make or Loop.custom give it"
    })
  }
  Combinator.assertBlocks(wrapper.name, given)
  const blocks = [...given]
  const steps = blocks.map(Combinator.compiled)
  const inside = Combinator.mergeFields([{ inputs: wrapper.inputs, outputs: wrapper.provides }, ...steps])
  const outputs = Combinator.record()
  for (const name of Object.keys(inside.outputs)) {
    if (Object.hasOwn(wrapper.provides, name)) continue
    const written = inside.outputs[name]
    const surely = wrapper.once && !Combinator.isOptional(written)
    const before = inside.inputs[name]
    if (surely) outputs[name] = written
    else if (before === undefined) outputs[name] = Combinator.perhaps(written)
    else outputs[name] = Combinator.either(written, before, Combinator.isOptional(before))
  }
  const carried = Object.keys(outputs)
  const own = Combinator.record()
  Object.assign(own, wrapper.outputs)
  for (const [into, from] of Object.entries(wrapper.collect)) {
    const written = inside.outputs[from]
    if (written === undefined || Object.hasOwn(wrapper.provides, from) || Combinator.isOptional(written)) {
      throw new CompositionError({
        block: wrapper.name,
        reason: `collects '${from}', which the blocks inside do not surely write`
      })
    }
    own[into] = Schema.Array(written)
  }
  Object.assign(outputs, own)
  const { name, description, version, kind, cursor } = wrapper
  const definition = {
    kind,
    name,
    description,
    version,
    inputs: inside.inputs,
    outputs,
    blocks,
    wrapper: {
      inputs: wrapper.inputs,
      provides: wrapper.provides,
      outputs: own,
      ...(cursor === undefined ? {} : { cursor })
    },
    rebuild: (steps: ReadonlyArray<Compiled>) => fromBlocks(wrapper, steps as any),
    renamed: (name: string) => fromBlocks({ ...wrapper, name }, blocks)
  }
  if (kind === "custom") {
    const self: Compiled = Combinator.make({
      ...definition,
      exec: execCustom(wrapper, steps, () => self),
      finish: Combinator.writerOf(outputs)
    })
    return self
  }
  const written = new Set(steps.flatMap((b) => Object.keys(b.outputs)))
  const plan: Plan = {
    ...wrapper.plan!,
    provides: Object.keys(wrapper.provides),
    outputs: Object.keys(wrapper.outputs),
    carried,
    collect: Object.entries(wrapper.collect).map(([into, from]) => [from, into] as const),
    volatile: [...Object.keys(wrapper.provides), ...Object.keys(wrapper.inputs)].some((k) => written.has(k)),
    cursor: cursor!
  }
  return Combinator.make({ ...definition, node: { _tag: "loop", steps, plan }, exec: execLoop(steps, plan) })
}

/** For callers that the types do not help. */
export const fromWrapper = (wrapper: any, blocks: any): any => fromBlocks(wrapper, blocks)
