/** What a topic is: a name, the golden documents it reads, and how one case runs. */
import type { Case, Difference, Golden } from "./golden.ts"

/** One comparison within a case. */
export interface Check {
  /** Where: `step 3`, `sigmas`, `add_noise`, ... */
  readonly place: string
  readonly difference: Difference
  readonly limit: number
}

/** How a case came out. */
export interface Outcome {
  readonly checks: ReadonlyArray<Check>
  /** What is wrong beyond numbers: an error where none is expected, or none where one is. */
  readonly problems: ReadonlyArray<string>
  /** True where every value that the case asks for came out on the same bits. */
  readonly exact: boolean
  /** Set where we differ from diffusers on purpose: the reason, as in docs/differences.md. */
  readonly differsByDesign?: string
}

export interface Topic {
  readonly name: string
  /** The documents of the topic, relative to the folder: a file name pattern within `name/`. */
  readonly reads?: (document: string) => boolean
  /** Runs one case through the public API. A rejection or a throw is a failure of the case. */
  readonly runCase: (golden: Golden, testCase: Case, folder: string) => Outcome | Promise<Outcome>
}

/** The outcome of a case from its comparisons. */
export const outcome = (checks: ReadonlyArray<Check>, problems: ReadonlyArray<string> = []): Outcome => ({
  checks,
  problems,
  exact: problems.length === 0 && checks.every((check) => check.difference.absolute === 0)
})

/** The checks of an outcome that went beyond their limit. */
export const broken = ({ checks }: Outcome): ReadonlyArray<Check> =>
  checks.filter((check) => !(check.difference.relative <= check.limit))

export const failed = (result: Outcome): boolean => result.problems.length > 0 || broken(result).length > 0
