/**
 * Replaces the shipped model by another of the same names and shapes:
 *
 *     node packages/emoji-diffusion/scripts/replace.ts FOLDER REFERENCE
 *
 * FOLDER and REFERENCE are what `model/training/export.py` writes. Both are checked first (files, configuration, inputs
 * and outputs of every model, values against the reference); a folder that does not fit is refused with the reasons.
 * With the package's own `model` and `reference` it checks them and writes the manifest again.
 */
import { fileURLToPath } from "node:url"
import { install } from "./install.ts"

const [folder, reference, ...rest] = process.argv.slice(2)
if (folder === undefined || reference === undefined || rest.length > 0) {
  console.error("usage: node packages/emoji-diffusion/scripts/replace.ts FOLDER REFERENCE")
  process.exit(2)
}
try {
  const { files, problems } = await install(folder, reference, fileURLToPath(new URL("..", import.meta.url)))
  if (problems.length > 0) {
    console.error(
      ["This folder does not fit; nothing was changed.", ...problems.map((problem) => `- ${problem}`)].join("\n")
    )
    process.exitCode = 2
  } else {
    console.log(
      `${files} files are in place and in the manifest. Commit model/, reference/ and src/internal/manifest.ts.`
    )
  }
} catch (cause) {
  console.error(cause instanceof Error ? cause.message : String(cause))
  process.exitCode = 1
}
