/** Runs the cases of a golden folder. */
import { basename, dirname } from "node:path"
import { type Case, documents, type Golden, isRecord, open, Unreadable } from "./golden.ts"
import { fieldMisread, problemsOfReferences, strays } from "./malformed.ts"
import { broken, type Check, failed, type Outcome, outcome, type Topic } from "./topic.ts"
import { loadTopic, topicNames } from "./topics.ts"

export interface CaseResult {
  readonly id: string
  /** The document, within the folder: `rng/rng.json`. */
  readonly file: string
  readonly group: string
  readonly status: "passed" | "failed" | "differs by design"
  readonly exact: boolean
  /** The largest difference, as a share of the largest value expected. */
  readonly largest: number
  /** For a failed case: what went wrong where, the largest difference first. */
  readonly failures: ReadonlyArray<string>
  readonly reason?: string
}

export interface TopicResult {
  readonly topic: string
  readonly cases: ReadonlyArray<CaseResult>
  /** Cases that no module runs. */
  readonly notRun: number
}

export interface Summary {
  readonly folder: string
  readonly topics: ReadonlyArray<TopicResult>
  /** Folders that are no topic and hold no cases: nothing of them was run. */
  readonly others: ReadonlyArray<string>
  readonly passed: number
  readonly failed: number
  readonly differsByDesign: number
  readonly notRun: number
}

const describe = ({ difference, limit, place }: Check): string => {
  const size = `${difference.relative.toExponential(1)} relative, ${difference.absolute.toExponential(1)} absolute`
  return `${place}: ${size} at element ${difference.index} (limit ${limit.toExponential(0)})`
}

const resultOf = (file: string, testCase: Case, index: number, result: Outcome): CaseResult => {
  const worst = broken(result).toSorted((a, b) => b.difference.relative - a.difference.relative)
  const largest = Math.max(0, ...result.checks.map((check) => check.difference.relative))
  const status =
    result.differsByDesign === undefined ? (failed(result) ? "failed" : "passed") : ("differs by design" as const)
  return {
    id: String(testCase["id"] ?? index),
    file,
    group: String(testCase["class"] ?? testCase["function"] ?? testCase["kind"] ?? ""),
    status,
    exact: result.exact,
    largest,
    failures: status === "failed" ? [...result.problems, ...worst.map(describe)] : [],
    ...(result.differsByDesign === undefined ? {} : { reason: result.differsByDesign })
  }
}

/** A document's name with that of its topic. */
const within = (file: string): string => `${basename(dirname(file))}/${basename(file)}`

/** A failed case that no code of a topic has seen. */
const unread = (file: string, id: string, failures: ReadonlyArray<string>): CaseResult => ({
  id,
  file,
  group: "",
  status: "failed",
  exact: false,
  largest: 0,
  failures
})

const attempt = async (run: () => Outcome | Promise<Outcome>): Promise<Outcome> => {
  try {
    return await run()
  } catch (error) {
    return outcome([], [error instanceof Error ? `${error.name}: ${error.message}` : String(error)])
  }
}

const runCase = async (
  topic: Topic,
  golden: Golden,
  testCase: unknown,
  index: number,
  folder: string
): Promise<CaseResult> => {
  const named = (id: string, problem: string) => `${golden.file}: case ${id}: ${problem}`
  if (!isRecord(testCase)) {
    const id = `${basename(golden.file)} cases[${index}]`
    return unread(within(golden.file), id, [
      `${golden.file}: cases[${index}] is ${JSON.stringify(testCase)}, expected an object`
    ])
  }
  const id = String(testCase["id"] ?? index)
  const wrong = problemsOfReferences(testCase, "", golden.bin)
  if (wrong.length > 0)
    return unread(
      within(golden.file),
      id,
      wrong.map((problem) => named(id, problem))
    )
  const result = await attempt(() => topic.runCase(golden, testCase, folder))
  const [problem] = result.problems
  const misread =
    problem === undefined
      ? undefined
      : await fieldMisread(topic, golden, testCase, folder, problem).catch(() => undefined)
  return resultOf(
    within(golden.file),
    testCase,
    index,
    misread === undefined ? result : outcome([], [named(id, misread)])
  )
}

const runDocument = async (topic: Topic, golden: Golden, folder: string): Promise<ReadonlyArray<CaseResult>> => {
  const { cases: _, ...rest } = golden.document
  const wrong = problemsOfReferences(rest, "", golden.bin).map((problem) => `${golden.file}: ${problem}`)
  const cases: Array<CaseResult> = wrong.length > 0 ? [unread(within(golden.file), basename(golden.file), wrong)] : []
  for (const [index, testCase] of golden.cases.entries())
    cases.push(await runCase(topic, golden, testCase, index, folder))
  return cases
}

const runTopic = async (folder: string, name: string): Promise<TopicResult> => {
  const topic: Topic | undefined = await loadTopic(name)
  const cases: Array<CaseResult> = []
  let notRun = 0
  for (const file of documents(folder, name)) {
    try {
      const golden = open(file)
      if (topic === undefined || topic.reads?.(file) === false) notRun += golden.cases.length
      else cases.push(...(await runDocument(topic, golden, folder)))
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      cases.push(unread(within(file), basename(file), [error.message]))
    }
  }
  return { topic: name, cases, notRun }
}

/** Every topic that the folder has, or those that are named. Folders of no topic are told where none is named. */
export const runFolder = async (folder: string, names?: ReadonlyArray<string>): Promise<Summary> => {
  const topics: Array<TopicResult> = []
  for (const name of names ?? topicNames) {
    const result = await runTopic(folder, name)
    if (result.cases.length > 0 || result.notRun > 0) topics.push(result)
  }
  const found = names === undefined ? strays(folder, topicNames) : []
  for (const { documents, name } of found) {
    const expected = `there is no topic ${name}, expected one of ${topicNames.join(", ")}`
    const cases = documents.map((file) =>
      unread(`${name}/${file}`, file, [`${name}/${file} has cases, but ${expected}`])
    )
    if (cases.length > 0) topics.push({ topic: name, cases, notRun: 0 })
  }
  const count = (status: CaseResult["status"]) =>
    topics.reduce((sum, topic) => sum + topic.cases.filter((one) => one.status === status).length, 0)
  return {
    folder,
    topics,
    others: found.filter(({ documents }) => documents.length === 0).map(({ name }) => name),
    passed: count("passed"),
    failed: count("failed"),
    differsByDesign: count("differs by design"),
    notRun: topics.reduce((sum, topic) => sum + topic.notRun, 0)
  }
}
