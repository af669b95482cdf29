/** A file system that misbehaves. */
import * as Effect from "effect/Effect"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

/** puts something in the place of a function of the file system, in all modules, until the scope ends */
export const replace = <K extends "open" | "rename" | "link">(
  name: K,
  other: (real: (typeof fs.promises)[K]) => unknown
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const real = fs.promises[name]
      Object.assign(fs.promises, { [name]: other(real) })
      syncBuiltinESMExports()
      return real
    }),
    (real) =>
      Effect.sync(() => {
        Object.assign(fs.promises, { [name]: real })
        syncBuiltinESMExports()
      })
  )
