/**
 * For packages that add combinators (as `@effect-blocks/loop` adds loops): what a block is made of, and the parts of
 * which core's own combinators are made. Blocks made with it compose like any other.
 */
import * as block from "./internal/block.ts"
import type { Compiled as CompiledBlock, Definition } from "./internal/node.ts"
import type { Any } from "./Block.ts"

export type { InRow, RunRow } from "./Block.ts"
export { prependPath } from "./Errors.ts"
export type { CheckSequence } from "./internal/check.ts"
export { expectedOf } from "./internal/expected.ts"
export {
  besideFields,
  choiceFields,
  defaultOf,
  either,
  isNeeded,
  isOptional,
  mergeFields,
  perhaps,
  record,
  Trigger,
  viewOf,
  writerOf,
  writersOf
} from "./internal/fields.ts"
export type { DupNames, Flow, Needs, Problem, Producer, Result } from "./internal/flow.ts"
export * from "./internal/machine.ts"
export type {
  Branch,
  Compiled,
  Components,
  Definition,
  Exec,
  Fields,
  Finish,
  Node,
  Plan,
  Rec,
  Run
} from "./internal/node.ts"
export { compiled } from "./internal/node.ts"
export { located } from "./internal/place.ts"
export type { Place, Places } from "./internal/place.ts"
export { Progress } from "./internal/progress.ts"
export type { IterationEvent, Listener } from "./internal/progress.ts"
export type { Flat, KeysOf, OptionalKeys, RequiredKeys } from "./internal/row.ts"
export { execAll } from "./internal/sequential.ts"
export { copy, empty, merger, own, picker, put } from "./internal/state.ts"
export * from "./internal/stepping.ts"

/** Loop turns that may run before the fiber must get a turn. */
export const budget: number = block.BUDGET
/** What a run carries, of the fiber that runs it. */
export const runOf = block.runOf
/** Throws a `CompositionError` where two blocks have one name. */
export const unique: (composition: string, blocks: ReadonlyArray<{ readonly name: string }>) => void = block.unique
/** Makes a block. Its type is for the caller to say. */
export const make: (definition: Definition) => CompiledBlock = block.fromExec
/** The same block under another name. */
export const rename: (self: CompiledBlock, name: string) => CompiledBlock = block.rename
export type { Any }
