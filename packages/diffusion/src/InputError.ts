import * as Schema from "effect/Schema"

/**
 * An input that is fine by itself but not for this pipeline: it does not fit the components or the other inputs. It is
 * raised before any model runs; the block's path is on the error's Cause.
 *
 * ```ts
 * import { InputError } from "@effect-blocks/diffusion/InputError"
 * import assert from "node:assert"
 *
 * const error = new InputError({ field: "height", actual: "100", expected: "a multiple of 8" })
 * assert.equal(error.message, "height is 100, expected a multiple of 8")
 * ```
 */
export class InputError extends Schema.TaggedError<InputError>()("InputError", {
  field: Schema.String,
  actual: Schema.String,
  expected: Schema.String
}) {
  override get message(): string {
    return `${this.field} is ${this.actual}, expected ${this.expected}`
  }
}

/**
 * Components that do not belong together: what one gives is not what another takes. Raised before any model runs.
 *
 * ```ts
 * import { ComponentMismatch } from "@effect-blocks/diffusion/InputError"
 * import assert from "node:assert"
 *
 * const error = new ComponentMismatch({ component: "unet", actual: "a model that gives 8 channels", expected: "4" })
 * assert.equal(error.message, "unet is a model that gives 8 channels, expected 4")
 * ```
 */
export class ComponentMismatch extends Schema.TaggedError<ComponentMismatch>()("ComponentMismatch", {
  component: Schema.String,
  actual: Schema.String,
  expected: Schema.String
}) {
  override get message(): string {
    return `${this.component} is ${this.actual}, expected ${this.expected}`
  }
}
