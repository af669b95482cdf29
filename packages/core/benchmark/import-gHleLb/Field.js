import * as Schema from "effect/Schema";
import * as internal from "./internal/field.js";
// data-first only: with a data-last overload beside it, a field written inside Block.make has the type unknown
const withDefault = internal.withDefault;
export { 
/**
 * A field with a default.
 *
 * A constant is what this block uses where the variable is missing: it is not written to the state, so blocks that
 * declare different constants each use their own, and it does not trigger an `auto`.
 *
 * An effect (a random seed, the time) is evaluated when a run starts and the caller gave no value: once, before any
 * block, and as though the caller had passed its value. All readers get the same value, and a snapshot keeps it. Where
 * several blocks declare effects for one variable, the first one counts.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Random, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Field from "@effect-blocks/core/Field"
 *
 * const setTimesteps = Block.pure("setTimesteps", {
 *   inputs: {
 *     steps: Field.default(Schema.Int, 20),
 *     seed: Field.default(Schema.Int, Random.nextInt)
 *   },
 *   outputs: { plan: Schema.String },
 *   run: ({ seed, steps }) => ({ plan: `${steps} steps from ${seed}` })
 * })
 * assert.deepEqual(Effect.runSync(setTimesteps.run({ seed: 7 })), { plan: "20 steps from 7" })
 * ```
 */
withDefault as default };
/**
 * A field that may be missing: a caller may leave the input out, a block need not write the output.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Field from "@effect-blocks/core/Field"
 *
 * const greet = Block.pure("greet", {
 *   inputs: { name: Field.optional(Schema.String) },
 *   outputs: { text: Schema.String },
 *   run: ({ name = "you" }) => ({ text: `hello ${name}` })
 * })
 * assert.deepEqual(Effect.runSync(greet.run({})), { text: "hello you" })
 * ```
 */
export const optional = Schema.optionalKey;
/**
 * A field with a description, which documents, forms and command lines show.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Field from "@effect-blocks/core/Field"
 *
 * const echo = Block.pure("echo", {
 *   inputs: { prompt: Schema.String.pipe(Field.describe("what to draw")) },
 *   outputs: {},
 *   run: () => ({})
 * })
 * assert.match(Block.describe(echo), /prompt: string\n +what to draw/)
 * ```
 */
export const describe = internal.describe;
