/** How many letters to add, drop or change. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}

/** The names that somebody may have meant: those that go on from it, else the nearest if most of its letters are right. */
export const nearest = (text: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const lower = text.toLowerCase()
  if (lower.length === 0 || lower.length > 64) return []
  const same = names.filter((name) => name.toLowerCase() === lower)
  if (same.length > 0) return same
  const longer = names.filter((name) => lower.length > 1 && name.toLowerCase().startsWith(lower))
  if (longer.length > 0) return longer.slice(0, 3)
  const ranked = names
    .map((name) => ({ name, changed: distance(lower, name.toLowerCase()) }))
    .toSorted((a, b) => a.changed - b.changed)
  const [best] = ranked
  const close = best !== undefined && best.changed <= Math.max(1, Math.floor(lower.length / 3))
  return close
    ? ranked
        .filter(({ changed }) => changed === best.changed)
        .slice(0, 3)
        .map(({ name }) => name)
    : []
}
