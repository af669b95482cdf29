/** Apart from `Scheduler`, so that the types of pipelines name a public module. */
import * as Schema from "effect/Schema"

/** Why: one of the reasons of `SchedulerError`. */
export const reasons = [
  "UnknownClass",
  "UnknownOption",
  "InvalidOption",
  "UnsupportedOption",
  "InvalidRequest",
  "Unsolvable"
] as const

/** A scheduler that cannot be made, or a request that it cannot honour; see `Scheduler.SchedulerError`. */
export class SchedulerError extends Schema.TaggedError<SchedulerError>()("SchedulerError", {
  className: Schema.String,
  reason: Schema.Literals(reasons),
  /** of the class, or of a request: `steps`, `timesteps`, `begin` */
  option: Schema.optionalKey(Schema.String),
  message: Schema.String
}) {}
