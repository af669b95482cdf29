/** Which files of a commit a pipeline needs: some are known only when others are there. */
import * as Effect from "effect/Effect"
import { posix } from "node:path"
import { HubError } from "../../HubError.ts"
import { NotOnnx, readExternalData } from "../onnxFile.ts"
import type { Folders } from "./cache.ts"
import { attempt, paths, readOptional } from "./cache.ts"
import { offlineError } from "./commit.ts"
import type { Entry, Listing, Selection } from "./listing.ts"
import { foldersOf, indexFiles, select } from "./listing.ts"
import { unsafePath } from "./names.ts"

export interface Wish {
  /** if not given, those that the index names */
  readonly folders: ReadonlyArray<string> | undefined
  readonly files: ReadonlyArray<string>
  readonly variants: Readonly<Record<string, string>>
  /** folders that are not wanted though the index names them */
  readonly without: ReadonlyArray<string>
}

/** Gives `get` what is wanted, in parts: when it succeeds, they are in the snapshot. */
export const forEachPart = Effect.fnUntraced(function* <R>(
  folders: Folders,
  listing: Listing,
  wish: Wish,
  get: (entries: ReadonlyArray<Entry>) => Effect.Effect<void, HubError, R>
): Effect.fn.Return<void, HubError, R> {
  const { repo } = folders
  const chosen = (selection: Selection) =>
    Effect.mapError(select(repo, listing, selection), (error) =>
      // who made the cache did not say what else there is
      listing.cachedOnly === true ? offlineError(repo, `the cache has not ${error.file}`) : error
    )
  const named =
    wish.folders === undefined
      ? yield* namedFolders(folders, listing, wish.without, (selection) => Effect.flatMap(chosen(selection), get))
      : undefined
  const entries = yield* chosen({
    folders: named?.folders ?? wish.folders ?? [],
    variants: wish.variants,
    files: wish.files
  })
  // of a modular pipeline everything may be elsewhere
  if (named?.index === indexFiles[0] && !entries.some(({ path }) => path.endsWith(".onnx"))) {
    if (listing.cachedOnly === true) return yield* offlineError(repo, "the cache has no model.onnx of it")
    return yield* new HubError({
      repo,
      reason: "NotFound",
      detail: "it has no model.onnx in any of its components' folders",
      advice: "choose a repository that was exported to ONNX, or export it with optimum"
    })
  }
  yield* get(entries)
  yield* get(yield* weightsOf(folders, listing, entries))
})

const namedFolders = Effect.fnUntraced(function* <R>(
  folders: Folders,
  listing: Listing,
  without: ReadonlyArray<string>,
  get: (selection: Selection) => Effect.Effect<void, HubError, R>
): Effect.fn.Return<{ readonly index: string; readonly folders: ReadonlyArray<string> }, HubError, R> {
  const { repo } = folders
  const index = indexFiles.find((name) => listing.entries.some(({ path }) => path === name))
  if (index === undefined) {
    if (listing.cachedOnly === true) return yield* offlineError(repo, `the cache has not ${indexFiles[0]}`)
    return yield* new HubError({
      repo,
      file: indexFiles[0],
      reason: "NotFound",
      detail: "the repository has no index of its components",
      advice: "name the folders to download, or choose the repository of a pipeline"
    })
  }
  yield* get({ folders: [], variants: {}, files: [index] })
  const text = yield* attempt(repo, () => readOptional(`${paths.snapshot(folders, listing.commit)}/${index}`))
  const named = yield* Effect.try({
    try: () => foldersOf(JSON.parse(text ?? "") as Record<string, unknown>),
    catch: () =>
      new HubError({
        repo,
        file: index,
        reason: "Invalid",
        detail: "it is no JSON object",
        advice: "choose the repository of a pipeline"
      })
  })
  return { index, folders: named.filter((folder) => !without.includes(folder)) }
})

/** the files that graphs name as their weights, whatever they are called */
const weightsOf = Effect.fnUntraced(function* (
  folders: Folders,
  listing: Listing,
  entries: ReadonlyArray<Entry>
): Effect.fn.Return<ReadonlyArray<Entry>, HubError> {
  const { repo } = folders
  const snapshot = paths.snapshot(folders, listing.commit)
  const found = new Map<string, Entry>()
  for (const { path } of entries) {
    if (!path.endsWith(".onnx")) continue
    const names = yield* attempt(repo, () =>
      // what is no graph at all is said where it is opened
      readExternalData(`${snapshot}/${path}`).catch((error) => {
        if (error instanceof NotOnnx) return []
        throw error
      })
    )
    for (const name of names) {
      const file = posix.join(posix.dirname(path), name.replace(/^(?:\.\/)+/, ""))
      const why = unsafePath(name.replace(/^(?:\.\/)+/, ""))
      const entry = why === undefined ? listing.entries.find((other) => other.path === file) : undefined
      if (entry !== undefined) {
        found.set(file, entry)
        continue
      }
      if (why === undefined && listing.cachedOnly === true)
        return yield* offlineError(repo, `the cache has not ${file}`)
      const shown = JSON.stringify(name.slice(0, 100))
      return yield* new HubError({
        repo,
        file: path,
        reason: why === undefined ? "NotFound" : "Unsafe",
        detail:
          why === undefined
            ? `the repository has not the weights that it names: ${shown}`
            : `it names weights ${shown}: ${why}`,
        advice: "choose another revision or repository, and tell its owner"
      })
    }
  }
  return [...found.values()]
})
