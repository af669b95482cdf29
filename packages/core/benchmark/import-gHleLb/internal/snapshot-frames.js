/** A machine's stack as data, and a machine that stands where such data says. Frames of layers are left out and found again. */
import { SnapshotInvalid } from "../Errors.js";
import { frame, Machine } from "./machine.js";
import { mismatch, outlineOf } from "./snapshot-outline.js";
import { copy } from "./state.js";
export const capture = (m) => {
    const { digest, lines } = outlineOf(m.root);
    const { stack } = m;
    let owner = stack.length - 1;
    while (!stack[owner].own)
        owner--;
    const frames = [];
    for (let i = 0; i < stack.length; i++) {
        const f = stack[i];
        if (f.node._tag !== "provide")
            frames.push(dataOf(m, f, i, f.own ? stateOf(m, f, i === owner) : undefined));
    }
    return { "~effect-blocks/Snapshot": true, digest, outline: lines, at: m.at, frames };
};
/** Only the innermost record is being written: the others are copied once. */
const stateOf = (m, f, innermost) => {
    if (innermost)
        return copy(f.state);
    if (f.still === undefined || f.still.left !== m.left)
        f.still = { left: m.left, state: copy(f.state) };
    return f.still.state;
};
/** The place of a frame, as if layers around a leaf that has just finished were already left. */
const pcOf = (m, i) => {
    let last = i;
    while (m.stack[last + 1]?.node._tag === "provide")
        last++;
    return last > i && m.stack[last].pc > 0 ? m.stack[i].pc + 1 : m.stack[i].pc;
};
const dataOf = (m, f, i, state) => {
    const pc = pcOf(m, i);
    if (i === 0)
        return { block: m.root.name, kind: "run", pc, state };
    const block = f.block.name;
    const kind = f.block.kind;
    if (f.node._tag === "loop") {
        const at = { block, kind, pc, cursor: f.cursor, index: f.index, state };
        if (f.collected.length === 0)
            return at;
        return { ...at, collected: f.collected.map((list) => ({ list, length: list.length })) };
    }
    return f.branch === undefined ? { block, kind, pc } : { block, kind, pc, branch: f.branch.block.name };
};
export const bad = (path, reason) => new SnapshotInvalid({ path, reason });
const childOf = (f) => {
    switch (f.node._tag) {
        case "conditional":
            return f.branch?.block;
        case "provide":
            return f.node.block;
        default:
            return f.node.steps[f.pc];
    }
};
const sizeOf = (node) => (node._tag === "conditional" || node._tag === "provide" ? 1 : node.steps.length);
/** Descends frame by frame. Everything that data may say wrongly is checked, and thrown as a `SnapshotInvalid`. */
export class Descent {
    machine;
    constructor(root, base, at) {
        this.machine = new Machine(root);
        this.machine.at = at;
        if (base === undefined || base.kind !== "run")
            throw bad("", "has no frames");
        if (base.pc !== 0 && base.pc !== 1)
            throw bad("", `the place ${base.pc} of the run is out of range`);
    }
    begin(state, pc) {
        this.machine.begin([this.machine.root], state);
        this.machine.top.pc = pc;
    }
    /** The composite that a frame is of; layers around it are entered. */
    find(shape) {
        const m = this.machine;
        let child = childOf(m.top);
        while (child?.node?._tag === "provide") {
            m.stack.push(frame(child, child.node, m.top.state, false, 0));
            child = child.node.block;
        }
        if (child?.node === undefined || child.name !== shape.block)
            throw bad(m.path(), `there is no composite '${shape.block}' here`);
        const { node } = child;
        const limit = sizeOf(node);
        if (!(Number.isInteger(shape.pc) && shape.pc >= 0 && shape.pc <= limit)) {
            throw bad(m.path(), `the place ${shape.pc} of '${shape.block}' is out of range (0 to ${limit})`);
        }
        if (node._tag === "conditional" && (shape.branch === undefined || node.branch(shape.branch) === undefined)) {
            throw bad(m.path(), `'${shape.block}' has no branch '${shape.branch}'`);
        }
        if (node._tag === "loop" && !(Number.isInteger(shape.index) && shape.index >= 0)) {
            throw bad(m.path(), `'${shape.block}' has no number of iterations`);
        }
        return child;
    }
    enter(shape, child, loop) {
        const { node } = child;
        const pushed = frame(child, node, loop?.state ?? this.machine.top.state, loop !== undefined, shape.pc);
        if (node._tag === "conditional")
            pushed.branch = node.branch(shape.branch);
        if (loop !== undefined) {
            pushed.cursor = loop.cursor;
            pushed.index = shape.index;
            pushed.collected.forEach((list, i) => list.push(...(loop.collected[i] ?? [])));
        }
        this.machine.stack.push(pushed);
    }
    end() {
        const m = this.machine;
        if (m.at === "iteration") {
            const { node, pc } = m.top;
            if (node._tag !== "loop" || pc !== node.steps.length)
                throw bad(m.path(), "does not stand after an iteration");
            m.top.reported = true;
        }
        return m;
    }
}
/** A machine that stands where the snapshot was taken. Throws what is wrong. */
export const restore = (root, snapshot) => {
    const other = mismatch(root, snapshot);
    if (other !== undefined)
        throw other;
    const [base, ...frames] = snapshot.frames;
    const descent = new Descent(root, base, snapshot.at);
    descent.begin(copy(base.state), base.pc);
    for (const f of frames) {
        const child = descent.find(f);
        const collected = (f.collected ?? []).map((c) => c.list.slice(0, c.length));
        descent.enter(f, child, f.state === undefined ? undefined : { state: copy(f.state), cursor: f.cursor, collected });
    }
    return descent.end();
};
