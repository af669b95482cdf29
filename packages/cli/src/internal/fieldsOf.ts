import type * as Schema from "effect/Schema"
import type { Field } from "../FieldFlag.ts"

/** The inputs of a block. Which services a Schema needs is not known at run time: one that needs some fails to decode. */
export const fieldsOf = (inputs: Schema.Struct.Fields): Readonly<Record<string, Field>> =>
  inputs as Readonly<Record<string, Field>>
