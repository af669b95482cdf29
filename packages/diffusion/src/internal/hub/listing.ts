/** What a hub says of a revision, and which of its files a pipeline needs. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { HubError } from "../../HubError.ts"
import { isCommit, unsafePath } from "./names.ts"

const Size = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
const Sha1 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{40}$/))

/** `GET /api/models/{repo}/revision/{revision}?blobs=true` */
const Answer = Schema.Struct({
  sha: Schema.String.check(Schema.makeFilter(isCommit, { expected: "a commit of 40 hexadecimal digits" })),
  siblings: Schema.optionalKey(
    Schema.NullOr(
      Schema.Array(
        Schema.Struct({
          rfilename: Schema.String,
          size: Schema.optionalKey(Schema.NullOr(Size)),
          blobId: Schema.optionalKey(Schema.NullOr(Sha1)),
          lfs: Schema.optionalKey(
            Schema.NullOr(Schema.Struct({ sha256: Schema.optionalKey(Sha256), size: Schema.optionalKey(Size) }))
          )
        })
      )
    )
  )
})

/** `GET /api/models/{repo}/tree/{commit}?recursive=true`, one page */
const Page = Schema.Array(
  Schema.Struct({
    type: Schema.String,
    path: Schema.String,
    size: Schema.optionalKey(Schema.NullOr(Size)),
    oid: Schema.optionalKey(Schema.NullOr(Sha1)),
    lfs: Schema.optionalKey(
      Schema.NullOr(Schema.Struct({ oid: Schema.optionalKey(Sha256), size: Schema.optionalKey(Size) }))
    ),
    xetHash: Schema.optionalKey(Schema.NullOr(Schema.String))
  })
)

/** `trees/{commit}.json`, as the hub's own client keeps it */
const Tree = Schema.Struct({
  format_version: Schema.Literal(1),
  files: Schema.Record(
    Schema.String,
    Schema.Struct({
      size: Schema.NullOr(Size),
      blob_id: Schema.NullOr(Sha1),
      lfs_sha256: Schema.optionalKey(Sha256),
      lfs_size: Schema.optionalKey(Size),
      xet_hash: Schema.optionalKey(Sha256)
    })
  )
})
const TreeFile = Schema.fromJsonString(Tree)

/** One file of a revision. */
export interface Entry {
  readonly path: string
  readonly size?: number
  /** of a file in large file storage */
  readonly sha256?: string
  /** git's name for the content of any other: the SHA-1 of `blob {size}\0` and the bytes */
  readonly gitSha1?: string
  /** git's name for the pointer of a file in large file storage; kept for the other client */
  readonly pointer?: string
  /** its name in another storage of the hub; kept for the other client */
  readonly xetHash?: string
}

export interface Listing {
  readonly commit: string
  readonly entries: ReadonlyArray<Entry>
  /** no listing of the hub but what the cache happens to have of the commit */
  readonly cachedOnly?: boolean
}

interface Said {
  readonly path: string
  readonly size: number | null | undefined
  readonly blob: string | null | undefined
  readonly lfs: { readonly sha256?: string | undefined; readonly size?: number | undefined } | null | undefined
  readonly xetHash?: string | null | undefined
}

const entryOf = ({ blob, lfs, path, size, xetHash }: Said): Entry => {
  const bytes = lfs?.size ?? size
  return {
    path,
    ...(typeof bytes === "number" ? { size: bytes } : {}),
    ...(lfs?.sha256 === undefined ? {} : { sha256: lfs.sha256 }),
    ...(typeof blob !== "string" ? {} : lfs ? { pointer: blob } : { gitSha1: blob }),
    ...(typeof xetHash === "string" && /^[0-9a-f]{64}$/.test(xetHash) ? { xetHash } : {})
  }
}

