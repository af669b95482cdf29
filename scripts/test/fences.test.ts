import { assert, describe, it } from "@effect/vitest"
import { examplesOf, unawaited } from "../lib/fences.ts"

const lines = (...text: ReadonlyArray<string>) => text.join("\n")

describe("examplesOf", () => {
  it("takes the ts fences of Markdown with their lines, and no others", () => {
    const source = lines(
      "# Title",
      "```ts",
      "const a = 1",
      "",
      "const b = 2",
      "```",
      "```bash",
      "npm ci",
      "```",
      "```ts no-run",
      "c()",
      "```"
    )
    assert.deepEqual(examplesOf("docs/page.md", source), [
      { file: "docs/page.md", line: 3, code: "const a = 1\n\nconst b = 2", run: true },
      { file: "docs/page.md", line: 11, code: "c()", run: false }
    ])
  })
  it("does not look inside a longer fence, and strips the indentation of a list", () => {
    const source = lines(
      "````md",
      "```ts",
      "no()",
      "```",
      "````",
      "- item",
      "  ```ts",
      "  if (x) {",
      "    y()",
      "  }",
      "  ```"
    )
    assert.deepEqual(examplesOf("a.md", source), [{ file: "a.md", line: 8, code: "if (x) {\n  y()\n}", run: true }])
  })
  it("takes the fences of doc comments only, without their frame", () => {
    const source = lines(
      "/**",
      " * Adds.",
      " *",
      " * ```ts",
      " * add(1, 2) /* three *\\/",
      " *",
      " * done()",
      " * ```",
      " */",
      "export const text = `",
      "```ts",
      "not()",
      "```",
      "`",
      "/* ```ts",
      "not()",
      "``` */",
      "  /** One line. */",
      "  /**",
      "   * ```ts",
      "   * indented()",
      "   * ```",
      "   */"
    )
    assert.deepEqual(examplesOf("packages/core/src/Add.ts", source), [
      { file: "packages/core/src/Add.ts", line: 5, code: "add(1, 2) /* three */\n\ndone()", run: true },
      { file: "packages/core/src/Add.ts", line: 21, code: "indented()", run: true }
    ])
  })
})

describe("unawaited", () => {
  it("finds a run whose failure nobody would see", () => {
    assert.strictEqual(unawaited("const x = 1\nEffect.runPromise(program)"), 1)
    assert.strictEqual(unawaited("await Effect.runPromise(program)\nconst fiber = Effect.runFork(program)"), undefined)
  })
})
