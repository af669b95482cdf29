/** Snapshots to JSON, to bytes, and back. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { SnapshotInvalid, SnapshotMismatch } from "../Errors.js";
import { Blobs } from "./blobs.js";
import { provide } from "./machine.js";
import { bad, capture, Descent, restore } from "./snapshot-frames.js";
import { mismatch } from "./snapshot-outline.js";
import { choose, decodeValue, encodeValue, schemasOf } from "./snapshot-values.js";
import { copy, empty, put } from "./state.js";
const optional = Schema.optionalKey;
const FrameJson = Schema.Struct({
    block: Schema.String,
    kind: Schema.String,
    pc: Schema.Int,
    branch: optional(Schema.String),
    index: optional(Schema.Int),
    cursor: optional(Schema.Unknown),
    /** Of an inner record only what differs from the one around it. */
    state: optional(Schema.Record(Schema.String, Schema.Unknown)),
    /** Which of the Schemas of a name the value went through, where it is not the first. */
    schemas: optional(Schema.Record(Schema.String, Schema.Int)),
    /** What the record around has and this one has not. */
    hidden: optional(Schema.Array(Schema.String)),
    collected: optional(Schema.Array(Schema.Array(Schema.Tuple([Schema.Int, Schema.Unknown]))))
});
export const Json = Schema.Struct({
    version: Schema.Literal("effect-blocks/snapshot/1"),
    digest: Schema.String,
    outline: Schema.Array(Schema.String),
    at: Schema.Literals(["start", "leaf", "iteration"]),
    frames: Schema.Array(FrameJson)
});
/** Runs code that throws snapshot errors. */
export const attempt = (f) => Effect.suspend(() => {
    try {
        return Effect.succeed(f());
    }
    catch (error) {
        if (error instanceof SnapshotInvalid || error instanceof SnapshotMismatch)
            return Effect.fail(error);
        throw error;
    }
});
const planOf = (block) => (block.node?._tag === "loop" ? block.node.plan : undefined);
const encodeOne = (path, schemas, value) => {
    const which = schemas.length === 1 ? 0 : Math.max(0, choose(schemas, value));
    return Effect.map(encodeValue(path, schemas[which], value), (json) => [which, json]);
};
export const encode = (root, snapshot) => Effect.gen(function* () {
    const m = yield* attempt(() => restore(root, snapshot));
    const stack = m.stack.filter((f) => f.node._tag !== "provide");
    const table = schemasOf(root);
    const frames = [];
    let outer;
    for (let i = 0; i < stack.length; i++) {
        const { state, block, ...f } = snapshot.frames[i];
        const out = { block, kind: f.kind, pc: f.pc };
        frames.push(out);
        if (f.branch !== undefined)
            out.branch = f.branch;
        if (state === undefined)
            continue;
        const plan = i === 0 ? undefined : planOf(stack[i].block);
        if (plan !== undefined) {
            out.index = f.index;
            out.cursor = yield* encodeValue(`${block} cursor`, plan.cursor, f.cursor);
        }
        const recomputed = plan === undefined || plan.volatile ? [] : plan.provides;
        out.state = {};
        for (const name of Object.keys(state).toSorted()) {
            const value = state[name];
            const schemas = table.get(name);
            if (schemas === undefined || recomputed.includes(name))
                continue;
            if (value === undefined) {
                if (outer?.[name] !== undefined)
                    (out.hidden ??= []).push(name);
            }
            else if (outer === undefined || !Object.is(outer[name], value)) {
                const [which, json] = yield* encodeOne(`${block}.${name}`, schemas, value);
                if (which > 0)
                    put((out.schemas ??= {}), name, which);
                put(out.state, name, json);
            }
        }
        if (f.collected !== undefined) {
            out.collected = yield* Effect.forEach(f.collected, ({ list, length }, c) => {
                const from = plan.collect[c][0];
                return Effect.forEach(list.slice(0, length), (value) => encodeOne(`${block}.${from}`, table.get(from), value));
            });
        }
        outer = state;
    }
    const { digest, outline, at } = snapshot;
    return { version: "effect-blocks/snapshot/1", digest, outline, at, frames };
});
export const decode = (root, input) => Effect.gen(function* () {
    const json = yield* Effect.mapError(Schema.decodeUnknownEffect(Json)(input), (e) => bad("", String(e.message)));
    const other = mismatch(root, json);
    if (other !== undefined)
        return yield* Effect.fail(other);
    const table = schemasOf(root);
    const one = (path, name, which, value) => {
        const schema = table.get(name)?.[which];
        return schema === undefined
            ? Effect.fail(bad(path, "there is no such variable"))
            : decodeValue(path, schema, value);
    };
    const recordOf = Effect.fnUntraced(function* (f, around) {
        if (f.state === undefined)
            return yield* Effect.fail(bad(f.block, "its frame has no state"));
        const state = copy(around);
        for (const name of Object.keys(f.state)) {
            state[name] = yield* one(`${f.block}.${name}`, name, f.schemas?.[name] ?? 0, f.state[name]);
        }
        for (const name of f.hidden ?? [])
            state[name] = undefined;
        return state;
    });
    const [base, ...frames] = json.frames;
    const descent = yield* attempt(() => new Descent(root, base, json.at));
    descent.begin(yield* recordOf(base, empty()), base.pc);
    for (const f of frames) {
        const child = yield* attempt(() => descent.find(f));
        const plan = planOf(child);
        if (plan === undefined) {
            descent.enter(f, child, undefined);
            continue;
        }
        const state = yield* recordOf(f, descent.machine.top.state);
        const cursor = yield* decodeValue(`${f.block} cursor`, plan.cursor, f.cursor);
        if (!plan.volatile)
            provide(state, plan, plan.iteration(cursor, plan.view(state)));
        const collected = yield* Effect.forEach(f.collected ?? [], (list, c) => {
            const from = plan.collect[c]?.[0];
            if (from === undefined)
                return Effect.fail(bad(f.block, "collects more than the loop does"));
            return Effect.forEach(list, ([which, value]) => one(`${f.block}.${from}`, from, which, value));
        });
        if (collected.length !== plan.collect.length)
            return yield* Effect.fail(bad(f.block, "collects less than the loop does"));
        descent.enter(f, child, { state, cursor, collected });
    }
    return capture(yield* attempt(() => descent.end()));
});
// ---------------------------------------------------------------- one file
// "EBSN" | version | length of the JSON (u32) | length of the blobs (u64) | JSON, blank-padded to 8 | blobs, each padded to 8
const magic = 0x4e534245;
const head = 24;
const padded = (n) => Math.ceil(n / 8) * 8;
/** Each array once: the same bytes have the same place, whoever holds them. */
const collector = () => {
    const chunks = [];
    let at = 0;
    const same = (a, b) => {
        if (a.byteLength !== b.byteLength)
            return false;
        if (a.buffer === b.buffer && a.byteOffset === b.byteOffset)
            return true;
        for (let i = 0; i < a.byteLength; i++)
            if (a[i] !== b[i])
                return false;
        return true;
    };
    const put = (bytes) => Effect.sync(() => {
        const known = chunks.find((c) => same(c.bytes, bytes));
        if (known !== undefined)
            return known.ref;
        const ref = `${at}:${bytes.byteLength}`;
        chunks.push({ ref, bytes });
        at += padded(bytes.byteLength);
        return ref;
    });
    return { chunks, put, size: () => at };
};
export const toBytes = (root, snapshot) => Effect.suspend(() => {
    const { chunks, put, size } = collector();
    const get = () => Effect.die(bad("", "bytes are only written here"));
    return Effect.map(Effect.provideService(encode(root, snapshot), Blobs, { put, get }), (json) => {
        const text = new TextEncoder().encode(JSON.stringify(json));
        const start = head + padded(text.byteLength);
        const out = new Uint8Array(start + size());
        const view = new DataView(out.buffer);
        view.setUint32(0, magic, true);
        view.setUint32(4, 1, true);
        view.setUint32(8, text.byteLength, true);
        view.setBigUint64(16, BigInt(size()), true);
        out.set(text, head);
        for (const { ref, bytes } of chunks)
            out.set(bytes, start + Number(ref.slice(0, ref.indexOf(":"))));
        return out;
    });
});
export const fromBytes = (root, given) => Effect.gen(function* () {
    // a Buffer behaves otherwise than other Uint8Arrays: codecs of fields should not have to know
    const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.byteLength < head || view.getUint32(0, true) !== magic || view.getUint32(4, true) !== 1) {
        return yield* Effect.fail(bad("", "these bytes are not a snapshot"));
    }
    const length = view.getUint32(8, true);
    const start = head + padded(length);
    const size = start + Number(view.getBigUint64(16, true));
    if (bytes.byteLength !== size) {
        return yield* Effect.fail(bad("", `is torn: ${bytes.byteLength} of ${size} bytes are there`));
    }
    const json = yield* Effect.try({
        try: () => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(head, head + length))),
        catch: (error) => bad("", String(error))
    });
    const get = (ref) => {
        const [at, count] = ref.split(":").map(Number);
        const whole = Number.isInteger(at) && Number.isInteger(count) && at >= 0 && count >= 0 && start + at + count <= size;
        return whole
            ? Effect.succeed(bytes.subarray(start + at, start + at + count))
            : Effect.die(bad("", `there are no bytes '${ref}'`));
    };
    const put = () => Effect.die(bad("", "bytes are only read here"));
    return yield* Effect.provideService(decode(root, json), Blobs, { put, get });
}).pipe(Effect.catchDefect((defect) => (defect instanceof SnapshotInvalid ? Effect.fail(defect) : Effect.die(defect))));
