/** Who reads what the caller gives: every block that an input may reach, with its path and its own field. */
import { isOptional, Trigger } from "./fields.js";
const known = new WeakMap();
export const readersOf = (root) => {
    let readers = known.get(root);
    if (readers === undefined)
        known.set(root, (readers = collect(root)));
    return readers;
};
const collect = (root) => {
    const readers = new Map();
    const add = (fields, path, written, except) => {
        for (const k of Object.keys(fields)) {
            const schema = fields[k];
            if (written.has(k) || schema === Trigger || except?.(k) === true)
                continue;
            const list = readers.get(k);
            if (list === undefined)
                readers.set(k, [{ path, schema }]);
            else if (!list.some((r) => r.schema === schema))
                list.push({ path, schema });
        }
    };
    const walk = (block, path, written) => {
        const { blocks, wrapper } = block;
        if (block.definition.wraps !== undefined)
            return walk(block.definition.wraps, path, written);
        if (blocks.length === 0 && wrapper === undefined)
            return add(block.inputs, path, written);
        if (block.kind === "conditional" || block.kind === "parallel") {
            add(block.inputs, path, written, (k) => blocks.some((b) => Object.hasOwn(b.inputs, k)));
            for (const b of blocks)
                walk(b, `${path}.${b.name}`, written);
            return;
        }
        const sofar = new Set(written);
        if (wrapper !== undefined) {
            add(wrapper.inputs, path, sofar);
            for (const k of Object.keys(wrapper.provides))
                sofar.add(k);
        }
        for (const b of blocks) {
            walk(b, `${path}.${b.name}`, sofar);
            for (const k of Object.keys(b.outputs))
                if (!isOptional(b.outputs[k]))
                    sofar.add(k);
        }
    };
    walk(root, root.name, new Set());
    return readers;
};
