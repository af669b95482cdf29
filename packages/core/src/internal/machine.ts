/**
 * Where a run stands, as an explicit stack of frames: the position of the stepping interpreter. Everything here is pure and
 * synchronous; `stepping.ts` runs leaves, holds layers and spans, and asks whether to stop.
 */
import type { Branch, Compiled, Node, Plan, Rec } from "./node.ts"
import type { IterationEvent } from "./progress.ts"
import { copy, picker } from "./state.ts"

/** A composite that the run is inside of, and where in it. */
export interface Frame {
  readonly block: Compiled
  readonly node: Node
  /** Loops and the base own their record; the others share the one around them. */
  readonly state: Rec
  readonly own: boolean
  /** -1: a loop about to test, a conditional about to choose. Otherwise the index of the next child. */
  pc: number
  cursor: unknown
  index: number
  branch: Branch | undefined
  /** The iteration that has just ended was told. */
  reported: boolean
  /** One growing list for each entry of the plan's `collect`. Only ever added to, so that a snapshot may keep a list and a length. */
  readonly collected: ReadonlyArray<Array<unknown>>
  /** A copy of the record, for snapshots taken while a loop inside runs and so nothing writes it. */
  still: { readonly left: number; readonly state: Rec } | undefined
}
/** Before anything, after a leaf, or after a whole iteration of the innermost loop. */
export type At = "start" | "leaf" | "iteration"

const nothing: ReadonlyArray<Array<unknown>> = []
/** The frame of a composite that is entered. */
export const frame = (block: Compiled, node: Node, state: Rec, own: boolean, pc: number): Frame => ({
  block,
  node,
  state,
  own,
  pc,
  cursor: undefined,
  index: 0,
  branch: undefined,
  reported: false,
  collected: node._tag === "loop" && node.plan.collect.length > 0 ? node.plan.collect.map(() => []) : nothing,
  still: undefined
})

/** `a.b` + `[2].c` = `a.b[2].c` */
export const joinPath = (outer: string, inner: string): string =>
  outer === "" || inner === "" || inner.startsWith("[") ? outer + inner : `${outer}.${inner}`

const isShell = (node: Node): boolean => "shell" in node && node.shell === true

