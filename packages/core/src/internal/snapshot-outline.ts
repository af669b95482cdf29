/** What a composition looks like, as text: a line for each block. Two compositions of one outline can take over each other's runs. */
import * as Schema from "effect/Schema"
import { SnapshotMismatch } from "../Errors.ts"
import { expectedOf } from "./expected.ts"
import { isOptional } from "./fields.ts"
import type { Compiled, Fields } from "./node.ts"

export interface Outline {
  readonly lines: ReadonlyArray<string>
  readonly digest: string
}

/** cyrb53 by bryc (public domain): 53 bits, here twice with two seeds. */
const hash53 = (text: string, seed: number): string => {
  let a = 0xdeadbeef ^ seed
  let b = 0x41c6ce57 ^ seed
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 2654435761)
    b = Math.imul(b ^ c, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(16).padStart(14, "0")
}
const digestOf = (text: string): string => hash53(text, 0) + hash53(text, 1)

/** A word for people: `Number`, `float32[batch, 4, height, width]`. */
const labelOf = (schema: Schema.Constraint, tag: string): string =>
  tag === "Declaration" ? expectedOf(schema).replace(/\s+/g, " ").slice(0, 80) : tag
/** limits and literals of a Schema may be bigints, which JSON does not have */
const replacer = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}n` : value)
/** `Number`, or `Objects#3f09ac` for a Schema with more to it. Functions in it (checks, transformations) are not seen. */
const fingerprint = (schema: Schema.Constraint): string => {
  const type: any = Schema.toRepresentation(Schema.toType(schema))
  const encoded: any = Schema.toRepresentation(Schema.toEncoded(schema))
  const text = JSON.stringify([type, encoded], replacer)
  const plain = JSON.stringify({ representation: { _tag: type.representation._tag, checks: [] }, references: {} })
  const label = labelOf(schema, type.representation._tag)
  return text === `[${plain},${plain}]` ? label : `${label}#${hash53(text, 0).slice(-6)}`
}
const fieldsOf = (fields: Fields): string =>
  `{${Object.keys(fields)
    .map((name) => ` ${name}${isOptional(fields[name]!) ? "?" : ""}: ${fingerprint(fields[name]!)}`)
    .join(",")} }`

const lineOf = (block: Compiled): string => {
  const version = block.version === undefined ? "" : `@${block.version}`
  const { wrapper, node } = block
  const cursor = wrapper?.cursor === undefined ? "" : ` cursor ${fingerprint(wrapper.cursor)}`
  const collect =
    node?._tag === "loop" ? node.plan.collect.map(([from, into]) => ` collect ${from} as ${into}`).join("") : ""
  const over =
    wrapper === undefined
      ? ""
      : ` over ${fieldsOf(wrapper.inputs)} provides ${fieldsOf(wrapper.provides)}${cursor}${collect}`
  return `${block.kind}${version}${over} ${fieldsOf(block.inputs)} -> ${fieldsOf(block.outputs)}`
}

const outlines = new WeakMap<Compiled, Outline>()
export const outlineOf = (root: Compiled): Outline => {
  const known = outlines.get(root)
  if (known !== undefined) return known
  const lines: Array<string> = []
  const walk = (block: Compiled, outer: string): void => {
    const { node } = block
    // another layer may be given where the run goes on
    if (node?._tag === "provide") return walk(node.block, outer)
    const path = `${outer}${block.name}`
    const shell = node?._tag === "sequential" && node.shell === true
    lines.push(`${shell ? `${path} (${block.kind})` : path}\t${lineOf(block)}`)
    for (const inner of block.blocks) walk(inner, shell ? outer : `${path}.`)
  }
  walk(root, "")
  const outline = { lines, digest: digestOf(lines.join("\n")) }
  outlines.set(root, outline)
  return outline
}

const split = (line: string): readonly [path: string, rest: string] => {
  const at = line.indexOf("\t")
  return at === -1 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)]
}
/** The first difference; of changed lines the innermost, since a changed leaf changes the lines of all that is around it. */
export const mismatch = (
  root: Compiled,
  snapshot: { readonly digest: string; readonly outline: ReadonlyArray<string> }
): SnapshotMismatch | undefined => {
  const now = outlineOf(root)
  if (now.digest === snapshot.digest) return undefined
  const was = new Map(snapshot.outline.map(split))
  const is = new Map(now.lines.map(split))
  const before = [...was.keys()]
  const after = [...is.keys()]
  for (let i = 0; i < Math.max(before.length, after.length); i++) {
    const [a, b] = [before[i], after[i]]
    if (a === b) continue
    if (b !== undefined && !was.has(b)) return new SnapshotMismatch({ path: b, was: "", now: is.get(b)! })
    if (a !== undefined) {
      return new SnapshotMismatch({ path: a, was: was.get(a)!, now: is.has(a) ? "elsewhere" : "" })
    }
  }
  const changed = before.filter((path) => was.get(path) !== is.get(path))
  const path = changed.find((p) => !changed.some((q) => q.startsWith(`${p}.`))) ?? root.name
  return new SnapshotMismatch({ path, was: was.get(path) ?? snapshot.digest, now: is.get(path) ?? now.digest })
}
