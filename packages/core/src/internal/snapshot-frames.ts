/** A machine's stack as data, and a machine that stands where such data says. Frames of layers are left out and found again. */
import { SnapshotInvalid } from "../Errors.ts"
import { frame, Machine } from "./machine.ts"
import type { At, Frame } from "./machine.ts"
import type { Compiled, Node, Rec } from "./node.ts"
import { mismatch, outlineOf } from "./snapshot-outline.ts"
import { copy } from "./state.ts"

/** Where one composite stands. */
export interface Shape {
  readonly block: string
  readonly kind: string
  readonly pc: number
  readonly branch?: string | undefined
  readonly index?: number | undefined
}
/** A list that only grows, as long as it was then. */
export interface Prefix {
  readonly list: ReadonlyArray<unknown>
  readonly length: number
}
export interface FrameData extends Shape {
  readonly cursor?: unknown
  /** Of the run and of each loop: its record. */
  readonly state?: Readonly<Rec> | undefined
  readonly collected?: ReadonlyArray<Prefix> | undefined
}
export interface SnapshotData {
  readonly "~effect-blocks/Snapshot": true
  readonly digest: string
  readonly outline: ReadonlyArray<string>
  readonly at: At
  readonly frames: ReadonlyArray<FrameData>
}

export const capture = (m: Machine): SnapshotData => {
  const { digest, lines } = outlineOf(m.root)
  const { stack } = m
  let owner = stack.length - 1
  while (!stack[owner]!.own) owner--
  const frames: Array<FrameData> = []
  for (let i = 0; i < stack.length; i++) {
    const f = stack[i]!
    if (f.node._tag !== "provide") frames.push(dataOf(m, f, i, f.own ? stateOf(m, f, i === owner) : undefined))
  }
  return { "~effect-blocks/Snapshot": true, digest, outline: lines, at: m.at, frames }
}
/** Only the innermost record is being written: the others are copied once. */
const stateOf = (m: Machine, f: Frame, innermost: boolean): Rec => {
  if (innermost) return copy(f.state)
  if (f.still === undefined || f.still.left !== m.left) f.still = { left: m.left, state: copy(f.state) }
  return f.still.state
}
/** The place of a frame, as if layers around a leaf that has just finished were already left. */
const pcOf = (m: Machine, i: number): number => {
  let last = i
  while (m.stack[last + 1]?.node._tag === "provide") last++
  return last > i && m.stack[last]!.pc > 0 ? m.stack[i]!.pc + 1 : m.stack[i]!.pc
}
const dataOf = (m: Machine, f: Frame, i: number, state: Rec | undefined): FrameData => {
  const pc = pcOf(m, i)
  if (i === 0) return { block: m.root.name, kind: "run", pc, state }
  const block = f.block.name
  const kind = f.block.kind
  if (f.node._tag === "loop") {
    const at = { block, kind, pc, cursor: f.cursor, index: f.index, state }
    if (f.collected.length === 0) return at
    return { ...at, collected: f.collected.map((list) => ({ list, length: list.length })) }
  }
  return f.branch === undefined ? { block, kind, pc } : { block, kind, pc, branch: f.branch.block.name }
}

export const bad = (path: string, reason: string): SnapshotInvalid => new SnapshotInvalid({ path, reason })

const childOf = (f: Frame): Compiled | undefined => {
  switch (f.node._tag) {
    case "conditional":
      return f.branch?.block
    case "provide":
      return f.node.block
    default:
      return f.node.steps[f.pc]
  }
}
const sizeOf = (node: Node): number => (node._tag === "conditional" || node._tag === "provide" ? 1 : node.steps.length)

/** Descends frame by frame. Everything that data may say wrongly is checked, and thrown as a `SnapshotInvalid`. */
export class Descent {
  readonly machine: Machine
  constructor(root: Compiled, base: Shape | undefined, at: At) {
    this.machine = new Machine(root)
    this.machine.at = at
    if (base === undefined || base.kind !== "run") throw bad("", "has no frames")
    if (base.pc !== 0 && base.pc !== 1) throw bad("", `the place ${base.pc} of the run is out of range`)
  }
  begin(state: Rec, pc: number): void {
    this.machine.begin([this.machine.root], state)
    this.machine.top.pc = pc
  }
  /** The composite that a frame is of; layers around it are entered. */
  find(shape: Shape): Compiled & { readonly node: Node } {
    const m = this.machine
    let child = childOf(m.top)
    while (child?.node?._tag === "provide") {
      m.stack.push(frame(child, child.node, m.top.state, false, 0))
      child = child.node.block
    }
    if (child?.node === undefined || child.name !== shape.block)
      throw bad(m.path(), `there is no composite '${shape.block}' here`)
    const { node } = child
    const limit = sizeOf(node)
    if (!(Number.isInteger(shape.pc) && shape.pc >= 0 && shape.pc <= limit)) {
      throw bad(m.path(), `the place ${shape.pc} of '${shape.block}' is out of range (0 to ${limit})`)
    }
    if (node._tag === "conditional" && (shape.branch === undefined || node.branch(shape.branch) === undefined)) {
      throw bad(m.path(), `'${shape.block}' has no branch '${shape.branch}'`)
    }
    if (node._tag === "loop" && !(Number.isInteger(shape.index) && shape.index! >= 0)) {
      throw bad(m.path(), `'${shape.block}' has no number of iterations`)
    }
    return child as Compiled & { readonly node: Node }
  }
  enter(shape: Shape, child: Compiled & { readonly node: Node }, loop: LoopData | undefined): void {
    const { node } = child
    const pushed = frame(child, node, loop?.state ?? this.machine.top.state, loop !== undefined, shape.pc)
    if (node._tag === "conditional") pushed.branch = node.branch(shape.branch!)
    if (loop !== undefined) {
      pushed.cursor = loop.cursor
      pushed.index = shape.index!
      pushed.collected.forEach((list, i) => list.push(...(loop.collected[i] ?? [])))
    }
    this.machine.stack.push(pushed)
  }
  end(): Machine {
    const m = this.machine
    if (m.at === "iteration") {
      const { node, pc } = m.top
      if (node._tag !== "loop" || pc !== node.steps.length) throw bad(m.path(), "does not stand after an iteration")
      m.top.reported = true
    }
    return m
  }
}
export interface LoopData {
  readonly state: Rec
  readonly cursor: unknown
  readonly collected: ReadonlyArray<ReadonlyArray<unknown>>
}

/** A machine that stands where the snapshot was taken. Throws what is wrong. */
export const restore = (root: Compiled, snapshot: SnapshotData): Machine => {
  const other = mismatch(root, snapshot)
  if (other !== undefined) throw other
  const [base, ...frames] = snapshot.frames
  const descent = new Descent(root, base, snapshot.at)
  descent.begin(copy(base!.state!), base!.pc)
  for (const f of frames) {
    const child = descent.find(f)
    const collected = (f.collected ?? []).map((c) => c.list.slice(0, c.length))
    descent.enter(f, child, f.state === undefined ? undefined : { state: copy(f.state), cursor: f.cursor, collected })
  }
  return descent.end()
}
