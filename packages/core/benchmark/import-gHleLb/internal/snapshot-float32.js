import * as Effect from "effect/Effect";
import * as Base64 from "effect/encoding/Base64";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import * as SchemaGetter from "effect/SchemaGetter";
import * as SchemaIssue from "effect/SchemaIssue";
import { Blobs } from "./blobs.js";
const reference = "ref:";
const encode = (array) => Effect.flatMap(Blobs, (blobs) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    return blobs === null
        ? Effect.succeed(Base64.encode(bytes))
        : Effect.map(blobs.put(bytes), (ref) => `${reference}${ref}`);
});
const wrong = (text, message) => new SchemaIssue.InvalidValue({ message: `${JSON.stringify(text.slice(0, 40))}: ${message}` });
const bytesOf = (text) => Effect.flatMap(Blobs, (blobs) => {
    if (text.startsWith(reference)) {
        return blobs === null
            ? Effect.fail(wrong(text, "bytes that are kept elsewhere, and nobody says where (Blobs)"))
            : blobs.get(text.slice(reference.length));
    }
    const decoded = Base64.decode(text);
    return Result.isSuccess(decoded) ? Effect.succeed(decoded.success) : Effect.fail(wrong(text, "not base64"));
});
const decode = (text) => Effect.flatMap(bytesOf(text), (bytes) => bytes.byteLength % 4 === 0
    ? // a copy: the bytes may be part of a larger buffer, at any offset (and `slice` of a Buffer copies nothing)
        Effect.succeed(new Float32Array(Uint8Array.from(bytes).buffer))
    : Effect.fail(wrong(text, `${bytes.byteLength} bytes are not a whole number of float32`)));
export const Float32 = Schema.instanceOf(Float32Array, {
    representation: { id: "effect-blocks/Float32", payload: null },
    expected: "Float32Array",
    toCodecJson: () => Schema.link()(Schema.String, {
        encode: SchemaGetter.transformEffect(encode),
        decode: SchemaGetter.transformEffect(decode)
    })
});
