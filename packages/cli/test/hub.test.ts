import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import type { TestHub } from "../../diffusion/test/support/hub.ts"
import { filesOf, testHub } from "../../diffusion/test/support/hub.ts"
import { effectBlocks, withFolder } from "./command.ts"
import { tinyModel } from "./tinyModel.ts"

interface Place {
  readonly hub: TestHub
  readonly folder: string
  /** a command with this hub and a cache of its own */
  readonly run: (args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) => ReturnType<typeof effectBlocks>
}

const token = "hf_secret"

/** A hub with a model of each family, and a folder to work in. */
const withHub = (
  use: (place: Place) => Promise<void>,
  options: { readonly token?: string; readonly large?: boolean } = {}
) =>
  withFolder((folder) => {
    const models = ["stableDiffusion", "latentConsistency"] as const
    const [files, lcm] = models.map((family) => {
      tinyModel(join(folder, family), family)
      return filesOf(join(folder, family))
    })
    if (options.large === true) files!.set("unet/model.onnx", large(files!.get("unet/model.onnx")!))
    // another graph, or the cache would have it under the other name too
    files!.set("unet/model.half.onnx", Buffer.concat([files!.get("unet/model.onnx")!, Buffer.of(0x32, 0)]))
    for (const family of models) rmSync(join(folder, family), { recursive: true })
    return Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const { token } = options
          const known = token === undefined ? {} : { token }
          const hub = yield* testHub({ files: files!, others: { "org/lcm": lcm! }, ...known })
          const run: Place["run"] = (args, env) =>
            effectBlocks(args, folder, {
              env: { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: join(folder, "cache"), ...env }
            })
          yield* Effect.promise(() => use({ hub, folder, run }))
        })
      )
    )
  })

/** The same graph with three megabytes of documentation: a field that is appended takes the place of one before it. */
const large = (graph: Buffer): Buffer => {
  const size = 3 * 2 ** 20
  const length = [size & 0x7f, (size >> 7) & 0x7f, (size >> 14) & 0x7f].map((group) => group | 0x80)
  return Buffer.concat([graph, Buffer.of(0x32, ...length, size >> 21), Buffer.alloc(size, "x")])
}

const draw = ["generate", "a cat", "--model", "org/name", "--seed", "1", "--steps", "2", "--device", "cpu"]

