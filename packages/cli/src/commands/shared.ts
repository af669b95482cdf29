import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

/** Flags that several commands have. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON object on standard output and everything else on standard error"),
  Flag.withDefault(false)
)

export const model = Flag.String("model").pipe(
  Flag.withMetavar("folder"),
  Flag.withDescription("A folder in the layout of diffusers or optimum (default: the shipped emoji-diffusion)"),
  Flag.optional
)

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
