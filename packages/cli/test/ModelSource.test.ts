import * as ModelSource from "@effect-blocks/cli/ModelSource"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

const hub = (repo: string, revision?: string, endpoint?: string) => ({ _tag: "Hub" as const, repo, revision, endpoint })

describe("ModelSource.parse", () => {
  const reads = (text: string, expected: ModelSource.ModelSource) =>
    it.effect(text, () => Effect.map(ModelSource.parse(text), (source) => assert.deepEqual(source, expected)))

  reads("org/name", hub("org/name"))
  reads("org/na.me-2_x@refs/pr/1", hub("org/na.me-2_x", "refs/pr/1"))
  reads("https://hub.example/org/name", hub("org/name", undefined, "https://hub.example"))
  reads("https://hub.example/org/name/", hub("org/name", undefined, "https://hub.example"))
  reads("https://hub.example/org/name@v1", hub("org/name", "v1", "https://hub.example"))
  reads("https://hub.example/org/name/tree/refs%2Fpr%2F1", hub("org/name", "refs/pr/1", "https://hub.example"))
  reads("https://hub.example/org/name/tree/feature/x", hub("org/name", "feature/x", "https://hub.example"))
  reads("http://localhost:8080/mirror/org/name", hub("org/name", undefined, "http://localhost:8080/mirror"))
  for (const path of [
    ".",
    "..",
    "./org/name",
    "../org/name",
    "/org/name",
    "~/name",
    "name",
    "a/b/c",
    "org/name/",
    "-/x"
  ]) {
    reads(path, { _tag: "Folder", path })
  }
  // from the folder of this package or of the repository: a path that is there is a folder
  reads("/dev/null", { _tag: "Folder", path: "/dev/null" })

  it.effect("takes a folder that is there before a repository of the same name", () =>
    Effect.gen(function* () {
      const before = process.cwd()
      process.chdir(import.meta.dirname)
      const source = yield* ModelSource.parse("../test").pipe(Effect.ensuring(Effect.sync(() => process.chdir(before))))
      assert.deepEqual(source, { _tag: "Folder", path: "../test" })
    })
  )

  const refused = (text: string, expected: RegExp) =>
    it.effect(`refuses ${text}`, () =>
      Effect.map(Effect.flip(ModelSource.parse(text)), (error) => assert.match(error.message, expected))
    )
  refused("", /^--model: is empty/)
  refused("https://", /is no address of a repository/)
  refused("https://hub.example/name", /is no address of a repository/)
  refused("https://hub.example/org/name?x=1", /is no address of a repository/)
  refused("https://hub.example/org/%00", /is no address of a repository/)
  refused("https://me:secret@hub.example/org/name", /^--model: the address holds a user name or password(?!.*secret)/)

  it("shows what it reads", () => {
    const source = hub("org/name", "v1", "https://hub.example/mirror")
    const shown = ModelSource.show(source, "0123")
    assert.strictEqual(shown, "https://hub.example/mirror/org/name@0123")
    assert.deepEqual(Effect.runSync(ModelSource.parse(shown)), { ...source, revision: "0123" })
  })
})
