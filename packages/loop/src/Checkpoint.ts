/**
 * Runs that survive: a snapshot every few iterations goes to a `KeyValueStore` (memory, files, SQL), and a run with the same key
 * goes on from the last one that is whole. What was written when the power failed is recognised by its checksum and passed over.
 */
import type { Any, Error, In, Out, Services } from "@effect-blocks/core/Block"
import type { SnapshotInvalid, SnapshotMismatch } from "@effect-blocks/core/Errors"
import * as Snapshot from "@effect-blocks/core/Snapshot"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import * as record from "./internal/record.ts"

type StoreError = KeyValueStore.KeyValueStoreError
type Store = KeyValueStore.KeyValueStore

/**
 * Another run has this key: in this process, or, seen when it wrote, in another one.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Deferred, Effect, Fiber } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 *
 * const program = Effect.gen(function*() {
 *   const started = yield* Deferred.make<void>()
 *   const wait = Block.make("wait", { inputs: {}, outputs: {}, run: () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never) })
 *   const first = yield* Effect.forkChild(Checkpoint.run(wait, {}, { key: "run-17" }))
 *   yield* Deferred.await(started)
 *   const error = yield* Effect.flip(Checkpoint.run(wait, {}, { key: "run-17" }))
 *   yield* Fiber.interrupt(first)
 *   return error
 * })
 * const error = await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory))
 * assert(error._tag === "CheckpointBusy")
 * assert.equal(error.where, "this process")
 * ```
 */
export class CheckpointBusy extends Schema.TaggedError<CheckpointBusy>()("CheckpointBusy", {
  key: Schema.String,
  where: Schema.Literals(["this process", "another process"])
}) {
  override get message(): string {
    return `another run in ${this.where} writes checkpoints under the key '${this.key}': wait for it, or use another key`
  }
}
/**
 * There are checkpoints of this key, of a run with other inputs.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const program = Effect.gen(function*() {
 *   yield* Checkpoint.run(inc, { x: 1 }, { key: "run-17", onSuccess: "keep" })
 *   return yield* Effect.flip(Checkpoint.run(inc, { x: 2 }, { key: "run-17" }))
 * })
 * const error = await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory))
 * assert.equal(error._tag, "CheckpointConflict")
 * ```
 */
export class CheckpointConflict extends Schema.TaggedError<CheckpointConflict>()("CheckpointConflict", {
  key: Schema.String,
  /** the checkpoint that was found */
  sequence: Schema.Int
}) {
  override get message(): string {
    return `checkpoint ${this.sequence} of '${this.key}' is of a run with other inputs: use another key, fork it, or remove it`
  }
}
/**
 * There is no such checkpoint, or it is not whole.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const fork = Checkpoint.fork(inc, { key: "run-17" }, { key: "run-18" })
 * const error = await Effect.runPromise(Effect.provide(Effect.flip(fork), KeyValueStore.layerMemory))
 * assert.equal(error.message, "there is no checkpoint of 'run-17' that is whole")
 * ```
 */
export class CheckpointMissing extends Schema.TaggedError<CheckpointMissing>()("CheckpointMissing", {
  key: Schema.String,
  sequence: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const which = this.sequence === undefined ? "no checkpoint" : `no checkpoint ${this.sequence}`
    return `there is ${which} of '${this.key}' that is whole`
  }
}

/** When checkpoints are written, under which key, and how long they are kept. */
export interface Options {
  /** Runs with one key are one run. */
  readonly key: string
  /** A checkpoint each so many boundaries, or where so much time has passed (`"30 seconds"`). Default: each. */
  readonly every?: number | Exclude<Duration.Input, number | bigint>
  /** Boundaries that are looked at. Default: `iteration`. */
  readonly on?: "iteration" | "leaf" | "any"
  /** How many are kept, at least 1. Default: 2, so that one is left should the newest be torn. */
  readonly keep?: number
  /** What becomes of the checkpoints when the run has succeeded. Default: `remove`. */
  readonly onSuccess?: "remove" | "keep"
}
/** What is known of a checkpoint. */
export interface Info {
  /** Of the run. */
  readonly key: string
  /** Grows by one with each checkpoint of a key. */
  readonly sequence: number
  /** When it was written, in milliseconds since 1970. */
  readonly time: number
  /** Before anything, after a leaf, or after a whole iteration. */
  readonly at: Snapshot.At
  /** Where the run stood, such as `main.denoise`. */
  readonly path: string
  /** After an iteration: its number. */
  readonly index: number
}

