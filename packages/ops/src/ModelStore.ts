/**
 * Models under a memory budget: loaded at first use, shared, and kept until the budget needs their room.
 *
 * - **Lazy and shared.** The first `get` of a file loads it; everyone else gets the same model, also while it is still
 *   loading. There are never two loads of one file, whatever links or relative paths lead to it; files of
 *   a snapshot in the Hugging Face hub's cache, which are links to blobs, go by their own names.
 * - **Counted.** A model that someone holds is never evicted. One that nobody holds stays loaded, for the next one.
 * - **Budgeted.** Before a model is loaded, models that nobody holds are released, least recently used first, until it fits.
 * - **Overcommitting.** When everything that is loaded is held, the model is loaded all the same: waiting would deadlock a
 *   pipeline that holds one model while it asks for the next. The store goes back under its budget as soon as models are
 *   given back. Both are in the log of decisions.
 * - **Retrying.** A load that failed is forgotten, and the next `get` tries again. Interrupting one of several that wait
 *   for a load harms none of the others; when the last one goes, the load goes on and the model stays for the next.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { modelBytes } from "./internal/files.ts"
import { budgetOf } from "./internal/options.ts"
import * as store from "./internal/store.ts"
import * as Model from "./Model.ts"
import type { LoadError, RunError } from "./OnnxError.ts"
import { OnnxRuntime } from "./OnnxRuntime.ts"
import type { LoadOptions } from "./OnnxRuntime.ts"

/** What a store did, and why. `used` is what is loaded afterwards, in bytes. */
export type Decision =
  | {
      readonly _tag: "load"
      /** the path of its file */
      readonly model: string
      /** what it counts for */
      readonly bytes: number
      readonly used: number
      /** how long loading took */
      readonly milliseconds: number
    }
  | {
      readonly _tag: "evict"
      readonly model: string
      readonly bytes: number
      readonly used: number
      /** what it had to go for: the path of the model that needed room, or the reason */
      readonly for: string
      /** how long nobody had held it */
      readonly idleMilliseconds: number
    }
  | {
      readonly _tag: "overcommit"
      readonly model: string
      readonly bytes: number
      readonly used: number
      /** less than what is used: all that is loaded is held */
      readonly budget: number
    }
  | { readonly _tag: "failed"; readonly model: string; readonly reason: string }

/** What is loaded now. */
export interface Status {
  /** bytes of what is loaded or being loaded */
  readonly used: number
  /** bytes that may stay loaded */
  readonly budget: number
  /** the longest unused first */
  readonly models: ReadonlyArray<{
    readonly path: string
    /** what it counts for */
    readonly bytes: number
    /** how many hold it */
    readonly references: number
    readonly state: "loading" | "loaded"
  }>
}

/**
 * The service. `get` holds a model until the scope ends; `ModelStore.model` is what components usually keep.
 *
 * ```ts
 * import { ModelStore, OnnxRuntime } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import assert from "node:assert"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* ModelStore.ModelStore
 *   const error = yield* Effect.flip(store.preload(["missing.onnx"]))
 *   assert.match(error.message, /missing.onnx \(not-found\): no such file/)
 *   const [decision] = yield* store.decisions
 *   assert.equal(decision?._tag, "failed")
 * })
 * const layer = ModelStore.layer({ budget: 2e9 }).pipe(Layer.provide(OnnxRuntime.layerWorkers()))
 * await Effect.runPromise(Effect.provide(program, layer))
 * ```
 */
export class ModelStore extends Context.Service<
  ModelStore,
  {
    /** The model in that file, held until the scope ends. */
    readonly get: (path: string) => Effect.Effect<Model.Model, LoadError, Scope.Scope>
    /** Loads models side by side and lets them stay, as far as the budget goes. */
    readonly preload: (paths: Iterable<string>) => Effect.Effect<void, LoadError>
    /** Releases a model that nobody holds; false when it is held or not loaded. */
    readonly evict: (path: string) => Effect.Effect<boolean>
    /** The last thousand decisions, oldest first. */
    readonly decisions: Effect.Effect<ReadonlyArray<Decision>>
    /** What is loaded now. */
    readonly status: Effect.Effect<Status>
  }
>()("effect-blocks/ops/ModelStore") {}

/** How a store is made. */
export interface Options {
  /** bytes of models to keep loaded */
  readonly budget: number
  /** how models are loaded */
  readonly load?: Omit<LoadOptions, "name"> | undefined
  /** models to start loading, side by side, when the layer is built; a failure shows when the model is first asked for */
  readonly preload?: ReadonlyArray<string> | undefined
  /** what a file counts for; the size of the file and its weight files when absent (weights in float16 may take twice that) */
  readonly sizeOf?: ((path: string) => Effect.Effect<number>) | undefined
}

