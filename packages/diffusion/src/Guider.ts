/**
 * Guiders: which predictions a step needs of the model, and how they become one.
 *
 * A guider holds only its configuration; what it remembers from step to step (momentum) is a {@link GuiderState}, data
 * with a Schema that is the same for every guider. Conditional and unconditional predictions run as one batch:
 * {@link gather} makes the batch of each model input, {@link split} takes the output apart.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Tensor from "@effect-blocks/ops/Tensor"
import * as arithmetic from "./internal/guider/arithmetic.ts"
import * as model from "./internal/guider/model.ts"
import { registry } from "./internal/guider/registry.ts"
import { suggest } from "./internal/suggest.ts"

/**
 * What a guider remembers: tensors by name. Most remember nothing.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Schema from "effect/Schema"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * const encoded = Schema.encodeSync(Schema.toCodecJson(Guider.GuiderState))(Guider.initial)
 * assert.deepStrictEqual(encoded, { memory: {} })
 * ```
 */
export const GuiderState = model.GuiderState
export type GuiderState = model.GuiderState

/**
 * The state before the first step.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * assert.deepStrictEqual(Guider.initial, { memory: {} })
 * ```
 */
export const initial: GuiderState = model.initial

/**
 * A guider that cannot be made: `reason` says why, `option` names the offending option. `NeedsPerturbedModel` is that of
 * guiders that change layers inside the model, which an ONNX graph does not allow: see {@link Capabilities}.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * const made = Guider.fromConfig({ _class_name: "ClassifierFreeGuidance", start: 2 })
 * assert.strictEqual(Result.getOrThrow(Result.flip(made)).option, "start")
 * ```
 */
export const GuiderError = model.GuiderError
export type GuiderError = model.GuiderError

/** Predictions: float32, usually [batch, channels, height, width]. */
export type Latents = model.Latents

/** A configuration as in diffusers' `guider_config.json`: options in snake_case, the class under `_class_name`. */
export type Config = model.Config

/** The names of predictions, as diffusers has them (`pred_cond`, ...). */
export type PredictionName = model.PredictionName

/** A prediction that a step needs: its name, which inputs the model is given, and which model makes it. */
export type Prediction = model.Prediction

/** Predictions by name. */
export type Predictions = model.Predictions

/** Where in a run a step is. `timestep` is what the model is given. */
export type Moment = model.Moment

/**
 * What the pipeline can do beside running its model.
 *
 * - `perturbedModel`: it has a second model, or a second output of the first, for predictions whose `model` is
 *   `"perturbed"` (layers skipped, attention blurred, weights weakened)
 * - `beyondDiffusers`: guide also where diffusers' class fails (each guider says where)
 */
export type Capabilities = model.Capabilities

/**
 * A guider: pure functions.
 *
 * - `capabilities`: what it was made with; `reconfigure` keeps it
 * - `supports(shape, numInferenceSteps)`: fails where predictions of a shape cannot be combined in a run of so many steps
 *   (left out: in any run); to be asked once before a run
 * - `predictions(moment)`: what to run the model for at this step, in this order
 * - `combine(state, moment, predictions)`: the one prediction that the scheduler is given, and the next state; a missing
 *   prediction is a defect
 */
export interface Shape extends model.Shape {}

/**
 * The loaded guider, as a component of blocks.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * const needed = Effect.map(Guider.Guider, (guider) =>
 *   guider.predictions({ step: 0, numInferenceSteps: 10, timestep: 999 }).map(({ name }) => name)
 * )
 * const layer = Guider.layer({ _class_name: "ClassifierFreeGuidance", guidance_scale: 5 })
 * assert.deepStrictEqual(Effect.runSync(Effect.provide(needed, layer)), ["predCond", "predUncond"])
 * ```
 */
export class Guider extends Context.Service<Guider, Shape>()("@effect-blocks/diffusion/Guider") {
  /** A layer from a configuration: see {@link layer}. */
  static readonly layer = (config: Config, capabilities?: Capabilities): Layer.Layer<Guider, GuiderError> =>
    Layer.effect(
      Guider,
      Effect.suspend(() => Effect.fromResult(fromConfig(config, capabilities)))
    )

  /** A layer from a guider that is already made. */
  static readonly layerOf = (guider: Shape): Layer.Layer<Guider> => Layer.succeed(Guider, guider)
}

/**
 * The layer of the guider that a configuration names by `_class_name`.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * const name = Effect.map(Guider.Guider, ({ className }) => className)
 * const layer = Guider.layer({ _class_name: "ClassifierFreeGuidance" })
 * assert.strictEqual(Effect.runSync(Effect.provide(name, layer)), "ClassifierFreeGuidance")
 * ```
 */
export const layer: (config: Config, capabilities?: Capabilities) => Layer.Layer<Guider, GuiderError> = Guider.layer

