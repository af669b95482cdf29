/** Finds the `ts` fences of Markdown files and doc comments. */

export interface Example {
  /** the file it stands in, relative to the root */
  readonly file: string
  /** the line of its first line of code, from 1 */
  readonly line: number
  readonly code: string
  /** `ts no-run`: type-checked only */
  readonly run: boolean
}

interface Line {
  readonly number: number
  readonly text: string
}

/** The text of doc comments without their frame, a list of lines for each comment. */
const docComments = (source: string): ReadonlyArray<ReadonlyArray<Line>> => {
  const comments: Array<ReadonlyArray<Line>> = []
  let open: Array<Line> | undefined
  for (const [index, text] of source.split("\n").entries()) {
    if (open === undefined && /^\s*\/\*\*/.test(text)) open = []
    if (open === undefined) continue
    open.push({ number: index + 1, text: text.replace(/^\s*(?:\/\*\*|\*(?!\/)) ?/, "").replace(/\*\/.*$/, "") })
    if (/\*\//.test(text.replaceAll("*\\/", ""))) {
      comments.push(open)
      open = undefined
    }
  }
  return comments
}

const fencesOf = (file: string, lines: ReadonlyArray<Line>): ReadonlyArray<Example> => {
  const examples: Array<Example> = []
  let fence:
    | { readonly mark: string; readonly indent: string; readonly info: string; readonly body: Array<Line> }
    | undefined
  for (const line of lines) {
    if (fence === undefined) {
      const [, indent = "", mark, info = ""] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line.text) ?? []
      if (mark !== undefined) fence = { mark, indent, info: info.trim(), body: [] }
    } else if (line.text.trim().startsWith(fence.mark) && /^(`+|~+)$/.test(line.text.trim())) {
      const { body, indent, info } = fence
      if (/^ts( no-run)?$/.test(info) && body.length > 0) {
        const code = body.map(({ text }) => (text.startsWith(indent) ? text.slice(indent.length) : text)).join("\n")
        examples.push({ file, line: body[0]!.number, code: code.replaceAll("*\\/", "*/"), run: info === "ts" })
      }
      fence = undefined
    } else fence.body.push(line)
  }
  return examples
}

/** The examples of one file: of its doc comments when it is TypeScript, of the whole text when it is Markdown. */
export const examplesOf = (file: string, source: string): ReadonlyArray<Example> =>
  file.endsWith(".md")
    ? fencesOf(
        file,
        source.split("\n").map((text, index) => ({ number: index + 1, text }))
      )
    : docComments(source).flatMap((comment) => fencesOf(file, comment))

/** What a line like `Effect.runPromise(...)` hides: its failure comes after the example is over. */
export const unawaited = (code: string): number | undefined => {
  const index = code.split("\n").findIndex((line) => /^(?:void )?Effect\.run(?:Promise|PromiseExit|Fork)\(/.test(line))
  return index === -1 ? undefined : index
}
