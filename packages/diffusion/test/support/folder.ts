/** Copies of the shipped model to break. */
import * as EmojiDiffusion from "@effect-blocks/emoji-diffusion"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** an empty folder, gone with the scope */
export const temporary = (prefix: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), prefix))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )

/** a whole copy, changed by `change`, gone with the scope */
export const copy = (change: (folder: string) => Promise<unknown>): Effect.Effect<string, never, Scope.Scope> =>
  Effect.tap(temporary("effect-blocks-repository-"), (folder) =>
    Effect.promise(async () => {
      const skip = /[/\\](training|samples\.png|README\.md)/
      await cp(EmojiDiffusion.path, folder, {
        recursive: true,
        filter: (path) => !skip.test(path.slice(EmojiDiffusion.path.length))
      })
      await change(folder)
    })
  )
