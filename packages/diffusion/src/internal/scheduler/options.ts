/** Options of schedulers: one Schema a class, defaults included; what no scheduler knows is an error. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { suggest } from "../suggest.ts"
import { type Config, SchedulerError } from "./model.ts"

export const option = <S extends Schema.Codec<any, any>>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value) as Effect.Effect<S["Encoded"]>))

export const flag = (value: boolean) => option(Schema.Boolean, value)
export const real = (value: number) => option(Schema.Finite, value)
export const whole = (value: number) => option(Schema.Int, value)
/** A whole number from 1 up. */
export const count = (value: number) => option(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)), value)
/** The timesteps of the training; the tables of a schedule have one row for each. */
export const trainingTimesteps = (value: number) =>
  option(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })), value)
/** A number above zero. */
export const positive = (value: number) => option(Schema.Finite.check(Schema.isGreaterThan(0)), value)
/** A number from zero up. */
export const notNegative = (value: number) => option(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)), value)
/** A number in [0, 1]. */
export const share = (value: number) => option(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })), value)
export const oneOf = <const L extends ReadonlyArray<string>>(values: L, value: L[number]) =>
  option(Schema.Literals(values), value)
export const orNull = <S extends Schema.Codec<any, any>>(schema: S) => option(Schema.NullOr(schema), null)

/** The share of variance that a training timestep adds: all of it would leave no signal to divide by. */
const beta = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMinimum: true, exclusiveMaximum: true })
)

/** Betas of one's own: none of them would be no schedule. */
export const trained_betas = orNull(
  Schema.Array(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }))).check(
    Schema.isMinLength(1)
  )
)

export const betaOptions = {
  num_train_timesteps: trainingTimesteps(1000),
  beta_start: option(beta, 0.0001),
  beta_end: option(beta, 0.02),
  trained_betas
}

/** The range that Stable Diffusion was trained on: the defaults of some solvers. */
export const stableDiffusionBetas = { ...betaOptions, beta_start: option(beta, 0.00085), beta_end: option(beta, 0.012) }

export const spacingOptions = (value: "linspace" | "leading" | "trailing") => ({
  timestep_spacing: oneOf(["linspace", "leading", "trailing"], value),
  steps_offset: whole(0)
})

export const thresholdOptions = {
  thresholding: flag(false),
  dynamic_thresholding_ratio: share(0.995),
  sample_max_value: positive(1)
}

export const clipOptions = (value: boolean) => ({ clip_sample: flag(value), clip_sample_range: positive(1) })

export const respacingOptions = {
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false),
  use_beta_sigmas: flag(false)
}

export const sigmaRangeOptions = {
  sigma_min: orNull(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  sigma_max: orNull(Schema.Finite.check(Schema.isGreaterThan(0)))
}

export const flowOptions = {
  use_flow_sigmas: flag(false),
  flow_shift: positive(1),
  use_dynamic_shifting: flag(false),
  time_shift_type: oneOf(["exponential", "linear"], "exponential")
}

/** How the variance is chosen: to solvers that add none of their own, only the learned types mean something. */
export const varianceType = orNull(
  Schema.Literals(["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"])
)

export const betaSchedule = (value: "linear" | "scaled_linear" = "linear") =>
  oneOf(["linear", "scaled_linear", "squaredcos_cap_v2"], value)

export const finalSigma = oneOf(["zero", "sigma_min"], "zero")

/** Python writes a bare -Infinity, which `Scheduler.parseConfig` makes a string. */
export const lambdaMin = option(Schema.Union([Schema.Number, Schema.Literal("-Infinity")]), "-Infinity")

/** Options that some scheduler of diffusers has: its files carry those of other classes along (SDXL's Euler file has `skip_prk_steps`). */
const foreign = new Set(
  (
    "num_train_timesteps beta_start beta_end beta_schedule trained_betas clip_sample clip_sample_range set_alpha_to_one steps_offset " +
    "prediction_type thresholding dynamic_thresholding_ratio sample_max_value timestep_spacing rescale_betas_zero_snr variance_type " +
    "interpolation_type use_karras_sigmas use_exponential_sigmas use_beta_sigmas use_lu_lambdas use_flow_sigmas flow_shift sigma_min " +
    "sigma_max sigma_data sigma_schedule rho timestep_type final_sigmas_type skip_prk_steps solver_order algorithm_type solver_type " +
    "lower_order_final euler_at_final lambda_min_clipped predict_x0 disable_corrector solver_p use_dynamic_shifting time_shift_type " +
    "shift_terminal shift base_shift max_shift base_image_seq_len max_image_seq_len invert_sigmas stochastic_sampling " +
    "original_inference_steps timestep_scaling noise_sampler_seed set_alpha_to_zero tau_func predictor_order corrector_order s_noise " +
    "clip_denoised scale_factors upscale_mode"
  ).split(" ")
)

/** What diffusers ignores by now: options that its schedulers had once, which old files on the hub still carry. */
const retired = new Set(["timestep_values", "tensor_format", "predict_epsilon"])

const failed = (className: string, reason: SchedulerError["reason"], option: string, message: string) =>
  Result.fail(new SchedulerError({ className, reason, option, message: `${className}: ${message}` }))

/** Reads a class's own options; an option of another class is kept in the configuration, one of no class is an error. */
export const decode = <F extends Schema.Struct.Fields>(
  className: string,
  options: Schema.Struct<F>,
  config: Config
): Result.Result<Schema.Struct<F>["Type"], SchedulerError> => {
  const own: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(config)) {
    if (key.startsWith("_")) continue
    const field = options.fields[key]
    if (field === undefined) {
      if (foreign.has(key) || retired.has(key)) continue
      const meant = suggest(key, [...Object.keys(options.fields), ...foreign])
      return failed(className, "UnknownOption", key, `no scheduler has an option ${key}${meant || ": remove the key"}`)
    }
    const single = Schema.decodeUnknownResult(Schema.Struct({ [key]: field }) as any)({ [key]: value })
    if (Result.isFailure(single)) {
      const problem = String(single.failure.message).split("\n")[0]!
      return failed(className, "InvalidOption", key, `option ${key}: ${problem}`)
    }
    own[key] = value
  }
  return Result.mapError(
    Schema.decodeUnknownResult(options as any)(own) as Result.Result<Schema.Struct<F>["Type"], Schema.SchemaError>,
    (error) => new SchedulerError({ className, reason: "InvalidOption", message: `${className}: ${error.message}` })
  )
}
