import * as Schema from "effect/Schema";
import { expectedOf } from "./expected.js";
import { defaultOf, isOptional, Trigger } from "./fields.js";
import { components } from "./resolve.js";
export const descriptionOf = (s) => Schema.resolveAnnotations(s)?.description;
const isReference = (key) => "defaultValue" in key;
const shown = (value) => {
    const text = typeof value === "bigint"
        ? `${value}n`
        : value === null || typeof value !== "object"
            ? (JSON.stringify(value) ?? String(value))
            : value instanceof Date
                ? value.toISOString()
                : plain(value);
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};
const plain = (value) => {
    try {
        return JSON.stringify(value);
    }
    catch {
        return Object.prototype.toString.call(value);
    }
};
const paragraph = (text, indent) => text
    .trim()
    .split("\n")
    .map((l) => `${indent}${l.trim()}`.trimEnd());
/** `name?: type = default`, and below it what it means */
export const fieldLines = (fields, indent) => Object.keys(fields).flatMap((k) => {
    const s = fields[k], d = defaultOf(k, s), about = descriptionOf(s);
    if (s === Trigger)
        return [`${indent}${k}?: anything`, `${indent}    only whether it is there is looked at`];
    const fallback = d === undefined ? "" : d._tag === "constant" ? ` = ${shown(d.value)}` : " = (evaluated when a run starts)";
    return [
        `${indent}${k}${isOptional(s) && d === undefined ? "?" : ""}: ${expectedOf(s)}${fallback}`,
        ...(about === undefined ? [] : paragraph(about, `${indent}    `))
    ];
});
const section = (title, lines) => lines.length === 0 ? [] : ["", `  ${title}:`, ...lines];
const policies = (block) => {
    const kinds = [];
    let inner = block;
    while (inner.definition.wraps !== undefined) {
        kinds.push(inner.kind);
        inner = inner.definition.wraps;
    }
    return [inner, kinds];
};
const tree = (blocks, indent) => blocks.flatMap((b) => {
    const [inner, kinds] = policies(b);
    const tags = [...(inner.kind === "block" ? [] : [inner.kind]), ...kinds];
    const about = b.description === "" ? "" : `: ${b.description.trim().split("\n")[0]}`;
    return [
        `${indent}${b.name}${tags.length === 0 ? "" : ` (${tags.join(", ")})`}${about}`,
        ...tree(inner.blocks, `${indent}  `)
    ];
});
export const describe = (self) => {
    const [inner, kinds] = policies(self);
    const taken = components(self);
    return [
        `${self.name} (${[inner.kind, ...kinds].join(", ")})`,
        ...(self.description === "" ? [] : paragraph(self.description, "  ")),
        ...section("Components", taken.map(({ key, name }) => `    ${name}: ${key.key}${isReference(key) ? ` = ${shown(key.defaultValue())}` : ""}`)),
        ...section("Inputs", fieldLines(self.inputs, "    ")),
        ...section("Outputs", fieldLines(self.outputs, "    ")),
        ...section("Blocks", tree(inner.blocks, "    ")),
        ...section("Workflows", Object.entries(self.workflows).map(([name, inputs]) => `    ${name}: ${inputs.join(", ")}`))
    ].join("\n");
};
