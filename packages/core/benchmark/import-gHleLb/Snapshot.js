import * as blobs from "./internal/blobs.js";
import * as float32 from "./internal/snapshot-float32.js";
import { compiled } from "./internal/node.js";
import * as json from "./internal/snapshot-json.js";
import { outlineOf } from "./internal/snapshot-outline.js";
import * as internal from "./internal/snapshot.js";
export { SnapshotInvalid, SnapshotMismatch } from "./Errors.js";
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
export const run = (block, inputs, options) => internal.run(compiled(block), Object(inputs), options);
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
export const resume = (block, snapshot, options) => internal.resume(compiled(block), snapshot, options);
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
export const start = (block, inputs) => internal.start(compiled(block), Object(inputs));
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
export const modify = (block, snapshot, changes) => internal.modify(compiled(block), snapshot, changes);
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
export const position = (block, snapshot) => internal.where(compiled(block), snapshot);
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
export const outline = (block) => outlineOf(compiled(block));
/** The Schema of the JSON of a snapshot: its frame, not the values of the variables in it, which their own Schemas decode. */
export const Json = json.Json;
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
export const encode = (block, snapshot) => json.encode(compiled(block), snapshot);
/** From JSON. Everything in it is checked. See `encode` for an example. */
export const decode = (block, input) => json.decode(compiled(block), input);
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
export const toBytes = (block, snapshot) => json.toBytes(compiled(block), snapshot);
/** From the bytes of `toBytes`. Bytes of which some are missing fail with `SnapshotInvalid`. */
export const fromBytes = (block, bytes) => json.fromBytes(compiled(block), bytes);
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
export const Blobs = blobs.Blobs;
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
export const Float32 = float32.Float32;
