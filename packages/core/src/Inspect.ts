/** Looking at a composition without running it. Everything here is also in `Block`. */
import type * as Context from "effect/Context"
import type { Any, Customs, Error, In, Out, Sealed, Services } from "./Block.ts"
import * as internalDescribe from "./internal/describe.ts"
import * as internalJsonSchema from "./internal/jsonSchema.ts"
import * as internalMermaid from "./internal/mermaid.ts"
import * as resolve from "./internal/resolve.ts"
import type { Flat } from "./internal/row.ts"

/** A block that runs, with its path from the composition on. */
export interface Executed {
  /** such as `text2image.denoise.unet` */
  readonly path: string
  readonly block: Any
}
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
export const executionBlocks: <B extends Any>(
  self: B,
  given: ReadonlyArray<keyof In<B> & string> | Partial<In<B>>
) => ReadonlyArray<Executed> = resolve.executionBlocks

type Map<B> = { readonly [name: string]: ReadonlyArray<keyof In<B> & string> }
/** A block with named workflows. */
export interface WithWorkflows<W> {
  /** the names of the workflows, each with the inputs that it is for */
  readonly workflows: W
}
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
export const workflows: <B extends Any, const W extends Map<B>>(self: B, workflows: W) => B & WithWorkflows<W> =
  resolve.workflows

type GivenOf<W, N> = N extends keyof W ? (W[N] extends ReadonlyArray<infer K> ? K : never) : never
type WorkflowIn<I, K> = Flat<
  { readonly [X in keyof I as X extends K ? never : X]: I[X] } & {
    readonly [X in K & keyof I]-?: Exclude<I[X], undefined>
  }
>
/**
 * The block that a workflow names: the same composition with every choice made for its inputs.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const encode = Block.pure("encode", { inputs: { image: Schema.String }, outputs: { latents: Schema.String }, run: ({ image }) => ({ latents: image }) })
 * const noise = Block.pure("noise", { inputs: { seed: Schema.Int }, outputs: { latents: Schema.String }, run: () => ({ latents: "" }) })
 * const draw = Block.sequential("draw", [Block.auto("prepare", [Block.when("image", encode), noise])])
 * const named = Block.workflows(draw, { text2image: ["seed"], image2image: ["image"] })
 *
 * const text2image = Block.workflow(named, "text2image")
 * assert.equal(text2image.name, "text2image")
 * assert.deepEqual(Block.executionBlocks(text2image, []).map((e) => e.path), ["text2image.prepare.noise"])
 * ```
 */
export const workflow: <B extends Any & WithWorkflows<unknown>, const N extends keyof B["workflows"] & string>(
  self: B,
  name: N
) => Sealed<WorkflowIn<In<B>, GivenOf<B["workflows"], N>>, Out<B>, Error<B>, Services<B>, N, Customs<B>> =
  resolve.workflow

/** A component that a composition takes. */
export interface Component {
  /** the name by which the first block calls it */
  readonly name: string
  /** the service, or the Reference */
  readonly key: Context.Key<unknown, unknown>
  /** the paths of the blocks that take it */
  readonly paths: ReadonlyArray<string>
}
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
export const components: (self: Any) => ReadonlyArray<Component> = resolve.components

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
export const describe: (self: Any) => string = internalDescribe.describe

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
export const toMermaid: (self: Any) => string = internalMermaid.toMermaid

/** A JSON Schema (draft 2020-12) of an object. */
export interface InputJsonSchema {
  readonly $schema: string
  /** the name of the block */
  readonly title: string
  readonly description?: string
  readonly type: "object"
  /** each input with its type, what it is, and its default where its readers agree on one */
  readonly properties: { readonly [name: string]: { readonly [keyword: string]: unknown } }
  /** what a caller must give */
  readonly required: ReadonlyArray<string>
  /** a name that is no input is an error */
  readonly additionalProperties: false
  readonly $defs?: { readonly [name: string]: unknown }
}
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
export const inputJsonSchema: (self: Any) => InputJsonSchema = internalJsonSchema.inputJsonSchema
