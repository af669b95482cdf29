/** Snapshots that huggingface_hub left in its cache, opened by their path: what `hf download` prints. */
import { TextEncoder, VaeDecoder } from "@effect-blocks/diffusion/Components"
import * as Repository from "@effect-blocks/diffusion/Repository"
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as ModelStore from "@effect-blocks/ops/ModelStore"
import * as OnnxGraph from "@effect-blocks/ops/OnnxGraph"
import * as OnnxRuntime from "@effect-blocks/ops/OnnxRuntime"
import * as Tensor from "@effect-blocks/ops/Tensor"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { dirname, join, relative } from "node:path"
import { temporary } from "./support/folder.ts"
import { filesOf, sha256 } from "./support/hub.ts"

const COMMIT = "0123456789abcdef0123456789abcdef01234567"
const models = ModelStore.layer({ budget: 2 ** 28 }).pipe(Layer.provide(OnnxRuntime.layerCpu))

/** gives a file of a snapshot the bytes, in a blob, as the other client does */
const put = (root: string, file: string, bytes: Uint8Array) => {
  const blob = join(root, "blobs", sha256(bytes))
  const path = join(root, "snapshots", COMMIT, file)
  mkdirSync(dirname(blob), { recursive: true })
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(blob, bytes)
  rmSync(path, { force: true })
  symlinkSync(relative(dirname(path), blob), path)
}

const shipped = [...filesOf(EmojiDiffusion.path)].filter(([file]) => !/^training|^samples|^README/.test(file))

/** the shipped model in such a cache; `root` is the repository's folder in it */
const snapshot = Effect.map(temporary("effect-blocks-snapshot-"), (cache) => {
  const root = join(cache, "models--org--emoji")
  for (const [file, bytes] of shipped) put(root, file, bytes)
  return { root, folder: join(root, "snapshots", COMMIT) }
})

const varint = (value: number): Array<number> => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)])
const int = (field: number, value: number) => Buffer.from([field << 3, ...varint(value)])
const bytes = (field: number, value: Uint8Array) =>
  Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(value.length)]), value])
const text = (field: number, value: string) => bytes(field, Buffer.from(value))

/** a decoder of one convolution, whose weights are in a file beside it: protobuf merges what it is told twice */
const decoder = (location: string): Uint8Array => {
  const dims = [3, 4, 1, 1]
  const graph = OnnxGraph.make("decoder", {
    inputs: { latent_sample: Tensor.float32("batch", 4, "height", "width"), w: Tensor.float32(3, 4, 1, 1) },
    outputs: { sample: Tensor.float32("batch", 3, "height", "width") },
    nodes: [OnnxGraph.node("Conv", ["latent_sample", "w"], ["sample"])]
  })
  const entry = Buffer.concat([text(1, "location"), text(2, location)])
  const weights = [...dims.map((dim) => int(1, dim)), int(2, 1), text(8, "w"), bytes(13, entry), int(14, 1)]
  return Buffer.concat([OnnxGraph.encode(graph), bytes(7, bytes(5, Buffer.concat(weights)))])
}
const weights = (value: number) => new Uint8Array(Float32Array.from({ length: 12 }, () => value).buffer)
const latents = Tensor.make("float32", [1, 4, 1, 1], Float32Array.of(1, 2, 3, 4))

const decoded = (folder: string, place: Repository.Place = {}) =>
  Effect.flatMap(VaeDecoder, ({ decode }) => decode(latents)).pipe(
    Effect.map(({ data }) => [...data]),
    Effect.provide(Repository.layerVaeDecoder(folder, place).pipe(Layer.provide(models)))
  )

const refused = Effect.fnUntraced(function* (folder: string, file: string) {
  const error = yield* Effect.flip(Effect.scoped(Layer.build(Repository.layer(folder).pipe(Layer.provide(models)))))
  assert.strictEqual(
    error.message,
    `${file}: it is a link that leaves the repository's folder; expected a path within the repository's folder`
  )
})

