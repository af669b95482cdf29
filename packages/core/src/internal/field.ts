import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { CompositionError } from "../Errors.ts"
import { expectedOf } from "./expected.ts"
import { type Default, DefaultAnnotation } from "./fields.ts"

export const withDefault: any = dual(2, (schema: any, value: unknown) => {
  const isEffect = Effect.isEffect(value)
  if (!isEffect && !Schema.is(schema)(value)) {
    throw new CompositionError({
      block: "Field.default",
      reason: `the default ${String(value)} is not ${expectedOf(schema)}`
    })
  }
  const note: Default = isEffect ? { _tag: "effect", effect: value as any } : { _tag: "constant", value }
  const effect = isEffect ? value : Effect.succeed(value)
  return schema.pipe(Schema.withDecodingDefaultTypeKey(effect as any)).annotate({ [DefaultAnnotation]: note })
})
export const describe: any = dual(2, (schema: any, description: string) => schema.annotate({ description }))
