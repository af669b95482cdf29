/** A summary as text: a table by topic and group, what failed, what differs by design; last `N passed, N failed`. */
import type { CaseResult, Summary, TopicResult } from "./run.ts"

const columns = ["", "passed", "failed", "differs by design", "bit for bit", "largest difference"]

const rowOf = (name: string, cases: ReadonlyArray<CaseResult>): ReadonlyArray<string> => {
  const count = (status: CaseResult["status"]) => String(cases.filter((one) => one.status === status).length)
  const finite = cases.map((one) => one.largest)
  return [
    name,
    count("passed"),
    count("failed"),
    count("differs by design"),
    String(cases.filter((one) => one.exact).length),
    Math.max(0, ...finite).toExponential(1)
  ]
}

const rowsOf = ({ cases, notRun, topic }: TopicResult): ReadonlyArray<ReadonlyArray<string>> => {
  if (cases.length === 0) return [[topic, `not run (${notRun} cases)`]]
  const groups = Map.groupBy(cases, (one) => one.group)
  const inner = groups.size > 1 ? [...groups].map(([name, members]) => rowOf(`  ${name}`, members)) : []
  const rest = notRun === 0 ? [] : [[`  not run: ${notRun} cases`]]
  return [rowOf(topic, cases), ...inner, ...rest]
}

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = columns.map((_, i) =>
    Math.max(...rows.filter((row) => row.length > 2).map((row) => row[i]?.length ?? 0))
  )
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : row.length > 2 ? cell.padStart(widths[i]!) : cell))
    )
    .map((cells) => cells.join("  ").trimEnd())
    .join("\n")
}

const listed = (cases: ReadonlyArray<CaseResult>): ReadonlyArray<string> =>
  cases.flatMap((one) => {
    if (one.status === "failed")
      return [`failed: ${one.id} (${one.file})`, ...one.failures.slice(0, 5).map((line) => `  ${line}`)]
    return one.status === "differs by design" ? [`differs by design: ${one.id}: ${one.reason}`] : []
  })

export const report = (summary: Summary): string => {
  const lines = [table([columns, ...summary.topics.flatMap(rowsOf)]), ""]
  const details = summary.topics.flatMap((topic) => listed(topic.cases))
  if (details.length > 0) lines.push(...details, "")
  for (const { cases, topic } of summary.topics) {
    if (topic !== "schedulers" || cases.length === 0) continue
    const exact = cases.filter((one) => one.exact).length
    lines.push(
      `schedulers bit for bit: ${exact} of ${cases.length} cases (${Math.round((100 * exact) / cases.length)}%)`
    )
  }
  if (summary.others.length > 0) lines.push(`no topics, nothing run: ${summary.others.join(", ")}`)
  if (summary.notRun > 0) lines.push(`not run: ${summary.notRun} cases`)
  lines.push(`${summary.passed} passed, ${summary.failed} failed`)
  return lines.join("\n")
}
