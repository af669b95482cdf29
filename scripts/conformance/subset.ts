/**
 * `node scripts/conformance/subset.ts FROM TO`: a smaller golden folder of the same format, a few short cases of each
 * group. How packages/diffusion/test/golden was made.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { type Case, documents, type Golden, open, type Reference } from "./golden.ts"

/** How many cases of each group (class or kind) a topic keeps. */
const kept: Readonly<Record<string, number>> = { schedulers: 4, guiders: 2, rng: 8, image: 4, wiring: 46 }

const isReference = (value: object): value is Reference => "offset" in value && "shape" in value && "dtype" in value

/** Copies a document with its references moved into a binary file of its own. */
const packed = (golden: Golden, document: Case): { readonly json: unknown; readonly bin: Uint8Array } => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  const move = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(move)
    if (typeof value !== "object" || value === null) return value
    if (!isReference(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, move(inner)]))
    const { buffer, byteLength, byteOffset } = golden.values(value)
    const chunk = new Uint8Array(Math.ceil(byteLength / 8) * 8)
    chunk.set(new Uint8Array(buffer, byteOffset, byteLength))
    chunks.push(chunk)
    const offset = size
    size += chunk.length
    return { ...value, offset }
  }
  return { json: move(document), bin: Buffer.concat(chunks) }
}

const groupOf = (testCase: Case): string => String(testCase["class"] ?? testCase["function"] ?? testCase["kind"] ?? "")

const isShort = (testCase: Case): boolean =>
  testCase["latents"] === undefined || (testCase["latents"].shape[0] <= 9 && testCase["error"] === undefined)

const [from, to] = process.argv.slice(2)
if (from === undefined || to === undefined) {
  console.error("usage: node scripts/conformance/subset.ts FROM TO")
  process.exitCode = 2
} else {
  for (const [topic, most] of Object.entries(kept))
    for (const file of documents(from, topic)) {
      const golden = open(file)
      const counts = new Map<string, number>()
      const cases = golden.cases.filter((testCase) => {
        const group = groupOf(testCase)
        const count = counts.get(group) ?? 0
        if (!isShort(testCase) || count >= most) return false
        counts.set(group, count + 1)
        return true
      })
      if (cases.length === 0) continue
      mkdirSync(join(to, topic), { recursive: true })
      const { bin, json } = packed(golden, { ...golden.document, cases })
      writeFileSync(join(to, topic, basename(file)), JSON.stringify(json))
      if (typeof golden.document["bin"] === "string") writeFileSync(join(to, topic, golden.document["bin"]), bin)
    }
}
