/**
 * The stepping interpreter: drives a `Machine`, runs its leaves, and stops where it is told to. It runs whenever somebody watches
 * (Snapshot, Loop.next, Loop.stream, Checkpoint, Progress); nobody watching means that the fast interpreter runs instead.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { joinPath, Machine } from "./machine.ts"
import type { Frame } from "./machine.ts"
import type { Compiled, Exec, Rec, Run } from "./node.ts"
import { located, orInterrupted } from "./place.ts"
import type { Listener } from "./progress.ts"
import { picker } from "./state.ts"

/** Turns of loops until the fiber gets a turn. */
export const BUDGET = 512
/** Milliseconds until it gets one, where turns are slow. */
const SLICE = 2
/** Counts a turn of a loop. True: the fiber must get a turn now, or the run could not be interrupted. */
export const spent = (run: Run): boolean => {
  if (--run.budget >= 0) {
    // the clock is looked at after 1, 2, 4, 8 turns, and then after every 16
    if ((run.budget & run.mask) !== 0) return false
    const now = performance.now()
    if (run.deadline === 0) run.deadline = now + SLICE
    if (now < run.deadline) {
      run.mask = Math.min(run.mask * 2 + 1, 15)
      return false
    }
  }
  run.budget = BUDGET
  run.deadline = 0
  run.mask = 0
  return true
}

/** Asked at boundaries. It may set `machine.leaving`, and name something to do first. */
export interface Hook {
  readonly on: "leaf" | "iteration" | "any"
  readonly at: (machine: Machine) => Effect.Effect<unknown, any, any> | null
}
/** Who watches a run. */
export interface Observer {
  readonly hook: Hook | null
  /** Told of every iteration, before the hook; also of iterations inside blocks that are atomic. */
  readonly listener: Listener | null
}
type Any = Effect.Effect<any, any, any>
const isSuccess = (effect: any): boolean => effect._tag === "Success"

/** There may be loops in it. */
export const hasIterations = (block: Compiled): boolean => block.blocks.length > 0 || block.wrapper !== undefined

/** The run of a block inside the block that `run` is of. */
export const inside = (run: Run, segment: string): Run =>
  run.watch === null ? run : { ...run, watch: { path: joinPath(run.watch.path, segment), emit: run.watch.emit } }

/** Moves a machine on and runs its leaves, to its end or to where whoever watches wants it left. */
export const drive = (m: Machine, run: Run, observer: Observer): Effect.Effect<"done" | "left", any, any> =>
  Effect.suspend(() => {
    const { hook, listener } = observer
    const holding = run.traced || provides(m.root) ? new Holding(m, run) : null
    let ended: "done" | "left" | undefined
    let phase: "moving" | "opening" | "leaf" | "event" | "hook" = "moving"
    let leaf: Compiled
    /** What to do when the fiber comes back, instead of a turn. */
    let rest: (() => Any) | null = null

    const watch = (of: Compiled, leafRun: Run): Run =>
      listener === null || !hasIterations(of)
        ? leafRun
        : { ...leafRun, watch: { path: joinPath(m.prefix, m.path(of)), emit: listener } }
    const runLeaf = (): Any | null => {
      phase = "leaf"
      if (holding === null) return leaf.exec(m.top.state, watch(leaf, run))
      return holding.run((r) => leaf.exec(m.top.state, watch(leaf, r)))
    }
    /** `null`: go on. */
    const ask = (): Any | null => {
      if (hook === null || (hook.on !== "any" && hook.on !== m.at)) return null
      phase = "hook"
      const first = hook.at(m)
      if (first !== null && !isSuccess(first)) return first
      if (!m.leaving) return null
      ended = "left"
      return Exit.void
    }
    const boundary = (): Any | null => {
      if (listener === null || m.at !== "iteration") return ask()
      phase = "event"
      return listener(m.event())
    }
    /** Leaves need nothing but the state, and nobody asks after them: they may run in a row. */
    const bare = holding === null && listener === null && (hook === null || hook.on === "iteration")
    const row = (frame: Frame): Any | null => {
      phase = "leaf"
      const steps = "steps" in frame.node ? frame.node.steps : undefined
      for (;;) {
        const e = leaf.exec(frame.state, run)
        if (e !== null) return e
        m.leafDone()
        const next = steps?.[frame.pc]
        if (next === undefined || next.node !== undefined) return null
        leaf = next
      }
    }
    const turn = (): Any => {
      for (;;) {
        phase = "moving"
        const next = m.advance()
        if (next === "iteration") {
          const e = boundary()
          if (e !== null) return e
          // a turn for the fiber is a matter of loops: compositions end
          if (spent(run)) {
            phase = "moving"
            return Effect.yieldNow
          }
          continue
        }
        if (next === "done") {
          ended = "done"
          return Exit.void
        }
        if (next === "fault") return Exit.fail(m.fault)
        leaf = next
        if (holding !== null && !holding.current()) {
          phase = "opening"
          rest = afterOpening
          return holding.update()
        }
        if (bare) {
          const e = row(m.top)
          if (e !== null) return e
          continue
        }
        const e = runLeaf()
        if (e !== null) return e
        m.leafDone()
        const asked = ask()
        if (asked !== null) return asked
      }
    }
    const afterOpening = (): Any => {
      const e = runLeaf()
      if (e !== null) return e
      m.leafDone()
      return boundary() ?? turn()
    }
    const loop = Effect.whileLoop({
      while: () => ended === undefined,
      body: () => {
        const now = rest
        rest = null
        return now === null ? turn() : now()
      },
      step: (value) => {
        if (ended !== undefined) return
        if (phase === "hook") {
          if (m.leaving) ended = "left"
        } else if (phase === "event") {
          rest = () => ask() ?? turn()
        } else if (phase === "leaf") {
          leaf.finish(m.top.state, value)
          m.leafDone()
          rest = () => boundary() ?? turn()
        }
      }
    })
    const where = (): string => {
      if (phase === "leaf") return m.path(leaf)
      if (phase === "moving") return m.path()
      return phase === "opening" ? holding!.path() : ""
    }
    const driven = located(
      run,
      run.places.at,
      Effect.map(loop, () => ended!),
      where
    )
    return holding === null ? driven : Effect.onExit(driven, (exit) => holding.close(exit))
  })

