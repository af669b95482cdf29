import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { dual } from "effect/Function";
import * as Schema from "effect/Schema";
import { Cache } from "../Cache.js";
import { isBlock } from "./block.js";
import { Blobs } from "./blobs.js";
import { canonical, isPlain } from "./canonical.js";
import { Trigger } from "./fields.js";
import { around } from "./policy.js";
import { components } from "./resolve.js";
import { outlineOf } from "./snapshot-outline.js";
import { merger, picker } from "./state.js";
const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0")).join("");
const sha256 = (bytes) => Effect.map(Effect.promise(() => crypto.subtle.digest("SHA-256", bytes)), hex);
/** large arrays go into the key by their digest, without a detour through text */
const digests = { put: sha256, get: () => Effect.die(new Error("a key is only written")) };
const uncacheable = (reason) => Effect.fail({ _tag: "Uncacheable", reason });
const fingerprintOf = (service) => {
    const own = service !== null && (typeof service === "object" || typeof service === "function") ? service.fingerprint : undefined;
    return typeof own === "string"
        ? Effect.succeed(own)
        : Effect.isEffect(own)
            ? own
            : undefined;
};
const keyOf = (self, only) => {
    const names = Object.keys(self.inputs).toSorted();
    const codecs = Object.fromEntries(names.map((k) => [k, Schema.toCodecJson(Schema.Struct({ value: self.inputs[k] }))]));
    const references = components(self)
        .map((c) => c.key)
        .filter((key) => "defaultValue" in key);
    const inputs = (state) => Effect.forEach(names.filter((k) => state[k] !== undefined), (k) => self.inputs[k] === Trigger
        ? Effect.succeed([k, true])
        : Effect.map(Schema.encodeUnknownEffect(codecs[k])({ value: state[k] }), ({ value }) => [k, value]));
    const fingerprints = (context) => {
        const services = only === undefined
            ? [...context.mapUnsafe].filter(([, service]) => fingerprintOf(service) !== undefined)
            : only.map((key) => [key.key, Context.getUnsafe(context, key)]);
        for (const key of references)
            services.push([key.key, Context.getUnsafe(context, key)]);
        const all = new Map(services);
        return Effect.forEach([...all.keys()].toSorted(), (key) => {
            const service = all.get(key), own = fingerprintOf(service);
            if (own !== undefined)
                return Effect.map(own, (text) => [key, text]);
            return isPlain(service) ? Effect.succeed([key, service]) : uncacheable(`component '${key}' has no fingerprint`);
        });
    };
    const bytes = new TextEncoder();
    return (state, run) => Effect.flatMap(Effect.provideService(Effect.all([inputs(state), fingerprints(run.context)]), Blobs, digests), ([values, prints]) => sha256(bytes.encode(canonical([outlineOf(self).digest, self.version ?? null, values, prints]))));
};
const cachedWith = (self, options) => {
    const key = keyOf(self, options?.components);
    const codec = Schema.toCodecJson(Schema.Struct(self.outputs));
    const result = picker(Object.keys(self.outputs));
    const compute = (state, run) => Effect.suspend(() => {
        // what the block wrote, and nothing that was there before
        const own = self.enter(state);
        const e = self.exec(own, run);
        if (e === null)
            return Effect.succeed(result(own));
        return Effect.map(e, (value) => {
            self.finish(own, value);
            return result(own);
        });
    });
    return around(self, "cached", (b) => cachedWith(b, options), {
        exec: (state, run) => Effect.matchCauseEffect(key(state, run), {
            onFailure: (cause) => Effect.andThen(Effect.logWarning(`block '${self.name}' cannot be cached`, cause), compute(state, run)),
            onSuccess: (key) => {
                const cache = Context.getUnsafe(run.context, Cache);
                return Effect.flatMap(cache.get(key, codec), (hit) => hit !== undefined
                    ? Effect.succeed(hit)
                    : Effect.tap(compute(state, run), (value) => cache.set(key, codec, value)));
            }
        }),
        finish: merger(Object.keys(self.outputs))
    });
};
export const cached = dual((args) => isBlock(args[0]), cachedWith);
