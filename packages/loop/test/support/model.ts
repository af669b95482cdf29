/**
 * The reference: what a composition must do, in the plainest way there is. Recursion, one record per loop, exceptions. Nothing of
 * the library is used here.
 */
import { carriedOf, collectOf, nameOf, rowsOf, wrapperOf } from "./composition.ts"
import type { Composition, Leaf } from "./composition.ts"
import { defaultValue, hash, mix, show, value } from "./values.ts"

type State = Record<string, unknown>
export interface Seen {
  /** The output, or where and how it failed. */
  readonly result: { readonly ok: unknown } | { readonly path: string; readonly error: string }
  /** Every block that ran, in order, with a hash of what it read. */
  readonly log: ReadonlyArray<string>
  /** One for each finished iteration. */
  readonly events: ReadonlyArray<unknown>
}
class Stopped extends Error {
  readonly path: string
  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}
export const serviceOutside = 1

/** What a leaf does with what it read; used by the blocks as well, being what their `run` is. */
export const leafOutput = (
  leaf: Leaf,
  place: string,
  read: State,
  service: number,
  log: (entry: string) => void
): { readonly fault: "fail" | "throw"; readonly message: string } | { readonly output: State } => {
  const h = leaf.reads.reduce((h, r) => mix(h, hash(read[r.name])), leaf.service ? mix(leaf.seed, service) : leaf.seed)
  log(`${place}:${h}`)
  if (h % 13 === 0 && leaf.fault !== "none") return { fault: leaf.fault, message: `${leaf.fault} ${h}` }
  const output: State = {}
  leaf.writes.forEach((w, n) => {
    const g = mix(h, n)
    if (!(w.optional && g % 3 === 0)) output[w.name] = value(w.name, w.schema, g)
  })
  return { output }
}
export const whilstTest = (seed: number, on: unknown, i: number): boolean => i < 3 && mix(hash(on), seed) % 4 !== 0
export const untilTest = (seed: number, on: unknown, i: number): boolean => i >= 3 || mix(hash(on), seed) % 2 === 0
export const makeLoop = {
  initial: (input: unknown) => ({ k: 0, acc: hash(input) }),
  provided: (acc: number, name: string, input: unknown): unknown => {
    const h = mix(acc, hash(input))
    return h % 4 === 0 ? undefined : value(name, 2, h)
  },
  next: (cursor: { readonly k: number; readonly acc: number }, input: unknown) => ({
    k: cursor.k + 1,
    acc: mix(cursor.acc, hash(input))
  })
}

export const model = (root: Composition, inputs: State): Seen => {
  const log: Array<string> = []
  const events: Array<unknown> = []

  const runAll = (kids: ReadonlyArray<Composition>, place: string, state: State, path: string, service: number) =>
    kids.forEach((kid, n) => run(kid, `${place}_${n}`, state, path, service))

  const run = (c: Composition, place: string, state: State, outer: string, service: number): void => {
    const me = nameOf(innermost(c), place)
    const path = outer === "" ? me : `${outer}.${me}`
    switch (c.kind) {
      case "leaf": {
        const read: State = {}
        for (const r of c.reads) {
          read[r.name] = state[r.name] === undefined && r.mode === "default" ? defaultValue : state[r.name]
        }
        const out = leafOutput(c, place, read, service, (entry) => log.push(entry))
        if ("fault" in out) throw new Stopped(path, out.message)
        for (const name of Object.keys(out.output)) state[name] = out.output[name]
        return
      }
      case "sequential":
        return runAll(c.kids, place, state, path, service)
      case "provide":
        return run(c.block, place, state, outer, c.value)
      case "auto": {
        const chosen = c.whens.findIndex((w) => state[w.when] !== undefined)
        const block = chosen === -1 ? c.otherwise : c.whens[chosen]!.block
        if (block === null) return
        const at = chosen === -1 ? `${place}_9` : `${place}_${chosen}`
        const needs = [...rowsOf(block).inputs].filter(([, need]) => need === "required").map(([name]) => name)
        const missing = needs.filter((name) => state[name] === undefined)
        if (missing.length > 0) throw new Stopped(path, `missing ${missing.toSorted().join()}`)
        return run(block, at, state, path, service)
      }
      case "parallel": {
        const before = { ...state }
        c.kids.forEach((kid, n) => {
          const own = { ...before }
          run(kid, `${place}_${n}`, own, path, service)
          for (const name of rowsOf(kid).outputs.keys()) if (own[name] !== undefined) state[name] = own[name]
        })
        return
      }
      default: {
        const inner = { ...state }
        const provides = [...wrapperOf(c).outputs.keys()]
        const collected: Array<unknown> = []
        let index = 0
        const iterate = (cursor: unknown, iteration: State) => {
          for (const name of provides) inner[name] = iteration[name]
          runAll(c.kids, place, inner, `${path}[${index}]`, service)
          const from = collectOf(c)
          if (from !== null) collected.push(inner[from])
          // as the loop stands then: a block inside may have written the iteration's variables
          const seen: State = {}
          for (const name of provides) seen[name] = inner[name]
          events.push(show({ path, cursor, index, iteration: seen, state: { ...inner } }))
          index++
        }
        const done: State = {}
        if (c.kind === "count") {
          for (let i = 0; i < (inner[c.times] as number); i++) iterate(i, { [c.as]: i })
        } else if (c.kind === "whilst") {
          for (let i = 0; whilstTest(c.seed, inner[c.on], i); i++) iterate(i, { [c.as]: i })
        } else if (c.kind === "until") {
          let i = 0
          do iterate(i, { [c.as]: i })
          while (!untilTest(c.seed, inner[c.on], ++i))
        } else if (c.kind === "make") {
          let cursor = makeLoop.initial(inner[c.input])
          while (cursor.k < c.limit) {
            iterate(cursor, { [c.provide]: makeLoop.provided(cursor.acc, c.provide, inner[c.input]) })
            cursor = makeLoop.next(cursor, inner[c.input])
          }
          done[c.out] = value(c.out, 3, cursor.acc)
        } else {
          iterate(0, { i: 5 })
          iterate(1, { i: 6 })
        }
        for (const name of carriedOf(c)) if (inner[name] !== undefined) state[name] = inner[name]
        for (const name of Object.keys(done)) state[name] = done[name]
        if (collectOf(c) !== null) state["all"] = collected
      }
    }
  }

  const rows = rowsOf(root)
  const state: State = {}
  for (const [name, need] of rows.inputs) {
    if (inputs[name] !== undefined) state[name] = need === "trigger" && !rows.outputs.has(name) ? true : inputs[name]
  }
  try {
    run(root, "0", state, "", serviceOutside)
  } catch (e) {
    if (!(e instanceof Stopped)) throw e
    return { result: { path: e.path, error: e.message }, log, events }
  }
  const output: State = {}
  for (const name of rows.outputs.keys()) output[name] = state[name]
  return { result: { ok: show(output) }, log, events }
}

/** Giving layers is no place of its own: neither in paths nor in names. */
const innermost = (c: Composition): Composition => (c.kind === "provide" ? innermost(c.block) : c)
