/** Every case in turn, round after round, so that a slow moment of the machine falls on all of them. */
export const measure = async <K extends string>(
  cases: Readonly<Record<K, () => unknown>>,
  rounds = 11
): Promise<Readonly<Record<K, number>>> => {
  const times = new Map<string, Array<number>>()
  for (let round = -2; round < rounds; round++) {
    for (const [name, run] of Object.entries<() => unknown>(cases)) {
      const start = performance.now()
      await run()
      const milliseconds = performance.now() - start
      if (round >= 0) times.set(name, [...(times.get(name) ?? []), milliseconds])
    }
  }
  const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
  return Object.fromEntries([...times].map(([name, values]) => [name, median(values)])) as Record<K, number>
}

/** Prints medians, and each as a ratio of the first of its group. */
export const print = (title: string, times: Readonly<Record<string, number>>): void => {
  const width = Math.max(...Object.keys(times).map((name) => name.length))
  const [base = 1] = Object.values(times)
  console.log(`\n${title}`)
  for (const [name, milliseconds] of Object.entries(times)) {
    const ratio = (milliseconds / base).toFixed(2).padStart(7)
    console.log(`  ${name.padEnd(width)}  ${milliseconds.toFixed(3).padStart(9)} ms ${ratio}x`)
  }
}
