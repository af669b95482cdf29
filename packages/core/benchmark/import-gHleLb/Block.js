import * as block from "./internal/block.js";
import * as choice from "./internal/choice.js";
import * as leaf from "./internal/leaf.js";
import * as par from "./internal/parallel.js";
import * as sequence from "./internal/sequential.js";
export * from "./Edit.js";
export * from "./Inspect.js";
export * from "./Policy.js";
export const TypeId = block.TypeId;
/**
 * Makes a block of a function from its inputs and components to an Effect of its outputs.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Context, Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * class Encoder extends Context.Service<Encoder, { readonly encode: (text: string) => Effect.Effect<ReadonlyArray<number>> }>()("Encoder") {}
 *
 * const encodePrompt = Block.make("encodePrompt", {
 *   description: "Turns the prompt into embeddings",
 *   inputs: { prompt: Schema.String },
 *   outputs: { promptEmbeds: Schema.Array(Schema.Number) },
 *   components: { encoder: Encoder },
 *   run: ({ prompt }, { encoder }) => Effect.map(encoder.encode(prompt), (promptEmbeds) => ({ promptEmbeds }))
 * })
 *
 * const encoder = Encoder.of({ encode: (text) => Effect.succeed([text.length]) })
 * const out = Effect.runSync(Effect.provideService(encodePrompt.run({ prompt: "a cat" }), Encoder, encoder))
 * assert.deepEqual(out, { promptEmbeds: [5] })
 * ```
 */
export const make = leaf.make;
/**
 * Makes a block of a plain function.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const shout = Block.pure("shout", {
 *   inputs: { prompt: Schema.String },
 *   outputs: { prompt: Schema.String },
 *   run: ({ prompt }) => ({ prompt: prompt.toUpperCase() })
 * })
 * assert.deepEqual(Effect.runSync(shout.run({ prompt: "a cat" })), { prompt: "A CAT" })
 * ```
 */
export const pure = leaf.pure;
/**
 * Runs a block of unknown type; `block.run(inputs)` where the type is known.
 */
export const run = block.runAny;
/** Whether a value is a block. */
export const isBlock = block.isBlock;
/**
 * The same block under another name, so that a composition may use it twice.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const twice = Block.sequential("twice", [inc, Block.rename(inc, "again")])
 * assert.deepEqual(Effect.runSync(twice.run({ x: 1 })), { x: 3 })
 * ```
 */
export const rename = block.renameDual;
/**
 * Runs blocks one after the other. Its inputs are what no earlier block surely writes, its outputs what they all write,
 * the later over the earlier. An output that is optional does not satisfy a later block's requirement.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const double = Block.pure("double", { inputs: { x: Schema.Number }, outputs: { y: Schema.Number }, run: ({ x }) => ({ y: 2 * x }) })
 * const add = Block.pure("add", { inputs: { x: Schema.Number, y: Schema.Number }, outputs: { z: Schema.Number }, run: ({ x, y }) => ({ z: x + y }) })
 * const both = Block.sequential("both", [double, add], { description: "three times x" })
 * assert.deepEqual(Effect.runSync(both.run({ x: 2 })), { y: 4, z: 6 })
 * ```
 */
export const sequential = sequence.make;
/** The branch that `auto` takes where the input `when` is there. */
export const when = (when, block) => ({ when, block });
/**
 * Runs the first branch whose input is there. A last branch without `when` is the default; without a default, perhaps
 * none runs. Only inputs that every branch requires are required. A branch that lacks an input fails with
 * `MissingInputError` before anything of it runs.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const fromImage = Block.pure("fromImage", { inputs: { image: Schema.String }, outputs: { latents: Schema.String }, run: ({ image }) => ({ latents: image }) })
 * const fromNoise = Block.pure("fromNoise", { inputs: {}, outputs: { latents: Schema.String }, run: () => ({ latents: "noise" }) })
 * const prepare = Block.auto("prepare", [Block.when("image", fromImage), fromNoise])
 * assert.deepEqual(Effect.runSync(prepare.run({})), { latents: "noise" })
 * assert.deepEqual(Effect.runSync(prepare.run({ image: "cat" })), { latents: "cat" })
 * ```
 */
export const auto = choice.auto;
/**
 * Runs the branch that a pure function of some variables names, `otherwise` where it names none.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const up = Block.pure("up", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const down = Block.pure("down", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x - 1 }) })
 * const towards = Block.conditional("towards", {
 *   triggers: { x: Schema.Number },
 *   branches: [up, down],
 *   select: ({ x = 0 }) => x > 10 ? "down" : undefined,
 *   otherwise: "up"
 * })
 * assert.deepEqual(Effect.runSync(towards.run({ x: 20 })), { x: 19 })
 * ```
 */
export const conditional = choice.conditional;
/**
 * Runs blocks beside each other on fibers of their own, each reading the state as it was before. No two may write the
 * same variable. The first failure interrupts the others. A snapshot stands before or after all of them.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const size = Block.make("size", { inputs: { text: Schema.String }, outputs: { size: Schema.Number }, run: ({ text }) => Effect.succeed({ size: text.length }) })
 * const words = Block.make("words", { inputs: { text: Schema.String }, outputs: { words: Schema.Number }, run: ({ text }) => Effect.succeed({ words: text.split(" ").length }) })
 * const both = Block.parallel("both", [size, words])
 * assert.deepEqual(Effect.runSync(both.run({ text: "a red heart" })), { size: 11, words: 3 })
 * ```
 */
export const parallel = par.parallel;
/**
 * A block that puts variables into one variable that holds a record, for blocks that take a whole group. (What
 * diffusers calls `kwargs_type`.)
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const group = Block.pack("conditioning", { promptEmbeds: Schema.Number, pooled: Schema.optionalKey(Schema.Number) })
 * assert.deepEqual(Effect.runSync(group.run({ promptEmbeds: 1 })), { conditioning: { promptEmbeds: 1 } })
 * ```
 */
export const pack = leaf.pack;
/**
 * Forgets the structure in the type, for short hovers and declaration files. The value keeps it.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const twice: Block.Sealed<{ readonly x: number }, { readonly x: number }, never, never, "twice"> = Block.seal(
 *   Block.sequential("twice", [inc, Block.rename(inc, "again")])
 * )
 * assert.equal(twice.blocks.length, 2)
 * ```
 */
export const seal = block.seal;
