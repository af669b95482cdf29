/**
 * For packages that add combinators (as `@effect-blocks/loop` adds loops): what a block is made of, and the parts of
 * which core's own combinators are made. Blocks made with it compose like any other.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Combinator from "@effect-blocks/core/Combinator"
 *
 * // runs a block that modifies its variables twice
 * const twice = <B extends Block.Any>(name: string, self: B): Block.Block<Block.In<B>, Block.Out<B>> => {
 *   const step = Combinator.compiled(self)
 *   const block = Combinator.make({
 *     kind: "twice",
 *     name,
 *     inputs: self.inputs,
 *     outputs: self.outputs,
 *     blocks: [self],
 *     exec: Combinator.execAll([step, step])
 *   })
 *   return block as unknown as Block.Block<Block.In<B>, Block.Out<B>>
 * }
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * assert.deepEqual(Effect.runSync(twice("both", inc).run({ x: 1 })), { x: 3 })
 * ```
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

/**
 * Loop turns that may run before the fiber must get a turn.
 *
 * ```ts
 * import assert from "node:assert"
 * import * as Combinator from "@effect-blocks/core/Combinator"
 *
 * assert.equal(Combinator.budget, 512)
 * ```
 */
export const budget: number = block.BUDGET
/**
 * What a run carries, of the fiber that runs it.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Combinator from "@effect-blocks/core/Combinator"
 *
 * const inc = Combinator.compiled(
 *   Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * )
 * const state = inc.enter({ x: 1 })
 * // `null`: it finished at once
 * assert.equal(Effect.runSync(Effect.withFiber((fiber) => Effect.succeed(inc.exec(state, Combinator.runOf(fiber))))), null)
 * assert.equal(state["x"], 2)
 * ```
 */
export const runOf = block.runOf
/**
 * Throws a `CompositionError` where these are not blocks, or two of them have one name.
 *
 * ```ts
 * import assert from "node:assert"
 * import * as Combinator from "@effect-blocks/core/Combinator"
 *
 * assert.throws(() => Combinator.assertBlocks("mine", [{ name: "a" }]), /'mine': \[0\] of its blocks is not a block/)
 * ```
 */
export const assertBlocks: (composition: string, blocks: ReadonlyArray<{ readonly name: string }>) => void =
  block.assertBlocks
/**
 * Makes a block. Its type is for the caller to say, by a cast: a definition is data, and what a combinator of your own does
 * to rows of variables the compiler cannot know.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import type * as Block from "@effect-blocks/core/Block"
 * import * as Combinator from "@effect-blocks/core/Combinator"
 *
 * const fields = { x: Schema.Number }
 * const inc = Combinator.make({
 *   kind: "inc",
 *   name: "inc",
 *   inputs: fields,
 *   outputs: fields,
 *   exec: (state) => {
 *     state["x"]++
 *     return null
 *   }
 * }) as unknown as Block.Block<{ readonly x: number }, { readonly x: number }>
 * assert.deepEqual(Effect.runSync(inc.run({ x: 1 })), { x: 2 })
 * ```
 */
export const make: (definition: Definition) => CompiledBlock = block.fromExec
/**
 * The same block under another name.
 *
 * ```ts
 * import assert from "node:assert"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Combinator from "@effect-blocks/core/Combinator"
 *
 * const empty = Combinator.compiled(Block.sequential("empty", []))
 * assert.equal(Combinator.rename(empty, "nothing").name, "nothing")
 * ```
 */
export const rename: (self: CompiledBlock, name: string) => CompiledBlock = block.rename
export type { Any }