/** Runs a block that has a node, for an atomic block around it, in a watched run. It has written its outputs when it ends. */
export const nested = (self: Compiled, state: Rec, run: Run): Effect.Effect<void, any, any> =>
  Effect.asVoid(drive(new Machine(self, run.watch!.path, true).begin([self], state), run, hearing(run)))

/** The same for blocks in order, such as the body of `Loop.custom`. `self` is the block that they are in. */
export const nestedAll = (
  self: Compiled,
  steps: ReadonlyArray<Compiled>,
  state: Rec,
  run: Run
): Effect.Effect<void, any, any> =>
  Effect.asVoid(drive(new Machine(self, run.watch!.path).begin(steps, state), run, hearing(run)))
const hearing = (run: Run): Observer => ({ hook: null, listener: run.watch!.emit })

/** The `exec` of a block that has a node. */
export const watchable =
  (self: Compiled, fast: Exec): Exec =>
  (state, run) =>
    run.watch === null ? fast(state, run) : nested(self, state, run)

/** Drives a whole run. */
export const driveRun = (m: Machine, run: Run, observer: Observer): Effect.Effect<"done" | "left", any, any> =>
  orInterrupted(run, drive(m, run, observer), "")

/** A whole run with a listener. */
export const watched = (self: Compiled, state: Rec, run: Run, listener: Listener): Effect.Effect<Rec, any, any> =>
  Effect.map(driveRun(new Machine(self).begin([self], state), run, { hook: null, listener }), () =>
    picker(Object.keys(self.outputs))(state)
  )

const providing = new WeakMap<Compiled, boolean>()
/** Whether layers are given to a part that the machine steps through. */
const provides = (block: Compiled): boolean => {
  let known = providing.get(block)
  if (known === undefined) {
    known = block.node?._tag === "provide" || block.blocks.some(provides)
    providing.set(block, known)
  }
  return known
}

interface Held {
  readonly frame: Frame
  readonly run: Run
  readonly context: Context.Context<never>
  readonly scope: Scope.Closeable
}

/** Layers that are built and spans that are open, a pair for each frame of the machine's stack. */
class Holding {
  readonly #held: Array<Held> = []
  readonly #machine: Machine
  readonly #run: Run
  constructor(machine: Machine, run: Run) {
    this.#machine = machine
    this.#run = run
  }
  current(): boolean {
    const stack = this.#machine.stack
    // a frame is pushed once and popped once: the same top at the same depth means the same stack
    return this.#held.length === stack.length && this.#held[stack.length - 1]!.frame === stack[stack.length - 1]
  }
  /** Closes what was left, opens what was entered. */
  update(): Effect.Effect<void, any, any> {
    return Effect.suspend(() => {
      const stack = this.#machine.stack
      let common = 0
      while (common < this.#held.length && this.#held[common]!.frame === stack[common]) common++
      return Effect.andThen(
        this.#closeTo(common, Exit.void),
        Effect.whileLoop({
          while: () => this.#held.length < stack.length,
          body: () => this.#open(stack[this.#held.length]!),
          step: () => {}
        })
      )
    })
  }
  #open(frame: Frame): Effect.Effect<void, any, any> {
    const outer = this.#held.at(-1)
    const run = outer?.run ?? this.#run
    const context = outer?.context ?? this.#run.context
    const { node, block } = frame
    return Effect.flatMap(Scope.make(), (scope) => {
      const hold = (run: Run, context: Context.Context<never>) => {
        this.#held.push({ frame, run, context, scope })
      }
      const depth = this.#held.length
      if (node._tag === "provide") {
        const built = Effect.provideContext(Layer.buildWithScope(node.layer, scope), context)
        return Effect.onExit(
          Effect.map(built, (given) =>
            hold({ ...run, context: Context.merge(run.context, given) }, Context.merge(context, given))
          ),
          (exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
        )
      }
      // the base is no block, and the span of an anonymous root was opened by whoever runs it
      const silent = !run.traced || depth === 0 || (depth === 1 && this.#machine.anonymous)
      if (silent) return Effect.sync(() => hold(run, context))
      const span = Effect.makeSpanScoped(block.name, {
        attributes: { "block.kind": block.kind, "block.name": block.name }
      })
      return Effect.map(Effect.provideContext(span, Context.add(context, Scope.Scope, scope)), (span) =>
        hold(run, Context.add(context, Tracer.ParentSpan, span))
      )
    })
  }
  run(f: (run: Run) => Any | null): Any {
    const { run, context } = this.#held.at(-1)!
    return Effect.provideContext(
      Effect.suspend(() => f(run) ?? Exit.void),
      context
    )
  }
  /** Of the frame that is being opened. */
  path(): string {
    const depth = this.#held.length
    return this.#machine.path(this.#machine.stack[depth]?.block, depth)
  }
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return this.#closeTo(0, exit)
  }
  #closeTo(depth: number, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => this.#held.length > depth,
      body: () => Scope.close(this.#held.pop()!.scope, exit),
      step: () => {}
    })
  }
}
