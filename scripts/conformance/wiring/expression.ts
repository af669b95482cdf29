/** Evaluates the expressions of leaves: Python's arithmetic on JSON, where null is None. */
import type { Expression, Value } from "./composition.ts"

/** What a block computes with: its variables by name (a name that is there may be null), and what is around it. */
export interface Environment {
  readonly local: Map<string, Value>
  readonly iteration: { readonly [name: string]: Value | undefined }
  readonly config: (name: string) => Value
  readonly component: (name: string) => { readonly [attribute: string]: Value } | null
}

export class EvaluationError extends Error {
  override readonly name = "EvaluationError"
}
const refuse = (reason: string): never => {
  throw new EvaluationError(reason)
}

const isList = (value: Value): value is ReadonlyArray<Value> => Array.isArray(value)
const show = (value: Value): string => (value === null ? "None" : JSON.stringify(value))
/** booleans count as 0 and 1 */
const numberOf = (value: Value): number | undefined =>
  typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : undefined

const arithmetic = (sign: "+" | "-" | "*", a: Value, b: Value): Value => {
  const x = numberOf(a)
  const y = numberOf(b)
  if (x !== undefined && y !== undefined) return sign === "+" ? x + y : sign === "-" ? x - y : x * y
  if (sign === "+" && typeof a === "string" && typeof b === "string") return a + b
  if (sign === "+" && isList(a) && isList(b)) return [...a, ...b]
  if (sign === "*" && (x ?? y) !== undefined) {
    const repeated = x === undefined ? a : b
    const times = Math.max(0, x ?? y ?? 0)
    if (typeof repeated === "string") return repeated.repeat(times)
    if (isList(repeated)) return Array.from({ length: times }, () => repeated).flat()
  }
  return refuse(`cannot compute ${show(a)} ${sign} ${show(b)}`)
}

const lengthOf = (value: Value): number => {
  if (typeof value === "string") return [...value].length
  if (typeof value === "object" && value !== null) return isList(value) ? value.length : Object.keys(value).length
  return refuse(`${show(value)} has no length`)
}
/** What Python's `range` counts to. */
export const countOf = (value: Value): number => {
  const count = numberOf(value)
  return count !== undefined && Number.isInteger(count) ? Math.max(0, count) : refuse(`cannot count to ${show(value)}`)
}

const listOf = (value: Value | undefined): ReadonlyArray<Value> =>
  value === undefined || value === null ? [] : isList(value) ? value : refuse(`${show(value)} is not a list`)

export const evaluate = (expression: Expression, environment: Environment): Value => {
  if (!isList(expression)) return expression
  const { component, config, iteration, local } = environment
  const [operator, first = null, second = null, third = null] = expression
  const value = (inner: Expression) => evaluate(inner, environment)
  const name = String(first)
  const get = (): Value => {
    const found = local.get(name)
    return found === undefined ? refuse(`there is no variable '${name}'`) : found
  }
  switch (operator) {
    case "get":
      return get()
    case "var":
      return iteration[name] ?? refuse(`there is no iteration variable '${name}'`)
    case "add":
      return arithmetic("+", value(first), value(second))
    case "sub":
      return arithmetic("-", value(first), value(second))
    case "mul":
      return arithmetic("*", value(first), value(second))
    case "present":
      return (local.get(name) ?? null) !== null
    case "if_present":
      return value((local.get(name) ?? null) !== null ? second : third)
    case "sum_fields": {
      const group = get()
      if (typeof group !== "object" || group === null) return refuse(`'${name}' is no group`)
      return Object.values(group).reduce((sum, field) => arithmetic("+", sum, field), 0)
    }
    case "append": {
      const items = local.get(name)
      return [...(items === undefined || !truthy(items) ? [] : listOf(items)), value(second)]
    }
    // Arrays are never written to: the variable gets a new list, as every reader of it will see.
    case "append_in_place": {
      const items = get()
      const longer = [...(items === null ? refuse("None is not a list") : listOf(items)), value(second)]
      local.set(name, longer)
      return longer
    }
    case "len":
      return lengthOf(value(first))
    case "range":
      return Array.from({ length: countOf(value(first)) }, (_, i) => i)
    case "config":
      return config(name)
    case "component": {
      const found = component(name)
      return found?.[String(second)] ?? refuse(`component '${name}' has no '${String(second)}'`)
    }
    case "fail":
      return refuse(name)
    default:
      return refuse(`there is no operation ${show(operator ?? null)}`)
  }
}

const truthy = (value: Value): boolean => (isList(value) ? value.length > 0 : Boolean(value))

/** The variables, configs and components that an expression reads, with the operation that reads them. */
export const readsOf = (expression: Expression): ReadonlyArray<readonly [operator: string, name: string]> => {
  if (!isList(expression)) return []
  const [operator, ...rest] = expression
  const named = [
    "get",
    "present",
    "if_present",
    "append",
    "append_in_place",
    "var",
    "sum_fields",
    "config",
    "component"
  ]
  const own = named.includes(String(operator)) ? [[String(operator), String(rest[0])] as const] : []
  return [...own, ...rest.flatMap(readsOf)]
}
