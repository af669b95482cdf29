import { createHash } from "node:crypto"
import { cp, lstat, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises"
import { join, relative, sep } from "node:path"
import { check } from "./check.ts"
import { fit } from "./preview.ts"

/** Paths of the files under `folder`, with `/`, sorted; anything else than files and folders is refused. */
const list = async (folder: string): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile()) found.push(relative(folder, file).split(sep).join("/"))
    else if (!entry.isDirectory()) throw new Error(`${file}: expected a file or a folder, not a link or a device`)
  }
  return found.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** The text of `src/internal/manifest.ts` for the files of a folder and its reference values. */
export const manifest = async (folder: string, reference: string): Promise<string> => {
  const rows: Array<string> = []
  for (const path of await list(folder)) {
    const bytes = await readFile(join(folder, path))
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    rows.push(`  {\n    path: ${JSON.stringify(path)},\n    bytes: ${bytes.length},\n    sha256: "${sha256}"\n  }`)
  }
  const preview = (await fit(reference)).map((row) => `  [${row.join(", ")}]`)
  return (
    `/** Written by \`scripts/replace.ts\`: every file of \`model/\`. */\nexport const files = [\n${rows.join(",\n")}\n]\n\n` +
    `/** Fitted to the reference pictures. */\nexport const latentRgb = [\n${preview.join(",\n")}\n]\n`
  )
}

/**
 * Puts `folder` and its `reference` in the place of `model/` and `reference/` of the package at `home`, and its files
 * into the manifest. Nothing is touched unless both fit; the old folders go only when the new ones are complete.
 */
export const install = async (
  folder: string,
  reference: string,
  home: string
): Promise<{ readonly problems: ReadonlyArray<string>; readonly files: number }> => {
  const problems = await check(folder, reference)
  if (problems.length > 0) return { problems, files: 0 }
  const sources = { model: await realpath(folder), reference: await realpath(reference) }
  await Promise.all(Object.values(sources).map(list))
  await mkdir(join(home, "src/internal"), { recursive: true })

  const staged: Array<readonly [from: string, to: string]> = []
  try {
    for (const [name, source] of Object.entries(sources)) {
      const target = join(home, name)
      const current = await lstat(target).catch(() => undefined)
      if (current !== undefined && (await realpath(target)) === source) continue // already in place
      const next = `${target}.new`
      await rm(next, { recursive: true, force: true })
      staged.push([next, target])
      await cp(source, next, { recursive: true })
    }
    for (const [next, target] of staged) {
      const old = `${target}.old`
      await rm(old, { recursive: true, force: true })
      await rename(target, old).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== "ENOENT") throw cause
      })
      await rename(next, target)
      await rm(old, { recursive: true, force: true })
    }
  } finally {
    for (const [next] of staged) await rm(next, { recursive: true, force: true })
  }
  const model = join(home, "model")
  await writeFile(join(home, "src/internal/manifest.ts"), await manifest(model, join(home, "reference")))
  return { problems, files: (await list(model)).length }
}
