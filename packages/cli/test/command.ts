/** The real command in a process of its own, and folders to spoil. */
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const bin = fileURLToPath(new URL("../bin/effect-blocks.js", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** resolves when standard error holds this text */
  readonly says: (text: string) => Promise<void>
}

export const start = (
  command: string,
  args: ReadonlyArray<string>,
  cwd: string,
  options: { readonly input?: "pipe"; readonly env?: Readonly<Record<string, string>> } = {}
): Running => {
  // what the cache of this machine holds is none of a test's business
  const env = {
    ...process.env,
    HF_HUB_CACHE: join(cwd, "no-cache"),
    HF_TOKEN_PATH: join(cwd, "no-token"),
    ...options.env
  }
  const child = spawn(command, args, { cwd, env, stdio: [options.input ?? "ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  const waiting = new Set<() => void>()
  // pipes, as `stdio` says
  if (child.stdout === null || child.stderr === null) throw new Error("no output")
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text
    for (const look of waiting) look()
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const says = (text: string) =>
    Promise.race([
      new Promise<void>((resolve) => {
        const look = () => {
          if (!stderr.includes(text)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
      ended.then(({ code, stderr }) =>
        Promise.reject(new Error(`ended with ${code} before it said '${text}':\n${stderr}`))
      )
    ])
  return { child, ended, says }
}

export const effectBlocks = (
  args: ReadonlyArray<string>,
  cwd: string,
  options: { readonly input?: "pipe"; readonly env?: Readonly<Record<string, string>> } = {}
): Running => start(process.execPath, [bin, ...args], cwd, options)

export const withFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-blocks-cli-"))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The shipped model in a folder of its own: hard links, so replace a file before writing to it. */
export const linkModel = (to: string): void => {
  for (const name of readdirSync(EmojiDiffusion.path, { recursive: true, encoding: "utf8" })) {
    const from = join(EmojiDiffusion.path, name)
    if (!statSync(from).isFile() || name.startsWith("training")) continue
    mkdirSync(dirname(join(to, name)), { recursive: true })
    linkSync(from, join(to, name))
  }
}
