/**
 * The stages of `.ci/run`, all of them even if one fails: `node scripts/ci.ts [STAGE...]`.
 *
 * Each prints what it did. A stage that counts ends with the line `N passed, N failed`; of vitest the JSON reporter is
 * read; any other stage counts as one. The sum is the last line.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "./lib/workspace.ts"

interface Stage {
  readonly name: string
  /** what is run, as one would type it */
  readonly command: ReadonlyArray<string>
  /** its output must say how many passed and failed: in its last line, or where this finds the numbers; else it counts as one */
  readonly counts?: true | { readonly passed: RegExp; readonly failed: RegExp }
  /** read from vitest's report */
  readonly report?: string
  readonly env?: Readonly<Record<string, string>>
}
interface Count {
  readonly passed: number
  readonly failed: number
}

/** no stage needs a third of this on two cores */
const LIMIT = 15 * 60_000
const scratch = mkdtempSync(join(tmpdir(), "effect-blocks-ci-"))
/** all cases where there are any, else the smaller copy that is kept here */
const kept = "packages/diffusion/test/golden"
const golden = existsSync(join(root, "../shared/golden")) ? "../shared/golden" : kept
const npm = (script: string, ...rest: ReadonlyArray<string>) => [
  "npm",
  "run",
  "--silent",
  script,
  ...(rest.length > 0 ? ["--", ...rest] : [])
]
/** vitest with its usual output and a report beside it */
const reporting = (name: string) => {
  const report = join(scratch, `${name}.json`)
  return { report, flags: ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`] }
}
const tests = reporting("tests")
const webgpu = reporting("webgpu")

const stages: ReadonlyArray<Stage> = [
  { name: "tests", command: ["npm", "test", "--silent", "--", ...tests.flags], report: tests.report },
  { name: "types", command: npm("check") },
  {
    name: "type tests",
    command: npm("test-types"),
    counts: { passed: /^Assertions:.* (\d+) passed/m, failed: /^Assertions:.* (\d+) failed/m }
  },
  { name: "lint", command: npm("lint") },
  { name: "imports", command: npm("check-imports"), counts: true },
  { name: "documentation", command: npm("test-docs"), counts: true },
  { name: "packages", command: npm("check-packages"), counts: true },
  { name: "conformance", command: npm("conformance", golden ?? "packages/diffusion/test/golden"), counts: true },
  {
    name: "webgpu",
    command: [
      "node",
      "scripts/swiftshader.ts",
      "--",
      ..."node_modules/.bin/vitest run --config vitest.workspace.ts --project ops gpu".split(" "),
      ...webgpu.flags
    ],
    env: { EFFECT_BLOCKS_WEBGPU: "1" },
    report: webgpu.report
  }
]

/** runs it with its output passed on, and gives that output and how it ended */
const run = ({
  command: [command = "", ...args],
  env
}: Stage): Promise<{
  readonly ok: boolean
  readonly output: string
}> =>
  new Promise((resolve) => {
    let output = ""
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true
    })
    const pass = (to: NodeJS.WriteStream) => (chunk: Buffer) => {
      to.write(chunk)
      output += chunk.toString()
    }
    child.stdout.on("data", pass(process.stdout))
    child.stderr.on("data", pass(process.stdout))
    const timer = setTimeout(() => {
      console.log(`\nnot over after ${LIMIT / 60_000} minutes: ended`)
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, LIMIT)
    child.on("error", (error) => console.log(error.message))
    child.on("close", (code) => {
      clearTimeout(timer)
      resolve({ ok: code === 0, output })
    })
  })

const countOf = (stage: Stage, ok: boolean, output: string): Count => {
  const one = ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
  let count: Count | undefined
  if (stage.report !== undefined && existsSync(stage.report)) {
    const { numFailedTests, numFailedTestSuites, numPassedTests, success } = JSON.parse(
      readFileSync(stage.report, "utf8")
    )
    // a file that cannot be loaded has no tests, yet is a failure
    count = {
      passed: numPassedTests,
      failed: numFailedTests > 0 || success ? numFailedTests : Math.max(1, numFailedTestSuites)
    }
  } else if (stage.counts === true) {
    const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(output.trimEnd().split("\n").at(-1) ?? "") ?? []
    if (passed !== undefined) count = { passed: Number(passed), failed: Number(failed) }
  } else if (stage.counts !== undefined) {
    const found = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0)
    count = { passed: found(stage.counts.passed), failed: found(stage.counts.failed) }
  } else return one
  if (count === undefined || count.passed + count.failed === 0) return { passed: 0, failed: 1 }
  return !ok && count.failed === 0 ? { ...count, failed: 1 } : count
}

const only = process.argv.slice(2)
const unknown = only.filter((name) => stages.every((stage) => stage.name !== name))
if (unknown.length > 0) {
  console.log(`no such stage: ${unknown.join(", ")}; there are: ${stages.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}
const lines: Array<string> = []
const sum = { passed: 0, failed: 0 }
for (const stage of stages.filter(({ name }) => only.length === 0 || only.includes(name))) {
  console.log(`\n== ${stage.name}: ${stage.command.join(" ")}`)
  const started = performance.now()
  const { ok, output } = await run(stage)
  const { failed, passed } = countOf(stage, ok, output)
  sum.passed += passed
  sum.failed += failed
  lines.push(
    `${failed === 0 ? "✓" : "✗"} ${stage.name}: ${passed} passed, ${failed} failed, ${((performance.now() - started) / 1000).toFixed(0)} s`
  )
}
rmSync(scratch, { recursive: true, force: true })
console.log(`\n== summary\n${lines.join("\n")}`)
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = sum.failed === 0 ? 0 : 1
