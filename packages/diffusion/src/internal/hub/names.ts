/** Names that come from outside and become parts of addresses and paths. */
import * as Effect from "effect/Effect"
import { HubError } from "../../HubError.ts"

/** the hub's own rules: letters, digits, `-`, `_` and `.`, neither `--` nor `..`, at most 96 characters */
const REPO = /^(?=.{1,96}$)(?!.*(?:--|\.\.))(?:[A-Za-z0-9][\w.-]*\/)?[A-Za-z0-9][\w.-]*$/

export const isRepo = (repo: string): boolean => REPO.test(repo) && !/[.-](?:\/|$)/.test(repo)

/** a commit is a part of a path here */
export const isCommit = (commit: string): boolean => /^[0-9a-f]{40}$/.test(commit)

const control = /\p{Cc}/u

/** git's own rules for names, as far as a path asks for them: a revision is one in the cache, `refs/pr/1` a folder deep */
const isRevision = (revision: string): boolean =>
  revision.length <= 200 &&
  !control.test(revision) &&
  !/[\\:?*[~^ ]|\.\./.test(revision) &&
  revision.split("/").every((segment) => segment !== "" && !segment.startsWith("."))

export const checkNames = (repo: string, revision: string): Effect.Effect<void, HubError> => {
  const invalid = (detail: string, advice: string) =>
    Effect.fail(new HubError({ repo, reason: "Invalid", detail, advice }))
  if (!isRepo(repo)) return invalid("this is no name of a repository", "give it as 'organisation/name'")
  if (!isRevision(revision)) {
    return invalid(`${JSON.stringify(revision)} is no revision`, "give a branch, a tag or a commit")
  }
  return Effect.void
}

/** Why a path of a listing must not become a file, or `undefined`. */
export const unsafePath = (path: string): string | undefined => {
  if (path.length === 0 || path.length > 1024) return "it is empty or longer than 1024 characters"
  if (control.test(path)) return "it holds control characters"
  if (path.includes("\\")) return "it holds a backslash"
  if (path.includes(":")) return "it holds a colon"
  if (path.startsWith("/")) return "it is absolute"
  const segments = path.split("/")
  if (segments.includes("..") || segments.includes(".")) return "it leaves its folder"
  if (segments.includes("")) return "it holds an empty name"
  if (segments.some((segment) => Buffer.byteLength(segment) > 200)) return "it holds a name of more than 200 bytes"
  return undefined
}
