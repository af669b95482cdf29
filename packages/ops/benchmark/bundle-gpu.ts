/**
 * Bundles `gpu.ts` with all it needs but onnxruntime-node into a folder of plain JavaScript, for machines where the
 * repository is not installed: `node packages/ops/benchmark/bundle-gpu.ts [FOLDER]` (out/gpu when absent). Then, on such
 * a machine, with onnxruntime-node in a `node_modules` above the folder: `node FOLDER/gpu.js`.
 */
import { fileURLToPath } from "node:url"
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { build } from "vite"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const folder = resolve(process.argv[2] ?? here("../../../out/gpu"))

await build({
  configFile: false,
  logLevel: "warn",
  root: here(".."),
  ssr: { noExternal: true, external: ["onnxruntime-node"] },
  build: {
    ssr: true,
    target: "node22",
    outDir: folder,
    emptyOutDir: true,
    rollupOptions: {
      // the worker and the probe are files of their own: threads and processes are started from them
      input: {
        gpu: here("gpu.ts"),
        worker: here("../src/internal/worker.ts"),
        probe: here("../src/internal/probe.ts")
      },
      output: { entryFileNames: "[name].js", chunkFileNames: "[name].js" }
    }
  }
})
writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
console.log(`wrote ${folder}`)
