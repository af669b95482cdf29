/**
 * Measuring ratios: every case in turn, round after round, so that a slow moment of the machine falls on all of them. What is
 * measured is the processor time of this process, which other processes that want the processor too do not lengthen much.
 */

export interface Case {
  /** What is timed. */
  readonly run: () => unknown | Promise<unknown>
  /** How many units (blocks, runs) one call is. */
  readonly units: number
}
const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

export interface Measured<K extends string> {
  /** Nanoseconds a unit, the median of the rounds. */
  readonly time: (name: K) => number
  /** How much longer one takes than another: the median of the ratios of each round. */
  readonly ratio: (a: K, b: K) => number
}
/** The first rounds are not counted. */
export const measure = async <K extends string>(
  cases: Readonly<Record<K, Case>>,
  options: { readonly rounds: number; readonly warmUp: number }
): Promise<Measured<K>> => {
  const times = new Map<string, Array<number>>(Object.keys(cases).map((name) => [name, []]))
  for (let round = 0; round < options.warmUp + options.rounds; round++) {
    for (const [name, { run, units }] of Object.entries<Case>(cases)) {
      const start = process.cpuUsage()
      await run()
      const { user, system } = process.cpuUsage(start)
      if (round >= options.warmUp) times.get(name)!.push(((user + system) * 1_000) / units)
    }
  }
  const of = (name: K) => times.get(name)!
  return {
    time: (name) => median(of(name)),
    ratio: (a, b) => median(of(a).map((time, round) => time / of(b)[round]!))
  }
}

export interface Row {
  readonly what: string
  readonly measured: string
  readonly target: string
  /** `undefined`: for information only. */
  readonly passed: boolean | undefined
}
/** Prints the rows; false where one of them failed. */
export const print = (title: string, rows: ReadonlyArray<Row>): boolean => {
  const columns = [
    ["", ...rows.map((r) => r.what)],
    ["measured", ...rows.map((r) => r.measured)],
    ["target", ...rows.map((r) => r.target)],
    ["", ...rows.map((r) => (r.passed === undefined ? "" : r.passed ? "pass" : "FAIL"))]
  ]
  const widths = columns.map((column) => Math.max(...column.map((cell) => cell.length)))
  const line = (i: number) =>
    columns
      .map((column, c) => column[i]!.padEnd(widths[c]!))
      .join("  ")
      .trimEnd()
  console.log(`\n${title}\n\n${Array.from({ length: rows.length + 1 }, (_, i) => `  ${line(i)}`).join("\n")}`)
  return rows.every((r) => r.passed !== false)
}
export const atMost = (what: string, ratio: number, limit: number, detail: string): Row => ({
  what,
  measured: `${ratio.toFixed(2)}x  (${detail})`,
  target: `<= ${limit.toFixed(2)}x`,
  passed: ratio <= limit
})
