/**
 * Checks the packages as they would be published: `npm run check-packages [-- PACKAGE...] [--keep]`.
 *
 * Builds and packs each one, looks at the tarballs with publint and attw, unpacks them into an empty folder beside nothing but
 * their declared dependencies, imports every public module with plain node, type-checks a program that uses them all, and
 * runs the command. `--keep` leaves the tarballs under .cache.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import type { Tarball } from "./lib/stage.ts"
import { entryPoints, pack } from "./lib/stage.ts"
import type { Failure } from "./lib/workspace.ts"
import { conclude, packages, root } from "./lib/workspace.ts"

const { positionals: only, values: options } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: "boolean", default: false } }
})
const bin = (name: string) => join(root, "node_modules", ".bin", name)
const failures: Array<Failure> = []
let passed = 0
const check = (where: string, problems: ReadonlyArray<string>) => {
  if (problems.length === 0) passed++
  else failures.push({ where, what: problems.join("\n") })
}
const specifier = ({ pkg }: Tarball, entry: string) => join(pkg.manifest.name, entry)

const lint = async (tarball: Tarball) => {
  const bytes = new Uint8Array(readFileSync(tarball.path)).buffer
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, strict: true })
  check(
    `${tarball.pkg.folder}: publint`,
    messages.map((message) => formatMessage(message, pkg) ?? message.code)
  )
}

const typesResolve = (tarball: Tarball) => {
  const args = [
    tarball.path,
    "--profile",
    "esm-only",
    "--no-definitely-typed",
    "--no-emoji",
    "--no-color",
    "--format",
    "ascii"
  ]
  const { status, stderr, stdout } = spawnSync(bin("attw"), [...args, "--entrypoints", ...entryPoints(tarball)], {
    encoding: "utf8"
  })
  check(`${tarball.pkg.folder}: attw`, status === 0 ? [] : [`${stdout}${stderr}`.trim()])
}

/** `node_modules` with the unpacked tarballs and links to what their manifests name, outside the repository */
const install = (tarballs: ReadonlyArray<Tarball>, folder: string) => {
  const names = new Set(
    tarballs.flatMap(({ pkg: { manifest } }) => Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
  )
  for (const { path, pkg } of tarballs) {
    const target = join(folder, "node_modules", pkg.manifest.name)
    mkdirSync(target, { recursive: true })
    execFileSync("tar", ["-xzf", path, "-C", target, "--strip-components", "1"])
    names.delete(pkg.manifest.name)
  }
  for (const name of [...names, "@types/node"]) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true })
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name))
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
}

/** plain node, in the folder of the consumer: imports one name after the other, and says of each which code it failed with */
const importAll = (folder: string, names: ReadonlyArray<string>): ReadonlyMap<string, string | null> => {
  const code = `const outcomes = []
    for (const name of ${JSON.stringify(names)}) {
      outcomes.push([name, await import(name).then(() => null, (error) => error.code ?? String(error))])
    }
    process.stdout.write(JSON.stringify(outcomes))`
  const args = ["--input-type=module", "-e", code]
  const { stderr, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: 120_000 })
  if (stdout === "" || stderr !== "") throw new Error(`importing ${names[0]} and others: ${stderr || "no answer"}`)
  return new Map(JSON.parse(stdout))
}

/** every public module can be imported, no internal one can */
const importable = (tarball: Tarball, folder: string) => {
  for (const [name, code] of importAll(
    folder,
    entryPoints(tarball).map((entry) => specifier(tarball, entry))
  )) {
    check(`import ${name}`, code === null ? [] : [code])
  }
  const closed = tarball.files.flatMap((file) => {
    const path = /^dist\/(internal\/.*)\.js$/.exec(file)?.[1]
    return path === undefined ? [] : [specifier(tarball, path)]
  })
  const open = [...importAll(folder, closed)].filter(([, code]) => code !== "ERR_PACKAGE_PATH_NOT_EXPORTED")
  check(
    `${tarball.pkg.folder}: internal modules are closed`,
    open.map(([name, code]) => `${name}: ${code ?? "can be imported"}`)
  )
}

const typesUsable = (tarballs: ReadonlyArray<Tarball>, folder: string) => {
  const names = tarballs.flatMap((tarball) => entryPoints(tarball).map((entry) => specifier(tarball, entry)))
  const code = names.map((name, i) => `import * as m${i} from ${JSON.stringify(name)}`)
  writeFileSync(
    join(folder, "consumer.ts"),
    [...code, `export const all = [${names.map((_, i) => `m${i}`).join(", ")}]`].join("\n")
  )
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "es2024",
    module: "nodenext",
    skipLibCheck: false,
    types: ["node"]
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }))
  const { stdout } = spawnSync(bin("tsc"), ["-p", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" })
  check(
    "declarations of all packages, strictly",
    stdout.split(/\n(?=\S)/).filter((message) => /effect-blocks|consumer/.test(message))
  )
}

/** the command of the tarball, as npm would link it: a picture in two steps, by worker threads */
const runs = (folder: string) => {
  const command = join(folder, "node_modules", "@effect-blocks", "cli", "bin", "effect-blocks.js")
  const args = [command, "generate", "red heart", "--steps", "2", "--out", "heart.png"]
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: 120_000 })
  check("effect-blocks generate", status === 0 && existsSync(join(folder, "heart.png")) ? [] : [stderr])
}

const contents = (tarball: Tarball) => {
  const { files, pkg } = tarball
  const stray = files.filter((file) => /(^|\/)(test|typetest|benchmark)\/|\.tsbuildinfo$|\.test\.|^tsconfig/.test(file))
  const missing = ["LICENSE", "dist/index.js", "dist/index.d.ts", "src/index.ts"].filter(
    (file) => !files.includes(file)
  )
  if (pkg.folder === "emoji-diffusion") {
    const model = ["model_index.json", "unet/model.onnx", "text_encoder/model.onnx", "vae_decoder/model.onnx"].map(
      (file) => `model/${file}`
    )
    missing.push(...model.filter((file) => !files.includes(file)))
  }
  check(`${pkg.folder}: contents`, [
    ...stray.map((file) => `${file} does not belong there`),
    ...missing.map((file) => `${file} is missing`)
  ])
}

mkdirSync(join(root, ".cache"), { recursive: true })
const stage = mkdtempSync(join(root, ".cache", "packages-"))
const folder = mkdtempSync(join(tmpdir(), "effect-blocks-packages-"))
try {
  const tarballs = pack(
    packages().filter(({ folder: name }) => only.length === 0 || only.includes(name)),
    stage
  )
  for (const { files, path, size } of tarballs) {
    console.log(`${path.slice(path.lastIndexOf("/") + 1)}: ${(size / 1024).toFixed(0)} KiB, ${files.length} files`)
  }
  install(tarballs, folder)
  for (const tarball of tarballs) {
    contents(tarball)
    await lint(tarball)
    typesResolve(tarball)
    importable(tarball, folder)
  }
  typesUsable(tarballs, folder)
  if (tarballs.some(({ pkg }) => pkg.folder === "cli")) runs(folder)
} catch (error) {
  failures.push({ where: "build and pack", what: String(error) })
} finally {
  rmSync(folder, { recursive: true, force: true })
  if (!options.keep) rmSync(stage, { recursive: true, force: true })
}
conclude(passed, failures)