type Failure = CheckpointBusy | CheckpointConflict | StoreError | SnapshotMismatch | SnapshotInvalid

// ---------------------------------------------------------------- places in the store

const digits = 12
const place = (key: string, sequence: number): string => `${key}/${String(sequence).padStart(digits, "0")}`
/** The sequence numbers of a key, the newest first; some may be torn. */
const sequences = (store: Store, key: string): Effect.Effect<ReadonlyArray<number>, StoreError> =>
  Effect.map(store.keys, (keys) =>
    keys
      .filter((k) => k.startsWith(`${key}/`) && /^\d{12}$/.test(k.slice(key.length + 1)))
      .map((k) => Number(k.slice(-digits)))
      .toSorted((a, b) => b - a)
  )
const read = (store: Store, key: string, sequence: number): Effect.Effect<record.Stored | undefined, StoreError> =>
  Effect.flatMap(store.getUint8Array(place(key, sequence)), (bytes) =>
    bytes === undefined ? Effect.undefined : record.decode(bytes)
  )
/** The newest that is whole. */
const newest = Effect.fnUntraced(function* (store: Store, key: string, all: ReadonlyArray<number>) {
  for (const sequence of all) {
    const stored = yield* read(store, key, sequence)
    if (stored !== undefined) return stored
    yield* Effect.logWarning(`Checkpoint ${sequence} of '${key}' is not whole: going back to the one before`)
  }
  return undefined
})

const claimed = new WeakMap<Store, Set<string>>()
const claim = (store: Store, key: string) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const keys = claimed.get(store) ?? new Set<string>()
      if (keys.has(key)) return Effect.fail(new CheckpointBusy({ key, where: "this process" }))
      claimed.set(store, keys.add(key))
      return Effect.succeed(keys)
    }),
    (keys) => Effect.sync(() => keys.delete(key))
  )

// ---------------------------------------------------------------- running

/** A digest of the inputs that the caller gave (defaults that are effects are drawn anew each time). */
const sourceOf = (block: Any, start: Snapshot.Snapshot, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const json = yield* Snapshot.encode(block, start)
    const state = json.frames[0]?.state ?? {}
    const given = names.toSorted().map((name) => [name, state[name] ?? null])
    return record.hex(yield* record.sha256(new TextEncoder().encode(JSON.stringify(given))))
  })

const due = (every: Options["every"], clock: Clock.Clock): number | ((boundary: Snapshot.Boundary) => boolean) => {
  if (every === undefined || typeof every === "number") return every ?? 1
  const millis = Duration.toMillis(Duration.fromInputUnsafe(every))
  let last = clock.currentTimeMillisUnsafe()
  return () => {
    const now = clock.currentTimeMillisUnsafe()
    if (now - last < millis) return false
    last = now
    return true
  }
}