/** the listing that the cache has; anything but one counts as none */
export const decodeTree = (commit: string, text: string): Effect.Effect<Listing | undefined> =>
  Schema.decodeUnknownEffect(TreeFile)(text).pipe(
    Effect.map(({ files }) => ({
      commit,
      entries: Object.entries(files).map(([path, { blob_id, lfs_sha256, lfs_size, size, xet_hash }]) =>
        entryOf({
          path,
          size,
          blob: blob_id,
          lfs: lfs_sha256 === undefined && lfs_size === undefined ? null : { sha256: lfs_sha256, size: lfs_size },
          xetHash: xet_hash
        })
      )
    })),
    Effect.catch(() => Effect.succeed(undefined))
  )

export const encodeTree = ({ entries }: Listing): string =>
  JSON.stringify(
    {
      format_version: 1,
      files: Object.fromEntries(
        entries.map(({ gitSha1, path, pointer, sha256, size = null, xetHash }) => [
          path,
          {
            size,
            blob_id: gitSha1 ?? pointer ?? null,
            ...(sha256 === undefined ? {} : { lfs_sha256: sha256, ...(size === null ? {} : { lfs_size: size }) }),
            ...(xetHash === undefined ? {} : { xet_hash: xetHash })
          }
        ])
      )
    },
    null,
    1
  )

/** no path of a listing leads out of the folder, whether it is wanted or not */
export const checkPaths = (repo: string, listing: Listing): Effect.Effect<Listing, HubError> => {
  for (const { path } of listing.entries) {
    const why = unsafePath(path)
    if (why !== undefined) {
      return Effect.fail(
        new HubError({
          repo,
          reason: "Unsafe",
          detail: `it lists a file ${JSON.stringify(path.slice(0, 100))}: ${why}`,
          advice: "do not use this repository, and tell its owner"
        })
      )
    }
  }
  return Effect.succeed(listing)
}

const noListing = (repo: string): HubError =>
  new HubError({
    repo,
    reason: "Server",
    // without what it says: a server may send back what it was sent
    detail: "what the hub says of it is no listing of a commit and its files",
    advice: "look whether HF_ENDPOINT is a hub"
  })

/** beyond this a hub may leave files out; they come page by page instead */
const MOST_SIBLINGS = 50_000

/** the commit, and its files where the answer has all of them */
export const decodeAnswer = (
  repo: string,
  json: unknown
): Effect.Effect<{ readonly commit: string; readonly entries: ReadonlyArray<Entry> | undefined }, HubError> =>
  Schema.decodeUnknownEffect(Answer)(json).pipe(
    Effect.mapError(() => noListing(repo)),
    Effect.map(({ sha, siblings }) => ({
      commit: sha,
      entries:
        siblings && siblings.length < MOST_SIBLINGS
          ? siblings.map(({ blobId, lfs, rfilename, size }) => entryOf({ path: rfilename, size, blob: blobId, lfs }))
          : undefined
    }))
  )

export const decodePage = (repo: string, json: unknown): Effect.Effect<ReadonlyArray<Entry>, HubError> =>
  Schema.decodeUnknownEffect(Page)(json).pipe(
    Effect.mapError(() => noListing(repo)),
    Effect.map((page) =>
      page.flatMap(({ lfs, oid, path, size, type, xetHash }) =>
        type === "file"
          ? [entryOf({ path, size, blob: oid, lfs: lfs && { sha256: lfs.oid, size: lfs.size }, xetHash })]
          : []
      )
    )
  )

/** the query of the next page, from `Link: <address>; rel="next"`; where it is, is known already */
export const nextPage = (link: string | undefined): string | undefined => {
  const address = /<([^<>]*)>\s*;[^,<]*\brel\s*=\s*"?next"?/i.exec(link ?? "")?.[1]
  return address !== undefined && URL.canParse(address, "https://hub")
    ? new URL(address, "https://hub").search
    : undefined
}

// ------------------------------------------------------------------ selection

