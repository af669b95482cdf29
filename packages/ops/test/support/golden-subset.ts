/**
 * Copies chosen cases of a golden folder, with only the bytes that they need:
 * `node packages/ops/test/support/golden-subset.ts FOLDER` rewrites `test/golden` from it.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { documents, open, type Case, type Reference } from "../../../../scripts/conformance/golden.ts"

const source = process.argv[2]
if (source === undefined) throw new Error("usage: golden-subset.ts FOLDER")
const target = fileURLToPath(new URL("../golden/", import.meta.url))

/** every kind, and of a kind so many bytes, in cases spread over it */
const topics: Readonly<Record<string, number>> = { rng: Infinity, image: 48_000 }

const bytes = { f32: 4, f64: 8, u8: 1, i32: 4, i64: 8, u32: 4 } as const

const isReference = (u: unknown): u is Reference =>
  typeof u === "object" && u !== null && "offset" in u && "dtype" in u && "shape" in u

for (const [topic, budget] of Object.entries(topics)) {
  for (const file of documents(source, topic)) {
    const golden = open(file)
    if (golden === undefined) continue
    const { cases, document } = golden
    const raw = readFileSync(file.replace(/\.json$/, ".bin"))
    const parts: Array<Buffer> = []
    let end = 0
    const move = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(move)
      if (typeof value !== "object" || value === null) return value
      if (!isReference(value)) return Object.fromEntries(Object.entries(value).map(([key, x]) => [key, move(x)]))
      const length = value.shape.reduce((size, n) => size * n, 1) * bytes[value.dtype]
      const part = Buffer.alloc(Math.ceil(length / 8) * 8)
      raw.copy(part, 0, value.offset, value.offset + length)
      parts.push(part)
      end += part.length
      return { ...value, offset: end - part.length }
    }
    const size = (value: unknown): number => {
      if (isReference(value)) return value.shape.reduce((n, length) => n * length, bytes[value.dtype])
      if (typeof value !== "object" || value === null) return 1
      return Object.values(value).reduce((sum: number, x) => sum + size(x), 8)
    }
    const kinds = Map.groupBy(cases, (testCase: Case) => String(testCase["kind"]))
    const chosen = [...kinds.values()].flatMap((all) => {
      const step = Math.max(1, size(all) / budget)
      return all.filter((_, i) => i === 0 || Math.floor(i / step) > Math.floor((i - 1) / step))
    })
    mkdirSync(join(target, topic), { recursive: true })
    const moved = move({ ...document, bin: `${topic}.bin`, cases: chosen })
    writeFileSync(join(target, topic, `${topic}.json`), `${JSON.stringify(moved)}\n`)
    writeFileSync(join(target, topic, `${topic}.bin`), Buffer.concat(parts))
  }
}
