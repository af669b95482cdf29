/**
 * Errors of compositions. The errors of your blocks stay your own: where one happened is an annotation on its Cause,
 * read with `pathOf` and shown by `pretty`.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"

/**
 * The path of the block in which a Cause arose, as an annotation on it.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Cause, Context } from "effect"
 * import * as Errors from "@effect-blocks/core/Errors"
 *
 * const cause = Errors.prependPath(Cause.fail("no"), "unet")
 * assert.equal(Context.get(Cause.annotations(cause) as Context.Context<Errors.BlockPath>, Errors.BlockPath), "unet")
 * ```
 */
export class BlockPath extends Context.Service<BlockPath, string>()("effect-blocks/BlockPath") {}

/**
 * The path of the block in which a run failed, such as `text2image.denoise[3].unet`.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Exit, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Errors from "@effect-blocks/core/Errors"
 *
 * const fail = Block.make("fail", { inputs: {}, outputs: { x: Schema.Number }, run: () => Effect.fail("broken") })
 * const exit = Effect.runSyncExit(Block.sequential("outer", [fail]).run({}))
 * assert(Exit.isFailure(exit))
 * assert.equal(Errors.pathOf(exit.cause), "outer.fail")
 * ```
 */
export const pathOf = (cause: Cause.Cause<unknown>): string | undefined =>
  Context.getOrUndefined(Cause.annotations(cause), BlockPath)

/**
 * Puts a segment (`denoise`, `[3]`) before the path of a Cause. For packages that add combinators.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Cause } from "effect"
 * import * as Errors from "@effect-blocks/core/Errors"
 *
 * const inner = Errors.prependPath(Errors.prependPath(Cause.fail("no"), "unet"), "[3]")
 * assert.equal(Errors.pathOf(Errors.prependPath(inner, "denoise")), "denoise[3].unet")
 * ```
 */
export const prependPath = <E>(cause: Cause.Cause<E>, segment: string): Cause.Cause<E> => {
  if (segment === "") return cause
  const rest = pathOf(cause)
  const path = rest === undefined ? segment : rest.startsWith("[") ? segment + rest : `${segment}.${rest}`
  return Cause.annotate(cause, Context.make(BlockPath, path), { overwrite: true })
}

/**
 * A Cause as text, the path of the block first.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Exit, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Errors from "@effect-blocks/core/Errors"
 *
 * const unet = Block.make("unet", { inputs: {}, outputs: { x: Schema.Number }, run: () => Effect.die(new Error("out of memory")) })
 * const exit = Effect.runSyncExit(unet.run({}))
 * assert(Exit.isFailure(exit))
 * assert.match(Errors.pretty(exit.cause), /^in unet: Error: out of memory/)
 * ```
 */
export const pretty = (cause: Cause.Cause<unknown>): string => {
  const path = pathOf(cause),
    text = Cause.pretty(cause)
  return path === undefined ? text : `in ${path}: ${text}`
}

/**
 * A conditional chose a branch for which inputs are missing. Nothing of the branch has run.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const inpaint = Block.pure("inpaint", { inputs: { image: Schema.String, mask: Schema.String }, outputs: {}, run: () => ({}) })
 * const error = Effect.runSync(Effect.flip(Block.auto("latents", [Block.when("mask", inpaint)]).run({ mask: "m" })))
 * assert.equal(error.message, "block 'latents' chose branch 'inpaint', which needs 'image' (string)")
 * ```
 */
export class MissingInputError extends Schema.TaggedError<MissingInputError>()("MissingInputError", {
  /** the conditional */
  block: Schema.String,
  branch: Schema.String,
  /** the inputs that the branch cannot do without */
  missing: Schema.Array(Schema.String),
  /** what they should be, in the same order */
  expected: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const what = this.missing.map((name, i) => `'${name}' (${this.expected[i]})`).join(", ")
    return `block '${this.block}' chose branch '${this.branch}', which needs ${what}`
  }
}

/**
 * One thing that is wrong with the inputs of a run.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Pipeline from "@effect-blocks/core/Pipeline"
 *
 * const plan = Block.pure("plan", { inputs: { sizes: Schema.Array(Schema.Int) }, outputs: {}, run: () => ({}) })
 * const error = Effect.runSync(Effect.flip(Pipeline.runUnknown(plan, { sizes: [1, "2"] })))
 * assert.deepEqual({ ...error.issues[0] }, {
 *   field: "sizes",
 *   path: "sizes[1]",
 *   block: "plan",
 *   expected: "Array<integer>",
 *   reason: "expected number, got a string"
 * })
 * ```
 */
