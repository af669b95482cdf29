/** What is read of the JSON files of a repository. Keys that are not named here do not matter to a run. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const withDefault = <S extends Schema.Constraint>(schema: S, value: S["Encoded"]) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema)

const Positive = Schema.Int.check(Schema.isGreaterThan(0))
const Channels = Schema.Array(Positive).check(Schema.isMinLength(1))
const Side = Schema.Union([Positive, Schema.Tuple([Positive, Positive])])

export const ModelIndex = Schema.Struct({
  _class_name: Schema.String,
  /** SDXL: where there is no negative prompt, its states are zeros rather than those of an empty text */
  force_zeros_for_empty_prompt: withDefault(Schema.NullOr(Schema.Boolean), true)
})

/** defaults are those of diffusers' `UNet2DConditionModel` */
export const Unet = Schema.Struct({
  in_channels: withDefault(Positive, 4),
  out_channels: withDefault(Positive, 4),
  sample_size: Schema.optionalKey(Schema.NullOr(Side)),
  block_out_channels: withDefault(Channels, [320, 640, 1280, 1280]),
  /** latent-consistency models: the width of the guidance embedding */
  time_cond_proj_dim: Schema.optionalKey(Schema.NullOr(Positive)),
  addition_embed_type: Schema.optionalKey(Schema.NullOr(Schema.String)),
  cross_attention_dim: withDefault(Schema.Union([Positive, Schema.Array(Positive).check(Schema.isMinLength(1))]), 1280)
})

/** of transformers' `CLIPTextModel`; what is not said is not checked */
export const TextEncoder = Schema.Struct({
  vocab_size: Schema.optionalKey(Schema.NullOr(Positive)),
  max_position_embeddings: Schema.optionalKey(Schema.NullOr(Positive))
})

/** defaults are those of diffusers' `AutoencoderKL` */
export const Vae = Schema.Struct({
  block_out_channels: withDefault(Channels, [64]),
  latent_channels: withDefault(Positive, 4),
  scaling_factor: withDefault(Schema.Finite.check(Schema.isGreaterThan(0)), 0.18215)
})
