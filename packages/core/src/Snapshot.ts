/**
 * A continuation is data: where a run stands, as a stack of frames, one for each composite that it is inside of. A snapshot
 * is immutable, may be resumed any number of times, and goes through the Schemas of the variables to JSON or bytes and back
 * without losing a bit. It carries the digest of its composition, so that a changed one refuses it.
 *
 * A run can be left and re-entered after every leaf and every iteration, inside nested loops, branches and `Block.provide`.
 * `Loop.custom`, `Block.parallel` and blocks with a policy (`retry`, `timeout`, ...) are atomic: a snapshot stands before or
 * after them.
 */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Any, Error, In, Out, Services } from "./Block.ts"
import type { SnapshotInvalid, SnapshotMismatch } from "./Errors.ts"
import * as blobs from "./internal/blobs.ts"
import * as float32 from "./internal/snapshot-float32.ts"
import type { At } from "./internal/machine.ts"
import { compiled } from "./internal/node.ts"
import type { IterationEvent } from "./internal/progress.ts"
import type { SnapshotData } from "./internal/snapshot-frames.ts"
import * as json from "./internal/snapshot-json.ts"
import { outlineOf } from "./internal/snapshot-outline.ts"
import * as internal from "./internal/snapshot.ts"

export { SnapshotInvalid, SnapshotMismatch } from "./Errors.ts"
export type { At } from "./internal/machine.ts"

/** Where a run stands. Its frames are for this module to read. */
export interface Snapshot extends SnapshotData {}

/** How a run that may be left has ended. */
export type Outcome<O> =
  | { readonly _tag: "Done"; readonly output: O }
  | { readonly _tag: "Left"; readonly snapshot: Snapshot }

/** A place where a run can be left. It is only valid until the run goes on. */
export interface Boundary {
  /** `leaf`: a block has run; `iteration`: a whole iteration of a loop has. */
  readonly at: At
  /** The innermost composite that the run is inside of, such as `main.denoise`. */
  readonly path: string
  /** At an iteration: its number, from 0. */
  readonly index: number
  /** The number of this boundary, of those that this call looks at, from 0. */
  readonly count: number
  /** Takes one: its cost is paid only where it is wanted. */
  readonly snapshot: () => Snapshot
}

interface Looking {
  /** Which boundaries are looked at. Default: `leaf`. */
  readonly on?: "leaf" | "iteration" | "any"
  /** For which of them `onBoundary` is done: each n-th, or those for which a predicate holds. Default: each. */
  readonly every?: number | ((boundary: Boundary) => boolean)
}
interface Leaving {
  /** The run is left at the first boundary for which this holds. */
  readonly until: (boundary: Boundary) => boolean
}
interface Doing<E2, R2> {
  /** Done before the run goes on. */
  readonly onBoundary: (snapshot: Snapshot, boundary: Boundary) => Effect.Effect<unknown, E2, R2>
}

/** With `until` a run ends `Done` or `Left`; without, it ends with its output. */
interface Runs<From extends "inputs" | "snapshot", E0> {
  <B extends Any>(
    block: B,
    from: From extends "inputs" ? In<B> : Snapshot,
    options: Looking & Leaving & { readonly onBoundary?: never }
  ): Effect.Effect<Outcome<Out<B>>, Error<B> | E0, Services<B>>
  <B extends Any, E2, R2>(
    block: B,
    from: From extends "inputs" ? In<B> : Snapshot,
    options: Looking & Leaving & Doing<E2, R2>
  ): Effect.Effect<Outcome<Out<B>>, Error<B> | E0 | E2, Services<B> | R2>
  <B extends Any, E2, R2>(
    block: B,
    from: From extends "inputs" ? In<B> : Snapshot,
    options: Looking & Doing<E2, R2> & { readonly until?: never }
  ): Effect.Effect<Out<B>, Error<B> | E0 | E2, Services<B> | R2>
  <B extends Any>(
    block: B,
    from: From extends "inputs" ? In<B> : Snapshot,
    options?: Looking & { readonly until?: never; readonly onBoundary?: never }
  ): Effect.Effect<Out<B>, Error<B> | E0, Services<B>>
}

/**
 * Runs a block so that it can be looked at, and left, between any two leaves.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const double = Block.pure("double", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x * 2 }) })
 * const both = Block.sequential("both", [inc, double])
 *
 * const left = Effect.runSync(Snapshot.run(both, { x: 3 }, { until: (boundary) => boundary.count === 0 }))
 * assert(left._tag === "Left") // after inc
 * assert.deepEqual(Effect.runSync(Snapshot.resume(both, left.snapshot)), { x: 8 })
 * ```
 */
export const run: Runs<"inputs", never> = (block: Any, inputs: unknown, options?: object) =>
  internal.run(compiled(block), Object(inputs), options)

