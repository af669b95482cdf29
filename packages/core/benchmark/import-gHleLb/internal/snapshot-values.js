/** Values of a state to JSON and back: which Schema a value goes through, and what JSON itself would lose. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Schema from "effect/Schema";
import { SnapshotInvalid } from "../Errors.js";
import { Trigger } from "./fields.js";
const bare = (s) => (s.ast.context?.isOptional === true && s.schema !== undefined ? s.schema : s);
/** Members of a union apart: the JSON of an untagged union may read back as another member, so the member is noted. */
const members = (s) => {
    const inner = bare(s);
    const union = inner.ast._tag === "Union" && Array.isArray(inner.members) && inner.ast.checks === undefined;
    return union && inner.ast.encoding === undefined ? inner.members.flatMap(members) : [s];
};
const takesAnything = (s) => bare(s) === bare(Trigger) || bare(s).ast._tag === "Unknown" || bare(s).ast._tag === "Any";
const tables = new WeakMap();
/** The Schemas through which a value of a name may have come: those of its writers, what takes anything last. */
export const schemasOf = (root) => {
    const known = tables.get(root);
    if (known !== undefined)
        return known;
    const table = new Map();
    const add = (fields) => {
        for (const name of Object.keys(fields)) {
            const list = table.get(name) ?? [];
            for (const s of members(fields[name]))
                if (!list.includes(s))
                    list.push(s);
            table.set(name, list);
        }
    };
    const walk = (block) => {
        if (block.node === undefined)
            add(block.outputs);
        if (block.wrapper !== undefined) {
            add(block.wrapper.provides);
            add(block.wrapper.outputs);
        }
        for (const inner of block.blocks)
            walk(inner);
    };
    add(root.inputs);
    walk(root);
    for (const list of table.values())
        list.sort((a, b) => Number(takesAnything(a)) - Number(takesAnything(b)));
    tables.set(root, table);
    return table;
};
const cached = (make) => {
    const cache = new WeakMap();
    return (s) => {
        let known = cache.get(s);
        if (known === undefined)
            cache.set(s, (known = make(s)));
        return known;
    };
};
/** The Schema takes the value and drops no key of it. */
const keeps = cached((s) => {
    const decode = Schema.decodeUnknownExit(Schema.toType(Schema.Struct({ v: s })));
    return (value) => Exit.isSuccess(decode({ v: value }, { onExcessProperty: "error" }));
});
const takes = cached((s) => Schema.is(Schema.Struct({ v: s })));
/** Which of the Schemas of a name a value goes through; -1: none takes it. */
export const choose = (schemas, value) => {
    const exact = schemas.findIndex((s) => keeps(s)(value));
    return exact !== -1 ? exact : schemas.findIndex((s) => takes(s)({ v: value }));
};
const codec = cached((s) => {
    const json = Schema.toCodecJson(Schema.Struct({ v: s }));
    return { encode: Schema.encodeUnknownEffect(json), decode: Schema.decodeUnknownEffect(json) };
});
/** JSON has no -0. */
const negativeZero = "~-0";
const protect = (json) => {
    if (Object.is(json, -0))
        return { [negativeZero]: true };
    if (Array.isArray(json))
        return json.map(protect);
    if (json === null || typeof json !== "object")
        return json;
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, protect(value)]));
};
const unprotect = (json) => {
    if (Array.isArray(json))
        return json.map(unprotect);
    if (json === null || typeof json !== "object")
        return json;
    if (json[negativeZero] === true && Object.keys(json).length === 1)
        return -0;
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, unprotect(value)]));
};
const invalid = (path) => (error) => new SnapshotInvalid({ path, reason: String(error?.message ?? error) });
export const encodeValue = (path, schema, value) => Effect.mapBoth(codec(schema).encode({ v: value }), {
    onSuccess: (json) => protect(json.v),
    onFailure: invalid(path)
});
export const decodeValue = (path, schema, json) => Effect.mapBoth(codec(schema).decode({ v: unprotect(json) }), {
    onSuccess: (out) => out.v,
    onFailure: invalid(path)
});
