/**
 * SwiftShader: a Vulkan device in software, so that the webgpu execution provider runs where there is no GPU.
 *
 *     node scripts/swiftshader.ts                  prints the environment to set, a NAME=value a line
 *     node scripts/swiftshader.ts -- COMMAND ...   runs the command in that environment
 *
 * The library comes out of an npm package (1.6 of its 70 MB are kept, in node_modules/.cache); it has no float16 and is
 * slow: it is for tiny models. Linux on x64 only.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { brotliDecompressSync } from "node:zlib"

const root = fileURLToPath(new URL("..", import.meta.url))
const version = "153.0.0"
const cache = join(root, "node_modules", ".cache")
const folder = join(cache, `swiftshader-${version}`)

/** Unpacks beside and renames, so that a folder that is there is whole. */
const install = (): void => {
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, "swiftshader-"))
  try {
    const options = { cwd: work, stdio: ["ignore", "pipe", "inherit"] as Array<"ignore" | "pipe" | "inherit"> }
    const packed = execFileSync("npm", ["pack", "--silent", `@sparticuz/chromium@${version}`], options)
      .toString()
      .trim()
    execFileSync("tar", ["xzf", packed, "package/bin/swiftshader.tar.br"], options)
    writeFileSync(
      join(work, "library.tar"),
      brotliDecompressSync(readFileSync(join(work, "package/bin/swiftshader.tar.br")))
    )
    const unpacked = join(work, "unpacked")
    mkdirSync(unpacked)
    execFileSync("tar", ["xf", "library.tar", "-C", "unpacked"], options)
    const driver = {
      file_format_version: "1.0.0",
      ICD: { library_path: "./libvk_swiftshader.so", api_version: "1.3.0" }
    }
    writeFileSync(join(unpacked, "icd.json"), JSON.stringify(driver))
    if (!existsSync(folder)) renameSync(unpacked, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

if (process.platform !== "linux" || process.arch !== "x64") {
  process.stderr.write(`SwiftShader is packaged for Linux on x64, this is ${process.platform} on ${process.arch}\n`)
  process.exit(1)
}
if (!existsSync(folder)) install()

const environment = {
  LD_LIBRARY_PATH: [folder, process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(delimiter),
  VK_DRIVER_FILES: join(folder, "icd.json")
}
const [separator, command, ...rest] = process.argv.slice(2)
if (separator === "--" && command !== undefined) {
  const { status } = spawnSync(command, rest, { stdio: "inherit", env: { ...process.env, ...environment } })
  process.exit(status ?? 1)
}
for (const [name, value] of Object.entries(environment)) process.stdout.write(`${name}=${value}\n`)