/**
 * Goes on where a snapshot was taken. The composition may have been made anew, in another process: it must only look the same.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const make = (version: string) =>
 *   Block.sequential("main", [
 *     Block.pure("inc", { version, inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 *   ])
 * const start = Effect.runSync(Snapshot.start(make("1"), { x: 1 }))
 * assert.deepEqual(Effect.runSync(Snapshot.resume(make("1"), start)), { x: 2 })
 *
 * const error = Effect.runSync(Effect.flip(Snapshot.resume(make("2"), start)))
 * assert.equal(error._tag, "SnapshotMismatch")
 * assert.equal(error.path, "main.inc")
 * ```
 */
export const resume: Runs<"snapshot", SnapshotMismatch | SnapshotInvalid> = (
  block: Any,
  snapshot: Snapshot,
  options?: object
) => internal.resume(compiled(block), snapshot, options)

/**
 * A snapshot before the first leaf. Defaults that are effects are evaluated now.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const snapshot = Effect.runSync(Snapshot.start(inc, { x: 1 }))
 * assert.equal(snapshot.at, "start")
 * ```
 */
export const start: <B extends Any>(block: B, inputs: In<B>) => Effect.Effect<Snapshot> = (
  block: Any,
  inputs: unknown
) => internal.start(compiled(block), Object(inputs))

/** Variables of a block that a snapshot may be given other values of. */
export type Changes<B extends Any> = {
  readonly [K in keyof In<B> | keyof Out<B>]?:
    | (K extends keyof In<B> ? In<B>[K] : never)
    | (K extends keyof Out<B> ? Out<B>[K] : never)
}
/**
 * The same place with other values of variables: a fork. Inside loops too, except where an iteration variable of that name
 * hides the variable. Values are checked.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const program = Effect.gen(function*() {
 *   const snapshot = yield* Snapshot.start(inc, { x: 1 })
 *   const fork = yield* Snapshot.modify(inc, snapshot, { x: 10 })
 *   return [yield* Snapshot.resume(inc, snapshot), yield* Snapshot.resume(inc, fork)]
 * })
 * assert.deepEqual(Effect.runSync(program), [{ x: 2 }, { x: 11 }])
 * ```
 */
export const modify: <B extends Any>(
  block: B,
  snapshot: Snapshot,
  changes: Changes<B>
) => Effect.Effect<Snapshot, SnapshotMismatch | SnapshotInvalid> = (block, snapshot, changes) =>
  internal.modify(compiled(block), snapshot, changes)

/** Where a snapshot stands. */
export interface Position {
  /** Before anything, after a leaf, or after a whole iteration. */
  readonly at: At
  /** The innermost composite, such as `main.denoise`. */
  readonly path: string
  /** The variables there. */
  readonly state: Readonly<Record<string, unknown>>
  /** After an iteration: that iteration. */
  readonly iteration?: IterationEvent
}
/**
 * Where a snapshot stands, and the variables there.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const main = Block.sequential("main", [inc, Block.rename(inc, "again")])
 * const program = Effect.gen(function*() {
 *   const left = yield* Snapshot.run(main, { x: 1 }, { until: () => true })
 *   return left._tag === "Left" ? yield* Snapshot.position(main, left.snapshot) : undefined
 * })
 * const position = Effect.runSync(program)
 * assert.equal(position?.path, "main")
 * assert.deepEqual({ ...position?.state }, { x: 2 })
 * ```
 */
export const position: (
  block: Any,
  snapshot: Snapshot
) => Effect.Effect<Position, SnapshotMismatch | SnapshotInvalid> = (block, snapshot) =>
  internal.where(compiled(block), snapshot)

/** What two compositions have in common if one can go on with the other's runs. `lines` says it for people, a line for each block. */
export interface Outline {
  readonly lines: ReadonlyArray<string>
  /** Of the lines: what snapshots carry. */
  readonly digest: string
}
/**
 * What a composition looks like: names, kinds, Schemas of fields, cursors, versions. Functions are not in it; give a block
 * another `version` when its function comes to mean something else. Layers given with `Block.provide` are not in it either.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const { lines } = Snapshot.outline(Block.sequential("main", [inc]))
 * assert.deepEqual(lines[1], "main.inc\tblock { x: Number } -> { x: Number }")
 * ```
 */
export const outline = (block: Any): Outline => outlineOf(compiled(block))

/** A snapshot as JSON. */
export type Json = json.Json
/**
 * The Schema of the JSON of a snapshot: its frame, not the values of the variables in it, which their own Schemas decode.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const json = Effect.runSync(Effect.flatMap(Snapshot.start(inc, { x: 1 }), (snapshot) => Snapshot.encode(inc, snapshot)))
 * assert(Schema.is(Snapshot.Json)(JSON.parse(JSON.stringify(json))))
 * assert(!Schema.is(Snapshot.Json)({}))
 * ```
 */
