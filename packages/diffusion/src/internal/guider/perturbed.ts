/** Guiders that need a second, weakened prediction of the model: layers skipped, attention perturbed or blurred. */
import * as Schema from "effect/Schema"
import { like } from "../scheduler/arithmetic.ts"
import { orNull } from "../scheduler/options.ts"
import { extrapolated, rescaled } from "./arithmetic.ts"
import { type CommonOptions, given, isActive, type Method, type Problem } from "./define.ts"
import { type Capabilities, cond, type Latents, type Moment, type PredictionName, uncond } from "./model.ts"

const f = Math.fround

/** Layers by index, or their description; what they name is inside the second model, so they are kept, not read. */
export const layers = orNull(Schema.Union([Schema.Int, Schema.Array(Schema.Int)]))
const oneOrMore = <S extends Schema.Codec<unknown, unknown>>(one: S) => orNull(Schema.Union([one, Schema.Array(one)]))
const layerNames = {
  indices: Schema.Union([Schema.Int, Schema.Array(Schema.Int)]),
  fqn: Schema.optionalKey(Schema.String)
}
const dropout = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** `LayerSkipConfig` of diffusers. */
export const layerConfig = oneOrMore(
  Schema.Struct({
    ...layerNames,
    skip_attention: Schema.optionalKey(Schema.Boolean),
    skip_attention_scores: Schema.optionalKey(Schema.Boolean),
    skip_ff: Schema.optionalKey(Schema.Boolean),
    dropout: Schema.optionalKey(dropout)
  }).check(
    Schema.makeFilter(({ dropout = 1, skip_attention_scores = false }) => dropout === 1 || !skip_attention_scores, {
      expected: "a dropout of 1 where attention scores are skipped"
    })
  )
)
/** `SmoothedEnergyGuidanceConfig` of diffusers. */
export const smoothedConfig = oneOrMore(
  Schema.Struct({
    ...layerNames,
    _query_proj_identifiers: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
  })
)
export const layerDropout = orNull(dropout)

/** The two ways to say which layers: exactly one of them. */
export const exactlyOne = (names: readonly [string, string], first: unknown, second: unknown): Problem | undefined => {
  if (first === null && second === null) return { option: names[0], message: `or ${names[1]} must say which layers` }
  if (first !== null && second !== null) return { option: names[1], message: `cannot go with ${names[0]}` }
  return undefined
}

/** Refuses a guider that changes the model, unless the pipeline says that it has another. */
export const needsPerturbedModel =
  (option: string, what: string) =>
  (_options: unknown, { perturbedModel = false }: Capabilities): Problem | undefined =>
    perturbedModel
      ? undefined
      : {
          option,
          reason: "NeedsPerturbedModel",
          message:
            `asks to ${what} inside the model, which an exported ONNX graph does not allow; ` +
            "the pipelines of this library have one model; for a loop of blocks of one's own with a second model that is " +
            "exported so, say { perturbedModel: true }"
        }

export interface PerturbedOptions extends CommonOptions {
  readonly scale: number
  readonly from: number
  readonly to: number
}

const isPerturbing = ({ enabled, from, scale, to }: PerturbedOptions, { numInferenceSteps, step }: Moment): boolean =>
  enabled &&
  Math.trunc(from * numInferenceSteps) < step &&
  step < Math.trunc(to * numInferenceSteps) &&
  Math.abs(scale) > 0

/** Classifier-free guidance and, strictly within a share of the steps, away from the weakened prediction. */
export const perturbedGuidance = (
  options: PerturbedOptions,
  name: Extract<PredictionName, "predCondSkip" | "predCondSeg">
): Method => ({
  predictions: (moment) => {
    const guides = isActive(options, moment)
    const perturbs = isPerturbing(options, moment)
    return [
      cond,
      ...(guides ? [uncond] : []),
      // without classifier-free guidance diffusers gives it the unconditional inputs
      ...(perturbs ? [{ name, takes: guides ? "cond" : "uncond", model: "perturbed" } as const] : [])
    ]
  },
  combine: (state, moment, predictions) => {
    const conditional = given(predictions, "predCond")
    const guides = isActive(options, moment)
    const guided = !isPerturbing(options, moment)
      ? guides
        ? extrapolated(options, conditional, given(predictions, "predUncond"))
        : conditional
      : guides
        ? away(
            options,
            conditional,
            extrapolated(options, conditional, given(predictions, "predUncond")),
            given(predictions, name)
          )
        : extrapolated({ ...options, guidance_scale: options.scale }, conditional, given(predictions, name))
    return { prediction: rescaled(options.guidance_rescale, guided, conditional), state }
  }
})

/** guided + scale * (conditional - weakened) */
const away = ({ scale }: PerturbedOptions, conditional: Latents, guided: Latents, weakened: Latents): Latents => {
  const s = f(scale)
  const out = guided.data.slice()
  for (let i = 0; i < out.length; i++)
    out[i] = out[i]! + Math.fround(s * Math.fround(conditional.data[i]! - weakened.data[i]!))
  return like(conditional, out)
}
