/**
 * For packages that add combinators (as `@effect-blocks/loop` adds loops): what a block is made of, and the parts of
 * which core's own combinators are made. Blocks made with it compose like any other.
 */
import * as block from "./internal/block.js";
export { prependPath } from "./Errors.js";
export { expectedOf } from "./internal/expected.js";
export { besideFields, choiceFields, defaultOf, either, isNeeded, isOptional, mergeFields, perhaps, record, Trigger, viewOf, writerOf, writersOf } from "./internal/fields.js";
export * from "./internal/machine.js";
export { compiled } from "./internal/node.js";
export { located } from "./internal/place.js";
export { Progress } from "./internal/progress.js";
export { execAll } from "./internal/sequential.js";
export { copy, empty, merger, own, picker, put } from "./internal/state.js";
export * from "./internal/stepping.js";
/** Loop turns that may run before the fiber must get a turn. */
export const budget = block.BUDGET;
/** What a run carries, of the fiber that runs it. */
export const runOf = block.runOf;
/** Throws a `CompositionError` where two blocks have one name. */
export const unique = block.unique;
/** Makes a block. Its type is for the caller to say. */
export const make = block.fromExec;
/** The same block under another name. */
export const rename = block.rename;
