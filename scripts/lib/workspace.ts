/** Where things are in this repository, and how a script reports what it counted. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The part of a `package.json` that the scripts read. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly exports?: Readonly<Record<string, string | null>>
  readonly files?: ReadonlyArray<string>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface Package {
  /** the folder's name: `core` */
  readonly folder: string
  /** absolute */
  readonly path: string
  readonly manifest: Manifest
}

/** The packages under `packages/`, by name. */
export const packages = (): ReadonlyArray<Package> =>
  globSync("packages/*/package.json", { cwd: root })
    .toSorted()
    .map((file) => {
      const path = dirname(join(root, file))
      const manifest: Manifest = JSON.parse(readFileSync(join(root, file), "utf8"))
      return { folder: relative(join(root, "packages"), path), path, manifest }
    })

/** Files of the repository that match, relative to its root, with forward slashes, sorted. */
export const files = (...patterns: ReadonlyArray<string>): ReadonlyArray<string> =>
  globSync([...patterns], { cwd: root, exclude: (name) => name === "node_modules" || name === "dist" })
    .map((file) => file.split(sep).join("/"))
    .toSorted()

export interface Failure {
  /** `packages/core/src/Block.ts:12`, or the name of what was looked at */
  readonly where: string
  readonly what: string
}

/** Prints the failures and, as the last line, `N passed, N failed`; a failure makes the process exit with 1. */
export const conclude = (passed: number, failures: ReadonlyArray<Failure>): void => {
  for (const { where, what } of failures) console.log(`✗ ${where}\n${what.replace(/^/gm, "    ")}`)
  console.log(`${passed} passed, ${failures.length} failed`)
  if (failures.length > 0) process.exitCode = 1
}
