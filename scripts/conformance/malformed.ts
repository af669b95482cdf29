/** What a golden folder holds that cannot be read: named by file, case and field, with what was expected there. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { arrays, type Case, type Golden, isRecord } from "./golden.ts"
import type { Outcome, Topic } from "./topic.ts"

const shown = (value: unknown): string => {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** In all documents these fields stand together, and only in references to the binary file. */
const isMeantAsReference = (value: Case): boolean => "offset" in value || ("shape" in value && "dtype" in value)

const problemOfReference = (value: Case, at: string, bin: Golden["bin"]): string | undefined => {
  const { dtype, offset, shape } = value
  const array = typeof dtype === "string" && dtype in arrays ? arrays[dtype as keyof typeof arrays] : undefined
  if (array === undefined) return `${at}.dtype is ${shown(dtype)}, expected one of ${Object.keys(arrays).join(", ")}`
  if (!isWhole(offset)) return `${at}.offset is ${shown(offset)}, expected a number of bytes`
  if (!Array.isArray(shape) || !shape.every(isWhole)) return `${at}.shape is ${shown(shape)}, expected a list of sizes`
  const length = shape.reduce((product, size) => product * size, 1) * array.BYTES_PER_ELEMENT
  if (bin === undefined) return `${at} is a tensor of ${length} bytes, but the document names no binary file in "bin"`
  if (offset + length <= bin.length) return undefined
  return `${at} is a tensor of ${length} bytes at offset ${offset}, but ${bin.name} has ${bin.length} bytes`
}

/** The references below a value that are none, or that point beyond the binary file. */
export const problemsOfReferences = (value: unknown, at: string, bin: Golden["bin"]): ReadonlyArray<string> => {
  if (Array.isArray(value)) {
    // long lists are of numbers
    return value.flatMap((inner, i) =>
      typeof inner === "object" ? problemsOfReferences(inner, `${at}[${i}]`, bin) : []
    )
  }
  if (!isRecord(value)) return []
  if (isMeantAsReference(value)) {
    const problem = problemOfReference(value, at, bin)
    return problem === undefined ? [] : [problem]
  }
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === "object" ? problemsOfReferences(inner, at === "" ? key : `${at}.${key}`, bin) : []
  )
}

/** Errors of this code where a field is not there, or is of another kind. */
const misread = /Cannot (read|convert|mix|use)|is not (a function|iterable|an object)|undefined|^SyntaxError/

/** The value at a path such as `steps[0].latents`. */
const at = (value: unknown, path: string): unknown =>
  path
    .split(/[.[\]]+/)
    .filter((key) => key !== "")
    .reduce<unknown>(
      (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
      value
    )

/**
 * Says which field a case lacks, or read last, before it ran into an error of ours. It runs the case again, with each
 * reading noted: noting them always would cost every good case time, and hand all of them to the library in a disguise.
 */
export const fieldMisread = async (
  topic: Topic,
  golden: Golden,
  testCase: Case,
  folder: string,
  problem: string
): Promise<string | undefined> => {
  if (!misread.test(problem)) return undefined
  const reads: Array<{ readonly path: string; readonly value: unknown }> = []
  const noted = <A extends object>(target: A, path: string): A =>
    new Proxy(target, {
      get: (object, key, receiver) => {
        const value: unknown = Reflect.get(object, key, receiver)
        if (typeof key === "symbol" || key === "length" || typeof value === "function") return value
        const inner = /^\d+$/.test(key) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`
        reads.push({ path: inner, value })
        return typeof value === "object" && value !== null ? noted(value, inner) : value
      }
    })
  const again: Outcome | undefined = await Promise.resolve()
    .then(() => topic.runCase(golden, noted(testCase, ""), folder))
    .catch(() => undefined)
  if (again !== undefined && again.problems.length === 0) return undefined
  // a field that may be left out is absent from others too
  const others = golden.cases.filter((other) => other !== testCase)
  const usual = ({ path }: { readonly path: string }) =>
    others.filter((other) => (at(other, path) ?? undefined) !== undefined).length * 2 > others.length
  const absent = reads.filter(({ value }) => (value ?? undefined) === undefined)
  const found = absent.find(usual) ?? (/undefined|null/.test(problem) ? absent.at(-1) : undefined) ?? reads.at(-1)
  if (found === undefined) return undefined
  const { path, value } = found
  const state = value === undefined ? "is missing" : `is ${shown(value)}`
  const example = others.map((other) => at(other, path)).find((other) => other !== undefined && other !== null)
  const expected = example === undefined ? "another value" : `a value such as ${shown(example)}`
  return `field ${path} ${state}, expected ${expected} (${problem})`
}

/** What lies beside the topics in the golden layout; calls and faults are read by tests of their own. */
const beside: ReadonlySet<string> = new Set(["generate", "timing", "calls", "faults"])

/** A folder that is no topic: its documents with cases, which nobody would run. */
export interface Stray {
  readonly name: string
  readonly documents: ReadonlyArray<string>
}

const hasCases = (file: string): boolean => {
  try {
    const document: unknown = JSON.parse(readFileSync(file, "utf8"))
    return isRecord(document) && "cases" in document
  } catch {
    return false
  }
}

/** The folders of a golden folder that are neither topics nor known to lie beside them. */
export const strays = (folder: string, topics: ReadonlyArray<string>): ReadonlyArray<Stray> =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !beside.has(entry.name) && !topics.includes(entry.name))
    .map(({ name }) => {
      const documents = readdirSync(join(folder, name)).filter((file) => file.endsWith(".json"))
      return { name, documents: documents.filter((file) => hasCases(join(folder, name, file))).toSorted() }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
