import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

/** Flags that several commands have. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object on standard output and everything else on standard error"),
  Flag.withDefault(false)
)

export const model = Flag.String("model").pipe(
  Flag.withMetavar("folder|organisation/name"),
  Flag.withDescription(
    "A folder in the layout of diffusers or optimum, or a repository of a hub, with @REVISION or as an address (default: the shipped emoji-diffusion)"
  ),
  Flag.optional
)

/** The flags of repositories of a hub. */
export const hub = {
  revision: Flag.String("revision").pipe(
    Flag.withDescription("A branch, tag or commit of the repository (default: main)"),
    Flag.optional
  ),
  offline: Flag.Boolean("offline").pipe(
    Flag.withDescription("Nothing is downloaded: a repository is taken from the cache (default: HF_HUB_OFFLINE)"),
    Flag.withDefault(false)
  ),
  cacheDir: Flag.String("cache-dir").pipe(
    Flag.withMetavar("folder"),
    Flag.withDescription("Where repositories are kept (default: HF_HUB_CACHE, else the hub's own cache)"),
    Flag.optional
  )
}

/** The values of options that are there. */
export const given = <A extends Readonly<Record<string, Option.Option<unknown>>>>(
  options: A
): { readonly [K in keyof A]?: A[K] extends Option.Option<infer B> ? B : never } => {
  const found: { [K in keyof A]?: A[K] extends Option.Option<infer B> ? B : never } = {}
  for (const key in options) {
    const option = options[key]
    if (option !== undefined && Option.isSome(option)) Object.assign(found, { [key]: option.value })
  }
  return found
}
