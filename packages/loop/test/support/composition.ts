/**
 * Compositions as plain data, made at random. `build.ts` turns one into blocks, `model.ts` says what it must do:
 * the two know nothing of each other.
 */

/** `x y z i p` are numbers, `a` a Float32Array, `u` is written through several Schemas, `i` is also an iteration variable. */
export const names = ["x", "y", "z", "a", "u", "i", "p"] as const

export interface Read {
  readonly name: string
  readonly mode: "required" | "optional" | "default"
}
export interface Write {
  readonly name: string
  /** May be left out, depending on what was read. */
  readonly optional: boolean
  /** Which Schema, for names that have several. */
  readonly schema: number
}
export interface Leaf {
  readonly kind: "leaf"
  readonly reads: ReadonlyArray<Read>
  readonly writes: ReadonlyArray<Write>
  readonly how: "exit" | "sync" | "async"
  /** What happens instead of an output, for some of the inputs. */
  readonly fault: "none" | "fail" | "throw"
  readonly service: boolean
  readonly seed: number
}
interface Body {
  readonly kids: ReadonlyArray<Composition>
}
export type Composition =
  | Leaf
  | (Body & { readonly kind: "sequential" })
  | {
      readonly kind: "auto"
      readonly whens: ReadonlyArray<{ readonly when: string; readonly block: Composition }>
      readonly otherwise: Composition | null
    }
  | (Body & { readonly kind: "count"; readonly times: string; readonly as: string; readonly collect: string | null })
  | (Body & { readonly kind: "whilst" | "until"; readonly on: string; readonly as: string; readonly seed: number })
  | (Body & {
      readonly kind: "make"
      readonly input: string
      readonly provide: string
      readonly out: string
      readonly limit: number
    })
  | (Body & { readonly kind: "custom" })
  | { readonly kind: "parallel"; readonly kids: ReadonlyArray<Composition> }
  | { readonly kind: "provide"; readonly value: number; readonly block: Composition }

/** Every composition's blocks are named after their place: unique, and the same for the blocks and for the model. */
export const nameOf = (composition: Composition, place: string): string =>
  `${composition.kind}${place.slice(place.lastIndexOf("_") + 1)}`

// ---------------------------------------------------------------- what goes in and out, by the rules of the library

export interface Rows {
  /** Names that are needed, with whether they must be there. `"trigger"`: only looked at, nobody reads the value. */
  readonly inputs: ReadonlyMap<string, "required" | "optional" | "trigger">
  /** Names that may be written, with whether they surely are. */
  readonly outputs: ReadonlyMap<string, boolean>
}
type Step = Rows

const flow = (steps: ReadonlyArray<Step>): Rows => {
  const inputs = new Map<string, "required" | "optional" | "trigger">()
  const outputs = new Map<string, boolean>()
  for (const step of steps) {
    for (const [name, need] of step.inputs) {
      if (outputs.get(name) === true) continue
      const known = inputs.get(name)
      if (known === undefined || need === "required" || known === "trigger") inputs.set(name, need)
    }
    for (const [name, sure] of step.outputs) outputs.set(name, sure || outputs.get(name) === true)
  }
  return { inputs, outputs }
}

/** The wrapper of a loop, as the step before its body. */
export const wrapperOf = (loop: Composition): Rows & { readonly leaves: ReadonlyArray<string> } => {
  const rows = (
    inputs: ReadonlyArray<[string, "required" | "optional"]>,
    outputs: ReadonlyArray<[string, boolean]>
  ) => ({
    inputs: new Map(inputs),
    outputs: new Map(outputs)
  })
  switch (loop.kind) {
    case "count":
      return { ...rows([[loop.times, "required"]], [[loop.as, true]]), leaves: [] }
    case "whilst":
    case "until":
      return { ...rows([[loop.on, "optional"]], [[loop.as, true]]), leaves: [] }
    case "make":
      return { ...rows([[loop.input, "optional"]], [[loop.provide, false]]), leaves: [loop.out] }
    default:
      return { ...rows([], [["i", true]]), leaves: [] }
  }
}

/** Names that a loop hands on: what its body may write, never an iteration variable. */
export const carriedOf = (loop: Composition & Body): ReadonlyArray<string> => {
  const wrapper = wrapperOf(loop)
  return [...flow([wrapper, ...loop.kids.map(rowsOf)]).outputs.keys()].filter((name) => !wrapper.outputs.has(name))
}

/** What is collected, if the body surely writes it and it is no iteration variable. */
export const collectOf = (loop: Composition): string | null =>
  loop.kind === "count" &&
  loop.collect !== null &&
  loop.collect !== loop.as &&
  flow(loop.kids.map(rowsOf)).outputs.get(loop.collect) === true
    ? loop.collect
    : null