export class InputIssue extends Schema.Class<InputIssue>("InputIssue")({
  /** the input; `inputs` where what was given is no object */
  field: Schema.String,
  /** where in its value, such as `prompt` or `sizes[0].width` */
  path: Schema.String,
  /** the path of the block that reads it */
  block: Schema.String,
  /** what it should be, as text */
  expected: Schema.String,
  /** what is wrong */
  reason: Schema.String
}) {}

/** how many issues a message shows */
const SHOWN = 20

/**
 * The inputs of a run do not fit, and nothing has run. All that is wrong is in `issues`; the message shows the first 20.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Pipeline from "@effect-blocks/core/Pipeline"
 *
 * const draw = Block.pure("draw", { inputs: { prompt: Schema.String, steps: Schema.Int }, outputs: {}, run: () => ({}) })
 * const error = Effect.runSync(Effect.flip(Pipeline.runUnknown(draw, { promt: "a cat", steps: 0.5 })))
 * assert.equal(error.message, `inputs of 'draw' do not fit:
 *   promt: there is no input of this name, did you mean 'prompt'?
 *   prompt: is missing, expected string, read by draw
 *   steps: expected an integer, got 0.5, read by draw`)
 * ```
 */
export class InputError extends Schema.TaggedError<InputError>()("InputError", {
  /** the block that was to run */
  block: Schema.String,
  issues: Schema.Array(InputIssue)
}) {
  override get message(): string {
    const lines = this.issues
      .slice(0, SHOWN)
      .map((i) => `  ${i.path}: ${i.reason}${i.block === "" ? "" : `, read by ${i.block}`}`)
    if (this.issues.length > SHOWN) lines.push(`  and ${this.issues.length - SHOWN} more`)
    return `inputs of '${this.block}' do not fit:\n${lines.join("\n")}`
  }
}

/**
 * A composition that the compiler would have refused: made from untyped code. Thrown, since it is a mistake in a program.
 *
 * ```ts
 * import assert from "node:assert"
 * import * as Block from "@effect-blocks/core/Block"
 *
 * const nothing: Block.Any = Block.pure("nothing", { inputs: {}, outputs: {}, run: () => ({}) })
 * const blocks: ReadonlyArray<Block.Any> = [nothing, nothing]
 * assert.throws(() => Block.sequential("both", blocks), {
 *   _tag: "CompositionError",
 *   block: "both",
 *   reason: "two blocks are named 'nothing': give one another name with Block.rename"
 * })
 * ```
 */
export class CompositionError extends Schema.TaggedError<CompositionError>()("CompositionError", {
  /** the composition */
  block: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `'${this.block}': ${this.reason}`
  }
}

/**
 * The snapshot was taken of another composition.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const before = Block.sequential("main", [inc])
 * const after = Block.sequential("main", [inc, Block.rename(inc, "again")])
 * const json = Effect.runSync(Effect.flatMap(Snapshot.start(before, { x: 1 }), (snapshot) => Snapshot.encode(before, snapshot)))
 * const error = Effect.runSync(Effect.flip(Snapshot.decode(after, json)))
 * assert(error._tag === "SnapshotMismatch")
 * assert.equal(error.path, "main.again")
 * ```
 */
export class SnapshotMismatch extends Schema.TaggedError<SnapshotMismatch>()("SnapshotMismatch", {
  /** where it differs first */
  path: Schema.String,
  /** what stood there; empty where nothing did */
  was: Schema.String,
  /** what stands there now; empty where nothing does */
  now: Schema.String
}) {
  override get message(): string {
    return `the snapshot was taken of another composition: at '${this.path}' it was ${this.was || "nothing"}, now it is ${
      this.now || "nothing"
    }`
  }
}

/**
 * Not a snapshot, or a value of it does not go through the Schema of its field.
 *
 * ```ts
 * import assert from "node:assert"
 * import { Effect, Schema } from "effect"
 * import * as Block from "@effect-blocks/core/Block"
 * import * as Snapshot from "@effect-blocks/core/Snapshot"
 *
 * const inc = Block.pure("inc", { inputs: { x: Schema.Number }, outputs: { x: Schema.Number }, run: ({ x }) => ({ x: x + 1 }) })
 * const error = Effect.runSync(Effect.flip(Snapshot.fromBytes(inc, new Uint8Array([1, 2, 3]))))
 * assert.equal(error._tag, "SnapshotInvalid")
 * ```
 */
export class SnapshotInvalid extends Schema.TaggedError<SnapshotInvalid>()("SnapshotInvalid", {
  /** of the variable or frame; empty where the whole is meant */
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `snapshot${this.path && ` at '${this.path}'`}: ${this.reason}`
  }
}
