/** What a composition looks like from outside, against what diffusers says of it. */
import { isDeepStrictEqual } from "node:util"
import * as Block from "@effect-blocks/core/Block"
import { type AnyBlock, isPrivate, type Program, unhooked } from "./program.ts"
import {
  hiddenOutputs,
  leavesOf,
  outputNames as outputNamesOf,
  type Param,
  resolved,
  type Value
} from "./composition.ts"
import { defaultOf, triggersOf } from "./run.ts"

export type Problems = ReadonlyArray<string>

const text = (value: unknown): string => JSON.stringify(value) ?? "nothing"
/** Python's integers have no negative zero, and JSON does not say which numbers were integers. */
const unsigned = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(unsigned)
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unsigned(inner)]))
  return value === 0 ? 0 : value
}
export const same = (place: string, got: unknown, want: unknown): Problems =>
  isDeepStrictEqual(unsigned(got), unsigned(want)) ? [] : [`${place}: ${text(got)} instead of ${text(want)}`]

export const isError = (recorded: unknown): boolean =>
  typeof recorded === "object" && recorded !== null && "error" in recorded

/** What only one of them has. */
const sameNames = (
  place: string,
  got: ReadonlyArray<string>,
  want: ReadonlyArray<string>,
  explained: (name: string) => boolean
): Problems => [
  ...want.filter((name) => !got.includes(name)).map((name) => `${place}: '${name}' is not there`),
  ...got.filter((name) => !want.includes(name) && !explained(name)).map((name) => `${place}: '${name}' is too much`)
]

const named = (params: ReadonlyArray<{ readonly name: string | null }>): ReadonlyArray<string> => [
  ...new Set(params.map(({ name }) => name).filter((name) => name !== null))
]
const visible = (names: ReadonlyArray<string>, { groups }: Program) =>
  names.filter((name) => !isPrivate(name) && !groups.has(name))

/**
 * An input that only we have is a trigger, or what an earlier block may have left unwritten; then it is not required,
 * unless a choice that is made has put an unsure block before one that needs its output.
 */
const inputNames = (
  place: string,
  block: Block.Any,
  program: Program,
  want: ReadonlyArray<Param>,
  isResolved = false
): Problems => {
  const triggers = triggersOf(program)
  const { required } = Block.inputJsonSchema(block)
  const written = new Set(program.parts.flatMap((part) => [...outputNamesOf(part)]))
  const names = visible(Object.keys(block.inputs), program)
  // in order: what is also written may be an input from another block on
  const both = (name: string) => !written.has(name) && !triggers.has(name) && names.includes(name)
  return [
    ...same(
      `${place} in order`,
      names.filter((name) => both(name) && named(want).includes(name)),
      named(want).filter(both)
    ),
    ...sameNames(
      place,
      names,
      named(want),
      (name) => (isResolved || !required.includes(name)) && (triggers.has(name) || written.has(name))
    ),
    ...want.flatMap(({ kwargs_type: group, name }) =>
      name === null && group !== undefined && !(group in block.inputs)
        ? [`${place}: group '${group}' is not there`]
        : []
    )
  ]
}

/** An output that only we have is one that diffusers hides. */
const outputNames = (place: string, block: Block.Any, program: Program, want: ReadonlyArray<string>): Problems => {
  const hidden = new Set(program.parts.flatMap((part) => [...hiddenOutputs(part)]))
  return sameNames(place, visible(Object.keys(block.outputs), program), want, (name) => hidden.has(name))
}

/** The defaults of a branch, which may be a choice in turn: `image.inpaint`. */
const branchDefaults = (self: Block.Any, path: string, name: string): ReadonlyArray<Value | undefined> => {
  const block = unhooked(self)
  if (block.kind !== "conditional") return block.blocks.flatMap((inner) => branchDefaults(inner, path, name))
  return block.blocks.flatMap((inner) => {
    if (inner.name === path) return [defaultOf(inner, name), ...branchDefaults(inner, path, name)]
    const rest = path.startsWith(`${inner.name}.`) ? path.slice(inner.name.length + 1) : path
    return branchDefaults(inner, rest, name)
  })
}

interface Input extends Param {
  readonly name: string
  readonly defaults_by_block?: { readonly [branch: string]: Value }
}
/**
 * A loop lists an input again where it is declared in another way, and the sequence or choice that it is in goes by one of
 * them, while the blocks of the loop go by all.
 */
const isListedAgain = (program: Program, name: string): boolean =>
  program.parts.some((part) => {
    const loop = part.kind === "from_dict" ? resolved(part) : part
    if (loop.kind !== "loop" || part === program.parts[0]) return false
    const declared = [...(loop.loop_inputs ?? []), ...leavesOf(loop).flatMap((leaf) => leaf.inputs)]
    const ways = declared.filter((param) => param.name === name).map((param) => param.default ?? null)
    return new Set(ways.map(text)).size > 1
  })

const inputOf = (block: Block.Any, input: Input, needed: ReadonlyArray<string>): Problems => {
  const { default: value = null, defaults_by_block: branches, name } = input
  const place = `input '${name}'`
  const required = Block.inputJsonSchema(block).required.includes(name)
  // diffusers asks the first block that declares the input; here it is required as soon as one block cannot do without
  const later = required && needed.includes(name)
  // nor is it required where a branch has a default, though diffusers lists it as required by all
  const defaulted = Object.values(branches ?? {}).some((own) => own !== null)
  const wanted = input.required === true && value === null && !defaulted
  const problems = later ? [] : same(`${place} is required`, required, wanted)
  if (branches === undefined)
    return [...problems, ...same(`${place} by default`, defaultOf(block, name) ?? null, value)]
  const differing = Object.entries(branches).flatMap(([branch, own]) =>
    branchDefaults(block, branch, name).some((found) => isDeepStrictEqual(found ?? null, own))
      ? []
      : [`${place}: branch '${branch}' has not the default ${text(own)}`]
  )
  return [...problems, ...differing]
}

