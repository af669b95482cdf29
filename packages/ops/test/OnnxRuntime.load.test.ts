/** Files that are not what they should be, on every layer that reads files. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Message } from "../src/internal/protobuf.ts"
import { ModelLoadError } from "../src/OnnxError.ts"
import * as Model from "../src/Model.ts"
import * as OnnxGraph from "../src/OnnxGraph.ts"
import * as OnnxRuntime from "../src/OnnxRuntime.ts"
import * as Tensor from "../src/Tensor.ts"
import { add, float32 } from "./support/graphs.ts"

const shipped = fileURLToPath(new URL("../../emoji-diffusion/model", import.meta.url))
const unet = join(shipped, "unet", "model.onnx")

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "onnx-load-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** A graph's bytes with another operator set or IR version, or with weights in another file: what `OnnxGraph` does not write. */
const modelWith = (options: {
  readonly opset?: number
  readonly ir?: number
  readonly op?: string
  readonly external?: string
}) => {
  const value = (name: string) => {
    const type = new Message().message(
      1,
      new Message().int(1, 1).message(2, new Message().message(1, new Message().int(1, 1)))
    )
    return new Message().text(1, name).message(2, type)
  }
  const node = new Message()
    .text(1, "x")
    .text(1, options.external === undefined ? "x" : "w")
    .text(2, "y")
    .text(4, options.op ?? "Add")
  const graph = new Message().message(1, node).text(2, "g")
  if (options.external !== undefined) {
    const location = new Message().text(1, "location").text(2, options.external)
    graph.message(5, new Message().int(1, 1).int(2, 1).text(8, "w").message(13, location).int(14, 1))
  }
  graph.message(11, value("x")).message(12, value("y"))
  return new Message()
    .int(1, options.ir ?? 8)
    .message(7, graph)
    .message(8, new Message().text(1, "").int(2, options.opset ?? 17))
    .finish()
}

const failure = (source: OnnxRuntime.Source, options?: OnnxRuntime.LoadOptions) =>
  Effect.map(Effect.flip(Effect.scoped(OnnxRuntime.load(source, options))), (error) => {
    assert.instanceOf(error, ModelLoadError)
    return error
  })

const open = OnnxRuntime.OnnxRuntime.use((runtime) => Effect.map(runtime.status, (_) => _.models))