/** Runs from `fresh`, or from the newest checkpoint of the key. */
const runFrom = <B extends Any>(
  block: B,
  fresh: Snapshot.Snapshot,
  source: string,
  options: Options
): Effect.Effect<Out<B>, Error<B> | Failure, Services<B> | KeyValueStore.KeyValueStore> =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      const { key } = options
      const keep = options.keep === undefined ? 2 : options.keep >= 1 ? options.keep : 1
      yield* claim(store, key)
      const found = yield* sequences(store, key)
      const stored = yield* newest(store, key, found)
      if (stored !== undefined && stored.info.source !== source) {
        return yield* new CheckpointConflict({ key, sequence: stored.info.sequence })
      }
      const kept = found.toReversed()
      let sequence = (found[0] ?? -1) + 1
      const save = Effect.fnUntraced(function* (snapshot: Snapshot.Snapshot, where: { path: string; index: number }) {
        const bytes = yield* Snapshot.toBytes(block, snapshot)
        const time = yield* Clock.currentTimeMillis
        const info = { key, sequence, time, at: snapshot.at, path: where.path, index: where.index, source }
        const whole = yield* record.encode(info, bytes)
        const at = place(key, sequence)
        if (yield* store.has(at)) return yield* new CheckpointBusy({ key, where: "another process" })
        yield* store.set(at, whole)
        kept.push(sequence++)
        while (kept.length > keep) yield* store.remove(place(key, kept.shift()!))
      }, Effect.uninterruptible)
      const snapshot = stored === undefined ? fresh : yield* Snapshot.fromBytes(block, stored.snapshot)
      if (stored === undefined) yield* save(fresh, { path: block.name, index: 0 })
      const clock = yield* Clock.Clock
      const output = yield* Snapshot.resume(block, snapshot, {
        on: options.on ?? "iteration",
        every: due(options.every, clock),
        onBoundary: save
      })
      if (options.onSuccess !== "keep") {
        yield* Effect.uninterruptible(Effect.forEach(kept, (n) => store.remove(place(key, n)), { discard: true }))
      }
      return output
    })
  )

/**
 * Runs a block with checkpoints. If there are some of this key it goes on from the newest that is whole, provided that the
 * composition is the same (`SnapshotMismatch` says what has changed) and the inputs are (`CheckpointConflict`). The first checkpoint
 * is written before anything runs, so that defaults that were drawn, such as a seed, are the same when it goes on.
 *
 * A run whose key is in use fails with `CheckpointBusy`: at once where the other run is in this process, and at the next checkpoint
 * where it is in another one (a `KeyValueStore` has no locks, so of two processes the one that writes first goes on).
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * let power = true
 * let calls = 0
 * const inc = Block.make("inc", {
 *   inputs: { x: Schema.Int, i: Schema.Int },
 *   outputs: { x: Schema.Int },
 *   run: ({ x, i }) => Effect.suspend(() => {
 *     calls++
 *     return i === 70 && power ? Effect.fail("power failed") : Effect.succeed({ x: x + 1 })
 *   })
 * })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: "n" }), [inc])
 * const run = Checkpoint.run(loop, { n: 100, x: 0 }, { key: "example", every: 20 })
 *
 * const program = Effect.gen(function*() {
 *   const error = yield* Effect.flip(run)
 *   power = false
 *   calls = 0
 *   return [error, yield* run]
 * })
 * const [error, output] = await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory))
 * assert.equal(error, "power failed")
 * assert.deepEqual(output, { x: 100 })
 * assert.equal(calls, 40) // from iteration 60
 * ```
 */
export const run = <B extends Any>(
  block: B,
  inputs: In<B>,
  options: Options
): Effect.Effect<Out<B>, Error<B> | Failure, Services<B> | KeyValueStore.KeyValueStore> =>
  Effect.gen(function* () {
    const fresh = yield* Snapshot.start(block, inputs)
    const source = yield* sourceOf(block, fresh, Object.keys(Object(inputs)))
    return yield* runFrom(block, fresh, source, options)
  })

/**
 * Runs from a checkpoint of another key, with other values of variables, and with checkpoints under its own key. Called again it
 * goes on from those.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const step = Block.pure("step", { inputs: { x: Schema.Number, scale: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x, scale }) => ({ x: x + scale }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: 10 }), [step])
 * const program = Effect.gen(function*() {
 *   const first = yield* Checkpoint.run(loop, { x: 0, scale: 1 }, { key: "first", keep: 20, onSuccess: "keep" })
 *   // as the first run was after 4 iterations, but with another scale
 *   const fork = yield* Checkpoint.fork(loop, { key: "first", sequence: 4, changes: { scale: 100 } }, { key: "fork" })
 *   return [first.x, fork.x]
 * })
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory)), [10, 604])
 * ```
 */
