/** Apart from `Guider`, so that the types of pipelines name a public module. */
import * as Schema from "effect/Schema"

/** Why: one of the reasons of `GuiderError`. */
export const reasons = [
  "UnknownClass",
  "UnknownOption",
  "InvalidOption",
  "NeedsPerturbedModel",
  "UnsupportedShape"
] as const

/** A guider that cannot be made; see `Guider.GuiderError`. */
export class GuiderError extends Schema.TaggedError<GuiderError>()("GuiderError", {
  className: Schema.String,
  reason: Schema.Literals(reasons),
  option: Schema.optionalKey(Schema.String),
  message: Schema.String
}) {}
