import * as Schema from "effect/Schema"

/**
 * A repository's folder or one of its files is not as it must be. `file` is relative to the repository's folder.
 *
 * - `Missing`: the file is not there
 * - `Unreadable`: the operating system refuses it
 * - `InvalidJson`: not JSON (Python's bare `NaN` and `Infinity` are accepted)
 * - `InvalidConfig`: JSON, but not what this file must hold
 * - `UnknownClass`: a `_class_name` that has no counterpart here
 * - `OutsideFolder`: a path or link that leaves the folder
 * - `CorruptModel`: not an ONNX file, or cut short
 * - `UnknownName`: an override or variant of a component that there is not; `file` is `overrides` or `variants`
 * - `WrongModel`: an ONNX file whose inputs or outputs are not those of this component
 *
 * @example
 * ```ts
 * import { RepositoryError } from "@effect-blocks/diffusion/RepositoryError"
 *
 * const error = new RepositoryError({ file: "unet/model.onnx", reason: "Missing", detail: "no such file" })
 * console.log(error.message) // unet/model.onnx: no such file
 * ```
 */
export class RepositoryError extends Schema.TaggedError<RepositoryError>()("RepositoryError", {
  file: Schema.String,
  reason: Schema.Literals([
    "Missing",
    "Unreadable",
    "InvalidJson",
    "InvalidConfig",
    "UnknownClass",
    "OutsideFolder",
    "CorruptModel",
    "UnknownName",
    "WrongModel"
  ]),
  detail: Schema.String,
  expected: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.file}: ${this.detail}${this.expected === undefined ? "" : `; expected ${this.expected}`}`
  }
}
