/**
 * Type-checks and runs every documentation example: `npm run test-docs [-- PATH...] [--verbose]`.
 *
 * An example is a fence marked `ts` in README.md, docs/ or a doc comment of packages/NAME/src. Each is a module of its own
 * and must stand alone. They are written under .cache/, each line at the number it has in its source (so that messages
 * point there), checked by one run of tsc and imported by a few processes, many to a process.
 */
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { parseArgs } from "node:util"
import type { Outcome } from "./lib/example-runner.ts"
import type { Example } from "./lib/fences.ts"
import { examplesOf, unawaited } from "./lib/fences.ts"
import type { Failure } from "./lib/workspace.ts"
import { conclude, files, root } from "./lib/workspace.ts"

/** an example that takes longer than this is taken for hung; a loaded machine needs a tenth of it */
const LIMIT = 60_000

const { values: options, positionals: only } = parseArgs({
  allowPositionals: true,
  options: { verbose: { type: "boolean", default: false } }
})
mkdirSync(join(root, ".cache"), { recursive: true })
const cache = mkdtempSync(join(root, ".cache", "doc-examples-"))
process.on("exit", () => rmSync(cache, { recursive: true, force: true }))
const where = ({ file, line }: Example) => `${file}:${line}`
const moduleOf = ({ file, line }: Example) => join(cache, `${file}.${line}.ts`)
/** `.cache/doc-examples-x/docs/loops.md.12.ts` back to `docs/loops.md` */
const toSource = (text: string) =>
  text.replaceAll(/(?:file:\/\/)?[^\s('"]*\.cache\/doc-examples-\w+\/([^\s('"]+?)\.\d+\.ts\b/g, "$1")

const examples = files("README.md", "{docs,examples}/**/*.md", "packages/*/README.md", "packages/*/src/**/*.ts")
  .filter((file) => only.length === 0 || only.some((path) => file.startsWith(path.replace(/^\.\//, ""))))
  .flatMap((file) => examplesOf(file, readFileSync(join(root, file), "utf8")))
const failures = new Map<Example, string>()
const outside: Array<string> = []

/** one run of tsc over all of them */
const check = () => {
  for (const example of examples) {
    mkdirSync(dirname(moduleOf(example)), { recursive: true })
    writeFileSync(moduleOf(example), "\n".repeat(example.line - 1) + example.code + "\n")
  }
  const compilerOptions = {
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    rewriteRelativeImportExtensions: false,
    allowImportingTsExtensions: true
  }
  const config = { extends: relative(cache, join(root, "tsconfig.base.json")), compilerOptions, include: ["./**/*.ts"] }
  writeFileSync(join(cache, "tsconfig.json"), JSON.stringify(config, null, 2))
  const tsc = join(root, "node_modules", ".bin", "tsc")
  const { stdout, stderr } = spawnSync(tsc, ["-p", cache, "--pretty", "false"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 28
  })
  // a message may go on in indented lines
  const messages = `${stdout}${stderr}`.split(/\n(?=\S)/).filter((message) => message.trim() !== "")
  const byModule = new Map(examples.map((example) => [relative(root, moduleOf(example)), example]))
  for (const message of messages) {
    const path = /^(.*?)\(\d+,\d+\): error/.exec(message)?.[1]
    const example = path === undefined ? undefined : byModule.get(path)
    if (example === undefined) outside.push(message.trim())
    else failures.set(example, [failures.get(example), toSource(message.trim())].filter(Boolean).join("\n"))
  }
}

/** a process that runs examples one at a time; it works in an empty folder */
class Runner {
  readonly folder = mkdtempSync(join(tmpdir(), "doc-examples-"))
  private child: ChildProcess | undefined
  private output = ""

  private start(): ChildProcess {
    const child = fork(join(root, "scripts", "lib", "example-runner.ts"), { cwd: this.folder, silent: true })
    const collect = (chunk: Buffer) => {
      this.output += chunk.toString()
    }
    child.stdout!.on("data", collect)
    child.stderr!.on("data", collect)
    return child
  }

  run(example: Example): Promise<string | undefined> {
    const child = (this.child ??= this.start())
    this.output = ""
    return new Promise((resolve) => {
      const over = (error: string | undefined) => {
        clearTimeout(timer)
        child.removeAllListeners()
        resolve(error === undefined ? undefined : [error, this.output.trim()].filter((text) => text !== "").join("\n"))
      }
      const dead = (why: string) => {
        this.child = undefined
        child.kill("SIGKILL")
        over(why)
      }
      const timer = setTimeout(() => dead(`did not end within ${LIMIT / 1000} s`), LIMIT)
      child.once("message", (outcome: Outcome) => over(outcome.error))
      child.once("error", (error) => dead(error.message))
      child.once("exit", (code, signal) => dead(`ended the process (${signal ?? `exit code ${code}`})`))
      child.send({ path: moduleOf(example) })
    })
  }

  close(): void {
    this.child?.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const runAll = async () => {
  const queue = examples.filter((example) => example.run && !failures.has(example))
  const worker = async () => {
    const runner = new Runner()
    for (let example = queue.shift(); example !== undefined; example = queue.shift()) {
      const started = performance.now()
      const error = await runner.run(example)
      if (error !== undefined) failures.set(example, toSource(error))
      if (options.verbose)
        console.log(
          `${error === undefined ? "✓" : "✗"} ${where(example)} ${Math.round(performance.now() - started)} ms`
        )
    }
    runner.close()
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, worker))
}

const started = performance.now()
for (const example of examples) {
  const line = unawaited(example.code)
  if (line !== undefined) failures.set(example, `line ${example.line + line}: await it, or its failure goes unseen`)
}
check()
const checked = performance.now()
await runAll()
const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(1)} s`
console.log(
  `${examples.length} examples in ${new Set(examples.map(({ file }) => file)).size} files: ` +
    `checked in ${seconds(started, checked)}, ${examples.filter(({ run }) => run).length} run in ${seconds(checked, performance.now())}`
)
const sources: ReadonlyArray<Failure> =
  outside.length === 0
    ? []
    : [{ where: "sources", what: `${outside.length} errors of tsc (see npm run check), the first:\n${outside[0]}` }]
conclude(examples.length - failures.size, [
  ...sources,
  ...[...failures].map(([example, what]) => ({ where: where(example), what }))
])
