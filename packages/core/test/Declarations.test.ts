/** What a package that exports a pipeline ships: short declarations that name nothing private. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../../..")
const source = `
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Block from "@effect-blocks/core/Block"
import * as Field from "@effect-blocks/core/Field"

export class Unet extends Context.Service<Unet, { readonly predict: (x: number) => Effect.Effect<number, "oom"> }>()("Unet") {}
const plan = Block.pure("plan", {
  inputs: { steps: Field.default(Schema.Int, 20), image: Field.optional(Schema.String) },
  outputs: { x: Schema.Number },
  run: ({ steps }) => ({ x: steps })
})
const unet = Block.make("unet", {
  inputs: { x: Schema.Number },
  outputs: { image: Schema.String },
  components: { unet: Unet },
  run: ({ x }, { unet }) => Effect.map(unet.predict(x), (n) => ({ image: String(n) }))
})
export const leaf = plan
export const text2image = Block.seal(Block.sequential("text2image", [plan, unet]))
export const open = Block.sequential("open", [plan, unet])
`

describe("declarations", () => {
  it("of a sealed pipeline are its rows, errors, components and name", () => {
    mkdirSync(join(root, ".cache"), { recursive: true })
    const folder = mkdtempSync(join(root, ".cache", "declarations-"))
    try {
      writeFileSync(join(folder, "pipeline.ts"), source)
      const compilerOptions = {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        rewriteRelativeImportExtensions: true,
        rootDir: root,
        outDir: "out"
      }
      writeFileSync(
        join(folder, "tsconfig.json"),
        JSON.stringify({ extends: join(root, "tsconfig.dev.json"), compilerOptions, include: ["pipeline.ts"] })
      )
      const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" })
      assert.strictEqual(status, 0, stdout)
      const out = readFileSync(join(folder, "out", folder.slice(root.length + 1), "pipeline.d.ts"), "utf8")
      const declared = (name: string) =>
        out
          .slice(out.indexOf(`declare const ${name}:`))
          .replace(/;\nexport [^]*$/, "")
          .replace(/\s+/g, " ")
      assert.strictEqual(
        declared("text2image"),
        `declare const text2image: Block.Sealed<{ readonly image?: string; readonly steps?: number; }, { readonly x: number; readonly image: string; }, "oom", Unet, "text2image", never>`
      )
      assert.strictEqual(
        declared("leaf"),
        `declare const leaf: Block.Leaf<{ readonly image?: string; readonly steps?: number; }, { readonly x: number; }, never, never, "plan">`
      )
      assert.include(declared("open"), `declare const open: Block.Sequential<"open", readonly [Block.Leaf<`)
      assert.notInclude(out, "internal")
      assert.isBelow(out.split("\n").length, 45)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
