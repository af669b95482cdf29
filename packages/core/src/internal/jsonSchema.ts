import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { descriptionOf } from "./describe.ts"
import { record, Trigger } from "./fields.ts"
import { defaultsOf } from "./readers.ts"

/** the default in the form in which a caller would write it */
const encoded = (key: string, field: any, value: unknown): unknown => {
  const exit = Schema.encodeUnknownExit(Schema.toCodecJson(Schema.Struct({ [key]: field })) as any)({ [key]: value })
  return Exit.isSuccess(exit) ? (exit.value as any)[key] : undefined
}

export const inputJsonSchema = (self: any): any => {
  const fields = record()
  for (const k of Object.keys(self.inputs)) if (self.inputs[k] !== Trigger) fields[k] = self.inputs[k]
  const document = Schema.toJsonSchemaDocument(Schema.Struct(fields), { onExcessProperty: "error" })
  const { properties, required, ...rest } = document.schema as any
  const described = Object.keys(self.inputs).map((k) => {
    const field = self.inputs[k]
    if (field === Trigger) return [k, { description: "only whether it is there is looked at" }]
    const description = descriptionOf(field)
    const [d, ...others] = defaultsOf(self, k)
    // readers that disagree have no default in common
    const fallback = others.length === 0 && d?._tag === "constant" ? encoded(k, field, d.value) : undefined
    return [
      k,
      {
        ...properties[k],
        ...(description === undefined ? {} : { description }),
        ...(fallback === undefined ? {} : { default: fallback })
      }
    ]
  })
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: self.name,
    ...(self.description === "" ? {} : { description: self.description }),
    ...rest,
    type: "object",
    properties: Object.fromEntries(described),
    required: required ?? [],
    additionalProperties: false,
    ...(Object.keys(document.definitions).length === 0 ? {} : { $defs: document.definitions })
  }
}
