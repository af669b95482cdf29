/** The guider of a run: the component, with the caller's scales. */
import * as Field from "@effect-blocks/core/Field"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fields from "../Fields.ts"
import * as Guider from "../Guider.ts"

/** what the guidance of a run is settled from */
export const scaleFields = {
  guidanceScale: Fields.guidanceScale,
  guidanceRescale: Fields.guidanceRescale,
  unetGuidance: Field.default(Fields.unetGuidance, {})
}

/** where a step is, and the scales: what blocks that ask the guider read */
export const guidanceFields = { t: Schema.Finite, i: Schema.Int, guidanceSteps: Fields.guidanceSteps, ...scaleFields }

export interface Scales {
  readonly guidanceScale?: number
  readonly guidanceRescale?: number
  readonly unetGuidance?: typeof Fields.unetGuidance.Type
}

/** for a UNet that guides itself: the prompt's prediction as it is */
const unguided = Result.getOrThrow(
  Guider.fromConfig({ _class_name: "ClassifierFreeGuidance", guidance_scale: 1, guidance_rescale: 0 })
)

/** blocks ask at every step, and a configuration is worth checking once */
const settled = new WeakMap<Guider.Shape, Map<string, Result.Result<Guider.Shape, Guider.GuiderError>>>()
const KEPT = 64

/**
 * A scale of 1 or less turns guidance off, as in diffusers' StableDiffusionPipeline, and so does a UNet that guides
 * itself.
 */
export const settle = (
  guider: Guider.Shape,
  { guidanceScale, guidanceRescale, unetGuidance }: Scales
): Effect.Effect<Guider.Shape, Guider.GuiderError> => {
  if (unetGuidance?.timestepCond !== undefined) return Effect.succeed(unguided)
  if (guidanceScale === undefined && guidanceRescale === undefined) return Effect.succeed(guider)
  const known = settled.get(guider) ?? new Map<string, Result.Result<Guider.Shape, Guider.GuiderError>>()
  settled.set(guider, known)
  // asked of its configuration: what an option's name is, a caller of the pipeline need not know
  if (guidanceScale !== undefined && !("guidance_scale" in guider.config)) {
    const own = "guidance_scales" in guider.config ? "it has guidance_scales, one for each level" : "it has none"
    return Effect.fail(
      new Guider.GuiderError({
        className: guider.className,
        reason: "UnknownOption",
        option: "guidance_scale",
        message: `${guider.className} takes no guidanceScale: ${own}; leave guidanceScale out`
      })
    )
  }
  const key = `${guidanceScale} ${guidanceRescale}`
  let result = known.get(key)
  if (result === undefined) {
    result = Guider.reconfigure(guider, {
      _class_name: guider.className,
      ...(guidanceScale === undefined ? {} : { guidance_scale: Math.max(1, guidanceScale) }),
      ...(guidanceRescale === undefined ? {} : { guidance_rescale: guidanceRescale })
    })
    if (known.size >= KEPT) known.clear()
    known.set(key, result)
  }
  return Effect.fromResult(result)
}

/** what the guider asks for in all steps together */
export const predictionsOf = (
  guider: Guider.Shape,
  timesteps: ReadonlyArray<number>,
  numInferenceSteps: number
): ReadonlyArray<Guider.Prediction> =>
  timesteps.flatMap((timestep, step) => guider.predictions({ step, numInferenceSteps, timestep }))

/** whether any step asks for the unconditional prediction */
export const needsUncond = (
  guider: Guider.Shape,
  timesteps: ReadonlyArray<number>,
  numInferenceSteps: number
): boolean => predictionsOf(guider, timesteps, numInferenceSteps).some(({ takes }) => takes === "uncond")