/** The frames of a run, from the base to the innermost composite, and the moves between leaves. */
export class Machine {
  readonly stack: Array<Frame> = []
  at: At = "start"
  fault: unknown
  /** Whoever watches wants the run to be left here. */
  leaving = false
  /** How often a loop has handed its variables to the record around it. */
  left = 0
  readonly root: Compiled
  /** Events are told under this path: that of an atomic block around. */
  readonly prefix: string
  /** The path of the root is the prefix: its own name is not added. */
  readonly anonymous: boolean
  constructor(root: Compiled, prefix = "", anonymous = false) {
    this.root = root
    this.prefix = prefix
    this.anonymous = anonymous
  }
  /** Stands before the first step of `steps`, over `state`. */
  begin(steps: ReadonlyArray<Compiled>, state: Rec): this {
    this.stack.push(frame(this.root, { _tag: "sequential", steps }, state, true, 0))
    return this
  }
  get top(): Frame {
    return this.stack[this.stack.length - 1]!
  }
  private push(block: Compiled, node: Node, outer: Rec): void {
    const own = node._tag === "loop"
    const state = own ? copy(outer) : outer
    const pc = node._tag === "sequential" || node._tag === "provide" ? 0 : -1
    const pushed = frame(block, node, state, own, pc)
    this.stack.push(pushed)
    if (node._tag === "loop") pushed.cursor = node.plan.initial(node.plan.view(state))
  }
  private pop(): void {
    this.stack.pop()
    this.top.pc++
  }
  /** Pure moves until a leaf must run (which is returned), an iteration has ended, the end, or a fault. */
  advance(): Compiled | "iteration" | "done" | "fault" {
    for (;;) {
      const top = this.top
      const node = top.node
      let child: Compiled
      switch (node._tag) {
        case "sequential": {
          if (top.pc >= node.steps.length) {
            if (this.stack.length === 1) return "done"
            this.pop()
            continue
          }
          child = node.steps[top.pc]!
          break
        }
        case "provide": {
          if (top.pc > 0) {
            this.pop()
            continue
          }
          child = node.block
          break
        }
        case "conditional": {
          if (top.pc > 0) {
            this.pop()
            continue
          }
          if (top.pc === -1) {
            const branch = node.choose(top.state)
            if (branch === undefined) {
              this.pop()
              continue
            }
            this.fault = node.missing(branch, top.state)
            if (this.fault !== undefined) return "fault"
            top.branch = branch
            top.pc = 0
          }
          child = top.branch!.block
          break
        }
        case "loop": {
          const plan = node.plan
          if (top.pc === -1) {
            const view = plan.view(top.state)
            if (!plan.test(top.cursor, view)) {
              this.leave(top, plan, view)
              continue
            }
            provide(top.state, plan, plan.iteration(top.cursor, view))
            top.pc = 0
          }
          if (top.pc >= node.steps.length) {
            if (!top.reported) {
              for (let i = 0; i < plan.collect.length; i++) top.collected[i]!.push(top.state[plan.collect[i]![0]])
              top.reported = true
              this.at = "iteration"
              return "iteration"
            }
            top.cursor = plan.next(top.cursor, plan.view(top.state))
            top.index++
            top.pc = -1
            top.reported = false
            continue
          }
          child = node.steps[top.pc]!
        }
      }
      if (child.node === undefined) return child
      this.push(child, child.node, top.state)
    }
  }
  leafDone(): void {
    this.top.pc++
    this.at = "leaf"
  }
  private leave(loop: Frame, plan: Plan, view: unknown): void {
    const done = plan.done?.(loop.cursor, view)
    this.pop()
    this.left++
    leaveLoop(this.top.state, loop.state, plan, done, loop.collected)
  }
  /** From the root to the innermost frame, or to a leaf in it. */
  path(leaf?: Compiled, depth = this.stack.length): string {
    let out = ""
    let named = this.anonymous
    for (let i = 1; i < depth; i++) {
      const f = this.stack[i]!
      if (isShell(f.node)) continue
      if (!named) out = joinPath(out, f.block.name)
      named = false
      if (f.node._tag === "loop" && (i < depth - 1 || leaf !== undefined)) out += `[${f.index}]`
    }
    return leaf === undefined || named ? out : joinPath(out, leaf.name)
  }
  event(): IterationEvent {
    const loop = this.top
    const iteration: Rec = {}
    if (loop.node._tag === "loop") {
      for (const name of loop.node.plan.provides) iteration[name] = loop.state[name]
    }
    const path = joinPath(this.prefix, this.path())
    return {
      path,
      cursor: loop.cursor,
      index: loop.index,
      iteration,
      state: picker(Object.keys(loop.state))(loop.state)
    }
  }
  result(): Rec {
    return picker(Object.keys(this.root.outputs))(this.stack[0]!.state)
  }
}

/** Iteration variables hide what the state has under their names, also those that are not given this time. */
export const provide = (state: Rec, plan: Plan, iteration: Rec): void => {
  for (let i = 0; i < plan.provides.length; i++) {
    const name = plan.provides[i]!
    state[name] = iteration[name]
  }
}
/** What a loop hands to the state around it: what its body wrote, then what its wrapper gives, then what was collected. */
export const leaveLoop = (
  outer: Rec,
  inner: Rec,
  plan: Plan,
  done: Rec | undefined,
  collected: ReadonlyArray<ReadonlyArray<unknown>>
): void => {
  for (let i = 0; i < plan.carried.length; i++) {
    const name = plan.carried[i]!
    const value = inner[name]
    if (value !== undefined) outer[name] = value
  }
  if (done !== undefined) {
    for (const name of plan.outputs) if (done[name] !== undefined) outer[name] = done[name]
  }
  for (let i = 0; i < plan.collect.length; i++) outer[plan.collect[i]![1]] = collected[i]
}