export const rowsOf = (composition: Composition): Rows => {
  switch (composition.kind) {
    case "leaf":
      return {
        inputs: new Map(composition.reads.map((r) => [r.name, r.mode === "required" ? "required" : "optional"])),
        outputs: new Map(composition.writes.map((w) => [w.name, !w.optional]))
      }
    case "sequential":
      return flow(composition.kids.map(rowsOf))
    case "parallel": {
      const kids = composition.kids.map(rowsOf)
      const { inputs } = flow(kids.map((kid) => ({ inputs: kid.inputs, outputs: new Map() })))
      return { inputs, outputs: new Map(kids.flatMap((kid) => [...kid.outputs])) }
    }
    case "provide":
      return rowsOf(composition.block)
    case "auto": {
      const branches = [
        ...composition.whens.map((w) => w.block),
        ...(composition.otherwise ? [composition.otherwise] : [])
      ]
      const rows = branches.map(rowsOf)
      const skippable = composition.otherwise === null
      const inputs = new Map<string, "required" | "optional" | "trigger">()
      for (const row of rows) {
        for (const [name, need] of row.inputs) {
          const everywhere = !skippable && rows.every((r) => r.inputs.get(name) === "required")
          const known = inputs.get(name)
          if (known === undefined || known === "trigger") {
            inputs.set(name, everywhere ? "required" : need === "trigger" ? "trigger" : "optional")
          }
        }
      }
      for (const { when } of composition.whens) if (!inputs.has(when)) inputs.set(when, "trigger")
      const outputs = new Map<string, boolean>()
      for (const row of rows) {
        for (const name of row.outputs.keys()) {
          outputs.set(name, !skippable && rows.every((r) => r.outputs.get(name) === true))
        }
      }
      return { inputs, outputs }
    }
    default: {
      const wrapper = wrapperOf(composition)
      const inside = flow([wrapper, ...composition.kids.map(rowsOf)])
      const outputs = new Map<string, boolean>()
      for (const name of carriedOf(composition)) {
        const once = composition.kind === "until" && inside.outputs.get(name) === true
        outputs.set(name, once || inside.inputs.get(name) === "required")
      }
      for (const name of wrapper.leaves) outputs.set(name, true)
      if (collectOf(composition) !== null) outputs.set("all", true)
      return { inputs: inside.inputs, outputs }
    }
  }
}

// ---------------------------------------------------------------- random ones

export interface Random {
  /** An integer in [0, n). */
  readonly below: (n: number) => number
}
/** mulberry32 */
export const random = (seed: number): Random => {
  let state = seed >>> 0
  return {
    below: (n) => {
      state = (state + 0x6d2b79f5) >>> 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) % n
    }
  }
}
const pick = <A>(r: Random, from: ReadonlyArray<A>): A => from[r.below(from.length)]!
const several = <A>(r: Random, most: number, make: () => A): ReadonlyArray<A> =>
  Array.from({ length: r.below(most + 1) }, make)
const distinct = <A extends { readonly name: string }>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
  all.filter((x, i) => all.findIndex((y) => y.name === x.name) === i)

const leaf = (r: Random): Leaf => ({
  kind: "leaf",
  reads: distinct(
    several(r, 3, () => {
      const name = pick<string>(r, names)
      const mode = pick(r, ["required", "required", "optional", "default"] as const)
      // a caller would have to know which Schema a reader of `u` declares, and there is no default of an array here
      return { name, mode: name === "u" || (name === "a" && mode === "default") ? "optional" : mode }
    })
  ),
  writes: distinct(
    several(r, 3, () => ({ name: pick<string>(r, names), optional: r.below(2) === 0, schema: r.below(4) }))
  ),
  how: pick(r, ["exit", "exit", "sync", "async"] as const),
  fault: pick(r, ["none", "none", "none", "fail", "throw"] as const),
  service: r.below(4) === 0,
  seed: r.below(1000)
})

const parallel = (r: Random, depth: number): Composition => {
  const used = new Set<string>()
  // one of them may have loops inside: the order of events of several is a matter of luck
  const kids = Array.from({ length: r.below(4) }, (_, n) => {
    const kid = n === 0 && r.below(2) === 0 && depth > 0 ? compositionAt(r, 2) : leaf(r)
    return quiet(kid)
  }).filter((kid) => {
    const outputs = [...rowsOf(kid).outputs.keys()]
    if (outputs.some((name) => used.has(name))) return false
    for (const name of outputs) used.add(name)
    return true
  })
  return { kind: "parallel", kids }
}
/** Which of two failing blocks side by side is reported is a matter of luck; so there none fails, and all are in order. */
const quiet = (c: Composition): Composition => {
  switch (c.kind) {
    case "leaf":
      return {
        ...c,
        how: "exit",
        fault: "none",
        reads: c.reads.map((r) => (r.mode === "required" ? { ...r, mode: "optional" } : r))
      }
    case "auto":
      return {
        ...c,
        whens: c.whens.map((w) => ({ when: w.when, block: quiet(w.block) })),
        otherwise: c.otherwise && quiet(c.otherwise)
      }
    case "provide":
      return quiet(c.block)
    default:
      return { ...c, kids: c.kids.map(quiet) }
  }
}

