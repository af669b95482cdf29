/**
 * Where a model is, as `--model` names it: a folder of this machine, or a repository of a hub.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { UsageError } from "./Failure.ts"

/** A folder of this machine. */
export interface Folder {
  readonly _tag: "Folder"
  readonly path: string
}

/** A repository of a hub. */
export interface Hub {
  readonly _tag: "Hub"
  /** `organisation/name` */
  readonly repo: string
  /** a branch, a tag or a commit; the main branch if it is not given */
  readonly revision: string | undefined
  /** the hub's address, where it was given as one; else that of the settings */
  readonly endpoint: string | undefined
}

/** What `--model` names. */
export type ModelSource = Folder | Hub

/** `organisation/name`, with `@` and a revision or without */
const named = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@(.+))?$/

/** Of an address, `%2F` as `/`; what is no such code stays as it is. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const refuse = (detail: string) => Effect.fail(new UsageError({ subject: "--model", detail }))

/** The last two names of an address are the repository; what stands before them is the hub's own address. */
const fromAddress = (text: string): Effect.Effect<Hub, UsageError> => {
  const example = "expected one such as https://hub.example/organisation/name"
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.search !== "" || url.hash !== "")
    return refuse(`${text} is no address of a repository, ${example}`)
  // not repeated: it may hold a password
  if (url.username !== "" || url.password !== "")
    return refuse("the address holds a user name or password, expected a token in HF_TOKEN instead")
  const [path = "", tree] = url.pathname.replace(/\/+$/, "").split("/tree/", 2)
  const parts = path.split("/").filter((part) => part !== "")
  const last = named.exec(decoded(parts.slice(-2).join("/")))
  if (last === null) return refuse(`${text} is no address of a repository, ${example}`)
  const [, repo = "", at] = last
  const before = parts.slice(0, -2).map((part) => `/${part}`)
  const revision = tree === undefined ? at : decoded(tree)
  return Effect.succeed({ _tag: "Hub", repo, revision, endpoint: `${url.origin}${before.join("")}` })
}

/**
 * Reads what `--model` says: an address (`https://...`) is a repository of that hub, a path that is there is a folder,
 * `organisation/name`, with `@revision` or without, is a repository, and anything else a folder that is not there.
 *
 * ```ts
 * import * as ModelSource from "@effect-blocks/cli/ModelSource"
 * import * as Effect from "effect/Effect"
 * import assert from "node:assert"
 *
 * const read = (text: string) => Effect.runSync(ModelSource.parse(text))
 * assert.deepEqual(read("org/name@v1"), { _tag: "Hub", repo: "org/name", revision: "v1", endpoint: undefined })
 * assert.deepEqual(read("https://hub.example/org/name/tree/v1"), {
 *   _tag: "Hub",
 *   repo: "org/name",
 *   revision: "v1",
 *   endpoint: "https://hub.example"
 * })
 * assert.deepEqual(read("./org/name"), { _tag: "Folder", path: "./org/name" })
 * ```
 */
export const parse = (text: string): Effect.Effect<ModelSource, UsageError> => {
  if (text === "") return refuse("is empty, expected a folder or a repository such as organisation/name")
  if (/^https?:\/\//i.test(text)) return fromAddress(text)
  const hub = named.exec(text)
  if (hub === null || existsSync(text)) return Effect.succeed({ _tag: "Folder", path: text })
  return Effect.succeed({ _tag: "Hub", repo: hub[1]!, revision: hub[2], endpoint: undefined })
}

/**
 * A source as `--model` would name it, at a commit.
 *
 * ```ts
 * import * as ModelSource from "@effect-blocks/cli/ModelSource"
 * import assert from "node:assert"
 *
 * const source = { _tag: "Hub", repo: "org/name", revision: undefined, endpoint: undefined } as const
 * assert.equal(ModelSource.show(source, "0123abc"), "org/name@0123abc")
 * ```
 */
export const show = ({ endpoint, repo }: Hub, commit: string): string =>
  `${endpoint === undefined ? "" : `${endpoint}/`}${repo}@${commit}`