export const Json = json.Json
/**
 * To JSON: each value through the Schema of the field that wrote it (of several, the first that takes it and drops no key of
 * it). The record of a loop holds only what differs from the record around it, and no iteration variable that can be computed
 * again from the cursor.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const program = Effect.gen(function*() {
 *   const text = JSON.stringify(yield* Snapshot.encode(inc, yield* Snapshot.start(inc, { x: -0 })))
 *   return yield* Snapshot.resume(inc, yield* Snapshot.decode(inc, JSON.parse(text)))
 * })
 * assert.deepEqual(Effect.runSync(program), { x: 1 })
 * ```
 */
export const encode = (block: Any, snapshot: Snapshot): Effect.Effect<Json, SnapshotMismatch | SnapshotInvalid> =>
  json.encode(compiled(block), snapshot)
/**
 * From JSON. Everything in it is checked: that it is of this composition (`SnapshotMismatch`), and each value (`SnapshotInvalid`).
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Int }, outputs: { x: Schema.Int }, run: ({ x }) => ({ x: x + 1 }) })
 * const json = Effect.runSync(Effect.flatMap(Snapshot.start(inc, { x: 1 }), (s) => Snapshot.encode(inc, s)))
 * const changed = JSON.parse(JSON.stringify(json).replace('"x":1', '"x":"one"'))
 * const error = Effect.runSync(Effect.flip(Snapshot.decode(inc, changed)))
 * assert.equal(error._tag, "SnapshotInvalid")
 * ```
 */
export const decode = (block: Any, input: unknown): Effect.Effect<Snapshot, SnapshotMismatch | SnapshotInvalid> =>
  json.decode(compiled(block), input)

/**
 * To one file: the JSON, and after it, raw, the bytes that fields gave to `Blobs`, each array once even if several variables
 * hold it.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const copy = Block.pure("copy", { inputs: { a: Snapshot.Float32 }, outputs: { b: Snapshot.Float32 }, run: ({ a }) => ({ b: a }) })
 * const program = Effect.gen(function*() {
 *   const bytes = yield* Snapshot.toBytes(copy, yield* Snapshot.start(copy, { a: new Float32Array([1, -0, NaN]) }))
 *   return yield* Snapshot.resume(copy, yield* Snapshot.fromBytes(copy, bytes))
 * })
 * assert.deepStrictEqual(Effect.runSync(program).b, new Float32Array([1, -0, NaN]))
 * ```
 */
export const toBytes = (
  block: Any,
  snapshot: Snapshot
): Effect.Effect<Uint8Array, SnapshotMismatch | SnapshotInvalid> => json.toBytes(compiled(block), snapshot)
/**
 * From the bytes of `toBytes`. Bytes of which some are missing fail with `SnapshotInvalid`.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const keep = Block.pure("keep", { inputs: { a: Snapshot.Float32 }, outputs: { a: Snapshot.Float32 }, run: (state) => state })
 * const program = Effect.gen(function*() {
 *   const bytes = yield* Snapshot.toBytes(keep, yield* Snapshot.start(keep, { a: new Float32Array(100) }))
 *   return yield* Effect.flip(Snapshot.fromBytes(keep, bytes.subarray(0, -1)))
 * })
 * assert.equal(Effect.runSync(program)._tag, "SnapshotInvalid")
 * ```
 */
export const fromBytes = (block: Any, bytes: Uint8Array): Effect.Effect<Snapshot, SnapshotMismatch | SnapshotInvalid> =>
  json.fromBytes(compiled(block), bytes)

/** A place for the bytes of large fields. */
export interface Blobs extends blobs.Blobs {}
/**
 * Where fields that are large arrays put their bytes while a snapshot is encoded, and find them again. Default: nowhere, and
 * they become base64 in the JSON. `toBytes` gives its own; an artifact store may be another.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const store = new Map<string, Uint8Array>()
 * const blobs: Snapshot.Blobs = {
 *   put: (bytes) => Effect.sync(() => { const ref = `blob-${store.size}`; store.set(ref, bytes); return ref }),
 *   get: (ref) => Effect.sync(() => store.get(ref)!)
 * }
 * const keep = Block.pure("keep", { inputs: { a: Snapshot.Float32 }, outputs: { a: Snapshot.Float32 }, run: (state) => state })
 * const program = Effect.flatMap(Snapshot.start(keep, { a: new Float32Array([1, 2]) }), (s) => Snapshot.encode(keep, s))
 * Effect.runSync(Effect.provideService(program, Snapshot.Blobs, blobs))
 * assert.equal(store.get("blob-0")?.byteLength, 8)
 * ```
 */
export const Blobs = blobs.Blobs

/**
 * A field that is a `Float32Array`, bit for bit: in JSON base64 of its little-endian bytes, or a reference where there are
 * `Blobs`. (`Tensor` of `@effect-blocks/ops` has shapes and other types.)
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * assert(Schema.is(Snapshot.Float32)(new Float32Array(3)))
 * ```
 */
export const Float32: Schema.Codec<Float32Array> = float32.Float32
