/**
 * What wiring costs the compiler: tsc on a flat sequence of 200 blocks and on five levels with 243 leaves, beside the
 * same blocks without a composition.
 *
 *   node packages/core/benchmark/types.ts [rounds]
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const rounds = Number(process.argv[2] ?? 3)
const root = join(import.meta.dirname, "../../..")
mkdirSync(join(root, ".cache"), { recursive: true })
const folder = mkdtempSync(join(root, ".cache", "types-"))

const head = `import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Block from "@effect-blocks/core/Block"
class S0 extends Context.Service<S0, { readonly a: 1 }>()("S0") {}
class S1 extends Context.Service<S1, { readonly a: 1 }>()("S1") {}
class S2 extends Context.Service<S2, { readonly a: 1 }>()("S2") {}
`
/** reads what the one before wrote, an input that all share and an optional one; needs one of three components */
const leaf = (i: number): string => {
  const before = `x${Math.max(0, i - 1)}`
  return `export const b${i} = Block.make("b${i}", {
  inputs: { prompt: Schema.String, ${before}: Schema.Number, o${i % 7}: Schema.optionalKey(Schema.Number) },
  outputs: { x${i}: Schema.Number },
  components: { service: S${i % 3} },
  run: ({ ${before} }) => Effect.succeed({ x${i}: ${before} })
})`
}
const use = (name: string): string => `
declare const inputs: Block.In<typeof ${name}>
export const out: { readonly prompt?: string; readonly x0: number } = {} as Block.Out<typeof ${name}>
export const effect = Block.seal(${name}).run(inputs)
`
const flat = (n: number): string => {
  const names = Array.from({ length: n }, (_, i) => `b${i}`)
  return `${head}${names.map((_, i) => leaf(i)).join("\n")}\nexport const all = Block.sequential("all", [${names.join(", ")}])\n${use("all")}`
}
const alone = (n: number): string => head + Array.from({ length: n }, (_, i) => leaf(i)).join("\n")
const nested = (levels: number): string => {
  let text = head
  let leaves = 0
  const build = (level: number): string => {
    if (level === 0) {
      text += `${leaf(leaves)}\n`
      return `b${leaves++}`
    }
    const first = leaves
    const children = [build(level - 1), build(level - 1), build(level - 1)]
    const name = `s${level}_${first}`
    text += `export const ${name} = Block.sequential("${name}", [${children.join(", ")}])\n`
    return name
  }
  const top = build(levels)
  return text + use(top)
}

const cases: ReadonlyArray<readonly [name: string, source: string]> = [
  ["200 blocks, not composed", alone(200)],
  ["200 blocks in one sequence", flat(200)],
  ["243 blocks in five levels of sequences", nested(5)]
]
const median = (times: ReadonlyArray<number>): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0

let failed = false
try {
  for (const [name, source] of cases) {
    writeFileSync(join(folder, "case.ts"), source)
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.dev.json"), include: ["case.ts"] })
    )
    const times: Array<number> = []
    for (let round = 0; round < rounds; round++) {
      const start = performance.now()
      const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" })
      times.push((performance.now() - start) / 1000)
      if (status !== 0) throw new Error(`${name}: ${stdout.slice(0, 2000)}`)
    }
    const seconds = median(times)
    failed ||= seconds >= 2
    console.log(`${name.padEnd(40)} ${seconds.toFixed(2)} s ${seconds < 2 ? "" : "(limit 2 s)"}`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
if (failed) process.exitCode = 1
