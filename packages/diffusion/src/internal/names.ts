/** What callers without types name: a misspelt component would be left as it is without a word. */
import * as Effect from "effect/Effect"
import { RepositoryError } from "../RepositoryError.ts"
import { suggest } from "./suggest.ts"

/** folders of components that are graphs */
export const graphFolders = ["text_encoder", "text_encoder_2", "unet", "vae_encoder", "vae_decoder"] as const

const shared = ["tokenizer", "textEncoder", "unet", "vaeEncoder", "vaeDecoder", "scheduler", "guider"]
export const overrideNames = { plain: shared, xl: [...shared, "tokenizer2", "textEncoder2"] }

const check = (
  file: "overrides" | "variants",
  given: object,
  names: ReadonlyArray<string>
): Effect.Effect<void, RepositoryError> => {
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  return unknown === undefined
    ? Effect.void
    : Effect.fail(
        new RepositoryError({
          file,
          reason: "UnknownName",
          detail: `there is no '${unknown}'${suggest(unknown, names)}`,
          expected: names.join(", ")
        })
      )
}

/** fails where an override or a variant is of something else */
export const checkNames = (
  overrides: object | undefined,
  variants: object | undefined,
  known: keyof typeof overrideNames
): Effect.Effect<void, RepositoryError> =>
  Effect.andThen(
    check("overrides", overrides ?? {}, overrideNames[known]),
    check("variants", variants ?? {}, graphFolders)
  )
