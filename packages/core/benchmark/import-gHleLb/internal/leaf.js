import * as Context from "effect/Context";
import * as Exit from "effect/Exit";
import * as Schema from "effect/Schema";
import { fromExec } from "./block.js";
import { viewOf, writerOf } from "./fields.js";
export const make = (name, options) => {
    const run = options.run;
    const view = viewOf(options.inputs), write = writerOf(options.outputs);
    const keys = Object.entries(options.components ?? {});
    // the components of the context seen last: taken and used in one synchronous step, so runs may share the block
    let context, components = {};
    const exec = (state, current) => {
        if (keys.length > 0 && context !== current.context) {
            context = undefined;
            components = Object.fromEntries(keys.map(([k, key]) => [k, Context.getUnsafe(current.context, key)]));
            context = current.context;
        }
        const e = run(view(state), components);
        if (e._tag === "Success") {
            write(state, e.value);
            return null;
        }
        return e;
    };
    return fromExec({
        kind: "block",
        name,
        description: options.description,
        version: options.version,
        inputs: options.inputs,
        outputs: options.outputs,
        components: options.components ?? {},
        exec,
        finish: write
    });
};
export const pure = (name, options) => make(name, { ...options, run: (inputs) => Exit.succeed(options.run(inputs)) });
export const pack = (group, fields) => make(`pack_${group}`, {
    description: `Puts ${Object.keys(fields).join(", ")} into '${group}'`,
    inputs: fields,
    outputs: { [group]: Schema.Struct(fields) },
    run: (inputs) => Exit.succeed({ [group]: inputs })
});
