/**
 * Frequency-decoupled guidance (Sadat et al., arXiv 2506.19713): the predictions are split into a Laplacian pyramid whose
 * levels are guided each with a scale of its own.
 *
 * The class `FrequencyDecoupledGuidance` of diffusers (with kornia's pyramids).
 */
import * as Schema from "effect/Schema"
import { extrapolated, minus, rescaled } from "../internal/guider/arithmetic.ts"
import { atSomeStep, define, doesSomething, given, rangeProblem } from "../internal/guider/define.ts"
import { cond, type Latents, type Moment, uncond } from "../internal/guider/model.ts"
import { groupsOf, perItem, reweighted, shifted } from "../internal/guider/projection.ts"
import { collapse, cropped, fits, laplacian } from "../internal/guider/pyramid.ts"
import { like } from "../internal/scheduler/arithmetic.ts"
import { flag, oneOf, option } from "../internal/scheduler/options.ts"

/** The name in diffusers' `guider_config.json`. */
export const className = "FrequencyDecoupledGuidance"

const perLevel = <S extends Schema.Codec<number, number>>(schema: S, value: number) =>
  option(Schema.Union([schema, Schema.Array(schema)]), value)

/**
 * The options, named as in diffusers' file.
 *
 * - `guidance_scales`: one per level of the pyramid, fine details first
 * - `parallel_weights`: the weight of what is parallel to the conditional prediction, per level or for all; null: 1
 * - `guidance_rescale` with `guidance_rescale_space`: per level in `freq`, once for the picture in `data`
 * - `start`, `stop`: per level or for all
 */
export const Options = Schema.Struct({
  guidance_scales: option(Schema.Array(Schema.Finite), [10, 5]),
  guidance_rescale: perLevel(Schema.Finite, 0),
  parallel_weights: option(Schema.Union([Schema.Null, Schema.Finite, Schema.Array(Schema.Finite)]), null),
  use_original_formulation: flag(false),
  start: perLevel(Schema.Finite, 0),
  stop: perLevel(Schema.Finite, 1),
  guidance_rescale_space: oneOf(["data", "freq"], "data"),
  upcast_to_double: flag(true),
  enabled: flag(true)
})
type Options = (typeof Options)["Type"]

interface Level {
  readonly scale: number
  readonly weight: number
  readonly rescale: number
  readonly start: number
  readonly stop: number
}

const at = (value: number | ReadonlyArray<number>, level: number): number =>
  typeof value === "number" ? value : value[level]!

const levelsOf = (options: Options): ReadonlyArray<Level> =>
  options.guidance_scales.map((scale, i) => ({
    scale,
    weight: at(options.parallel_weights ?? 1, i),
    rescale: at(options.guidance_rescale, i),
    start: at(options.start, i),
    stop: at(options.stop, i)
  }))

const lists = ["guidance_rescale", "parallel_weights", "start", "stop"] as const

const guideLevel = (options: Options, level: Level, conditional: Latents, unconditional: Latents): Latents => {
  const { rescale, scale, weight } = level
  const base = options.use_original_formulation ? conditional : unconditional
  const plain = Math.abs(weight - 1) <= 1e-9
  const projected = () => {
    const groups = groupsOf(conditional.shape, perItem(conditional.shape))
    const shift = minus(conditional.data, unconditional.data)
    return like(conditional, shifted(base, scale, reweighted(shift, conditional.data, weight, groups)))
  }
  const guided = plain ? extrapolated({ ...options, guidance_scale: scale }, conditional, unconditional) : projected()
  return options.guidance_rescale_space === "freq" ? rescaled(rescale, guided, conditional) : guided
}