export interface Properties {
  readonly inputs: ReadonlyArray<Param>
  readonly required_inputs_sorted: ReadonlyArray<string>
  readonly intermediate_outputs: ReadonlyArray<{ readonly name: string }>
  readonly expected_components: ReadonlyArray<readonly [name: string, type: string, creation: string]>
  readonly expected_configs: ReadonlyArray<readonly [name: string, value: Value]>
  readonly available_workflows: ReadonlyArray<string>
  readonly sub_blocks: ReadonlyArray<readonly [name: string, className: string]>
}

const keysOf = (block: Block.Any, prefix: string): ReadonlyArray<string> =>
  Block.components(block).flatMap(({ key }) => (key.key.startsWith(prefix) ? [key.key.slice(prefix.length)] : []))
const unique = (names: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(names)]

const workflowsOf = (block: Block.Any): ReadonlyArray<string> =>
  "workflows" in block && typeof block.workflows === "object" ? Object.keys(block.workflows ?? {}) : []

export const compareProperties = (block: AnyBlock, program: Program, want: Properties): Problems => {
  const inputs = want.inputs.filter((input): input is Input => input.name !== null)
  // a loop may list a name twice: where it needs a value, its first entry has the default or none; else the first default counts
  const seen = inputs
    .filter(({ name }, i) => inputs.findIndex((input) => input.name === name) === i)
    .map((input) => {
      const defaults = inputs.filter(({ name }) => name === input.name).map(({ default: value = null }) => value)
      const bare = input.required === true && defaults[0] === null
      return { ...input, default: bare ? null : (defaults.find((value) => value !== null) ?? null) }
    })
  return [
    ...inputNames("inputs", block, program, want.inputs),
    ...seen.flatMap((input) =>
      input.name in block.inputs && !isListedAgain(program, input.name)
        ? inputOf(block, input, want.required_inputs_sorted)
        : []
    ),
    ...outputNames("outputs", block, program, named(want.intermediate_outputs)),
    ...same("components", keysOf(block, "component/"), unique(want.expected_components.map(([name]) => name))),
    ...same("configs", keysOf(block, "config/"), unique(want.expected_configs.map(([name]) => name))),
    ...same("workflows", workflowsOf(block), isError(want.available_workflows) ? [] : want.available_workflows),
    ...same(
      "blocks",
      unhooked(block).blocks.map(({ description, name }) => [name, description]),
      want.sub_blocks
    )
  ]
}

// ------------------------------------------------------------------ what would run

export interface Resolved {
  readonly leaf?: string
  readonly blocks?: ReadonlyArray<readonly [path: string, className: string]>
  readonly inputs?: ReadonlyArray<string | null>
  readonly outputs?: ReadonlyArray<string>
}

/** The path of an executed block as diffusers writes it: without the root and the branches; a loop is one block. */
const stepOf = (root: Block.Any, path: string): readonly [path: string, className: string] => {
  const segments: Array<string> = []
  let at = unhooked(root)
  let rest = path.slice(root.name.length + 1)
  while (rest !== "" && at.kind !== "loop") {
    const inner = at.blocks.find(({ name }) => rest === name || rest.startsWith(`${name}.`))
    if (inner === undefined) break
    if (at.kind !== "conditional") segments.push(inner.name)
    rest = rest.slice(inner.name.length + 1)
    at = unhooked(inner)
  }
  return [segments.join("."), at.description]
}

const stepsOf = (block: Block.Any, given: ReadonlyArray<string>) => {
  const executed = Block.executionBlocks(block, given as ReadonlyArray<never>)
  const steps = executed.map(({ path }) => stepOf(block, path))
  return steps.filter(([path], i) => i === 0 || path !== steps[i - 1]![0])
}

/** `chosen` is the composition with its choices made. */
export const compareResolved = (
  place: string,
  block: Block.Any,
  given: ReadonlyArray<string>,
  chosen: Block.Any,
  program: Program,
  want: Resolved | null
): Problems => {
  const steps = stepsOf(block, given)
  if (want === null) return same(place, steps, [])
  if (want.leaf !== undefined) {
    const classes = steps.map(([, className]) => className)
    return same(place, classes, want.leaf === "SequentialPipelineBlocks" ? [] : [want.leaf])
  }
  // a branch that is a loop by itself is shown by what is in it
  const isLoop = steps.length === 1 && steps[0]![0] === ""
  const root = isLoop ? insideOf(block, given) : steps
  return [
    ...same(place, root, want.blocks),
    ...inputNames(
      `${place}: inputs`,
      chosen,
      program,
      (want.inputs ?? []).map((name) => ({ name })),
      true
    ),
    // of a loop by itself diffusers lists what its last block writes
    ...outputNames(`${place}: outputs`, chosen, program, want.outputs ?? []).filter(
      (problem) => !isLoop || !problem.endsWith("is too much")
    )
  ]
}
const insideOf = (block: Block.Any, given: ReadonlyArray<string>) =>
  Block.executionBlocks(block, given as ReadonlyArray<never>).map(({ block: leaf }) => [leaf.name, leaf.description])