describe("a snapshot in the cache of huggingface_hub", () => {
  it.live("is opened by its path, and nothing in it is changed", () =>
    Effect.gen(function* () {
      const { folder } = yield* snapshot
      const before = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((_) => _.isSymbolicLink())
      assert.strictEqual(before.length, shipped.length)
      assert.strictEqual((yield* Repository.pipeline(folder)).family, "stableDiffusion")
      const { lastHiddenState } = yield* Effect.flatMap(TextEncoder, ({ encode }) =>
        encode(Tensor.zeros("int32", [1, 32]))
      ).pipe(Effect.provide(Repository.layer(folder).pipe(Layer.provide(models))))
      assert.deepStrictEqual(lastHiddenState.shape, [1, 32, 256])
      const after = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((_) => _.isSymbolicLink())
      assert.strictEqual(after.length, shipped.length)
    })
  )

  it.live("has the weights of a graph beside its link, also where two links lead to one blob", () =>
    Effect.gen(function* () {
      const { folder, root } = yield* snapshot
      put(root, "vae_decoder/model.onnx", decoder("model.onnx_data"))
      put(root, "vae_decoder/model.onnx_data", weights(1))
      put(root, "other/model.onnx", decoder("model.onnx_data"))
      put(root, "other/model.onnx_data", weights(2))
      put(root, "other/config.json", readFileSync(join(folder, "vae_decoder/config.json")))
      assert.deepStrictEqual(yield* decoded(folder), [10, 10, 10])
      assert.deepStrictEqual(yield* decoded(folder, { folder: "other" }), [20, 20, 20])
      // a folder of it is one of the same snapshot
      assert.deepStrictEqual(yield* decoded(join(folder, "other"), { folder: "" }), [20, 20, 20])
    })
  )

  it.live("is refused where a link leads elsewhere", () =>
    Effect.gen(function* () {
      const { folder, root } = yield* snapshot
      const file = "unet/config.json"
      const path = join(folder, file)
      const secret = join(dirname(root), "secret.json")
      copyFileSync(path, secret)
      const below = join(root, "blobs", "below", "secret.json")
      mkdirSync(dirname(below))
      copyFileSync(secret, below)
      const other = join(dirname(root), "models--org--other", "blobs", "secret")
      mkdirSync(dirname(other), { recursive: true })
      copyFileSync(secret, other)
      for (const target of [secret, below, other]) {
        rmSync(path)
        symlinkSync(target, path)
        yield* refused(folder, file)
      }
      // by way of a blob that is a link itself
      rmSync(path)
      symlinkSync(secret, join(root, "blobs", "link"))
      symlinkSync(join(root, "blobs", "link"), path)
      yield* refused(folder, file)
    })
  )

  it.live("is refused where its blobs, or a folder of it, are elsewhere", () =>
    Effect.gen(function* () {
      const { folder, root } = yield* snapshot
      const outside = yield* snapshot
      rmSync(join(folder, "unet"), { recursive: true })
      symlinkSync(join(outside.folder, "unet"), join(folder, "unet"))
      yield* refused(folder, "unet/config.json")
      const again = yield* snapshot
      renameSync(join(again.root, "blobs"), join(dirname(root), "elsewhere"))
      symlinkSync(join(dirname(root), "elsewhere"), join(again.root, "blobs"))
      yield* refused(again.folder, "model_index.json")
    })
  )

  it.live("is nothing but a folder with links where the layout is another", () =>
    Effect.gen(function* () {
      const { folder, root } = yield* snapshot
      for (const [from, to] of [
        [folder, join(root, "snapshots", "main")],
        [root, join(dirname(root), "emoji")]
      ] as const) {
        renameSync(from, to)
        const moved = from === folder ? to : join(to, "snapshots", COMMIT)
        yield* refused(moved, "model_index.json")
        renameSync(to, from)
      }
      yield* Repository.open(folder)
    })
  )
})
