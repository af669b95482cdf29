/**
 * Composition semantics: each neutral composition is made of our blocks and run; what has a counterpart is compared. Where
 * the same thing is said in another way here (a null input is left out, a written input is an output, a group is a record)
 * it is translated; docs/differences.md lists every such place.
 */
import * as Block from "@effect-blocks/core/Block"
import type { Case, Golden } from "./golden.ts"
import { outcome, type Outcome, type Topic } from "./topic.ts"
import { build, type Built, withEdits } from "./wiring/build.ts"
import { compareProperties, compareResolved, isError, type Problems, same } from "./wiring/compare.ts"
import { childrenOf, type Composition, everyPart, type Param, resolved } from "./wiring/composition.ts"
import { comparePreset } from "./wiring/preset.ts"
import { type AnyBlock, type Program, untyped } from "./wiring/program.ts"
import { type Result, run, type State } from "./wiring/run.ts"

const attempt = <A>(make: () => A): A | { readonly error: string } => {
  try {
    return make()
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}
const failed = (made: unknown): made is { readonly error: string } =>
  typeof made === "object" && made !== null && "error" in made && typeof made.error === "string"

/** What a missing input is called, where that is what diffusers complains about. */
const missingName = (recorded: Case): string | undefined =>
  /Required input '(.+)' is missing/.exec(recorded["error"]?.message ?? "")?.[1]

const compareRun = (place: string, result: Result, recorded: Case): Problems => {
  if (isError(recorded)) {
    if (result._tag !== "Failed") return [`${place}: should fail: ${recorded["error"].message}`]
    const name = missingName(recorded)
    // where several are missing, ours may be another one
    return name === undefined || result.message.includes(name) || result.message.includes("is missing")
      ? []
      : [`${place}: '${name}' is missing, and not named: ${result.message}`]
  }
  if (result._tag === "Failed") return [`${place}: ${result.message}`]
  const want = recorded["result"]
  if (result._tag === "Output") return same(place, result.value, want)
  const { groups, values } = result.after
  const expected = Object.entries(want.values).filter(([, value]) => value !== null)
  const mapping = Object.entries<ReadonlyArray<string>>(want.kwargs_mapping).map(([group, names]) => [
    group,
    [...new Set(names)].toSorted()
  ])
  const got = Object.entries(groups).flatMap(([group, names]) =>
    names.length === 0 ? [] : [[group, names.toSorted()] as const]
  )
  return [
    ...same(place, values, Object.fromEntries(expected)),
    ...same(`${place}: groups`, Object.fromEntries(got), Object.fromEntries(mapping))
  ]
}

const compareRuns = (
  block: AnyBlock,
  program: Program,
  accepted: ReadonlyArray<Param>,
  runs: ReadonlyArray<Case>
): Problems => {
  let earlier: State | undefined
  return runs.flatMap((recorded, i) => {
    const before = recorded["continues_previous_state"] === true ? earlier : undefined
    const result = run(block, program, {
      accepted,
      inputs: recorded["inputs"],
      output: recorded["output"],
      state: before?.state,
      absent: before?.absent
    })
    earlier = result._tag === "State" ? result.after : undefined
    return compareRun(`run ${i + 1}`, result, recorded)
  })
}

/** The composition with its choices made for these inputs. */
const chosen = (block: AnyBlock, given: ReadonlyArray<string>): AnyBlock =>
  untyped(Block.workflow(Block.workflows(block, { chosen: [...given] }), "chosen"))

const compareExecution = ({ declared: block, program }: Built, recorded: Case): Problems => {
  const place = `with ${JSON.stringify(recorded["triggers"])}`
  const want = recorded["result"]
  const given = Object.entries(recorded["triggers"]).flatMap(([name, value]) =>
    value !== null && name in block.inputs ? [name] : []
  )
  // only sequences and choices can be asked there, here every block can
  if (isError(want)) {
    const fails = want.error.type === "NotImplementedError" || failed(attempt(() => pathsOf(block, given)))
    return fails ? [] : [`${place}: should fail`]
  }
  return compareResolved(place, block, given, chosen(block, given), program, want)
}

type Workflows = Block.WithWorkflows<{ readonly [name: string]: ReadonlyArray<string> }>
const workflowOf = (block: AnyBlock, name: string): AnyBlock =>
  untyped(Block.workflow(block as AnyBlock & Workflows, name))

const pathsOf = (block: AnyBlock, given: ReadonlyArray<string>): ReadonlyArray<string> =>
  Block.executionBlocks(block, given as ReadonlyArray<never>).map(({ path }) => path)

const compareWorkflow = ({ block, declared, only, program }: Built, recorded: Case): Problems => {
  const { blocks: want, inputs, result, workflow } = recorded
  const place = `workflow '${workflow}'`
  const made = attempt(() => ({ block: workflowOf(block, workflow), declared: workflowOf(declared, workflow) }))
  if (isError(recorded)) return failed(made) ? [] : [`${place}: should fail: ${recorded["error"].message}`]
  if (failed(made)) return [`${place}: ${made.error}`]
  // the record tells names only, and of a group only that there is one
  const listed: ReadonlyArray<string | null> = want?.inputs ?? []
  const groups = listed.includes(null) ? [...program.groups.keys()] : []
  const accepted: ReadonlyArray<Param> = [
    ...listed.filter((name: string | null) => name !== null).map((name: string) => ({ name })),
    ...groups.map((group) => ({ name: null, kwargs_type: group }))
  ]
  const given = (declared as AnyBlock & Workflows).workflows[workflow] ?? []
  // blocks for running write defaults back, so a later choice among them may take another branch than what they declare
  const paths = pathsOf(declared, given)
  const chosen = paths.join() === pathsOf(block, given).join() ? made.block : only(paths)
  return [
    ...compareResolved(place, declared, given, made.declared, program, want),
    ...compareRun(place, run(chosen, program, { accepted, inputs }), isError(result) ? result : { result })
  ]
}

/** Everything that a case asks of a composition that can be made. */
const compareAll = (built: Built, testCase: Case): Problems => {
  const { block, declared, program } = built
  const accepted: ReadonlyArray<Param> = isError(testCase["properties"].inputs) ? [] : testCase["properties"].inputs
  return [
    ...compareProperties(declared, program, testCase["properties"]),
    ...testCase["execution_blocks"].flatMap((recorded: Case) => compareExecution(built, recorded)),
    ...compareRuns(block, program, accepted, testCase["runs"]),
    ...testCase["workflow_runs"].flatMap((recorded: Case) => compareWorkflow(built, recorded))
  ]
}

const hasNestedLoop = (composition: Composition): boolean =>
  everyPart(composition).some(
    (part) =>
      (part.kind === "from_dict" ? resolved(part) : part).kind === "loop" &&
      childrenOf(part).some(({ kind }) => kind !== "leaf")
  )
const nestsLoop: Outcome = { ...outcome([]), differsByDesign: "a loop takes any block, not only leaves" }

const hasTwoOfOneName = (composition: Composition): boolean =>
  everyPart(composition).some(
    (part) => part.kind !== "leaf" && new Set(part.blocks.map(([name]) => name)).size < part.blocks.length
  )

const runCase = (_golden: Golden, testCase: Case): Outcome => {
  if (testCase["composition"] === undefined) return outcome([], comparePreset(testCase))
  const composition: Composition = testCase["composition"]
  const made = attempt(() => build(composition, testCase["edits"]))
  if (testCase["build_error"] !== undefined) {
    if (failed(made)) return outcome([])
    const problems = [`should not build: ${testCase["build_error"].message}`]
    return hasNestedLoop(composition) ? nestsLoop : outcome([], problems)
  }
  if (!failed(made)) {
    const compared = outcome([], compareAll(made, testCase))
    const nests = compared.problems.length > 0 && hasNestedLoop(withEdits(composition, testCase["edits"]))
    return nests ? nestsLoop : compared
  }
  if (hasTwoOfOneName(composition))
    return { ...outcome([]), differsByDesign: "two blocks of one name in one composition are refused" }
  const unusable = isError(testCase["properties"].inputs) && testCase["runs"].every(isError)
  return outcome([], unusable ? [] : [made.error])
}

export const topic: Topic = { name: "wiring", runCase }