/**
 * A frequency-decoupled guider for [batch, channels, height, width].
 *
 * diffusers' class mixes up levels where not all of them are guided at a step (another `start` or `stop`, a scale that does
 * nothing), and gives back padded pictures where neither side is a power of two. The first is refused by `supports`, the second
 * reproduced, unless the capabilities say `beyondDiffusers`: then levels that are not guided keep the conditional
 * prediction, and the padding is cut off.
 *
 * @example
 * ```ts
 * import assert from "node:assert"
 * import * as Result from "effect/Result"
 * import * as FrequencyDecoupled from "@effect-blocks/diffusion/guiders/FrequencyDecoupled"
 *
 * const config = { guidance_scales: [8, 4], start: [0, 0.4] }
 * const strict = Result.getOrThrow(FrequencyDecoupled.fromConfig(config))
 * assert.strictEqual(Result.getOrThrow(Result.flip(strict.supports([1, 4, 8, 8], 10))).option, "start")
 * const wider = Result.getOrThrow(FrequencyDecoupled.fromConfig(config, { beyondDiffusers: true }))
 * assert.ok(Result.isSuccess(wider.supports([1, 4, 8, 8], 10)))
 * ```
 */
export const fromConfig = define(
  className,
  Options,
  (options, { beyondDiffusers = false }) => {
    const levels = levelsOf(options)
    const within = (start: number, stop: number, { numInferenceSteps, step }: Moment) =>
      Math.trunc(start * numInferenceSteps) <= step && step < Math.trunc(stop * numInferenceSteps)
    const start = Math.min(...levels.map((level) => level.start))
    const stop = Math.max(...levels.map((level) => level.stop))
    const guides = levels.map(({ scale }) => doesSomething(scale, options.use_original_formulation))
    const isActive = (moment: Moment) => options.enabled && within(start, stop, moment) && guides.includes(true)
    const isGuided = (level: Level, i: number, moment: Moment) =>
      guides[i] === true && within(level.start, level.stop, moment)
    const leavesLevels = (moment: Moment) => isActive(moment) && !levels.every((level, i) => isGuided(level, i, moment))
    return {
      unsupported: (shape, steps) => {
        if (!atSomeStep(isActive, steps)) return undefined
        if (!fits(shape, levels.length))
          return `do not make a pyramid of ${levels.length} levels; expected [batch, channels, height, width] with sides that halve so often, three or more long before the last`
        if (beyondDiffusers || !atSomeStep(leavesLevels, steps)) return undefined
        const option = guides.includes(false)
          ? "guidance_scales"
          : levels.some((level) => level.start !== start)
            ? "start"
            : "stop"
        return {
          option,
          message:
            "guides only some levels at a step, which diffusers' class mixes up; say { beyondDiffusers: true } to do it"
        }
      },
      predictions: (moment) => (isActive(moment) ? [cond, uncond] : [cond]),
      combine: (state, moment, predictions) => {
        const conditional = given(predictions, "predCond")
        if (!isActive(moment)) return { prediction: conditional, state }
        const ofCond = laplacian(conditional, levels.length)
        const ofUncond = laplacian(given(predictions, "predUncond"), levels.length)
        const guided = levels.map((level, i) =>
          isGuided(level, i, moment) ? guideLevel(options, level, ofCond[i]!, ofUncond[i]!) : ofCond[i]!
        )
        const picture = collapse(guided)
        const kept = beyondDiffusers ? cropped(picture, conditional.shape) : picture
        const inData = options.guidance_rescale_space === "data" ? levels[0]!.rescale : 0
        return { prediction: rescaled(inData, kept, conditional), state }
      }
    }
  },
  ({ guidance_scales }) =>
    guidance_scales.length === 0 ? { option: "guidance_scales", message: "must have a level" } : undefined,
  (options) => {
    const wrong = lists.find((name) => {
      const value = options[name]
      return Array.isArray(value) && value.length !== options.guidance_scales.length
    })
    const levels = options.guidance_scales.length
    return wrong === undefined ? undefined : { option: wrong, message: `must have one entry per level (${levels})` }
  },
  (options) =>
    rangeProblem(
      ["start", "stop"],
      Math.min(...levelsOf(options).map(({ start }) => start)),
      Math.max(...levelsOf(options).map(({ stop }) => stop))
    )
)