describe("effect-blocks with a hub", { timeout: 240_000 }, () => {
  it("downloads once, draws, and finds the same commit again from the picture", () =>
    withHub(async ({ folder, hub, run }) => {
      const first = await run([...draw, "--out", "1.png", "--json"]).ended
      assert.strictEqual(first.code, 0, first.stderr)
      assert.match(
        first.stderr,
        /^org\/name: downloading \d+ files, 0\.3 MB\n(?:.*\n)*org\/name \(\d+ files, 0\.3 MB, .*\)\n/
      )
      const { parameters } = JSON.parse(first.stdout).pictures[0]
      assert.deepInclude(parameters.model, { name: "org/name", path: `org/name@${hub.commit}` })

      const asked = hub.log.length
      // a commit that is there costs no request
      const again = await run(["generate", "--from", "1.png", "--out", "2.png"]).ended
      assert.strictEqual(again.code, 0, again.stderr)
      assert.strictEqual(hub.log.length, asked)
      assert.notInclude(again.stderr, "downloading")
      assert.deepEqual(readFileSync(join(folder, "2.png")), readFileSync(join(folder, "1.png")))
      // a picture that says which model it is of is no order to download that
      const elsewhere = await run(["generate", "--from", "1.png", "--cache-dir", "empty"]).ended
      const wanted = `org/name@${hub.commit}`
      assert.strictEqual(
        elsewhere.stderr,
        `effect-blocks: --from: it was made with ${wanted}, which is not in the cache (--model ${wanted} downloads it)\n`
      )
      assert.deepEqual([elsewhere.code, hub.log.length], [2, asked])
      const offline = await run([...draw, "--out", "3.png", "--offline"], { HF_ENDPOINT: "http://127.0.0.1:9" }).ended
      assert.strictEqual(offline.code, 0, offline.stderr)
      assert.deepEqual(readFileSync(join(folder, "3.png")), readFileSync(join(folder, "1.png")))
    }))

  it("lists what is in the cache, and describes from the index alone", () =>
    withHub(async ({ folder, hub, run }) => {
      const described = await run(["describe", "--model", "org/lcm@main"]).ended
      assert.match(described.stdout, /^latentConsistency \(conditional\)/)
      assert.deepEqual(
        hub.log.map(({ path }) => path).filter((path) => !path.startsWith("/api/")),
        ["model_index.json"]
      )
      await run(["generate", "x", "--model", "org/name", "--revision", "main", "--steps", "1", "--cache-dir", "other"])
        .ended
      const listed = JSON.parse((await run(["models", "--json", "--cache-dir", "other"]).ended).stdout).models
      assert.deepEqual(
        listed.map((model: { repository?: string; whole?: boolean }) => [model.repository, model.whole]),
        [
          [undefined, undefined],
          ["org/name@main", true]
        ]
      )
      // the index alone is nothing to draw with
      assert.notInclude((await run(["models"]).ended).stdout, "org/")
      rmSync(join(folder, "other/models--org--name/blobs"), { recursive: true })
      rmSync(join(folder, "other/models--org--name/snapshots", hub.commit, "unet/model.onnx"))
      assert.include((await run(["models", "--cache-dir", "other"]).ended).stdout, "in parts: the next run with it")
    }))

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`keeps what came when ${signal} stops it, and goes on from there`, () =>
      withHub(
        async ({ folder, hub, run }) => {
          const whole = hub.files.get("unet/model.onnx")!
          const part = whole.subarray(0, 2 ** 21)
          let asked = 0
          hub.tricks.storage = (_request, response, { path }) => {
            if (path !== "unet/model.onnx" || asked++ > 0) return false
            response.writeHead(200, { "content-length": whole.length, "accept-ranges": "bytes" })
            response.write(part)
            return true
          }
          const { child, ended, says } = run(draw)
          await says("downloading")
          // a part of it is on the disk
          const blobs = join(folder, "cache/models--org--name/blobs")
          const arrived = () =>
            existsSync(blobs) &&
            readdirSync(blobs).some(
              // it may be renamed after it was listed
              (name) =>
                name.includes("incomplete") &&
                (statSync(join(blobs, name), { throwIfNoEntry: false })?.size ?? 0) >= 2 ** 20
            )
          while (child.exitCode === null && !arrived()) await new Promise((resolve) => setTimeout(resolve, 10))
          child.kill(signal)
          const { code, stderr, stdout } = await ended
          assert.deepEqual([code, stdout], [130, ""], stderr)
          assert.match(
            stderr,
            /\norg\/name: \d\.\d MB are kept, and the next run goes on from there\neffect-blocks: interrupted\n$/
          )

          const next = await run([...draw, "--out", "next.png"]).ended
          assert.strictEqual(next.code, 0, next.stderr)
          const [, second, ...more] = hub.asked("unet/model.onnx")
          assert.match(second?.headers.range ?? "", /^bytes=\d{7}-$/)
          assert.deepEqual(more, [])
        },
        { large: true }
      ))
  }

  const fails = (
    name: string,
    status: number,
    headers: Readonly<Record<string, string>>,
    code: number,
    expected: RegExp
  ) =>
    it(name, () =>
      withHub(async ({ folder, hub, run }) => {
        hub.tricks.hub = (_request, response) => (response.writeHead(status, headers).end(), true)
        const { stderr, stdout, ...ended } = await run([...draw, "--json"]).ended
        assert.match(stderr, expected)
        assert.match(stderr, /^effect-blocks: --model: org\/name: [^\n]*\n$/, "one line")
        assert.deepEqual([ended.code, JSON.parse(stdout).error.tag], [code, "HubError"])
        assert.deepEqual(
          readdirSync(folder).filter((file) => file !== "cache"),
          []
        )
      })
    )
  fails(
    "says that a repository may be private",
    401,
    {},
    2,
    /answered 401.*set HF_TOKEN.*; there is no folder of this name either/
  )
  fails(
    "says that a repository is gated",
    403,
    { "x-error-code": "GatedRepo" },
    2,
    /accept its conditions at .*\/org\/name/
  )
  fails(
    "says that there is none",
    404,
    { "x-error-code": "RepoNotFound" },
    2,
    /no such repository.*no folder of this name either/
  )
  fails("says when to come again", 429, { "retry-after": "600" }, 1, /answered 429.*run it again in 600 seconds/)

  it("refuses a damaged file with exit code 1", () =>
    withHub(async ({ hub, run }) => {
      hub.tricks.storage = (_request, response, { path }) => {
        if (path !== "unet/model.onnx") return false
        response.end(Buffer.alloc(hub.files.get(path)!.length))
        return true
      }
      const { code, stderr } = await run(draw).ended
      assert.match(stderr, /\neffect-blocks: --model: org\/name\/unet\/model\.onnx: .*SHA-256.*\n$/)
      assert.strictEqual(code, 1)
    }))

  it("refuses what does not go together before it asks anybody", () =>
    withHub(async ({ hub, run }) => {
      const refused = async (expected: RegExp, ...args: ReadonlyArray<string>) => {
        const { code, stderr } = await run(["generate", "x", ...args]).ended
        assert.match(stderr, expected)
        assert.match(stderr, /^effect-blocks: [^\n]*\n$/, "one line")
        assert.strictEqual(code, 2)
      }
      await refused(/--revision: is for a repository of a hub, and \. is a folder/, "--model", ".", "--revision", "v1")
      await refused(/--revision: is for a repository of a hub, expected --model too/, "--revision", "v1")
      await refused(/--revision: is v2, and --model names v1/, "--model", "org/name@v1", "--revision", "v2")
      await refused(
        /the cache has nothing of revision 'main'; run it once without --offline/,
        "--model",
        "org/name",
        "--offline"
      )
      await refused(
        /--variant: "fp16=unet"\. Expected: a name such as fp16, or FOLDER=NAME/,
        "--model",
        "org/name",
        "--variant",
        "fp16=unet"
      )
      await refused(/no\.gif: expected a file ending in/, "--model", "org/name", "--out", "no.gif")
      const { code, stderr } = await run(["generate", "--model", "org/name", "--prompts", "no.txt"]).ended
      assert.match(stderr, /^effect-blocks: --prompts: no\.txt: there is no such file\n$/)
      assert.strictEqual(code, 2)
      assert.deepEqual(hub.log, [])
    }))

  it("takes the variant that is asked for, and no other", () =>
    withHub(async ({ folder, hub, run }) => {
      const missing = await run([...draw, "--variant", "vae_decoder=fp16"]).ended
      assert.match(missing.stderr, /^effect-blocks: --model: org\/name.*vae_decoder\/model\.fp16\.onnx/m)
      assert.strictEqual(missing.code, 2)
      const first = await run([...draw, "--variant", "unet=half", "--out", "1.png", "--json"]).ended
      assert.strictEqual(first.code, 0, first.stderr)
      assert.deepEqual(JSON.parse(first.stdout).pictures[0].parameters.variants, { unet: "half" })
      assert.deepEqual([hub.asked("unet/model.half.onnx").length, hub.asked("unet/model.onnx").length], [1, 0])
      const again = await run(["generate", "--from", "1.png", "--out", "2.png", "--offline"]).ended
      assert.strictEqual(again.code, 0, again.stderr)
      assert.deepEqual(readFileSync(join(folder, "2.png")), readFileSync(join(folder, "1.png")))
    }))

  it("refuses a repository of another kind before its weights come, and says soon that nobody is there", () =>
    withHub(async ({ hub, run }) => {
      hub.tricks.siblings = (siblings) => {
        for (const sibling of siblings)
          if (sibling.rfilename === "model_index.json") sibling.rfilename = "modular_model_index.json"
      }
      hub.files.set("modular_model_index.json", hub.files.get("model_index.json")!)
      const modular = await run(draw).ended
      assert.match(modular.stderr, /: --model: org\/name.* only a modular_model_index\.json;.*\n$/)
      assert.strictEqual(modular.code, 2)
      assert.strictEqual(hub.asked("unet/model.onnx").length, 0)

      const gone = await Effect.runPromise(Effect.scoped(testHub({ files: new Map() })))
      const nobody = await run(draw, { HF_ENDPOINT: gone.endpoint }).ended
      const [retry, error, ...more] = nobody.stderr.trim().split("\n")
      assert.match(retry!, /^org\/name: the connection failed \(ECONNREFUSED\).*; again in /)
      assert.match(
        error!,
        /no network, or no hub at this address; .*--offline; there is no folder of this name either$/
      )
      assert.deepEqual([more, nobody.code], [[], 1])
    }))

  it("gives the token to the hub of the settings and to no other", () =>
    withHub(
      async ({ hub, run }) => {
        const env = { HF_TOKEN: token }
        const address = ["generate", "x", "--model", `${hub.endpoint}/org/lcm`, "--steps", "1"]
        const elsewhere = await run(address, { ...env, HF_ENDPOINT: "https://hub.example" }).ended
        assert.match(elsewhere.stderr, /answered 401.*; a token goes to the hub of HF_ENDPOINT alone/)
        assert.strictEqual(elsewhere.code, 2)
        assert.isAbove(hub.log.length, 0)
        assert.isTrue(hub.log.every(({ headers }) => headers.authorization === undefined))
        const own = await run(address, env).ended
        assert.strictEqual(own.code, 0, own.stderr)
        assert.notInclude(own.stdout + own.stderr + elsewhere.stderr, token)
      },
      { token }
    ))
})
