import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { prependPath } from "../Errors.js";
/**
 * The effect of a composite that waits, with `segment` before the path of its failures. `outer` is what `run.places.at`
 * was when the composite began: the blocks inside have begun since then and come between.
 */
export const located = (run, outer, effect, segment) => {
    const { places } = run;
    const place = { segment, outer };
    let inner = places.at;
    if (inner === outer)
        places.at = place;
    else {
        while (inner !== null && inner.outer !== outer)
            inner = inner.outer;
        if (inner !== null)
            inner.outer = place;
    }
    return Effect.matchCauseEffect(effect, {
        onSuccess: (value) => {
            places.at = place.outer;
            return Exit.succeed(value);
        },
        onFailure: (cause) => {
            places.at = place.outer;
            return Exit.failCause(prependPath(cause, segment()));
        }
    });
};
/**
 * The effect of a whole run, with `name` before the path of its failures, and also said where the run was when it is
 * interrupted from outside.
 */
export const settled = (run, effect, onSuccess, name) => {
    let handled = false;
    const ended = Effect.matchCauseEffect(effect, {
        onSuccess: (value) => {
            handled = true;
            return onSuccess(value);
        },
        onFailure: (cause) => {
            handled = true;
            return Exit.failCause(prependPath(cause, name()));
        }
    });
    return Effect.onExit(ended, (exit) => handled || Exit.isSuccess(exit) ? Exit.void : fail(prependPath(whole(run, exit.cause), name())));
};
/** The same for an effect made with `located`, whose places are gone where a handler has run. */
export const orInterrupted = (run, effect, name) => Effect.onExit(effect, (exit) => run.places.at === null || Exit.isSuccess(exit) ? Exit.void : fail(prependPath(whole(run, exit.cause), name)));
const whole = (run, cause) => {
    let out = cause;
    for (let place = run.places.at; place !== null; place = place.outer)
        out = prependPath(out, place.segment());
    return out;
};
const fail = (cause) => Exit.failCause(cause);