/**
 * Reads diffusers' `guider_config.json`, already parsed. A class or option that is unknown, a value out of range and
 * contradictory options are errors.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * const guider = Guider.fromConfig({ _class_name: "ClassifierFreeGuidance", guidance_scale: 5 })
 * assert.ok(Result.isSuccess(guider))
 * ```
 */
export const fromConfig = (config: Config, capabilities: Capabilities = {}): Result.Result<Shape, GuiderError> => {
  // a file may hold any JSON
  const isConfig = typeof config === "object" && config !== null && !Array.isArray(config)
  const name = isConfig ? config["_class_name"] : undefined
  const guider = typeof name === "string" ? registry.get(name) : undefined
  if (guider !== undefined) return guider.fromConfig(config, capabilities)
  const className = String(name)
  const problem = !isConfig
    ? `the configuration is ${config === null ? "null" : Array.isArray(config) ? "a list" : `a ${typeof config}`}, not an object`
    : name === undefined
      ? "the configuration has no _class_name"
      : `there is no guider ${className}${suggest(className, classNames)}`
  return Result.fail(
    new GuiderError({
      className,
      reason: "UnknownClass",
      option: "_class_name",
      message: `${problem}; known are ${classNames.join(", ")}`
    })
  )
}

/**
 * The same guider with some options changed: how a pipeline's `guidanceScale` reaches its guider. It keeps the
 * capabilities that it was made with, unless others are given.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * const guider = Result.getOrThrow(Guider.fromConfig({ _class_name: "ClassifierFreeGuidance" }))
 * const gentle = Result.getOrThrow(Guider.reconfigure(guider, { guidance_scale: 3 }))
 * assert.strictEqual(gentle.config["guidance_scale"], 3)
 * ```
 */
export const reconfigure = (
  guider: Shape,
  options: Config,
  capabilities?: Capabilities
): Result.Result<Shape, GuiderError> =>
  fromConfig({ ...guider.config, ...options }, capabilities ?? guider.capabilities)

/**
 * The class names that {@link fromConfig} knows.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 *
 * assert.ok(Guider.classNames.includes("ClassifierFreeGuidance"))
 * ```
 */
export const classNames: ReadonlyArray<string> = [...registry.keys()].toSorted()

/**
 * The batch of one model input for several predictions, one after the other: [predictions x batch, ...]. An input that
 * does not differ is given twice.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const predictions: ReadonlyArray<Guider.Prediction> = [
 *   { name: "predCond", takes: "cond", model: "main" },
 *   { name: "predUncond", takes: "uncond", model: "main" }
 * ]
 * const batch = Guider.gather(predictions, {
 *   cond: Tensor.make("float32", [1, 2], Float32Array.of(1, 2)),
 *   uncond: Tensor.make("float32", [1, 2], Float32Array.of(3, 4))
 * })
 * assert.deepStrictEqual(batch.shape, [2, 2])
 * ```
 */
export const gather = <D extends Tensor.DType>(
  predictions: ReadonlyArray<Prediction>,
  inputs: { readonly cond: Tensor.Tensor<D>; readonly uncond: Tensor.Tensor<D> }
): Tensor.Tensor<D> =>
  predictions.length === 1
    ? inputs[predictions[0]!.takes]
    : Tensor.concat(
        predictions.map(({ takes }) => inputs[takes]),
        0
      )

/**
 * Takes the model's output for a gathered batch apart, by name.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const output = Tensor.make("float32", [2, 1], Float32Array.of(5, 6))
 * const { predUncond } = Guider.split(
 *   [
 *     { name: "predCond", takes: "cond", model: "main" },
 *     { name: "predUncond", takes: "uncond", model: "main" }
 *   ],
 *   output
 * )
 * assert.strictEqual(predUncond?.data[0], 6)
 * ```
 */
export const split = (predictions: ReadonlyArray<Prediction>, output: Latents): Predictions => {
  const size = output.shape[0]! / predictions.length
  return Object.fromEntries(
    predictions.map(({ name }, i) => [
      name,
      predictions.length === 1 ? output : Tensor.slice(output, i * size, (i + 1) * size, 0)
    ])
  )
}

/**
 * Pulls a guided prediction back to the spread of the conditional one, per batch item: diffusers' `rescale_noise_cfg`
 * ("Common Diffusion Noise Schedules and Sample Steps are Flawed", arXiv 2305.08891, section 3.4). `amount` 0 leaves it
 * as it is.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Guider from "@effect-blocks/diffusion/Guider"
 * import * as Tensor from "@effect-blocks/ops/Tensor"
 *
 * const guided = Tensor.make("float32", [1, 2], Float32Array.of(-2, 2))
 * const conditional = Tensor.make("float32", [1, 2], Float32Array.of(-1, 1))
 * assert.deepStrictEqual([...Guider.rescale(guided, conditional, 1).data], [-1, 1])
 * ```
 */
export const rescale = (guided: Latents, conditional: Latents, amount: number): Latents =>
  arithmetic.rescaled(amount, guided, conditional)
