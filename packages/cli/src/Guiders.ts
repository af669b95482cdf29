/**
 * Guiders by the names that people use.
 *
 * @module
 */
import * as Guider from "@effect-blocks/diffusion/Guider"
import * as Result from "effect/Result"

/** Short names: the class of diffusers. */
const short: Readonly<Record<string, string>> = {
  cfg: "ClassifierFreeGuidance",
  "cfg-zero": "ClassifierFreeZeroStarGuidance",
  apg: "AdaptiveProjectedGuidance",
  "apg-mix": "AdaptiveProjectedMixGuidance",
  fdg: "FrequencyDecoupledGuidance",
  tcfg: "TangentialClassifierFreeGuidance"
}

const perturbing = "it changes layers inside a model, which ONNX files do not allow"
const flat =
  "it takes the norm over other dimensions than pictures have, in diffusers; the library can (beyondDiffusers)"

/**
 * Guiders that people may ask for and that no run of the command could use, by their short names too: why not.
 *
 * ```ts
 * import * as Guiders from "@effect-blocks/cli/Guiders"
 * import assert from "node:assert"
 *
 * assert(!Guiders.names.includes("PerturbedAttentionGuidance"))
 * assert.equal(Guiders.leftOut.get("pag"), "it changes layers inside a model, which ONNX files do not allow")
 * ```
 */
export const leftOut: ReadonlyMap<string, string> = new Map(
  Object.entries({
    AutoGuidance: perturbing,
    PerturbedAttentionGuidance: perturbing,
    pag: perturbing,
    SkipLayerGuidance: perturbing,
    slg: perturbing,
    SmoothedEnergyGuidance: perturbing,
    seg: perturbing,
    MagnitudeAwareGuidance: flat,
    mag: flat
  })
)

/**
 * The names that `--guider` takes: short ones, then diffusers' classes.
 *
 * ```ts
 * import * as Guiders from "@effect-blocks/cli/Guiders"
 * import assert from "node:assert"
 *
 * assert(Guiders.names.includes("apg") && Guiders.names.includes("AdaptiveProjectedGuidance"))
 * ```
 */
export const names: ReadonlyArray<string> = [
  ...Object.keys(short),
  ...Guider.classNames.filter((name) => !leftOut.has(name))
]

/**
 * The configuration for a name of `names`.
 *
 * ```ts
 * import * as Guiders from "@effect-blocks/cli/Guiders"
 * import assert from "node:assert"
 *
 * assert.deepEqual(Guiders.options("apg"), { _class_name: "AdaptiveProjectedGuidance" })
 * assert.deepEqual(Guiders.options("TangentialClassifierFreeGuidance"), { _class_name: "TangentialClassifierFreeGuidance" })
 * ```
 */
export const options = (name: string): Guider.Config => ({ _class_name: short[name] ?? name })

/**
 * Whether a guider has an option, such as the one scale that `--guidance` sets.
 *
 * ```ts
 * import * as Guiders from "@effect-blocks/cli/Guiders"
 * import assert from "node:assert"
 *
 * assert.equal(Guiders.has("cfg", "guidance_scale"), true)
 * assert.equal(Guiders.has("fdg", "guidance_scale"), false)
 * ```
 */
export const has = (name: string, option: string): boolean => {
  const made = Guider.fromConfig(options(name))
  return Result.isSuccess(made) && option in made.success.config
}
