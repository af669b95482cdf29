/** text inside a quoted label: everything that could end or format it becomes a character reference */
const escape = (text) => text.replace(/[^\p{L}\p{N} _.,:?!'+*/=-]/gu, (c) => `#${c.codePointAt(0)};`);
export const toMermaid = (self) => {
    const lines = ["flowchart TD"];
    let count = 0;
    const fresh = () => `n${count++}`;
    const connect = (from, to, arrow, indent) => {
        for (const a of from)
            for (const b of to)
                lines.push(`${indent}${a} ${arrow} ${b}`);
    };
    const draw = (block, indent) => {
        const inner = block.definition.wraps;
        if (inner !== undefined)
            return draw(inner, indent);
        const id = fresh();
        if (block.blocks.length === 0 && block.node === undefined) {
            const taken = Object.keys(block.components);
            const needs = taken.length === 0 ? "" : `<br/><i>${escape(taken.join(", "))}</i>`;
            lines.push(`${indent}${id}["${escape(block.name)}${needs}"]`);
            return { entries: [id], exits: [id] };
        }
        const within = `${indent}  `;
        const kind = block.kind === "sequential" ? "" : `${block.kind}: `;
        lines.push(`${indent}subgraph ${id}["${escape(kind + block.name)}"]`);
        const ends = inside(block, within);
        lines.push(`${indent}end`);
        return ends;
    };
    const inside = (block, indent) => {
        if (block.definition.choose !== undefined) {
            const question = fresh();
            lines.push(`${indent}${question}{"${escape(block.name)}?"}`);
            const exits = [];
            for (const b of block.blocks) {
                const ends = draw(b, indent);
                connect([question], ends.entries, `-->|"${escape(block.definition.label?.(b.name) ?? b.name)}"|`, indent);
                exits.push(...ends.exits);
            }
            if (block.definition.skippable === true)
                exits.push(question);
            return { entries: [question], exits };
        }
        if (block.blocks.length === 0) {
            const id = fresh();
            lines.push(`${indent}${id}["nothing"]`);
            return { entries: [id], exits: [id] };
        }
        const all = block.blocks.map((b, i) => [i, draw(b, indent)]);
        if (block.kind === "parallel")
            return { entries: all.flatMap(([, e]) => e.entries), exits: all.flatMap(([, e]) => e.exits) };
        for (const [i, ends] of all.slice(1))
            connect(all[i - 1][1].exits, ends.entries, "-->", indent);
        const entries = all[0][1].entries, exits = all.at(-1)[1].exits;
        if (block.wrapper !== undefined) {
            const again = Object.keys(block.wrapper.provides).join(", ");
            connect(exits, entries, again === "" ? "-.->" : `-. "${escape(again)}" .->`, indent);
        }
        return { entries, exits };
    };
    draw(self, "  ");
    return lines.join("\n");
};
