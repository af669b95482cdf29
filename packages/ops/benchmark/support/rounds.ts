/** Median and least milliseconds: on a busy machine the least is nearest to what the work takes. */
export interface Times {
  readonly median: number
  readonly least: number
}

/** Every case in turn, round after round, so that a slow moment of the machine falls on all of them. */
export const measure = async (
  cases: Readonly<Record<string, () => unknown>>,
  rounds = 15
): Promise<Readonly<Record<string, Times>>> => {
  const taken = new Map<string, Array<number>>()
  for (let round = -2; round < rounds; round++) {
    for (const [name, run] of Object.entries(cases)) {
      const start = performance.now()
      await run()
      const milliseconds = performance.now() - start
      if (round >= 0) taken.set(name, [...(taken.get(name) ?? []), milliseconds])
    }
  }
  return Object.fromEntries(
    [...taken].map(([name, all]) => {
      const sorted = all.toSorted((a, b) => a - b)
      return [name, { least: sorted[0]!, median: sorted[sorted.length >> 1]! }]
    })
  )
}

/** Prints the times, and the least of each as a ratio of the first's. */
export const print = (title: string, times: Readonly<Record<string, Times>>): void => {
  const width = Math.max(title.length, ...Object.keys(times).map((name) => name.length + 2))
  const [base] = Object.values(times)
  console.log(`\n${title.padEnd(width)}     median      least      ratio`)
  for (const [name, { least, median }] of Object.entries(times)) {
    const cells = [`${median.toFixed(2)} ms`, `${least.toFixed(2)} ms`, `${(least / (base?.least ?? 1)).toFixed(2)}x`]
    console.log(`  ${name.padEnd(width - 2)}${cells.map((cell) => cell.padStart(11)).join("")}`)
  }
}
