/** The documents point at what is there, and show what the tool prints. */
import { assert, describe, it } from "@effect/vitest"
import * as Block from "@effect-blocks/core/Block"
import * as LatentConsistency from "@effect-blocks/diffusion/pipelines/LatentConsistency"
import * as StableDiffusion from "@effect-blocks/diffusion/pipelines/StableDiffusion"
import * as StableDiffusionXL from "@effect-blocks/diffusion/pipelines/StableDiffusionXL"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { pipelineInputs } from "../lib/pipelineInputs.ts"
import { files, root } from "../lib/workspace.ts"

const documents = files("*.md", "{docs,examples}/**/*.md", "packages/*/README.md")
const read = (file: string) => readFileSync(join(root, file), "utf8")
/** prose only: code has brackets of its own */
const prose = (text: string) => text.replaceAll(/^( *)(`{3,})[^]*?^\1\2$/gm, "").replaceAll(/`[^`\n]*`/g, "")
/** as GitHub makes them */
const anchors = (text: string) =>
  [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
  )

describe("links", () => {
  it.each(documents)("%s", (file) => {
    const links = [...prose(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target)
    const broken = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? file : join(dirname(file), path)
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && !anchors(read(target)).includes(anchor)
    })
    assert.deepEqual(broken, [])
  })

  it("the README leads to every page of docs", () => {
    const missing = files("docs/*.md").filter((page) => !read("README.md").includes(`](${page})`))
    assert.deepEqual(missing, [])
  })
})

describe("README.md", () => {
  it("shows the diagram that the tool draws", () => {
    const [, diagram] = /```mermaid\n([^]*?)\n```/.exec(read("README.md")) ?? []
    assert.strictEqual(diagram, Block.toMermaid(StableDiffusion.text2image).trimEnd())
  })
})

describe("docs/pipelines.md", () => {
  it("lists the inputs of every pipeline, their ranges and defaults", () => {
    const [, table] = /<!-- inputs -->\n([^]*?)\n<!-- \/inputs -->/.exec(read("docs/pipelines.md")) ?? []
    assert.strictEqual(table, pipelineInputs())
  })

  it("of which the table leaves none out", () => {
    const table = pipelineInputs()
    for (const { inputs } of [StableDiffusion.pipeline, StableDiffusionXL.pipeline, LatentConsistency.pipeline]) {
      for (const name of Object.keys(inputs)) assert.include(table, `\n| \`${name}\` |`)
    }
  })
})

describe("docs/errors.md", () => {
  it("lists every error of the packages, with its module", () => {
    const classes = files("packages/*/src/**/*.ts").flatMap((file) =>
      [...read(file).matchAll(/^export class (\w+) extends Schema\.TaggedError/gm)].map(([, name = ""]) => name)
    )
    const listed = [...read("docs/errors.md").matchAll(/^\| `(\w+)` \| `([\w/]+)` \|/gm)]
    assert.deepEqual(listed.map(([, name = ""]) => name).toSorted(), classes.toSorted())
    for (const [, name = "", module = ""] of listed) {
      assert.include(read(`packages/${module.replace("/", "/src/")}.ts`), name)
    }
  })
})
