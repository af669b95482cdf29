/** How a `modular_model_index.json` is taken apart, and where what it names lies. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { realpath, stat } from "node:fs/promises"
import { isAbsolute, join, sep } from "node:path"
import { RepositoryError } from "../../RepositoryError.ts"
import { attempt, openFolder } from "../files.ts"

type Json = Schema.Json
type File = Readonly<Record<string, Json>>

const header = {
  className: "_class_name",
  blocksClassName: "_blocks_class_name",
  diffusersVersion: "_diffusers_version"
}

/** between the file's one record and its parts, whose Schema says what each must be */
export const parts = (isComponent: (name: string, value: Json) => boolean): any => ({
  decode: (file: File) => {
    const known = new Set<string>(Object.values(header))
    const rest = Object.entries(file).filter(([name]) => !known.has(name))
    return {
      className: file[header.className],
      blocksClassName: file[header.blocksClassName] ?? null,
      diffusersVersion: file[header.diffusersVersion] ?? null,
      components: Object.fromEntries(rest.filter(([name, value]) => isComponent(name, value))),
      config: Object.fromEntries(rest.filter(([name, value]) => !isComponent(name, value)))
    }
  },
  encode: (index: any): File => ({
    [header.className]: index.className,
    ...(index.blocksClassName === null ? {} : { [header.blocksClassName]: index.blocksClassName }),
    ...(index.diffusersVersion === null ? {} : { [header.diffusersVersion]: index.diffusersVersion }),
    ...index.components,
    ...index.config
  })
})

/** keys in order, at every depth, as Python's `sort_keys` */
export const sorted = (json: Json): Json => {
  if (Array.isArray(json)) return json.map(sorted)
  if (typeof json !== "object" || json === null) return json
  const entries = Object.entries(json as File)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, sorted(value)])
  )
}

/** components that are graphs, and so have variants */
export const graphs: ReadonlySet<string> = new Set([
  "text_encoder",
  "text_encoder_2",
  "unet",
  "vae_encoder",
  "vae_decoder"
])

/** what diffusers has as one component */
export const halves: ReadonlySet<string> = new Set(["vae_encoder", "vae_decoder"])

/** a folder beside a folder: `models/vae` -> `models/vae_encoder` */
export const sibling = (folder: string, name: string): string => {
  const slash = folder.lastIndexOf("/")
  return slash < 0 ? name : `${folder.slice(0, slash)}/${name}`
}

export const isLocal = (repo: string): boolean => /^\.{1,2}(?:\/|$)/.test(repo) || isAbsolute(repo)

/** a folder that an index names, which must lie in that of the index */
export const folderWithin = (root: string, path: string): Effect.Effect<string, RepositoryError> =>
  Effect.flatMap(openFolder(root), (real) =>
    attempt(path, async () => {
      const found = await realpath(isAbsolute(path) ? path : join(real, path))
      if (found !== real && !found.startsWith(real + sep)) {
        throw new RepositoryError({
          file: path,
          reason: "OutsideFolder",
          detail: "it leaves the folder of the index",
          expected: "a folder in it, or a repository of a hub"
        })
      }
      if (!(await stat(found)).isDirectory()) {
        throw new RepositoryError({ file: path, reason: "Missing", detail: "it is not a folder", expected: "a folder" })
      }
      return found
    })
  )
