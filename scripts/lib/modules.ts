/** The import graph of the packages' sources, and what is wrong with it. */
import { parseSync } from "vite"
import type { Package } from "./workspace.ts"

export interface Import {
  readonly specifier: string
  /** erased before it runs: it may be circular */
  readonly typeOnly: boolean
  readonly line: number
}

export interface Module {
  /** relative to the root: `packages/core/src/Block.ts` */
  readonly file: string
  readonly imports: ReadonlyArray<Import>
}

export interface Problem {
  readonly where: string
  readonly what: string
}

/** Reads what a module imports: static, re-exported and dynamic with a literal name. */
export const parseModule = (file: string, source: string): Module => {
  const { errors, module } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const lineAt = (offset: number) => source.slice(0, offset).split("\n").length
  const imports: Array<Import> = module.staticImports.map(({ entries, moduleRequest, start }) => ({
    specifier: moduleRequest.value,
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    line: lineAt(start)
  }))
  for (const { entries, start } of module.staticExports) {
    const request = entries.find(({ moduleRequest }) => moduleRequest !== null)?.moduleRequest
    if (request)
      imports.push({ specifier: request.value, typeOnly: entries.every(({ isType }) => isType), line: lineAt(start) })
  }
  for (const { moduleRequest, start } of module.dynamicImports) {
    const name = /^["'](.*)["']$/.exec(source.slice(moduleRequest.start, moduleRequest.end))?.[1]
    if (name !== undefined) imports.push({ specifier: name, typeOnly: false, line: lineAt(start) })
  }
  return { file, imports }
}

/** `@scope/name/Module` to `@scope/name`, `name/module` to `name`. */
export const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

/** Who may import whom: the arrows of the design, downwards only. A package may always import itself. */
export const arrows: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: [],
  loop: ["core"],
  ops: [],
  diffusion: ["core", "loop", "ops"],
  "emoji-diffusion": [],
  cluster: ["core", "loop", "ops"],
  server: ["core", "loop", "ops", "cluster"],
  cli: ["core", "loop", "ops", "diffusion", "emoji-diffusion", "cluster", "server"]
}

const scope = "@effect-blocks/"

/** Arrows, closed modules, barrels, files outside the package. */
export const importProblems = (pkg: Package, module: Module): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  for (const { line, specifier } of module.imports) {
    const report = (what: string) => problems.push({ where: `${module.file}:${line}`, what: `'${specifier}': ${what}` })
    if (specifier.startsWith(".")) {
      const target = resolve(module.file, specifier)
      if (!target.startsWith(`packages/${pkg.folder}/src/`)) report("leaves the package's sources")
      else if (!specifier.endsWith(".ts")) report("relative imports end in .ts")
    } else if (specifier.startsWith(scope)) {
      const [folder = "", ...rest] = specifier.slice(scope.length).split("/")
      if (folder === pkg.folder) report("a package imports its own modules by their relative path")
      else if (!(arrows[pkg.folder] ?? []).includes(folder)) report(`${pkg.folder} may not import ${folder}`)
      if (rest[0] === "internal") report("another package's internal modules are closed")
      if (rest.length === 0 && folder !== "emoji-diffusion") report("name the module: a barrel loads the whole package")
    } else if (specifier === "effect") report("name the module: effect's barrel costs 200 ms at start")
    else if (/^[a-z@]/.test(specifier) === false) report("is neither a package nor a relative path")
    else if (specifier.startsWith("node:") === false && builtin.has(packageOf(specifier)))
      report("write node: in front")
  }
  return problems
}
const builtin = new Set([
  "fs",
  "path",
  "os",
  "url",
  "util",
  "crypto",
  "worker_threads",
  "child_process",
  "stream",
  "assert"
])

/** Tests, benchmarks, examples and scripts: nothing outside the repository, no other package's internals. */
export const outsiderProblems = ({ file, imports }: Module): ReadonlyArray<Problem> =>
  imports.flatMap(({ line, specifier }) => {
    const where = `${file}:${line}`
    const target = specifier.startsWith(".") ? resolve(file, specifier) : specifier
    if (specifier.startsWith("/") || target.startsWith(".."))
      return [{ where, what: `'${specifier}': leaves the repository` }]
    const owner = /^(?:packages|@effect-blocks)\/([^/]+)\/(?:src\/)?internal\//.exec(target)?.[1]
    return owner === undefined || file.startsWith(`packages/${owner}/`)
      ? []
      : [{ where, what: `'${specifier}': the internal modules of ${owner} are closed` }]
  })

/** `..` is kept where the path leaves the root. */
const resolve = (from: string, specifier: string): string => {
  const parts = from.split("/").slice(0, -1)
  for (const part of specifier.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop()
    else if (part !== ".") parts.push(part)
  }
  return parts.join("/")
}

/** What a package imports is what its manifest names, no more and no less. */
export const dependencyProblems = (pkg: Package, modules: ReadonlyArray<Module>): ReadonlyArray<Problem> => {
  const { dependencies, optionalDependencies, peerDependencies } = pkg.manifest
  const named = new Set(Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
  const imported = new Map<string, string>()
  for (const { file, imports } of modules) {
    for (const { line, specifier } of imports) {
      if (!specifier.startsWith(".") && !specifier.startsWith("node:"))
        imported.set(packageOf(specifier), `${file}:${line}`)
    }
  }
  const where = `packages/${pkg.folder}/package.json`
  return [
    ...[...imported].flatMap(([name, at]) =>
      named.has(name) ? [] : [{ where, what: `does not name '${name}', imported at ${at}` }]
    ),
    ...[...named].flatMap((name) =>
      imported.has(name) ? [] : [{ where, what: `names '${name}', which nothing imports` }]
    )
  ]
}

/** Circles of imports that exist when the program runs (`import type` is erased), each once, as a path back to its start. */
export const cycles = (modules: ReadonlyArray<Module>): ReadonlyArray<ReadonlyArray<string>> => {
  const graph = new Map(
    modules.map(({ file, imports }) => [
      file,
      imports.flatMap(({ specifier, typeOnly }) =>
        specifier.startsWith(".") && !typeOnly ? [resolve(file, specifier)] : []
      )
    ])
  )
  const found: Array<ReadonlyArray<string>> = []
  const done = new Set<string>()
  const visit = (file: string, path: ReadonlyArray<string>) => {
    const at = path.indexOf(file)
    if (at !== -1) found.push([...path.slice(at), file])
    if (at !== -1 || done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}
