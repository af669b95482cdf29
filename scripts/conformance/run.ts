/** Runs the cases of a golden folder. */
import { type Case, documents, open } from "./golden.ts"
import { broken, type Check, failed, type Outcome, outcome, type Topic } from "./topic.ts"
import { loadTopic, topicNames } from "./topics.ts"

export interface CaseResult {
  readonly id: string
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
  readonly passed: number
  readonly failed: number
  readonly differsByDesign: number
  readonly notRun: number
}

const describe = ({ difference, limit, place }: Check): string => {
  const size = `${difference.relative.toExponential(1)} relative, ${difference.absolute.toExponential(1)} absolute`
  return `${place}: ${size} at element ${difference.index} (limit ${limit.toExponential(0)})`
}

const resultOf = (testCase: Case, index: number, result: Outcome): CaseResult => {
  const worst = broken(result).toSorted((a, b) => b.difference.relative - a.difference.relative)
  const largest = Math.max(0, ...result.checks.map((check) => check.difference.relative))
  const status =
    result.differsByDesign === undefined ? (failed(result) ? "failed" : "passed") : ("differs by design" as const)
  return {
    id: String(testCase["id"] ?? index),
    group: String(testCase["class"] ?? testCase["function"] ?? testCase["kind"] ?? ""),
    status,
    exact: result.exact,
    largest,
    failures: status === "failed" ? [...result.problems, ...worst.map(describe)] : [],
    ...(result.differsByDesign === undefined ? {} : { reason: result.differsByDesign })
  }
}

const attempt = async (run: () => Outcome | Promise<Outcome>): Promise<Outcome> => {
  try {
    return await run()
  } catch (error) {
    return outcome([], [error instanceof Error ? `${error.name}: ${error.message}` : String(error)])
  }
}

const runTopic = async (folder: string, name: string): Promise<TopicResult> => {
  const topic: Topic | undefined = await loadTopic(name)
  const cases: Array<CaseResult> = []
  let notRun = 0
  for (const file of documents(folder, name)) {
    const golden = open(file)
    if (golden === undefined) continue
    if (topic === undefined || topic.reads?.(file) === false) {
      notRun += golden.cases.length
      continue
    }
    for (const [index, testCase] of golden.cases.entries())
      cases.push(resultOf(testCase, index, await attempt(() => topic.runCase(golden, testCase, folder))))
  }
  return { topic: name, cases, notRun }
}

/** Every topic that the folder has, or those that are named. */
export const runFolder = async (folder: string, names: ReadonlyArray<string> = topicNames): Promise<Summary> => {
  const topics: Array<TopicResult> = []
  for (const name of names) {
    const result = await runTopic(folder, name)
    if (result.cases.length > 0 || result.notRun > 0) topics.push(result)
  }
  const count = (status: CaseResult["status"]) =>
    topics.reduce((sum, topic) => sum + topic.cases.filter((one) => one.status === status).length, 0)
  return {
    folder,
    topics,
    passed: count("passed"),
    failed: count("failed"),
    differsByDesign: count("differs by design"),
    notRun: topics.reduce((sum, topic) => sum + topic.notRun, 0)
  }
}
