/** Golden folders that are broken: what cannot be read is a failed case that says where, and the rest still runs. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Rng from "@effect-blocks/ops/Rng"
import { runFolder } from "../conformance/run.ts"

const main = fileURLToPath(new URL("../conformance/main.ts", import.meta.url))

const [drawn] = Rng.normal(Rng.make(1), [4])
const values = { offset: 0, shape: [4], dtype: "f32" }
const good = (id: string) => ({ id, seed: 1, kind: "randn", shape: [4], values })
const rng = (...cases: ReadonlyArray<unknown>) => JSON.stringify({ bin: "rng.bin", cases })
const bytes = new Uint8Array(drawn.data.buffer, drawn.data.byteOffset, 16)

type Files = Readonly<Record<string, string | Uint8Array>>

/** A good topic beside whatever is broken. */
const beside: Files = {
  "image/image.json": JSON.stringify({ cases: [{ id: "good", kind: "get_timesteps", error: { message: "" } }] }),
  "rng/rng.json": rng(good("good")),
  "rng/rng.bin": bytes
}

const withFolder = async <A>(files: Files, use: (folder: string) => A | Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "golden-"))
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), content)
    }
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const rngOnly = (files: Files): Files => ({ "rng/rng.bin": bytes, "rng/rng.json": rng(good("good")), ...files })

/** One case passes, and one fails in these words, without the folder's path. */
const told = (name: string, files: Files, expected: RegExp) =>
  it(name, () =>
    withFolder(files, async (folder) => {
      const summary = await runFolder(folder)
      const failures = summary.topics.flatMap(({ cases }) => cases.flatMap((one) => one.failures))
      assert.match(failures.map((line) => line.replaceAll(`${folder}/`, "")).join("\n"), expected)
      assert.deepEqual([summary.passed, summary.failed], [1, 1])
    })
  )

describe("a document that cannot be read", () => {
  const broken = (text: string) => rngOnly({ "rng/other.json": text })
  told("is no JSON", broken("{"), /^rng\/other\.json: expected JSON \(.*position 1/)
  told("is a list", broken("[]"), /^rng\/other\.json: expected an object with a list "cases"$/)
  told("has no cases", broken("{}"), /^rng\/other\.json: field cases is missing, expected a list of at least one/)
  told("has an object of cases", broken('{"cases":{}}'), /^rng\/other\.json: field cases is no list, expected a list/)
  told("has an empty list of cases", broken('{"cases":[]}'), /^rng\/other\.json: field cases is empty, expected a list/)
  told(
    "names a file that is not there",
    broken('{"bin":"other.bin","cases":[{}]}'),
    /^rng\/other\.json: field bin names other\.bin, expected such a file beside it \(ENOENT/
  )
  told(
    "names a file elsewhere",
    broken('{"bin":"../rng/rng.bin","cases":[{}]}'),
    /^rng\/other\.json: field bin is "\.\.\/rng\/rng\.bin", expected the name of a file beside it/
  )
})

describe("a case that cannot be read", () => {
  const broken = (testCase: unknown) => rngOnly({ "rng/rng.json": rng(testCase, good("good")) })
  told("is null", broken(null), /^rng\/rng\.json: cases\[0\] is null, expected an object$/)
  told("is a text", broken("x"), /^rng\/rng\.json: cases\[0\] is "x", expected an object$/)
  told(
    "lacks a field",
    broken({ ...good("bad"), values: undefined }),
    /^rng\/rng\.json: case bad: field values is missing, expected a value such as \{"offset":0/
  )
  told(
    "has an element type that is none",
    broken({ ...good("bad"), values: { ...values, dtype: "f16" } }),
    /^rng\/rng\.json: case bad: values\.dtype is "f16", expected one of f32, f64, u8, i32, i64, u32$/
  )
  told(
    "has an offset that is none",
    broken({ ...good("bad"), values: { ...values, offset: -4 } }),
    /^rng\/rng\.json: case bad: values\.offset is -4, expected a number of bytes$/
  )
  told(
    "has a shape that is none",
    broken({ ...good("bad"), values: { ...values, shape: 4 } }),
    /^rng\/rng\.json: case bad: values\.shape is 4, expected a list of sizes$/
  )
  told(
    "points beyond the binary file",
    broken({ ...good("bad"), values: { ...values, offset: 4 } }),
    /^rng\/rng\.json: case bad: values is a tensor of 16 bytes at offset 4, but rng\.bin has 16 bytes$/
  )
})

describe("a folder that is no topic", () => {
  told(
    "holds cases",
    rngOnly({ "schedulerz/ddim.json": '{"cases":[{}]}' }),
    /^schedulerz\/ddim\.json has cases, but there is no topic schedulerz, expected one of schedulers, /
  )

  it("holds none: it is named", () =>
    withFolder(rngOnly({ "notes/a.json": "{}", "generate/a.json": '{"cases":[]}' }), async (folder) => {
      const { failed, others } = await runFolder(folder)
      assert.deepEqual([failed, others], [0, ["notes"]])
    }))
})

describe("the command", () => {
  const run = (folder: string, ...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, [main, folder, ...args], { encoding: "utf8" })

  it("runs the other topics and ends with the counts", { timeout: 60_000 }, () =>
    withFolder({ ...beside, "guiders/guiders.json": "{", "notes/a.txt": "" }, (folder) => {
      const { status, stderr, stdout } = run(folder)
      assert.match(stdout, /\nno topics, nothing run: notes\n/)
      assert.match(stdout, /\nfailed: guiders\.json \(guiders\/guiders\.json\)\n/)
      assert.match(stdout, /\n2 passed, 1 failed\n$/)
      assert.deepEqual([status, stderr], [1, ""])
    })
  )

  it("prints its JSON also then", { timeout: 60_000 }, () =>
    withFolder({ ...beside, "guiders/guiders.json": "{" }, (folder) => {
      const { status, stdout } = run(folder, "--json")
      const { failed, passed } = JSON.parse(stdout)
      assert.deepEqual([status, passed, failed], [1, 2, 1])
    })
  )

  it("refuses a folder without cases, and prints its JSON", { timeout: 60_000 }, () =>
    withFolder({ "notes/a.txt": "" }, (folder) => {
      const { status, stderr, stdout } = run(folder, "--json")
      assert.deepEqual([status, JSON.parse(stdout).others], [2, ["notes"]])
      assert.match(stderr, /holds no golden cases; no topics: notes/)
    })
  )
})