const compositionAt = (r: Random, depth: number): Composition => {
  const kids = () => several(r, 3, () => compositionAt(r, depth - 1))
  if (depth === 0) return leaf(r)
  switch (
    pick(r, ["leaf", "leaf", "sequential", "auto", "count", "count", "while", "make", "parallel", "custom", "provide"])
  ) {
    case "leaf":
      return leaf(r)
    case "sequential":
      return { kind: "sequential", kids: kids() }
    case "auto":
      return {
        kind: "auto",
        whens: Array.from({ length: 1 + r.below(2) }, () => ({
          when: pick<string>(r, names),
          block: compositionAt(r, depth - 1)
        })),
        otherwise: r.below(2) === 0 ? null : compositionAt(r, depth - 1)
      }
    case "count":
      return {
        kind: "count",
        times: pick(r, ["n", "m"]),
        as: pick(r, ["i", "i", "j", "x", "u"]),
        collect: pick(r, [null, "x", "y", "a"]),
        kids: kids()
      }
    case "while": {
      const on = pick<string>(r, names)
      const as = pick(r, ["i", "k", "z"])
      return { kind: pick(r, ["whilst", "until"]), on, as: as === on ? "k" : as, seed: r.below(100), kids: kids() }
    }
    case "make": {
      const input = pick<string>(r, names)
      const provide = pick(r, names.filter((name) => name !== input) as Array<string>)
      return { kind: "make", input, provide, out: pick(r, ["w", "y", "u"]), limit: r.below(4), kids: kids() }
    }
    case "parallel":
      return parallel(r, depth - 1)
    case "provide":
      return { kind: "provide", value: r.below(100), block: compositionAt(r, depth - 1) }
    default:
      return { kind: "custom", kids: kids() }
  }
}
export const composition = (r: Random): Composition =>
  r.below(7) === 0
    ? compositionAt(r, 4)
    : { kind: "sequential", kids: Array.from({ length: 1 + r.below(3) }, () => compositionAt(r, 4)) }

// ---------------------------------------------------------------- smaller ones, for a report that can be read

const without = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  all.map((_, i) => all.filter((_, j) => j !== i))
const kidsShrunk = (kids: ReadonlyArray<Composition>): ReadonlyArray<ReadonlyArray<Composition>> => [
  ...without(kids),
  ...kids.flatMap((kid, i) => shrink(kid).map((smaller) => kids.map((k, j) => (i === j ? smaller : k))))
]
/** Compositions one step smaller than this one. */
export const shrink = (c: Composition): ReadonlyArray<Composition> => {
  switch (c.kind) {
    case "leaf":
      return [
        ...without(c.reads).map((reads): Leaf => ({ ...c, reads })),
        ...without(c.writes).map((writes): Leaf => ({ ...c, writes })),
        ...(c.how === "exit" ? [] : [{ ...c, how: "exit" } as Leaf]),
        ...(c.service ? [{ ...c, service: false }] : []),
        ...(c.fault === "none" ? [] : [{ ...c, fault: "none" } as Leaf])
      ]
    case "auto":
      return [
        ...c.whens.map((w) => w.block),
        ...(c.otherwise === null ? [] : [c.otherwise, { ...c, otherwise: null }]),
        ...without(c.whens)
          .filter((whens) => whens.length > 0)
          .map((whens): Composition => ({ ...c, whens })),
        ...c.whens.flatMap((w, i) =>
          shrink(w.block).map((block): Composition => ({
            ...c,
            whens: c.whens.map((x, j) => (i === j ? { ...x, block } : x))
          }))
        )
      ]
    case "provide":
      return [c.block, ...shrink(c.block).map((block): Composition => ({ ...c, block }))]
    default:
      return [...c.kids, ...kidsShrunk(c.kids).map((kids): Composition => ({ ...c, kids }))]
  }
}

/** The log with what ran side by side put in the order of the blocks. */
export const inOrder = (c: Composition, place: string, log: ReadonlyArray<string>): ReadonlyArray<string> => {
  switch (c.kind) {
    case "leaf":
      return log
    case "provide":
      return inOrder(c.block, place, log)
    case "auto": {
      const branches = c.whens.map((w, n) => [w.block, `${place}_${n}`] as const)
      const all = c.otherwise === null ? branches : [...branches, [c.otherwise, `${place}_9`] as const]
      return all.reduce((log, [block, at]) => inOrder(block, at, log), log)
    }
    default: {
      const own = c.kind === "parallel" ? sideBySide(place, log) : log
      return c.kids.reduce((log, kid, n) => inOrder(kid, `${place}_${n}`, log), own)
    }
  }
}
const sideBySide = (place: string, log: ReadonlyArray<string>): ReadonlyArray<string> => {
  const within = (entry: string | undefined) => entry !== undefined && entry.startsWith(`${place}_`)
  const kidOf = (entry: string) => Number.parseInt(entry.slice(place.length + 1), 10)
  const out: Array<string> = []
  for (let i = 0; i < log.length;) {
    let end = i
    while (within(log[end])) end++
    if (end === i) out.push(log[i++]!)
    else out.push(...log.slice(i, end).toSorted((a, b) => kidOf(a) - kidOf(b)))
    i = Math.max(i, end)
  }
  return out
}