/** The folders of the components that an index names, optimum's halves of a VAE among them. */
export const foldersOf = (index: Readonly<Record<string, unknown>>): ReadonlyArray<string> => {
  const named = Object.entries(index).flatMap(([name, value]) =>
    !name.startsWith("_") && Array.isArray(value) && typeof value[1] === "string" ? [name] : []
  )
  return [
    ...new Set(named.flatMap((name) => (name === "vae" ? ["vae", "vae_encoder", "vae_decoder"] : [name])))
  ].filter(
    // no pipeline here runs these
    (name) => name !== "safety_checker" && name !== "feature_extractor"
  )
}

/** `model.fp16.onnx` as diffusers names variants, `model_fp16.onnx` as exporters do */
export const variantFiles = (variant: string): ReadonlyArray<string> => [
  `model.${variant}.onnx`,
  `model_${variant}.onnx`
]

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

/** weights beside a graph: `model.onnx_data`, `model.onnx.data`, `model.onnx_data_1`, and what older exports called them */
const weightsOf = (model: string, name: string): boolean => name.startsWith(`${model}_`) || name.startsWith(`${model}.`)

/** extensions that belong to other frameworks, and pictures */
const foreign = /\.(?:safetensors|bin|ckpt|pt|pth|msgpack|h5|index\.json|png|jpe?g|webp|gif|md|py)$/i

/**
 * The files of one component's folder: its configuration, its graph and that graph's weights, and what a tokenizer reads.
 * A graph in a subfolder, or of another variant, is not one that will be loaded.
 */
const ofFolder = (
  entries: ReadonlyArray<Entry>,
  folder: string,
  variant: string | undefined
): ReadonlyArray<Entry> | { readonly missing: ReadonlyArray<string> } => {
  const prefix = folder === "" ? "" : `${folder}/`
  const inside = entries.filter(({ path }) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
  const graphs = new Set(inside.map(({ path }) => nameOf(path)).filter((name) => name.endsWith(".onnx")))
  const wanted = variant === undefined ? ["model.onnx"] : variantFiles(variant)
  const graph = wanted.find((name) => graphs.has(name))
  if (variant !== undefined && graphs.size > 0 && graph === undefined) {
    return { missing: wanted.map((name) => `${prefix}${name}`) }
  }
  return inside.filter(({ path }) => {
    const name = nameOf(path)
    if (name === graph) return true
    if (graphs.has(name)) return false
    const owner = [...graphs].filter((model) => weightsOf(model, name)).toSorted((a, b) => b.length - a.length)[0]
    if (owner !== undefined) return owner === graph
    return !foreign.test(name)
  })
}

/** The files that name a pipeline's components, the usual one first. */
export const indexFiles = ["model_index.json", "modular_model_index.json"] as const

/** What is asked of a repository. */
export interface Selection {
  readonly folders: ReadonlyArray<string>
  readonly variants: Readonly<Record<string, string>>
  readonly files: ReadonlyArray<string>
}

export const select = (
  repo: string,
  listing: Listing,
  { files, folders, variants }: Selection
): Effect.Effect<ReadonlyArray<Entry>, HubError> => {
  const chosen = new Map<string, Entry>()
  const missing: Array<string> = []
  for (const file of files) {
    const entry = listing.entries.find(({ path }) => path === file)
    if (entry === undefined) missing.push(file)
    else chosen.set(file, entry)
  }
  for (const folder of folders) {
    const found = ofFolder(listing.entries, folder, variants[folder])
    if ("missing" in found) missing.push(found.missing.join(" or "))
    else for (const entry of found) chosen.set(entry.path, entry)
  }
  if (missing.length === 0) return Effect.succeed([...chosen.values()])
  const [index, modular] = indexFiles
  if (missing.includes(index) && listing.entries.some(({ path }) => path === modular)) {
    return Effect.fail(
      new HubError({
        repo,
        file: index,
        reason: "NotFound",
        detail: `the repository has no ${index}, only a ${modular}`,
        advice: "read that one with ModularIndex, or choose the repository of a pipeline"
      })
    )
  }
  return Effect.fail(
    new HubError({
      repo,
      file: missing[0]!,
      reason: "NotFound",
      detail: `the repository has not ${missing.join(", ")}`,
      advice: "look at its files, or choose another revision or variant"
    })
  )
}
