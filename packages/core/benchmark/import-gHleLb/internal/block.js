import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { dual } from "effect/Function";
import { pipeArguments } from "effect/Pipeable";
import * as Tracer from "effect/Tracer";
import { CompositionError, prependPath } from "../Errors.js";
import { drawer, Trigger } from "./fields.js";
import { settled } from "./place.js";
import { Progress } from "./progress.js";
import { empty, own, picker } from "./state.js";
import { hasIterations, watchable, watched } from "./stepping.js";
export const TypeId = "~effect-blocks/Block";
/** loop turns until the fiber gets a turn */
export const BUDGET = 512;
const isTraced = (fiber) => fiber.cache.tracer !== undefined && fiber.cache.tracerEnabled;
/** what a run carries, of the fiber that runs it */
export const runOf = (fiber) => ({
    traced: isTraced(fiber),
    context: fiber.context,
    budget: BUDGET,
    deadline: 0,
    watch: null,
    places: { at: null }
});
const noFinish = (_state, _value) => { };
const noDraw = () => null;
/** useSpan and ParentSpan, not withSpan: withSpan captures a stack per call, which costs microseconds */
const spanned = (definition, exec) => {
    const options = { attributes: { "block.kind": definition.kind, "block.name": definition.name } };
    return (state, run) => run.traced
        ? Effect.useSpan(definition.name, options, (span) => Effect.provideService(Effect.suspend(() => exec(state, run) ?? Exit.void), Tracer.ParentSpan, span))
        : exec(state, run);
};
const enterer = (inputs) => {
    const keys = Object.keys(inputs), triggers = new Set(keys.filter((k) => inputs[k] === Trigger));
    const plain = triggers.size === 0 && keys.every((k) => !(k in Object.prototype));
    return plain
        ? (given) => {
            const state = empty();
            for (let i = 0; i < keys.length; i++) {
                const v = given[keys[i]];
                if (v !== undefined)
                    state[keys[i]] = v;
            }
            return state;
        }
        : (given) => {
            const state = empty();
            for (const k of keys) {
                const v = own(given, k);
                if (v !== undefined)
                    state[k] = triggers.has(k) ? true : v;
            }
            return state;
        };
};
class BlockImpl {
    [TypeId] = TypeId;
    kind;
    name;
    description;
    version;
    inputs;
    outputs;
    components;
    blocks;
    steps;
    workflows;
    node;
    wrapper;
    definition;
    exec;
    finish;
    enter;
    draw;
    run;
    events;
    constructor(definition) {
        this.kind = definition.kind;
        this.name = definition.name;
        this.description = definition.description ?? "";
        this.version = definition.version;
        this.inputs = definition.inputs;
        this.outputs = definition.outputs;
        this.components = definition.components ?? {};
        this.blocks = this.steps = (definition.blocks ?? []);
        this.workflows = definition.workflows ?? {};
        this.node = definition.node;
        this.wrapper = definition.wrapper;
        this.definition = definition;
        const { exec, node } = definition;
        this.exec = spanned(definition, node === undefined ? exec : watchable(this, exec));
        this.finish = definition.finish ?? noFinish;
        this.enter = enterer(definition.inputs);
        this.draw = drawer(definition.inputs) ?? noDraw;
        this.events = definition.events;
        this.run = runner(this);
    }
    pipe() {
        return pipeArguments(this, arguments);
    }
    toJSON() {
        return { _id: "Block", kind: this.kind, name: this.name };
    }
}
// the context asked last: most runs come many to a context, and asking it costs more than running a small block
let asked;
let answer = null;
const listenerOf = (context) => {
    if (context !== asked) {
        answer = Context.get(context, Progress);
        asked = context;
    }
    return answer;
};
/** Runs a block by itself: the fast interpreter, or the stepping one where somebody listens to Progress. */
const runner = (self) => {
    const result = picker(Object.keys(self.outputs));
    const fail = (cause) => Exit.failCause(prependPath(cause, self.name));
    const go = (state, run) => {
        let e;
        try {
            e = self.exec(state, run);
        }
        catch (defect) {
            e = Exit.die(defect);
        }
        if (e === null)
            return Exit.succeed(result(state));
        return settled(run, e, (value) => {
            self.finish(state, value);
            return Exit.succeed(result(state));
        }, () => self.name);
    };
    const begin = (state, run, listener) => listener === null || !hasIterations(self) ? go(state, run) : watched(self, state, run, listener);
    return (inputs) => Effect.withFiber((fiber) => {
        const run = runOf(fiber);
        const listener = listenerOf(fiber.context);
        const state = self.enter(inputs);
        const drawn = self.draw(state);
        if (drawn === null)
            return begin(state, run, listener);
        return Effect.flatMap(Effect.catchCause(drawn, fail), () => begin(state, run, listener));
    });
};
export const fromExec = (definition) => new BlockImpl(definition);
export const isBlock = (u) => typeof u === "object" && u !== null && TypeId in u;
export const runAny = (self, inputs) => self.run(inputs);
export const seal = (self) => self;
export const rename = (self, name) => {
    if (name === self.name)
        return self;
    const { renamed, workflows } = self.definition;
    if (renamed === undefined) {
        const { rebuild } = self.definition;
        return fromExec({
            ...self.definition,
            name,
            ...(rebuild === undefined ? {} : { rebuild: (blocks) => rename(rebuild(blocks), name) })
        });
    }
    const block = renamed(name);
    return workflows === undefined ? block : fromExec({ ...block.definition, workflows });
};
export const renameDual = dual(2, rename);
/** for callers that the compiler does not help */
export const unique = (composition, blocks) => {
    const names = blocks.map((b) => b.name);
    const twice = new Set(names.filter((n, i) => names.indexOf(n) !== i));
    if (twice.size > 0) {
        throw new CompositionError({
            block: composition,
            reason: `two blocks are named ${[...twice].map((n) => `'${n}'`).join(", ")}: give one another name with Block.rename`
        });
    }
};
