/** Runs that can be left and re-entered. */
import * as Effect from "effect/Effect"
import { Machine } from "./machine.ts"
import type { At } from "./machine.ts"
import { runOf } from "./block.ts"
import { expectedOf } from "./expected.ts"
import type { Compiled, Rec } from "./node.ts"
import { Progress } from "./progress.ts"
import { attempt } from "./snapshot-json.ts"
import { bad, capture, restore } from "./snapshot-frames.ts"
import type { SnapshotData } from "./snapshot-frames.ts"
import { choose, schemasOf } from "./snapshot-values.ts"
import { copy } from "./state.ts"
import { driveRun } from "./stepping.ts"
import type { Hook } from "./stepping.ts"

class BoundaryImpl {
  readonly #machine: Machine
  readonly count: number
  constructor(machine: Machine, count: number) {
    this.#machine = machine
    this.count = count
  }
  get at(): At {
    return this.#machine.at
  }
  get path(): string {
    return this.#machine.path()
  }
  get index(): number {
    return this.#machine.top.index
  }
  snapshot(): SnapshotData {
    return capture(this.#machine)
  }
}

const atLeastOne = (every: number | undefined): number => (every !== undefined && every >= 1 ? Math.floor(every) : 1)
const hookOf = (options: any): Hook | null => {
  const { until, onBoundary } = options
  if (until === undefined && onBoundary === undefined) return null
  const regular = typeof options.every !== "function"
  const every = regular ? atLeastOne(options.every) : options.every
  let count = -1
  const at = (m: Machine) => {
    count++
    if (until === undefined && regular && (count + 1) % every !== 0) return null
    const boundary = new BoundaryImpl(m, count)
    m.leaving = until !== undefined && until(boundary) === true
    const due = onBoundary !== undefined && (regular ? (count + 1) % every === 0 : every(boundary) === true)
    return due ? onBoundary(capture(m), boundary) : null
  }
  return { on: options.on ?? "leaf", at }
}
const observe = (m: Machine, options: any): Effect.Effect<any, any, any> =>
  Effect.withFiber((fiber) =>
    Effect.map(driveRun(m, runOf(fiber), { hook: hookOf(options), listener: fiber.getRef(Progress) }), (ended) => {
      if (options.until === undefined) return m.result()
      return ended === "done" ? { _tag: "Done", output: m.result() } : { _tag: "Left", snapshot: capture(m) }
    })
  )

const begin = (root: Compiled, inputs: Rec): Effect.Effect<Machine, any, any> =>
  Effect.suspend(() => {
    const state = root.enter(inputs)
    const machine = () => new Machine(root).begin([root], state)
    const drawn = root.draw(state)
    return drawn === null ? Effect.succeed(machine()) : Effect.map(drawn, machine)
  })

/** Defaults that are effects can neither fail nor need anything: `Field.default` sees to that. */
export const start = (root: Compiled, inputs: Rec): Effect.Effect<SnapshotData> =>
  Effect.map(begin(root, inputs), capture) as Effect.Effect<SnapshotData>

export const run = (root: Compiled, inputs: Rec, options: any = {}): Effect.Effect<any, any, any> =>
  Effect.flatMap(begin(root, inputs), (m) => observe(m, options))

export const resume = (root: Compiled, snapshot: SnapshotData, options: any = {}): Effect.Effect<any, any, any> =>
  Effect.flatMap(
    attempt(() => restore(root, snapshot)),
    (m) => observe(m, options)
  )

export const modify = (root: Compiled, snapshot: SnapshotData, changes: Rec): Effect.Effect<SnapshotData, any> =>
  attempt(() => {
    const m = restore(root, snapshot)
    const table = schemasOf(root)
    const names = new Set([...Object.keys(root.inputs), ...Object.keys(root.outputs)])
    const changed = { ...changes }
    for (const name of Object.keys(changes)) {
      const schemas = table.get(name)
      if (!names.has(name) || schemas === undefined) {
        throw bad(name, `is no variable of '${root.name}', which has ${[...names].map((n) => `'${n}'`).join(", ")}`)
      }
      if (changes[name] !== undefined && choose(schemas, changes[name]) === -1) {
        throw bad(name, `should be ${[...new Set(schemas.map(expectedOf))].join(" or ")}`)
      }
    }
    // under an iteration variable another variable of that name is hidden, in all that is inside as well
    const hidden = new Set<string>()
    const stack = m.stack.filter((f) => f.node._tag !== "provide")
    const frames = snapshot.frames.map((f, i) => {
      if (f.state === undefined) return f
      const { node } = stack[i]!
      if (node._tag === "loop") for (const name of node.plan.provides) hidden.add(name)
      const state = copy(f.state)
      for (const name of Object.keys(changed)) if (!hidden.has(name)) state[name] = changed[name]
      return { ...f, state }
    })
    return { ...snapshot, frames }
  })

export const where = (root: Compiled, snapshot: SnapshotData): Effect.Effect<any, any> =>
  attempt(() => {
    const m = restore(root, snapshot)
    const { top } = m
    return {
      at: m.at,
      path: m.path(),
      state: copy(top.state),
      ...(m.at === "iteration" ? { iteration: m.event() } : {})
    }
  })
