export * as Block from "./Block.js";
export * as Errors from "./Errors.js";
export * as Field from "./Field.js";
export * as Pipeline from "./Pipeline.js";
export * as Snapshot from "./Snapshot.js";
