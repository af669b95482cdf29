import * as Schema from "effect/Schema"

/**
 * Components that do not belong together: what one gives is not what another takes. Raised before any model runs; the
 * path of the block that found it is on the error's Cause.
 *
 * ```ts
 * import { ComponentMismatch } from "@effect-blocks/diffusion/ComponentMismatch"
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
