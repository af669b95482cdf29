/** Class name to guider. */
import type * as Result from "effect/Result"
import * as AdaptiveProjected from "../../guiders/AdaptiveProjected.ts"
import * as AdaptiveProjectedMix from "../../guiders/AdaptiveProjectedMix.ts"
import * as Auto from "../../guiders/Auto.ts"
import * as ClassifierFree from "../../guiders/ClassifierFree.ts"
import * as FrequencyDecoupled from "../../guiders/FrequencyDecoupled.ts"
import * as MagnitudeAware from "../../guiders/MagnitudeAware.ts"
import * as PerturbedAttention from "../../guiders/PerturbedAttention.ts"
import * as SkipLayer from "../../guiders/SkipLayer.ts"
import * as SmoothedEnergy from "../../guiders/SmoothedEnergy.ts"
import * as Tangential from "../../guiders/Tangential.ts"
import * as ZeroStar from "../../guiders/ZeroStar.ts"
import type { Capabilities, Config, GuiderError, Shape } from "./model.ts"

export interface GuiderClass {
  readonly className: string
  readonly fromConfig: (config?: Config, capabilities?: Capabilities) => Result.Result<Shape, GuiderError>
}

const classes: ReadonlyArray<GuiderClass> = [
  AdaptiveProjected,
  AdaptiveProjectedMix,
  Auto,
  ClassifierFree,
  FrequencyDecoupled,
  MagnitudeAware,
  PerturbedAttention,
  SkipLayer,
  SmoothedEnergy,
  Tangential,
  ZeroStar
]

export const registry: ReadonlyMap<string, GuiderClass> = new Map(classes.map((guider) => [guider.className, guider]))
