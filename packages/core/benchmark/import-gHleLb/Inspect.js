import * as internalDescribe from "./internal/describe.js";
import * as internalJsonSchema from "./internal/jsonSchema.js";
import * as internalMermaid from "./internal/mermaid.js";
import * as resolve from "./internal/resolve.js";
/**
 * The leaves that a run executes, in order, when these inputs are given: choices are made, loops are looked into. Names
 * alone are enough for `auto`; give values where a `conditional` looks at them.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const encode = Block.pure("encode", { inputs: { image: Schema.String }, outputs: { latents: Schema.String }, run: ({ image }) => ({ latents: image }) })
 * const noise = Block.pure("noise", { inputs: {}, outputs: { latents: Schema.String }, run: () => ({ latents: "" }) })
 * const prepare = Block.sequential("prepare", [Block.auto("latents", [Block.when("image", encode), noise])])
 * assert.deepEqual(Block.executionBlocks(prepare, ["image"]).map((e) => e.path), ["prepare.latents.encode"])
 * assert.deepEqual(Block.executionBlocks(prepare, []).map((e) => e.path), ["prepare.latents.noise"])
 * ```
 */
export const executionBlocks = resolve.executionBlocks;
/**
 * Names sets of inputs for which a block does something of its own.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const encode = Block.pure("encode", { inputs: { image: Schema.String }, outputs: { latents: Schema.String }, run: ({ image }) => ({ latents: image }) })
 * const noise = Block.pure("noise", { inputs: { seed: Schema.Int }, outputs: { latents: Schema.String }, run: ({ seed }) => ({ latents: `noise ${seed}` }) })
 * const prepare = Block.auto("prepare", [Block.when("image", encode), noise])
 * const named = Block.workflows(prepare, { text2image: ["seed"], image2image: ["image"] })
 *
 * const image2image = Block.workflow(named, "image2image")
 * assert.deepEqual(Object.keys(image2image.inputs), ["image"])
 * assert.deepEqual(Effect.runSync(image2image.run({ image: "cat" })), { latents: "cat" })
 * ```
 */
export const workflows = resolve.workflows;
/**
 * The block that a workflow names: the same composition with every choice made for its inputs.
 */
export const workflow = resolve.workflow;
/**
 * The components that a composition takes, each once.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Context, Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * class Unet extends Context.Service<Unet, { readonly predict: (x: number) => number }>()("Unet") {}
 * const unet = Block.make("unet", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, components: { unet: Unet }, run: ({ x }, { unet }) => Effect.succeed({ x: unet.predict(x) }) })
 * const all = Block.sequential("all", [unet, Block.rename(unet, "again")])
 * assert.deepEqual(Block.components(all).map(({ key, paths }) => [key.key, paths]), [["Unet", ["all.unet", "all.again"]]])
 * ```
 */
export const components = resolve.components;
/**
 * A block as text: what it is for, its components, inputs and outputs with their types, defaults and descriptions, the
 * blocks inside, its workflows.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Field from "@effect-blocks/core/Field"
 *
 * const setTimesteps = Block.pure("setTimesteps", {
 *   description: "Makes the plan of a run",
 *   inputs: { steps: Field.describe(Field.default(Schema.Int, 20), "how often to denoise") },
 *   outputs: { timesteps: Schema.Array(Schema.Number) },
 *   run: ({ steps }) => ({ timesteps: Array.from({ length: steps }, (_, i) => steps - i) })
 * })
 * assert.equal(Block.describe(setTimesteps), `setTimesteps (block)
 *   Makes the plan of a run
 *
 *   Inputs:
 *     steps: integer = 20
 *         how often to denoise
 *
 *   Outputs:
 *     timesteps: Array<number>`)
 * ```
 */
export const describe = internalDescribe.describe;
/**
 * A block as a Mermaid flowchart: composites are boxes in boxes, choices are diamonds, loops have a dotted way back.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const a = Block.pure("a", { inputs: {}, outputs: { x: Schema.Number }, run: () => ({ x: 1 }) })
 * const b = Block.pure("b", { inputs: { x: Schema.Number }, outputs: {}, run: () => ({}) })
 * assert.equal(Block.toMermaid(Block.sequential("both", [a, b])), `flowchart TD
 *   subgraph n0["both"]
 *     n1["a"]
 *     n2["b"]
 *     n1 --> n2
 *   end`)
 * ```
 */
export const toMermaid = internalMermaid.toMermaid;
/**
 * The JSON Schema of what `Pipeline.runUnknown` takes, for forms, command lines and tools.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Field from "@effect-blocks/core/Field"
 *
 * const plan = Block.pure("plan", {
 *   inputs: { prompt: Field.describe(Schema.String, "what to draw"), guidance: Field.default(Schema.Finite, 3) },
 *   outputs: {},
 *   run: () => ({})
 * })
 * const { properties, required } = Block.inputJsonSchema(plan)
 * assert.deepEqual(required, ["prompt"])
 * assert.deepEqual(properties.prompt, { type: "string", description: "what to draw" })
 * assert.deepEqual(properties.guidance, { type: "number", default: 3 })
 * ```
 */
export const inputJsonSchema = internalJsonSchema.inputJsonSchema;