const suite = (name: string, runtime: Layer.Layer<OnnxRuntime.OnnxRuntime>) =>
  layer(runtime)(name, (it) => {
    it.effect("a missing file", () =>
      Effect.gen(function* () {
        const error = yield* failure(join(shipped, "unet", "other.onnx"))
        assert.match(error.message, /^cannot load .*other\.onnx \(not-found\): no such file$/)
      })
    )

    it.effect("a folder, and what is neither", () =>
      Effect.gen(function* () {
        const directory = yield* failure(shipped)
        assert.match(directory.message, /\(not-a-file\): expected an ONNX file, found a directory$/)
        const path = join(yield* folder, "socket")
        yield* Effect.acquireRelease(
          Effect.promise(
            () =>
              new Promise<ReturnType<typeof createServer>>((resolve) => {
                const server = createServer().listen(path, () => resolve(server))
              })
          ),
          (server) => Effect.promise(() => new Promise<void>((resolve) => void server.close(() => resolve())))
        )
        assert.match((yield* failure(path)).message, /\(not-a-file\): expected an ONNX file, found a special file$/)
      })
    )

    it.effect("a path that the file system refuses", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* failure(join(shipped, "x".repeat(300)))).reason, "unreadable")
        assert.strictEqual((yield* failure("model\0.onnx")).reason, "unreadable")
      })
    )

    it.effect.skipIf(process.getuid?.() === 0)("a file that may not be read", () =>
      Effect.gen(function* () {
        const path = join(yield* folder, "secret.onnx")
        writeFileSync(path, OnnxGraph.encode(add))
        chmodSync(path, 0)
        assert.strictEqual((yield* failure(path)).reason, "unreadable")
      })
    )

    it.effect("a real model, cut off anywhere", () =>
      Effect.gen(function* () {
        const path = join(yield* folder, "model.onnx")
        const whole = readFileSync(unet)
        for (const length of [0, 1, 2, 3, 1000, whole.length >> 1, whole.length - 1000, whole.length - 1]) {
          writeFileSync(path, whole.subarray(0, length))
          const error = yield* failure(path)
          assert.strictEqual(error.reason, "corrupt", `${length} bytes`)
          assert.match(
            error.message,
            /the file is empty|a whole ONNX file was expected, this one is truncated, damaged or not ONNX/
          )
        }
        assert.strictEqual(yield* open, 0)
      })
    )

    it.effect("a file that is no ONNX, and bytes that are none", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* failure(join(shipped, "model_index.json"))).reason, "corrupt")
        assert.strictEqual((yield* failure(join(shipped, "samples.png"))).reason, "corrupt")
        assert.strictEqual(
          (yield* failure(new Uint8Array(0), { name: "none" })).message,
          "cannot load none (corrupt): the model has no bytes"
        )
      })
    )

    it.effect("a model newer than this ONNX Runtime", () =>
      Effect.gen(function* () {
        const opset = yield* failure(modelWith({ opset: 99 }), { name: "new" })
        assert.strictEqual(opset.reason, "unsupported")
        assert.match(opset.message, /Opset 99 is under development.*till opset \d+/)
        assert.notInclude(opset.message, "onnxruntime_src")
        assert.strictEqual(
          (yield* failure(modelWith({ ir: 99 }))).detail,
          "Unsupported model IR version: 99, max supported IR version: 13"
        )
        const op = yield* failure(modelWith({ op: "Teleport" }))
        assert.strictEqual(op.reason, "unsupported")
        assert.include(op.message, "No Op registered for Teleport")
      })
    )

    it.effect("weights in a file that is missing, too short, or outside of the folder", () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const inner = join(directory, "inner")
        mkdirSync(inner)
        const path = join(inner, "model.onnx")
        writeFileSync(path, modelWith({ external: "weights.bin" }))
        assert.strictEqual((yield* failure(path)).reason, "external-data")
        writeFileSync(join(inner, "weights.bin"), new Uint8Array(2))
        assert.strictEqual((yield* failure(path)).reason, "external-data")
        writeFileSync(join(directory, "outside.bin"), new Uint8Array(4))
        writeFileSync(path, modelWith({ external: "../outside.bin" }))
        assert.strictEqual((yield* failure(path)).reason, "external-data")
        writeFileSync(path, modelWith({ external: "weights.bin" }))
        writeFileSync(join(inner, "weights.bin"), Float32Array.of(5))
        const model = yield* OnnxRuntime.load(path)
        assert.deepStrictEqual([...(yield* model.run({ x: float32(1) }))["y"]!.data], [6])
      })
    )

    it.effect("weights given beside the bytes of a model", () =>
      Effect.gen(function* () {
        const data = new Uint8Array(Float32Array.of(7).buffer)
        const bytes = modelWith({ external: "weights.bin" })
        const model = yield* OnnxRuntime.load(bytes, { externalData: { "weights.bin": data } })
        assert.deepStrictEqual([...(yield* model.run({ x: float32(1) }))["y"]!.data], [8])
        assert.strictEqual(model.bytes, bytes.byteLength + 4)
      })
    )

    it.effect("a good model of another kind, where a contract says which", () =>
      Effect.gen(function* () {
        const path = join(yield* folder, "unet.onnx")
        copyFileSync(join(shipped, "vae_decoder", "model.onnx"), path)
        const latents = Tensor.float32("batch", 4, "height", "width")
        const error = yield* Effect.flip(
          Effect.flatMap(OnnxRuntime.load(path), (model) =>
            Model.typed(model, {
              inputs: { sample: latents, timestep: Tensor.float32(1) },
              outputs: { out_sample: latents }
            })
          )
        )
        assert.match(
          error.message,
          /unet\.onnx \(contract\): no input 'sample'; it has 'latent_sample'; no input 'timestep'.*no output 'out_sample'; it has 'sample'/
        )
      })
    )

    it.effect("good models load, run and know their size", () =>
      Effect.gen(function* () {
        for (const part of ["text_encoder", "unet", "vae_encoder", "vae_decoder"]) {
          const path = join(shipped, part, "model.onnx")
          const model = yield* OnnxRuntime.load(path)
          assert.strictEqual(model.bytes, readFileSync(path).byteLength)
          const sizes: Record<string, number> = { batch_size: 1, steps: 1, sequence_length: 32 }
          const feeds = Object.fromEntries(
            model.inputs.map(({ dtype, name, shape }) => [
              name,
              Tensor.zeros(
                dtype === "string" ? "float32" : dtype,
                shape.map((dim) => (typeof dim === "number" ? dim : (sizes[dim] ?? 8)))
              )
            ])
          )
          const results = yield* model.run(feeds)
          assert.deepStrictEqual(Object.keys(results).toSorted(), model.outputs.map((_) => _.name).toSorted())
          for (const result of Object.values(results)) assert.strictEqual(result.shape[0], 1)
        }
      })
    )

    it.effect("nothing stays open: no model, and no file", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* open, 0)
        if (process.platform !== "linux") return
        const files = readdirSync("/proc/self/fd").flatMap((fd) => {
          try {
            return [readlinkSync(join("/proc/self/fd", fd))]
          } catch {
            return [] // the listing's own
          }
        })
        assert.isAbove(files.length, 0)
        assert.deepStrictEqual(
          files.filter((file) => file.endsWith(".onnx") || file.endsWith("weights.bin")),
          []
        )
      })
    )
  })

suite("layerCpu refuses", OnnxRuntime.layerCpu)
suite("layerWorkers refuses", OnnxRuntime.layerWorkers())
