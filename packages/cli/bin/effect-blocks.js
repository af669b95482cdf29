#!/usr/bin/env node
// Plain JavaScript, so that a Node which cannot run the rest says so instead of failing on it.
import * as nodeModule from "node:module"

const needed = [22, 19]
const [major, minor] = process.versions.node.split(".").map(Number)
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  process.stderr.write(
    `effect-blocks needs Node ${needed.join(".")} or newer, and this is ${process.versions.node}. ` +
      "In a checkout, `npx effect-blocks` uses the Node that npm installed.\n"
  )
  process.exitCode = 2
} else {
  // the second start reads compiled code from the cache: about half the time to the first line of ours
  nodeModule.enableCompileCache?.()
  // Node does not strip types below node_modules, where a published package has its compiled files
  await import(import.meta.url.includes("/node_modules/") ? "../dist/bin.js" : "../src/bin.ts")
}
