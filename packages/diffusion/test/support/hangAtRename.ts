/** Before a program: its renames to what `HANG_AT` matches never end. The first line of its output names the first. */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

const pattern = new RegExp(process.env["HANG_AT"] ?? "$.")
const { rename } = fs.promises
fs.promises.rename = (from, to) => {
  if (!pattern.test(String(to))) return rename(from, to)
  process.stdout.write(`${String(from)} -> ${String(to)}\n`)
  // something has to keep the process
  return new Promise(() => setInterval(() => undefined, 1000))
}
syncBuiltinESMExports()
