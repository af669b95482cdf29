/** The pictures that a run starts from. */
import * as Image from "@effect-blocks/ops/Image"
import type { Tensor } from "@effect-blocks/ops/Tensor"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UsageError } from "../Failure.ts"
import { readBytes, sha256 } from "../Parameters.ts"
import type { Parameters } from "../Parameters.ts"

export interface Source {
  readonly picture: Tensor<"uint8">
  /** what is kept of it with a picture that is made */
  readonly stored: { readonly path: string; readonly sha256: string }
}

/** A picture that a flag or `--from` names. */
const readPicture = (flag: string, path: string, expected: string | undefined): Effect.Effect<Source, UsageError> =>
  Effect.gen(function* () {
    const bytes = yield* readBytes(flag, path)
    const sum = sha256(bytes)
    if (expected !== undefined && expected !== sum) {
      return yield* new UsageError({
        subject: "--from",
        detail: `${path} is not the file it was made from (give one with ${flag})`
      })
    }
    const picture = yield* Effect.mapError(
      Image.decode(bytes),
      (error) => new UsageError({ subject: flag, detail: `${path} is not a picture that can be read: ${error.detail}` })
    )
    return { picture, stored: { path, sha256: sum } }
  })

interface Options {
  readonly image: Option.Option<string>
  readonly mask: Option.Option<string>
}

export interface Sources {
  readonly image: Source | undefined
  readonly maskImage: Source | undefined
}

/** Those of the flags, else those of a picture that is made again. */
export const sources = (options: Options, from: Parameters | undefined): Effect.Effect<Sources, UsageError> =>
  Effect.gen(function* () {
    const source = Effect.fnUntraced(function* (flag: string, path: Option.Option<string>, field: string) {
      if (Option.isSome(path)) return yield* readPicture(flag, path.value, undefined)
      const before = from?.files[field]
      return before === undefined ? undefined : yield* readPicture(flag, before.path, before.sha256)
    })
    const image = yield* source("--image", options.image, "image")
    const maskImage = yield* source("--mask", options.mask, "maskImage")
    if (maskImage !== undefined && image === undefined) {
      const detail = "says where to draw in a picture, expected --image too"
      return yield* new UsageError({ subject: "--mask", detail })
    }
    return { image, maskImage }
  })
