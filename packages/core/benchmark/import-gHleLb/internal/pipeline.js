import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { isObject } from "effect/Predicate";
import * as Schema from "effect/Schema";
import * as SchemaIssue from "effect/SchemaIssue";
import { CompositionError, InputError, InputIssue } from "../Errors.js";
import { expectedOf } from "./expected.js";
import { isNeeded, Trigger } from "./fields.js";
import { readersOf } from "./readers.js";
import { own, put } from "./state.js";
const format = SchemaIssue.makeFormatterStandardSchemaV1();
/** how the JSON form of numbers speaks of them */
const nonFinite = '"Infinity" | "-Infinity" | "NaN"';
const parsing = { errors: "all", onExcessProperty: "error" };
/** `sizes`, `[0]`, `width` to `sizes[0].width` */
const pathText = (field, path) => path.reduce((out, key) => {
    const k = isObject(key) && "key" in key ? key.key : key;
    return typeof k === "number" ? `${out}[${k}]` : `${out}.${String(k)}`;
}, field);
/** what a failed parse of one field says */
const issuesOf = (field, block, schema, cause) => {
    const error = Cause.squash(cause);
    const expected = expectedOf(schema);
    const found = Schema.isSchemaError(error)
        ? format(error.issue).issues
        : [{ message: String(error?.message ?? error), path: [] }];
    return found.map((i) => new InputIssue({
        field,
        path: pathText(field, (i.path ?? []).slice(1)),
        block,
        expected,
        reason: i.message.replace(nonFinite, "number")
    }));
};
const known = new WeakMap();
const checksOf = (block) => {
    let checks = known.get(block);
    if (checks === undefined) {
        const readers = readersOf(block);
        checks = new Map(Object.keys(block.inputs).map((k) => {
            const field = block.inputs[k];
            const list = readers.get(k) ?? [];
            const codec = Schema.toCodecJson(Schema.Struct({ value: field }));
            return [
                k,
                {
                    needed: isNeeded(field),
                    path: list[0]?.path ?? block.name,
                    readers: list.map(({ path, schema }) => ({
                        path,
                        schema,
                        parse: Schema.decodeUnknownExit(Schema.Struct({ value: Schema.toType(schema) }), { errors: "all" })
                    })),
                    decode: field === Trigger
                        ? (value) => Effect.succeed({ value })
                        : Schema.decodeUnknownEffect(codec, parsing)
                }
            ];
        }));
        known.set(block, checks);
    }
    return checks;
};
/** distance of two words: how many letters to change */
const distance = (a, b) => {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
        const next = [i];
        for (let j = 1; j <= b.length; j++) {
            next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
        }
        row = next;
    }
    return row[b.length];
};
const unknownIssue = (block, key) => {
    const names = Object.keys(block.inputs);
    const close = key.length > 64 ? undefined : names.map((n) => [distance(key, n), n]).toSorted((a, b) => a[0] - b[0])[0];
    const hint = close !== undefined && close[0] <= Math.max(2, key.length / 3) ? `, did you mean '${close[1]}'?` : "";
    const expected = names.length === 0 ? "no input" : `one of ${names.join(", ")}`;
    return new InputIssue({ field: key, path: key, block: "", expected, reason: `there is no input of this name${hint}` });
};
const missingIssue = (block, key, path) => {
    const expected = expectedOf(block.inputs[key]);
    return new InputIssue({ field: key, path: key, block: path, expected, reason: `is missing, expected ${expected}` });
};
/** everything that is wrong with these values; those in `known` may have any other names beside */
const validate = (block, values, given) => {
    const issues = [];
    const checks = checksOf(block);
    for (const k of Object.keys(given))
        if (!checks.has(k) && given[k] !== undefined)
            issues.push(unknownIssue(block, k));
    for (const [k, check] of checks) {
        const value = own(values, k);
        if (value === undefined) {
            if (check.needed)
                issues.push(missingIssue(block, k, check.path));
            continue;
        }
        for (const { parse, path, schema } of check.readers) {
            const exit = parse({ value });
            if (Exit.isFailure(exit)) {
                issues.push(...issuesOf(k, path, schema, exit.cause));
                break;
            }
        }
    }
    return issues;
};
const refuse = (block, issues) => Effect.fail(new InputError({ block: block.name, issues }));
const selected = (out, output) => {
    if (output === undefined)
        return out;
    if (typeof output === "string")
        return own(out, output);
    const chosen = {};
    for (const k of output)
        if (own(out, k) !== undefined)
            put(chosen, k, out[k]);
    return chosen;
};
const assertOutputs = (block, output) => {
    for (const k of output === undefined ? [] : typeof output === "string" ? [output] : output) {
        if (!Object.hasOwn(block.outputs, k)) {
            throw new CompositionError({
                block: block.name,
                reason: `has no output '${k}', only ${Object.keys(block.outputs).join(", ")}`
            });
        }
    }
};
export const run = (block, inputs, options) => Effect.suspend(() => {
    assertOutputs(block, options?.output);
    const state = options?.state;
    const values = state === undefined ? inputs : { ...state, ...inputs };
    const issues = validate(block, values, inputs);
    if (issues.length > 0)
        return refuse(block, issues);
    return Effect.map(block.run(values), (out) => selected(state === undefined ? out : { ...state, ...out }, options?.output));
});
/** JSON to typed inputs */
export const decode = (block, json) => Effect.suspend(() => {
    if (!isObject(json) || Array.isArray(json)) {
        return refuse(block, [
            new InputIssue({
                field: "",
                path: "",
                block: "",
                expected: "an object",
                reason: "the inputs are not an object"
            })
        ]);
    }
    const checks = checksOf(block), given = json;
    const values = {}, wrong = new Map();
    const present = [...checks].filter(([k]) => own(given, k) !== undefined);
    const decoded = Effect.forEach(present, ([k, check]) => Effect.matchCauseEffect(check.decode({ value: given[k] }), {
        onSuccess: ({ value }) => Effect.sync(() => put(values, k, value)),
        onFailure: (cause) => Cause.hasInterrupts(cause)
            ? Effect.failCause(cause)
            : Effect.sync(() => wrong.set(k, issuesOf(k, check.path, block.inputs[k], cause)))
    }), { discard: true });
    return Effect.flatMap(decoded, () => {
        const issues = validate(block, values, given).filter((i) => !wrong.has(i.field));
        for (const list of wrong.values())
            issues.push(...list);
        return issues.length > 0 ? refuse(block, issues) : Effect.succeed(values);
    });
});
export const runUnknown = (block, json, options) => Effect.suspend(() => {
    assertOutputs(block, options?.output);
    return Effect.flatMap(decode(block, json), (values) => Effect.map(block.run(values), (out) => selected(out, options?.output)));
});
