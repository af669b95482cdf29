import * as Effect from "effect/Effect";
import { dual } from "effect/Function";
import * as Schema from "effect/Schema";
import { CompositionError } from "../Errors.js";
import { expectedOf } from "./expected.js";
import { DefaultAnnotation } from "./fields.js";
export const withDefault = dual(2, (schema, value) => {
    const isEffect = Effect.isEffect(value);
    if (!isEffect && !Schema.is(schema)(value)) {
        throw new CompositionError({
            block: "Field.default",
            reason: `the default ${String(value)} is not ${expectedOf(schema)}`
        });
    }
    const note = isEffect ? { _tag: "effect", effect: value } : { _tag: "constant", value };
    const effect = isEffect ? value : Effect.succeed(value);
    return schema.pipe(Schema.withDecodingDefaultTypeKey(effect)).annotate({ [DefaultAnnotation]: note });
});
export const describe = dual(2, (schema, description) => schema.annotate({ description }));