/**
 * A store over any `OnnxRuntime`.
 *
 * ```ts
 * import { ModelStore, OnnxRuntime } from "@effect-blocks/ops"
 * import * as Layer from "effect/Layer"
 *
 * const models = ModelStore.layer({ budget: 4e9, preload: ["unet/model.onnx"] }).pipe(
 *   Layer.provideMerge(OnnxRuntime.layerAuto())
 * )
 * ```
 */
export const layer = (options: Options): Layer.Layer<ModelStore, never, OnnxRuntime> =>
  Layer.effect(
    ModelStore,
    Effect.flatMap(OnnxRuntime, (runtime) =>
      store.make({
        budget: budgetOf(options.budget),
        preload: options.preload ?? [],
        sizeOf: options.sizeOf ?? ((path) => Effect.promise(() => modelBytes(path))),
        load: (path) => runtime.load(path, options.load)
      })
    )
  )

/** A model in the store as a plain value: every run holds it only while it runs, so it may be evicted in between. */
export interface StoredModel {
  /** of its file */
  readonly path: string
  /** Loads it where it is not, and holds it while it runs. */
  readonly run: (feeds: Model.Feeds, options?: Model.RunOptions) => Effect.Effect<Model.Results, LoadError | RunError>
}

/**
 * A file in the store as a value with a `run`: it is loaded at the first run, and held only while one is on.
 *
 * ```ts
 * import { ModelStore, OnnxRuntime, Tensor } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import assert from "node:assert"
 *
 * const x = { x: Tensor.float32("n") }
 * const echo = OnnxRuntime.fake({ inputs: x, outputs: x, run: (feeds) => feeds })
 * const layer = ModelStore.layer({ budget: 1e9 }).pipe(Layer.provide(OnnxRuntime.layerFake(() => echo)))
 * const program = Effect.gen(function*() {
 *   const model = yield* ModelStore.model("echo.onnx")
 *   const results = yield* model.run({ x: Tensor.make("float32", [1], Float32Array.of(7)) })
 *   return results.x!.data[0]
 * })
 * assert.equal(await Effect.runPromise(Effect.provide(program, layer)), 7)
 * ```
 */
export const model = (path: string): Effect.Effect<StoredModel, never, ModelStore> =>
  ModelStore.useSync((store): StoredModel => ({
    path,
    run: (feeds, options) => Effect.scoped(Effect.flatMap(store.get(path), (_) => _.run(feeds, options)))
  }))

/** A model in the store whose feeds and results are typed. */
export interface TypedStoredModel<I extends Model.Contract.Fields, O extends Model.Contract.Fields> {
  /** of its file */
  readonly path: string
  /** Loads it where it is not, checks it against the contract, and holds it while it runs. */
  readonly run: (feeds: Model.Contract.Values<I>) => Effect.Effect<Model.Contract.Values<O>, LoadError | RunError>
}

/**
 * `ModelStore.model` with Schemas on its inputs and outputs. The file is checked against them whenever it is loaded; one that
 * does not fit fails the run with a `ModelLoadError` (reason `contract`).
 *
 * ```ts
 * import { ModelStore, OnnxRuntime, Tensor } from "@effect-blocks/ops"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import assert from "node:assert"
 *
 * const x = { x: Tensor.float32("n") }
 * const echo = OnnxRuntime.fake({ inputs: x, outputs: x, run: (feeds) => feeds })
 * const layer = ModelStore.layer({ budget: 1e9 }).pipe(Layer.provide(OnnxRuntime.layerFake(() => echo)))
 * const program = Effect.gen(function*() {
 *   const model = yield* ModelStore.typed("echo.onnx", { inputs: x, outputs: x })
 *   const results = yield* model.run({ x: Tensor.make("float32", [1], Float32Array.of(7)) })
 *   return results.x.data[0]
 * })
 * assert.equal(await Effect.runPromise(Effect.provide(program, layer)), 7)
 * ```
 */
export const typed = <const I extends Model.Contract.Fields, const O extends Model.Contract.Fields>(
  path: string,
  contract: Model.Contract<I, O>
): Effect.Effect<TypedStoredModel<I, O>, never, ModelStore> =>
  ModelStore.useSync((store): TypedStoredModel<I, O> => {
    const checked = new WeakMap<Model.Model, Model.TypedModel<I, O>>()
    const check = (loaded: Model.Model) => {
      const known = checked.get(loaded)
      return known === undefined
        ? Effect.tap(Model.typed(loaded, contract), (fitting) => Effect.sync(() => checked.set(loaded, fitting)))
        : Effect.succeed(known)
    }
    return {
      path,
      run: (feeds) => Effect.scoped(Effect.flatMap(Effect.flatMap(store.get(path), check), (_) => _.run(feeds)))
    }
  })
