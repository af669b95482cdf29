import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { dual } from "effect/Function";
import { pathOf, prependPath } from "../Errors.js";
import { fromExec, rename } from "./block.js";
import { record, viewOf } from "./fields.js";
import { copy, merger, picker } from "./state.js";
import { execAll } from "./sequential.js";
/** what every policy shares with the block that it is for */
export const around = (self, kind, again, own) => fromExec({
    kind,
    name: self.name,
    description: self.description,
    version: self.version,
    inputs: self.inputs,
    outputs: self.outputs,
    blocks: [self],
    wraps: self,
    workflows: self.workflows,
    rebuild: ([block]) => again(block),
    renamed: (name) => again(rename(self, name)),
    ...own
});
/**
 * A block as one effect that may run any number of times: each attempt on a copy of the state, so that what a failed
 * one wrote is not seen by the next. A leaf writes only when it succeeds and needs no copy.
 */
const attempts = (self, state, run) => {
    const isLeaf = self.blocks.length === 0;
    // where the run waited when the first attempt began: an attempt that is interrupted cannot take back what it noted
    let place;
    return Effect.suspend(() => {
        if (place === undefined)
            place = run.places.at;
        else
            run.places.at = place;
        const own = isLeaf ? state : copy(state);
        const e = self.exec(own, run);
        if (e === null)
            return Exit.succeed(own);
        return Effect.map(e, (value) => {
            self.finish(own, value);
            return own;
        });
    });
};
const atomic = (self, f) => {
    const write = merger(Object.keys(self.outputs));
    return {
        exec: (state, run) => f(attempts(self, state, run)),
        finish: (state, own) => {
            if (own !== state)
                write(state, own);
        }
    };
};
const retryWith = (self, policy) => around(self, "retry", (b) => retryWith(b, policy), atomic(self, (attempt) => Effect.suspend(() => {
    // the last error is failed with anew, without the path that was on its Cause
    let path;
    const noted = Effect.tapCause(attempt, (cause) => {
        path = pathOf(cause);
        return Effect.void;
    });
    return Effect.catchCause(Effect.retry(noted, policy), (cause) => Exit.failCause(path === undefined || pathOf(cause) !== undefined ? cause : prependPath(cause, path)));
})));
export const retry = dual(2, retryWith);
const timeoutAfter = (self, duration) => around(self, "timeout", (b) => timeoutAfter(b, duration), atomic(self, (e) => Effect.timeout(e, duration)));
export const timeout = dual(2, timeoutAfter);
/** a step that only looks */
const hook = (name, inputs, run) => fromExec({ kind: "hook", name, inputs, outputs: record(), exec: (state) => run(state) });
/** a shell: the steps of a sequence that has the name of one of them */
const shell = (self, kind, steps, again) => around(self, kind, again, {
    node: { _tag: "sequential", steps, shell: true },
    exec: execAll(steps, steps.map((s) => s.name.slice(self.name.length + 1)))
});
const beforeWith = (self, f) => {
    const view = viewOf(self.inputs);
    return shell(self, "before", [hook(`${self.name}.before`, self.inputs, (state) => f(view(state))), self], (b) => beforeWith(b, f));
};
export const before = dual(2, beforeWith);
const tapWith = (self, f) => {
    const result = picker(Object.keys(self.outputs));
    return shell(self, "tap", [self, hook(`${self.name}.tap`, record(), (state) => f(result(state)))], (b) => tapWith(b, f));
};
export const tap = dual(2, tapWith);
const afterWith = (self, f) => {
    const result = picker(Object.keys(self.outputs));
    return around(self, "after", (b) => afterWith(b, f), atomic(self, (e) => Effect.onExit(e, (exit) => f(Exit.map(exit, result)))));
};
export const after = dual(2, afterWith);
