import { assert, describe, it } from "@effect/vitest"
import { cycles, dependencyProblems, importProblems, outsiderProblems, parseModule } from "../lib/modules.ts"
import type { Package } from "../lib/workspace.ts"

const loop: Package = {
  folder: "loop",
  path: "/repository/packages/loop",
  manifest: {
    name: "@effect-blocks/loop",
    version: "0.1.0",
    dependencies: { "@effect-blocks/core": "0.1.0" },
    peerDependencies: { effect: "^4" }
  }
}
const at = (name: string, source: string) => parseModule(`packages/loop/src/${name}.ts`, source)
const whats = (source: string) => importProblems(loop, at("Loop", source)).map(({ what }) => what)

describe("parseModule", () => {
  it("reads static, re-exported, type-only and dynamic imports with their lines", () => {
    const { imports } = at(
      "Loop",
      [
        `import * as Effect from "effect/Effect"`,
        `import type { Block } from "./Block.ts"`,
        `import { type A, type B } from "./Types.ts"`,
        `export * from "./All.ts"`,
        `export const lazy = () => import("./Lazy.ts")`,
        `import "./effects.ts"`,
        `// import "./not.ts"`
      ].join("\n")
    )
    assert.deepEqual(
      [...imports].toSorted((a, b) => a.line - b.line),
      [
        { specifier: "effect/Effect", typeOnly: false, line: 1 },
        { specifier: "./Block.ts", typeOnly: true, line: 2 },
        { specifier: "./Types.ts", typeOnly: true, line: 3 },
        { specifier: "./All.ts", typeOnly: false, line: 4 },
        { specifier: "./Lazy.ts", typeOnly: false, line: 5 },
        { specifier: "./effects.ts", typeOnly: false, line: 6 }
      ]
    )
  })
})

describe("importProblems", () => {
  it("accepts what the arrows allow", () => {
    assert.deepEqual(
      whats(
        `import * as E from "effect/Effect"\nimport * as B from "@effect-blocks/core/Block"\nimport "./Other.ts"\nimport "node:fs"`
      ),
      []
    )
  })
  it.each([
    [`import "@effect-blocks/ops/Tensor"`, "loop may not import ops"],
    [`import "@effect-blocks/core/internal/run"`, "closed"],
    [`import "@effect-blocks/core"`, "barrel"],
    [`import { Effect } from "effect"`, "barrel"],
    [`import "../../core/src/Block.ts"`, "leaves the package"],
    [`import "../test/help.ts"`, "leaves the package"],
    [`import "./Block.js"`, "end in .ts"],
    [`import "@effect-blocks/loop/Loop"`, "relative path"],
    [`import "fs"`, "node:"],
    [`import "/etc/hosts"`, "neither"]
  ])("refuses %s", (source, part) => {
    const found = whats(source)
    assert.strictEqual(found.length, 1)
    assert.include(found[0], part)
  })
})

describe("outsiderProblems", () => {
  it("lets a test read its own package's internals only", () => {
    const test = (specifier: string) =>
      outsiderProblems(parseModule("packages/loop/test/Loop.test.ts", `import "${specifier}"`))
    assert.deepEqual(test("../src/internal/drive.ts"), [])
    assert.strictEqual(test("../../core/src/internal/run.ts").length, 1)
    assert.strictEqual(test("@effect-blocks/core/internal/run").length, 1)
    assert.strictEqual(test("../../../../shared/some.ts").length, 1)
  })
})

describe("dependencyProblems", () => {
  it("wants the manifest to name exactly what is imported", () => {
    const found = dependencyProblems(loop, [at("Loop", `import "effect/Effect"\nimport "sharp"`)])
    assert.deepEqual(
      found.map(({ what }) => what),
      [
        "does not name 'sharp', imported at packages/loop/src/Loop.ts:2",
        "names '@effect-blocks/core', which nothing imports"
      ]
    )
  })
})

describe("cycles", () => {
  it("finds circles, also of one, and lets types refer to each other", () => {
    const a = at("A", `import "./B.ts"`)
    assert.deepEqual(cycles([a, at("B", `import "./C.ts"`), at("C", `import type { X } from "./A.ts"`)]), [])
    assert.deepEqual(cycles([a, at("B", `import "./C.ts"`), at("C", `import "./B.ts"`)]), [
      ["packages/loop/src/B.ts", "packages/loop/src/C.ts", "packages/loop/src/B.ts"]
    ])
    assert.deepEqual(cycles([at("A", `import "./A.ts"`)]), [["packages/loop/src/A.ts", "packages/loop/src/A.ts"]])
  })
})
