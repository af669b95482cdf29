import * as Context from "effect/Context";
export const Blobs = Context.Reference("effect-blocks/Blobs", { defaultValue: () => null });
