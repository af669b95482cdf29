/**
 * What importing costs: a fresh process that imports one module. The package is compiled as it is published; beside it
 * the sources, of which Node strips the types at every start (which costs more than all of effect/Effect).
 *
 *   node packages/core/benchmark/import.ts [rounds]
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const rounds = Number(process.argv[2] ?? 9)
const limit = 150
const root = join(import.meta.dirname, "../../..")
mkdirSync(join(root, ".cache"), { recursive: true })
const folder = mkdtempSync(join(root, ".cache", "import-"))

const compile = (): void => {
  const compilerOptions = {
    outDir: folder,
    composite: false,
    incremental: false,
    declaration: false,
    sourceMap: false,
    declarationMap: false
  }
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../packages/core/tsconfig.json",
      compilerOptions: { ...compilerOptions, rootDir: "../../packages/core/src" },
      include: ["../../packages/core/src"]
    })
  )
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" })
  if (status !== 0) throw new Error(stdout)
}
const time = (specifier: string | null): number => {
  const code = specifier === null ? "" : `await import(${JSON.stringify(specifier)})`
  const source = `const start = performance.now(); ${code}; process.stdout.write(String(performance.now() - start))`
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: import.meta.dirname,
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}
const median = (times: ReadonlyArray<number>): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0

try {
  compile()
  const cases: ReadonlyArray<readonly [name: string, specifier: string | null, limit: number | null]> = [
    ["nothing", null, null],
    ["effect/Effect", "effect/Effect", null],
    ["effect/Schema", "effect/Schema", null],
    ["@effect-blocks/core/Block, as published", join(folder, "Block.js"), limit],
    ["@effect-blocks/core/Block, from sources", "@effect-blocks/core/Block", null],
    ["@effect-blocks/core, as published", join(folder, "index.js"), null],
    ["effect (the barrel)", "effect", null]
  ]
  const times = cases.map((): Array<number> => [])
  // in turn, so that what else the machine does falls on all alike
  for (let round = 0; round < rounds; round++) {
    cases.forEach(([, specifier], i) => {
      times[i]?.push(time(specifier))
    })
  }
  cases.forEach(([name, , limit], i) => {
    const cost = median(times[i] ?? [])
    const failed = limit !== null && cost >= limit
    if (failed) process.exitCode = 1
    console.log(`${name.padEnd(42)} ${cost.toFixed(0).padStart(5)} ms${failed ? `  (limit ${limit} ms)` : ""}`)
  })
} finally {
  rmSync(folder, { recursive: true })
}
