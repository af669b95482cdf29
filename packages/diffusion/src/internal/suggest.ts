/** Of names that were meant: what somebody who wrote another is told. */

/** how many letters are to be put in, left out or exchanged */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[to.length]!
}

/** `, did you mean X?` where one of the names is near; a third of its letters may differ */
export const suggest = (written: string, names: ReadonlyArray<string>): string => {
  // a name of the caller's may be of any length
  const from = written.slice(0, 100).toLowerCase()
  const near = names
    .map((name) => ({ name, far: distance(from, name.toLowerCase()) }))
    .filter(({ far, name }) => far <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.far - b.far)[0]
  return near === undefined ? "" : `, did you mean ${near.name}?`
}