export const fork = <B extends Any>(
  block: B,
  from: {
    readonly key: string
    /** Default: the newest. */
    readonly sequence?: number
    readonly changes?: Snapshot.Changes<B>
  },
  options: Options
): Effect.Effect<Out<B>, Error<B> | Failure | CheckpointMissing, Services<B> | KeyValueStore.KeyValueStore> =>
  Effect.gen(function* () {
    const { snapshot } = yield* load(block, from.key, from.sequence)
    const changed = yield* Snapshot.modify(block, snapshot, from.changes ?? {})
    const bytes = yield* Snapshot.toBytes(block, changed)
    return yield* runFrom(block, changed, record.hex(yield* record.sha256(bytes)), options)
  })

/**
 * One checkpoint of a key, by default the newest that is whole.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: 5 }), [inc])
 * const program = Effect.gen(function*() {
 *   yield* Checkpoint.run(loop, { x: 0 }, { key: "a", every: 2, onSuccess: "keep" })
 *   const { info, snapshot } = yield* Checkpoint.load(loop, "a")
 *   return [info.path, info.index, (yield* Snapshot.position(loop, snapshot)).state["x"]]
 * })
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory)), ["loop", 3, 4])
 * ```
 */
export const load = (
  block: Any,
  key: string,
  sequence?: number
): Effect.Effect<
  { readonly info: Info; readonly snapshot: Snapshot.Snapshot },
  CheckpointMissing | StoreError | SnapshotMismatch | SnapshotInvalid,
  KeyValueStore.KeyValueStore
> =>
  Effect.gen(function* () {
    const store = yield* KeyValueStore.KeyValueStore
    const stored =
      sequence === undefined
        ? yield* newest(store, key, yield* sequences(store, key))
        : yield* read(store, key, sequence)
    if (stored === undefined)
      return yield* new CheckpointMissing({ key, ...(sequence === undefined ? {} : { sequence }) })
    return { info: stored.info, snapshot: yield* Snapshot.fromBytes(block, stored.snapshot) }
  })

/**
 * The checkpoints of a key that are whole, the oldest first.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 * import * as Loop from "@effect-blocks/loop/Loop"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const loop = Loop.fromBlocks(Loop.count("loop", { times: 5 }), [inc])
 * const program = Effect.gen(function*() {
 *   yield* Checkpoint.run(loop, { x: 0 }, { key: "a", keep: 3, onSuccess: "keep" })
 *   return (yield* Checkpoint.list("a")).map((info) => info.index)
 * })
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory)), [2, 3, 4])
 * ```
 */
export const list = (key: string): Effect.Effect<ReadonlyArray<Info>, StoreError, KeyValueStore.KeyValueStore> =>
  Effect.gen(function* () {
    const store = yield* KeyValueStore.KeyValueStore
    const all = yield* sequences(store, key)
    const stored = yield* Effect.forEach(all.toReversed(), (sequence) => read(store, key, sequence))
    return stored.flatMap((s) => (s === undefined ? [] : [s.info]))
  })

/**
 * Removes all checkpoints of a key.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Checkpoint from "@effect-blocks/loop/Checkpoint"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const program = Effect.gen(function*() {
 *   yield* Checkpoint.run(inc, { x: 0 }, { key: "a", onSuccess: "keep" })
 *   yield* Checkpoint.remove("a")
 *   return yield* Checkpoint.list("a")
 * })
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory)), [])
 * ```
 */
export const remove = (key: string): Effect.Effect<void, CheckpointBusy | StoreError, KeyValueStore.KeyValueStore> =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      yield* claim(store, key)
      const all = yield* sequences(store, key)
      yield* Effect.forEach(all, (sequence) => store.remove(place(key, sequence)), { discard: true })
    })
  )
