/**
 * How long the command takes from its start to the first denoising step, beyond what loading the models takes:
 *
 *     node packages/cli/benchmark/startup.ts [runs]
 *
 * For each device, medians over the runs (in turn, so that noise falls on all): from the start of the process to the end of
 * the first step; of it the loading of text encoder and UNet, as the ModelStore measures it, and one step; what is left; and
 * the whole command as its parent sees it.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const runs = Number(process.argv[2] ?? 7)
const command = fileURLToPath(new URL("../bin/effect-blocks.js", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "startup-"))
const devices = ["cpu", "workers"] as const
const limit = 1500

interface Sample {
  readonly firstStep: number
  readonly loading: number
  readonly perStep: number
  readonly total: number
}

const once = (device: string): Sample => {
  const args = [
    command,
    "generate",
    "red heart",
    "--seed",
    "1",
    "--steps",
    "20",
    "--device",
    device,
    "--out",
    join(folder, "x.png"),
    "--force",
    "--json"
  ]
  const spawned = performance.now()
  const child = spawnSync(process.execPath, args, { encoding: "utf8" })
  const wall = performance.now() - spawned
  if (child.status !== 0) throw new Error(child.stderr)
  const { milliseconds } = JSON.parse(child.stdout)
  // the decoder is loaded later
  const loading = milliseconds.loading.text_encoder + milliseconds.loading.unet
  return { ...milliseconds, loading, total: wall }
}

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

try {
  const samples: Record<string, Array<Sample>> = Object.fromEntries(devices.map((device) => [device, []]))
  for (const device of devices) once(device) // fills the compile cache
  for (let run = 0; run < runs; run++) for (const device of devices) samples[device]!.push(once(device))
  console.log(`medians of ${runs} runs, milliseconds`)
  console.log("device     first step ends  loading models  one step  start without them  whole command")
  for (const device of devices) {
    const of = (key: keyof Sample) => median(samples[device]!.map((sample) => sample[key]))
    const rest = median(samples[device]!.map(({ firstStep, loading, perStep }) => firstStep - loading - perStep))
    const cells = [of("firstStep"), of("loading"), of("perStep"), rest, of("total")].map(Math.round)
    console.log(
      `${device.padEnd(10)} ${[15, 15, 9, 19, 14].map((width, i) => String(cells[i]).padStart(width)).join(" ")}`
    )
    if (rest > limit) process.exitCode = 1
  }
  console.log(`limit for the start without loading and step: ${limit}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
