/** Packs every package as it is published: built anew, exports pointing to dist, one tarball each. */
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Manifest, Package } from "./workspace.ts"
import { root } from "./workspace.ts"

export interface Tarball {
  readonly pkg: Package
  readonly manifest: unknown
  /** absolute */
  readonly path: string
  readonly size: number
  readonly files: ReadonlyArray<string>
}

const built = (source: string) => ({
  types: source.replace("./src/", "./dist/").replace(/\.ts$/, ".d.ts"),
  default: source.replace("./src/", "./dist/").replace(/\.ts$/, ".js")
})

/** The manifest as it is published. */
export const publishedManifest = (manifest: Manifest): Record<string, unknown> => ({
  ...manifest,
  exports: Object.fromEntries(
    Object.entries(manifest.exports ?? {}).map(([key, target]) => [
      key,
      target?.endsWith(".ts") ? built(target) : target
    ])
  ),
  ...(manifest.bin && {
    bin: Object.fromEntries(Object.entries(manifest.bin).map(([name, source]) => [name, built(source).default]))
  })
})

/** Copies the sources to `folder`, compiles them there (so that nothing stale is packed) and packs them. */
export const pack = (packages: ReadonlyArray<Package>, folder: string): ReadonlyArray<Tarball> => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, "node_modules", "@effect-blocks"), { recursive: true })
  mkdirSync(join(folder, "tarballs"))
  cpSync(join(root, "tsconfig.base.json"), join(folder, "tsconfig.base.json"))
  const staged = ({ folder: name }: Package) => join(folder, "packages", name)
  for (const pkg of packages) {
    const ignored = new Set(
      ["node_modules", "dist", "test", "typetest", "benchmark"].map((name) => join(pkg.path, name))
    )
    cpSync(pkg.path, staged(pkg), { recursive: true, filter: (path) => !ignored.has(path) })
    if (!existsSync(join(staged(pkg), "LICENSE"))) cpSync(join(root, "LICENSE"), join(staged(pkg), "LICENSE"))
    symlinkSync(staged(pkg), join(folder, "node_modules", pkg.manifest.name))
  }
  execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-b", ...packages.map(staged)], {
    cwd: folder,
    stdio: "inherit"
  })
  return packages.map((pkg) => {
    const manifest = publishedManifest(pkg.manifest)
    writeFileSync(join(staged(pkg), "package.json"), JSON.stringify(manifest, null, 2) + "\n")
    const report = execFileSync(
      "npm",
      ["pack", "--json", "--loglevel=error", "--ignore-scripts", "--pack-destination", join(folder, "tarballs")],
      {
        cwd: staged(pkg),
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"]
      }
    )
    const { filename, files, size } = firstOf(JSON.parse(report))
    return { pkg, manifest, path: join(folder, "tarballs", filename), size, files: files.map(({ path }) => path) }
  })
}

interface PackReport {
  readonly filename: string
  readonly size: number
  readonly files: ReadonlyArray<{ readonly path: string }>
}
/** npm 10 and 11 print a list, npm 12 a record by name */
const firstOf = (report: ReadonlyArray<PackReport> | Readonly<Record<string, PackReport>>): PackReport => {
  const [first] = Object.values(report)
  if (first === undefined) throw new Error("npm pack reported nothing")
  return first
}

/** The public entry points: those that the exports name, and what their patterns match but do not close. */
export const entryPoints = ({ files, pkg }: Tarball): ReadonlyArray<string> => {
  const keys = Object.entries(pkg.manifest.exports ?? {})
  const named = keys.flatMap(([key, target]) => (target?.endsWith(".ts") && !key.includes("*") ? [key] : []))
  const closed = keys.flatMap(([key, target]) => (target === null ? [key.replace("*", "")] : []))
  // a module that the bin names is a program, not something to import
  const programs = new Set(
    Object.values(pkg.manifest.bin ?? {}).map((file) => file.replace(/^\.\/src\/(.*)\.ts$/, "./$1"))
  )
  const matched = files.flatMap((file) => {
    const path = keys.some(([key]) => key === "./*") ? /^dist\/(.+)\.js$/.exec(file)?.[1] : undefined
    return path === undefined ? [] : [`./${path}`]
  })
  const open = matched.filter(
    (entry) =>
      !programs.has(entry) && !closed.some((key) => (key.endsWith("/") ? entry.startsWith(key) : entry === key))
  )
  return [...new Set([...named, ...open])]
}
