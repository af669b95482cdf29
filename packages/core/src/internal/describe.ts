import * as Schema from "effect/Schema"
import { expectedOf } from "./expected.ts"
import { defaultsOf } from "./readers.ts"
import { type Default, isOptional, Trigger } from "./fields.ts"
import type { Compiled, Fields } from "./node.ts"
import { components } from "./resolve.ts"

export const descriptionOf = (s: any): string | undefined =>
  Schema.resolveAnnotations(s)?.description as string | undefined
const isReference = (key: any): boolean => "defaultValue" in key

const shown = (value: unknown): string => {
  const text =
    typeof value === "bigint"
      ? `${value}n`
      : value === null || typeof value !== "object"
        ? (JSON.stringify(value) ?? String(value))
        : value instanceof Date
          ? value.toISOString()
          : plain(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
const plain = (value: object): string => {
  try {
    return JSON.stringify(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
const paragraph = (text: string, indent: string): ReadonlyArray<string> =>
  text
    .trim()
    .split("\n")
    .map((l) => `${indent}${l.trim()}`.trimEnd())

/** `name?: type = default`, and below it what it means; `= 1 or 2` where readers disagree about the default */
export const fieldLines = (
  fields: Fields,
  indent: string,
  defaults: (name: string) => ReadonlyArray<Default>
): ReadonlyArray<string> =>
  Object.keys(fields).flatMap((k) => {
    const s = fields[k]!,
      [d, ...others] = defaults(k),
      about = descriptionOf(s)
    if (s === Trigger) return [`${indent}${k}?: anything`, `${indent}    only whether it is there is looked at`]
    const fallback =
      d === undefined
        ? ""
        : d._tag === "constant"
          ? ` = ${[d, ...others].map((x) => (x._tag === "constant" ? shown(x.value) : "")).join(" or ")}`
          : " = (evaluated when a run starts)"
    return [
      `${indent}${k}${isOptional(s) && d === undefined ? "?" : ""}: ${expectedOf(s)}${fallback}`,
      ...(about === undefined ? [] : paragraph(about, `${indent}    `))
    ]
  })

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : ["", `  ${title}:`, ...lines]

const policies = (block: Compiled): readonly [Compiled, ReadonlyArray<string>] => {
  const kinds: Array<string> = []
  let inner = block
  while (inner.definition.wraps !== undefined) {
    kinds.push(inner.kind)
    inner = inner.definition.wraps
  }
  return [inner, kinds]
}
const tree = (blocks: ReadonlyArray<Compiled>, indent: string): ReadonlyArray<string> =>
  blocks.flatMap((b) => {
    const [inner, kinds] = policies(b)
    const tags = [...(inner.kind === "block" ? [] : [inner.kind]), ...kinds]
    const about = b.description === "" ? "" : `: ${b.description.trim().split("\n")[0]}`
    return [
      `${indent}${b.name}${tags.length === 0 ? "" : ` (${tags.join(", ")})`}${about}`,
      ...tree(inner.blocks, `${indent}  `)
    ]
  })

export const describe = (self: any): string => {
  const [inner, kinds] = policies(self)
  const taken: ReadonlyArray<any> = components(self)
  return [
    `${self.name} (${[inner.kind, ...kinds].join(", ")})`,
    ...(self.description === "" ? [] : paragraph(self.description, "  ")),
    ...section(
      "Components",
      taken.map(
        ({ key, name }) => `    ${name}: ${key.key}${isReference(key) ? ` = ${shown(key.defaultValue())}` : ""}`
      )
    ),
    ...section(
      "Inputs",
      fieldLines(self.inputs, "    ", (k) => defaultsOf(self, k))
    ),
    ...section(
      "Outputs",
      fieldLines(self.outputs, "    ", () => [])
    ),
    ...section("Blocks", tree(inner.blocks, "    ")),
    ...section(
      "Workflows",
      Object.entries<ReadonlyArray<string>>(self.workflows).map(([name, inputs]) => `    ${name}: ${inputs.join(", ")}`)
    )
  ].join("\n")
}
